#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# npm.sh FOLDER PACKAGE@VERSION... - brings packages from npm's registry into the folder, unless they are there. Whoever
# wants them can do without: where they can't be had it is said, and that is all.
set -eu

folder=$1
shift

missing=
for package; do
	grep -qs "\"version\": \"${package##*@}\"" "$folder/node_modules/${package%@*}/package.json" ||
		missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "installing:$missing"
command -v npm >/dev/null || "$(dirname "$0")/deps.sh" nodejs npm
mkdir -p "$folder"
npm install --prefix "$folder" --no-save --no-package-lock --no-audit --no-fund --ignore-scripts \
	--fetch-retries 1 --fetch-timeout 20000 "$@" >/dev/null 2>&1 ||
	echo "not to be had:$missing; the tests that want them are skipped"
