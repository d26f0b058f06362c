#!/bin/sh
# What the tests use of Debian: chromium, redis-server, PostgreSQL, npm, flite, systemd-analyze, nginx with RTMP. Without root, the tests that need them
# are skipped, with a printed count. And hls.js of npm into build/: the tests' browser plays playlists with it, nothing ships it.
set -eu
hls_js() {
  file=build/hls.js-1.7.4.tgz
  sum=e4ab3d5d13f7cca9ef241d098f39686e19fd451831ba07dc9943482fd5ff75c7
  echo "$sum  $file" | sha256sum --check --status 2>/dev/null && return
  mkdir -p build
  npm pack hls.js@1.7.4 --pack-destination build --silent >/dev/null && echo "$sum  $file" | sha256sum --check --status && return
  rm -f "$file"
  echo "hls.js is missing or not what it was, its test will be skipped" >&2
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
[ -n "$missing" ] || { hls_js; exit 0; }
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  # shellcheck disable=SC2086 # a list of names
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing
else
  echo "Missing, their tests will be skipped:$missing. As root: apt-get install$missing" >&2
fi
if command -v npm >/dev/null; then hls_js; fi
