#!/bin/sh
# What every stage starts from: the interpreter, certificates, the user and their one writable folder.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends ca-certificates python3
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
groupadd --gid 10001 bunraku
useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin bunraku
install -d -o bunraku -g bunraku -m 0700 /data
