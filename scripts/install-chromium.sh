#!/bin/sh
# Debian's chromium, for the browser tests. Without root they are skipped, with a printed count.
set -eu
command -v chromium >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium
else
  echo "No chromium: browser tests will be skipped. As root: apt-get install chromium" >&2
fi
