#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# deb.sh DIR VERSION: build Debian's package of the files that git knows, as they stand, in DIR, and ask lintian.

set -euo pipefail

dir=$1 version=$2
tree=$dir/orphand-$version
cd "$(dirname "$0")/.."

[[ $(dpkg-parsechangelog -S Version) == "$version" ]] || {
	echo "deb.sh: debian/changelog does not begin with version $version, which the Makefile has" >&2
	exit 1
}
rm -rf "$dir"
mkdir -p "$tree"
git ls-files -z | tar --create --null --files-from=- | tar --extract --directory "$tree"

# This make's flags and job server are not the package's.
unset MAKEFLAGS MAKELEVEL MFLAGS
(cd "$tree" && DEB_BUILD_OPTIONS="parallel=$(nproc)" dpkg-buildpackage -us -uc -b)
lintian --fail-on error,warning --allow-root "$dir"/*.changes
ls "$dir"/*.deb
