#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kernels.sh get VERSION: bring Debian's cloud kernel of that version (5.10, 6.1, 6.12 ...) into the cache, once, and
# print the path of its vmlinuz. Nothing is installed, and apt's own lists and cache are left as they are.
# kernels.sh mirror: print the mirror that this machine takes Debian from.

set -euo pipefail

cache=${ORPHAND_KERNELS:-${XDG_CACHE_HOME:-$HOME/.cache}/orphand/kernels}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
readonly cache keyring

die() {
	echo "kernels.sh: $*" >&2
	exit 1
}

# Each pair of "URI suite" that this machine takes binary packages from, out of both formats of apt's sources.
machine_sources() {
	local file
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[[ -f $file ]] || continue
		# The options in brackets, when there are any, stand between the type and the URI.
		sed -nE 's/^[[:space:]]*deb[[:space:]]+(\[[^]]*\][[:space:]]*)?([^[:space:]]+)[[:space:]]+([^[:space:]]+).*/\2 \3/p' \
			"$file"
	done
	for file in /etc/apt/sources.list.d/*.sources; do
		[[ -f $file ]] || continue
		awk '
			function flush(    u, s, i, j, nu, ns) {
				nu = split(field["uris"], u)
				ns = split(field["suites"], s)
				if (field["types"] ~ /(^|[ \t])deb([ \t]|$)/ && tolower(field["enabled"]) !~ /no|false/)
					for (i = 1; i <= nu; i++)
						for (j = 1; j <= ns; j++)
							print u[i], s[j]
				split("", field)
			}
			/^#/ { next }
			/^[ \t]*$/ { flush(); next }
			/^[ \t]/ { field[name] = field[name] " " $0; next }
			{ name = tolower($0); sub(/:.*/, "", name); sub(/^[^:]*:/, ""); field[name] = $0 }
			END { flush() }' "$file"
	done
}

# The mirror of Debian itself, or with "-security" that of its security updates. Other vendors' suites have other names.
machine_mirror() {
	local kind=$1 debian='(old)*stable|testing|bullseye|bookworm|trixie|forky'
	machine_sources | awk -v suite="^($debian)$kind\$" '$2 ~ suite && !n++ { print $1 }'
}

# The suite where a version is to be found. Backports keep a version only until the next: hence the cache.
suite_of() {
	case $1 in
	5.10) echo bullseye-security ;;
	6.1 | 6.12) echo bookworm-security ;;
	*) echo trixie-backports ;;
	esac
}

# Make an apt in $work that knows one suite and none of this machine's packages, but goes by this machine's proxies.
private_apt() {
	local work=$1 suite=$2 mirror kind=
	[[ $suite != *-security ]] || kind=-security
	mirror=$(machine_mirror "$kind")
	[[ -n $mirror ]] || die "no mirror for $suite: apt's sources here name no Debian${kind} suite"
	[[ -r $keyring ]] || die "$keyring is missing: apt install debian-archive-keyring"

	mkdir "$work/state" "$work/cache" "$work/download"
	touch "$work/status"
	echo "deb [arch=amd64 signed-by=$keyring] $mirror $suite main" >"$work/sources.list"
	cat >"$work/apt.conf" <<-EOF
		Dir::Etc::sourcelist "$work/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Dir::State "$work/state";
		Dir::State::status "$work/status";
		Dir::Cache "$work/cache";
		APT::Architecture "amd64";
	EOF
	export APT_CONFIG=$work/apt.conf

	# Root's apt downloads as the user _apt, who must be able to reach the place.
	chmod 755 "$work"
	if ((EUID == 0)) && id _apt >/dev/null 2>&1; then
		chown _apt "$work/download"
	fi
}

# The newest package that holds the kernel itself. Since 6.19 that is linux-binary-*, and linux-image-* an empty stub.
newest_package() {
	local version=${1//./\\.} kind name
	for kind in binary image; do
		name=$(apt-cache pkgnames "linux-$kind-" |
			{ grep -E "^linux-$kind-$version\.[0-9.]+[^-]*(-[0-9]+)?-cloud-amd64$" || true; } | sort -V | tail -n 1)
		[[ -z $name ]] || break
	done
	echo "$name"
}

fetch() {
	local version=$1 target=$2 suite package vmlinuz
	suite=$(suite_of "$version")
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	private_apt "$work" "$suite"

	# By itself apt counts a mirror out of reach as no more than a warning.
	apt-get -qq -o APT::Update::Error-Mode=any update
	package=$(newest_package "$version")
	[[ -n $package ]] || die "$suite holds no cloud kernel $version"
	echo "kernels.sh: $version is $package, from $suite" >&2
	(cd "$work/download" && apt-get -qq download "$package")
	dpkg -x "$work"/download/*.deb "$work/tree"

	vmlinuz=$(find "$work/tree" -type f -name 'vmlinuz*' -print -quit)
	[[ -n $vmlinuz ]] || die "no vmlinuz in $package"
	# A rename within one directory: nobody ever sees half a kernel.
	cp "$vmlinuz" "$target.new"
	mv "$target.new" "$target"
}

main() {
	if [[ $# -eq 1 && $1 == mirror ]]; then
		machine_mirror ''
		return
	fi
	[[ $# -eq 2 && $1 == get && $2 =~ ^[0-9]+\.[0-9]+$ ]] || die "usage: kernels.sh get VERSION   (such as 6.12)"
	local version=$2 target=$cache/vmlinuz-$2 lock
	if [[ ! -s $target ]]; then
		mkdir -p "$cache"
		exec {lock}>"$target.lock"
		flock "$lock"
		# Somebody else may have brought it while we waited. What apt has to say is not the path that our caller wants.
		[[ -s $target ]] || fetch "$version" "$target" >&2
	fi
	echo "$target"
}

main "$@"
