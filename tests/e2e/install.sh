#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# install.sh BUILD FOLDER: make install puts everything in its place, and what it puts there is good.
set -Eeuo pipefail
trap 'echo "install.sh: line $LINENO: $BASH_COMMAND"' ERR

build=$(realpath "$1")
dest=$2/dest
config=$dest/etc/orphand/orphand.yaml
unit=$dest/usr/lib/systemd/system/orphand.service
cd "$(dirname "$0")/../.."

put() { env -u MAKEFLAGS -u MAKELEVEL make -s install BUILD="$build" DESTDIR="$dest" "$@"; }

put PREFIX=/usr
for file in sbin/orphand bin/orphanctl lib/systemd/system/orphand.service lib/systemd/catalog/orphand.catalog \
	lib/sysusers.d/orphand.conf lib/tmpfiles.d/orphand.conf share/doc/orphand/examples/orphand.yaml \
	share/doc/orphand/schema/{incident,event}.schema.json \
	share/bash-completion/completions/{orphanctl,orphand} share/zsh/site-functions/_orphanctl \
	share/fish/vendor_completions.d/{orphanctl,orphand}.fish \
	share/orphand/grafana/orphand.json share/orphand/prometheus/orphand-rules.yaml; do
	test -s "$dest/usr/$file"
done
for page in docs/*.[1578]; do
	cmp "$page" "$dest/usr/share/man/man${page##*.}/${page##*/}"
done

# The sample is taken as it is, and with every example in it: those are what has no blank behind its "#", or more than one.
"$dest/usr/sbin/orphand" --check --config "$config" >/dev/null
grep -v '^# [^ ]' "$config" | sed 's/^#//' >"$2/examples.yaml"
"$dest/usr/sbin/orphand" --check --config "$2/examples.yaml" | grep -F python-jobs >/dev/null

# Every id that the daemon writes is explained.
grep -oE '"[0-9a-f]{32}"' user/guard/announce.c | tr -d '"' | while read -r id; do
	grep -x -e "-- $id" "$dest/usr/lib/systemd/catalog/orphand.catalog" >/dev/null
done

# What was changed stays; the unit names the programs where they are.
echo '# mine' >>"$config"
put PREFIX=/usr/local
grep -x '# mine' "$config" >/dev/null
grep -F 'ExecStart=/usr/local/sbin/orphand' "$dest/usr/local/lib/systemd/system/orphand.service" >/dev/null

if command -v systemd-analyze >/dev/null; then
	systemd-analyze security --offline=yes --threshold=30 "$unit" >/dev/null
fi
