#!/bin/sh
# What the tests use of Debian: chromium, redis-server, PostgreSQL, npm, flite, systemd-analyze, nginx with RTMP. Without root, the tests that need them
# are skipped, with a printed count. And of npm into build/: hls.js, by which the tests' browser plays playlists, and axe-core,
# by which it judges the pages. Nothing ships them.
set -eu
packages() {
  package hls.js 1.7.4 e4ab3d5d13f7cca9ef241d098f39686e19fd451831ba07dc9943482fd5ff75c7
  package axe-core 4.14.1 e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745
}
package() {
  file=build/$1-$2.tgz
  echo "$3  $file" | sha256sum --check --status 2>/dev/null && return
  mkdir -p build
  npm pack "$1@$2" --pack-destination build --silent >/dev/null && echo "$3  $file" | sha256sum --check --status && return
  rm -f "$file"
  echo "$1 is missing or not what it was, its tests will be skipped" >&2
}
cd "$(dirname "$0")/.."
missing=""
command -v chromium >/dev/null || missing="$missing chromium"
command -v redis-server >/dev/null || missing="$missing redis-server"
command -v npm >/dev/null || missing="$missing nodejs npm"
ldconfig -p 2>/dev/null | grep -q libflite.so.1 || missing="$missing libflite1"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
ls /usr/lib/nginx/modules/ngx_rtmp_module.so >/dev/null 2>&1 || missing="$missing nginx-light libnginx-mod-rtmp"
command -v systemd-analyze >/dev/null || missing="$missing systemd"
[ -n "$missing" ] || { packages; exit 0; }
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  # shellcheck disable=SC2086 # a list of names
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing
else
  echo "Missing, their tests will be skipped:$missing. As root: apt-get install$missing" >&2
fi
if command -v npm >/dev/null; then packages; fi
