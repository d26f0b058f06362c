#!/bin/sh
# What the tests use of Debian: chromium, redis-server, PostgreSQL, npm, flite, systemd-analyze, nginx with RTMP. Without root, the tests that need them
# are skipped, with a printed count.
set -eu
missing=""
command -v chromium >/dev/null || missing="$missing chromium"
command -v redis-server >/dev/null || missing="$missing redis-server"
command -v npm >/dev/null || missing="$missing nodejs npm"
ldconfig -p 2>/dev/null | grep -q libflite.so.1 || missing="$missing libflite1"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
ls /usr/lib/nginx/modules/ngx_rtmp_module.so >/dev/null 2>&1 || missing="$missing nginx-light libnginx-mod-rtmp"
command -v systemd-analyze >/dev/null || missing="$missing systemd"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  # shellcheck disable=SC2086 # a list of names
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing
else
  echo "Missing, their tests will be skipped:$missing. As root: apt-get install$missing" >&2
fi
