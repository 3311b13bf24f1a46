#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# deps.sh PACKAGE... - installs those of Debian's packages that are missing, without asking.
set -eu

missing=
for package; do
	case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
	'install ok installed') ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
[ "$(id -u)" = 0 ] || { echo "make deps: run as root to install:$missing" >&2; exit 1; }
# A service that comes along is none of ours: it is not started, now or at the next boot.
for service in prometheus supervisor auditd; do
	case " $missing " in
	*" $service "*)
		export RUNLEVEL=1
		mkdir -p /etc/systemd/system
		[ -e "/etc/systemd/system/$service.service" ] ||
			ln -s /dev/null "/etc/systemd/system/$service.service"
		;;
	esac
done
# shellcheck disable=SC2086 # a list of words
apt-get install -y --no-install-recommends $missing >/dev/null 2>&1 || {
	apt-get update >/dev/null
	apt-get install -y --no-install-recommends $missing >/dev/null
}
