#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# systemd.sh DEB: install the package on a fresh Debian 12 in QEMU, under its systemd and a kernel of its own, and see
# whether the service does what it is there for. See systemd-checks.sh. Run as root: the guest's files have many owners.
# With more arguments the build's bench runs there instead, and they are its own. See usage below.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath -m "${ORPHAND_BUILD:-$here/../../build}")
out=$build/vm
cache=${XDG_CACHE_HOME:-$HOME/.cache}/orphand
kernel=6.12
deadline=900
virtiofsd=
readonly here build out cache

die() {
	echo "systemd.sh: $*" >&2
	exit 2
}

usage() {
	cat <<EOF
usage: systemd.sh [OPTION...] DEB [BENCH-ARGUMENT...]   (make deb builds one)
  --kernel VERSION     boot this (default: $kernel)
  --deadline SECONDS   the longest that one boot may take (default: $deadline)
EOF
}

check_tools() {
	local path
	((EUID == 0)) || die "run it as root"
	for path in qemu-system-x86_64 mmdebstrap; do
		command -v $path >/dev/null || die "not installed: apt install qemu-system-x86 mmdebstrap"
	done
	for path in /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd; do
		[[ ! -x $path ]] || virtiofsd=$path
	done
	[[ -n $virtiofsd ]] || die "not installed: apt install virtiofsd (or a qemu-system-common that has it)"
}

# What the package depends on is there beforehand: the guest has no network.
packages() {
	echo systemd-sysv dbus procps "$(dpkg-deb -f "$deb" Depends)" | sed -E 's/\([^)]*\)//g; s/\|[^,]*//g; s/[, ]+/,/g; s/,$//'
}

# A Debian with nothing but that, kept for the next time.
fresh_debian() {
	local list base
	list=$(packages)
	base=$cache/debian-12-$(sha256sum <<<"$list" | cut -c1-12).tar
	if [[ ! -s $base ]]; then
		mkdir -p "$cache"
		rm -f "$cache"/debian-12-*.tar
		mmdebstrap --quiet --mode=root --variant=minbase --include="$list" --format=tar \
			bookworm "$base.new" "$("$here/kernels.sh" mirror)" >&2
		mv "$base.new" "$base"
	fi
	mkdir "$work/root"
	tar --extract --file "$base" --directory "$work/root" --numeric-owner --exclude='./dev/*'
}

# put_service PROGRAM: of those in /checks, what the guest runs once it is up.
put_service() {
	mkdir "$work/root/checks"
	cat >"$work/root/etc/systemd/system/checks.service" <<-END
		[Unit]
		After=multi-user.target
		[Service]
		Type=exec
		ExecStart=/checks/$1
		KillMode=process
	END
}

put_checks() {
	put_service systemd-checks.sh
	cp "$deb" "$here/systemd-checks.sh" "$work/root/checks/"
}

# put_bench ARGUMENT...: the bench, and what it looks for beside itself. What it says is the result.
put_bench() {
	local checks=$work/root/checks
	put_service run-bench
	mkdir "$checks/tests"
	cp "$build/orphand" "$build/orphanctl" "$checks/"
	cp "$build/tests/bench" "$build/tests/actor" "$checks/tests/"
	cat >"$checks/run-bench" <<-END
		#!/bin/bash
		exec >/dev/ttyS1 2>&1
		stty -F /dev/ttyS1 -opost
		/checks/tests/bench ${*@Q}
		echo "# vm ended \$?"
		stty -F /dev/ttyS1 sane
		systemctl --no-block poweroff
	END
	chmod 755 "$checks/run-bench"
}

# boot NAME: once, from power-on to power-off. The results end up in $out/NAME.tap.
boot() {
	local console=$out/$1.log results=$out/$1.tap code=0 started=$SECONDS
	rm -f "$console" "$results"
	"$virtiofsd" --socket-path="$work/fs" -o "source=$work/root" -o cache=always >"$work/virtiofsd.log" 2>&1 &
	fs=$!
	while [[ ! -S $work/fs ]]; do
		kill -0 "$fs" 2>/dev/null || die "virtiofsd: $(tail -n 1 "$work/virtiofsd.log")"
		sleep 0.1
	done
	# thread=single: see run.sh.
	timeout --kill-after=5 "$deadline" qemu-system-x86_64 -accel tcg,thread=single -cpu max -smp 2 -m 1536 \
		-object memory-backend-memfd,id=memory,size=1536M,share=on -numa node,memdev=memory \
		-chardev "socket,id=fs,path=$work/fs" -device vhost-user-fs-pci,chardev=fs,tag=root \
		-display none -no-reboot -nodefaults -serial "file:$console" -serial "file:$results" -kernel "$vmlinuz" \
		-append "console=ttyS0 quiet panic=-1 rootfstype=virtiofs root=root rw systemd.wants=checks.service
			systemd.mask=serial-getty@ttyS0.service systemd.journald.forward_to_console=1" \
		</dev/null >"$work/qemu.log" 2>&1 &
	vm=$!
	wait "$vm" || code=$?
	wait "$fs" || true
	vm='' fs=''
	grep -q '^# vm ended' "$results" 2>/dev/null ||
		echo "# vm failed no end marker after $((SECONDS - started)) s, code $code: $(head -n 1 "$work/qemu.log") (see $console)" >>"$results"
}

# The last line of the console that matches, by its number; 0 where none does.
line_of() { awk -v pattern="$2" '$0 ~ pattern { last = NR } END { print last + 0 }' "$1"; }

# Behind everything that was started after it: by the words of the guest's systemd as it went down.
check_order_of_the_end() {
	local log=$out/$1.log ours others
	echo "1..1"
	others=$(line_of "$log" 'Stopped target (basic|sysinit).target')
	ours=$(line_of "$log" 'Stopped orphand.service')
	if ((ours > others && others > 0)); then
		echo "ok - ends_behind_everything_else"
	else
		printf 'not ok - ends_behind_everything_else\n    line %s of %s, the targets are at %s\n' "$ours" "$log" "$others"
	fi
}

vm='' fs=''
clean_up() {
	# shellcheck disable=SC2086 # a word for each process, or none
	[[ -z $vm$fs ]] || kill $vm $fs 2>/dev/null || true
	rm -rf --one-file-system "$work"
}

while [[ ${1-} == --* ]]; do
	[[ $1 != --help ]] || { usage; exit 0; }
	[[ $# -ge 2 ]] || die "$1 wants a value"
	case $1 in
	--kernel) kernel=$2 ;;
	--deadline) deadline=$2 ;;
	*) usage >&2; exit 2 ;;
	esac
	shift 2
done
[[ $# -ge 1 && -s $1 ]] || { usage >&2; exit 2; }
deb=$(realpath "$1")
shift
check_tools
work=$(mktemp -d)
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$out"
vmlinuz=$("$here/kernels.sh" get "$kernel")
fresh_debian
if (($#)); then
	put_bench "$@"
	boot bench
	cat "$out/bench.tap"
	grep -qx '# vm ended 0' "$out/bench.tap"
	exit
fi
put_checks
boot first-boot
check_order_of_the_end first-boot >>"$out/first-boot.tap"
boot second-boot

echo
awk -v closing="Debian 12 under Linux $kernel in $SECONDS s, consoles and results in $out/" '
	/^1\.\.[0-9]+$/ { planned += substr($0, 4) }
	/^ok - / { passed++; printf "%-50s pass\n", $3 }
	/^not ok - / { failed++; printf "%-50s FAIL\n", $4 }
	/^ / || /^# vm failed/
	END {
		if (missing = planned - passed - failed)
			print missing " checks told nothing"
		print "\n" closing "\n" passed + 0 " passed, " failed + missing " failed"
		exit failed + missing > 0 || !passed
	}' "$out/first-boot.tap" "$out/second-boot.tap"
