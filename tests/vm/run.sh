#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh: boot several Linux versions in QEMU and run Criterion test programs in each. See usage below.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath -m "${ORPHAND_BUILD:-$here/../../build}")
out=$build/vm
readonly here build out

kernels="5.10 6.1 6.12 6.18 7.3"
machines=$(nproc)
jobs=2
deadline=900
filter=

usage() {
	cat <<EOF
usage: run.sh [OPTION...] [-- PROGRAM...]
  PROGRAM              Criterion test programs (default: $build/tests/kernel-tests)
  --kernels "6.1 7.3"  boot these (default: $kernels)
  -j N                 as many virtual machines at a time (default: one for each CPU, $machines)
  --jobs N             as many tests at a time in each (default: $jobs)
  --filter PATTERN     only the tests SUITE/NAME that match
  --deadline SECONDS   the longest that one machine may take (default: $deadline)
The guests' consoles and results are left in $out/. ORPHAND_BUILD names another build directory.
EOF
}

die() {
	echo "run.sh: $*" >&2
	exit 2
}

parse_arguments() {
	while (($#)); do
		case $1 in
		--help) usage; exit 0 ;;
		--) shift; programs=("$@"); break ;;
		-j | --kernels | --jobs | --filter | --deadline) [[ $# -ge 2 ]] || die "$1 wants a value" ;;&
		-j) machines=$2 ;;
		--kernels) kernels=$2 ;;
		--jobs) jobs=$2 ;;
		--filter) filter=$2 ;;
		--deadline) deadline=$2 ;;
		*) usage >&2; exit 2 ;;
		esac
		shift 2
	done
	[[ $machines =~ ^[1-9][0-9]*$ && $jobs =~ ^[1-9][0-9]*$ && $deadline =~ ^[1-9][0-9]*$ ]] ||
		die "-j, --jobs and --deadline want a number above 0"
	[[ $kernels =~ [^[:space:]] ]] || die "--kernels names none"
}

check_tools() {
	local missing=()
	command -v qemu-system-x86_64 >/dev/null || missing+=(qemu-system-x86)
	command -v cpio >/dev/null || missing+=(cpio)
	# A busybox that is there may still be the dynamically linked one.
	busybox=$(command -v busybox) && ! ldd "$busybox" >/dev/null 2>&1 || missing+=(busybox-static)
	((${#missing[@]} == 0)) || die "not installed: apt install ${missing[*]}"
}

# Where a program stands in the guest: as in the build directory, tests from elsewhere among the other tests.
guest_path() {
	case $1 in
	"$build"/*) echo "/orphand/build/${1#"$build"/}" ;;
	*) echo "/orphand/build/tests/${1##*/}" ;;
	esac
}

# The files that a program needs in order to start, the dynamic loader among them. A static program needs none.
closure() {
	local libraries
	libraries=$(ldd "$1" 2>/dev/null) || return 0
	[[ $libraries != *"not found"* ]] || die "$1 lacks a library: ${libraries%%" => not found"*}"
	awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' <<<"$libraries"
}

make_initramfs() {
	local root=$work/root program library companions=() path
	mkdir -p "$root/bin" "$root/orphand"
	cp "$busybox" "$root/bin/busybox"
	cp "$here/init" "$root/init"

	for program in "$build/orphand" "$build/orphanctl" "$build/tests/actor" "$build/tests/orphand-next"; do
		[[ ! -x $program ]] || companions+=("$program")
	done
	for program in "${programs[@]}" "${companions[@]}"; do
		path=$root$(guest_path "$program")
		mkdir -p "${path%/*}"
		cp "$program" "$path"
		closure "$program"
	done >"$work/libraries"
	# glibc opens this one by itself when a thread is cancelled or ends: no program is linked with it.
	/sbin/ldconfig -p | awk '/libgcc_s\.so\.1 .*x86-64/ && !n++ { print $NF }' >>"$work/libraries"
	sort -u "$work/libraries" | while read -r library; do
		mkdir -p "$root${library%/*}"
		cp -L "$library" "$root$library"
	done

	write_test_run >"$root/orphand/run-tests"
	chmod 755 "$root/init" "$root/orphand/run-tests"
	(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$work/initramfs"
}

# The guest's script that runs the tests. The results have a serial line to themselves, where no kernel message and no
# test's output can get between; the console gets the rest, and shows what was running if the machine hangs.
write_test_run() {
	local program command
	echo "#!/bin/sh"
	echo "code=0"
	for program in "${programs[@]}"; do
		command=("$(guest_path "$program")" --tap=/dev/ttyS1 --verbose --color=never --jobs "$jobs")
		[[ -z $filter ]] || command+=(--filter "$filter")
		echo "${command[*]@Q} || code=\$?"
	done
	echo "exit \$code"
}

# Run one kernel from boot to power-off. Its results end up in $out/KERNEL.tap, with a last line of our own.
run_kernel() {
	local kernel=$1 log=$out/$1.log results=$out/$1.tap vmlinuz started=$SECONDS vm=
	trap '[[ -z $vm ]] || kill "$vm" 2>/dev/null; exit 143' INT TERM
	rm -f "$log" "$results"
	if ! vmlinuz=$("$here/kernels.sh" get "$kernel" 2>"$log"); then
		finish "$kernel" failed "no kernel to boot: $(tail -n 1 "$log")  (see $log)"
		return
	fi

	# thread=single: two CPUs, one thread that emulates them. With a thread for each, QEMU before 8.1 can run code that
	# was just patched as it stood before, and a kernel that attaches and detaches programs ends in "Oops: int3".
	# lsm=: Debian leaves bpf out. -cpu max: what TCG can. A panic reboots at once, which ends QEMU.
	timeout --kill-after=5 "$deadline" qemu-system-x86_64 -accel tcg,thread=single -cpu max -smp 2 -m 1024 \
		-display none -no-reboot -nodefaults -serial "file:$log" -serial "file:$results" \
		-kernel "$vmlinuz" -initrd "$work/initramfs" \
		-append "console=ttyS0 quiet panic=-1 lsm=landlock,lockdown,yama,apparmor,bpf" \
		</dev/null >"$work/$kernel.qemu" 2>&1 &
	vm=$!
	local code=0
	wait "$vm" || code=$?

	local marker why seconds=$((SECONDS - started))
	marker=$(tr -d '\r' <"$log" | sed -n 's/^ORPHAND-VM-EXIT //p' | tail -n 1)
	if [[ -n $marker ]]; then
		finish "$kernel" ended "$marker after $seconds s; $(booted "$log")"
		return
	fi
	if ((code == 124 || code == 137)); then
		why="not done within $deadline s"
	else
		why="no end marker after $seconds s: $(grep -ahm 1 -e 'Kernel panic' "$log" || head -n 1 "$work/$kernel.qemu")"
	fi
	salvage "$log" >"$results"
	finish "$kernel" failed "$why  (see $log)"
}

finish() {
	local kernel=$1
	shift
	echo "# vm $*" >>"$out/$kernel.tap"
	echo "$kernel: $*" >&2
}

# "RELEASE, up after N s", as the guest's init said.
booted() {
	tr -d '\r' <"$1" | awk '/^ORPHAND-VM-UP / { print $3 ", up after " $2 " s" }'
}

# Criterion writes its results when all tests are over. When a machine hung or died before that, take them from what the
# console said as they went. What was still running then is what failed.
salvage() {
	tr -d '\r' <"$1" | awk '
		/^\[RUN / { running[$NF] }
		/^\[(PASS|FAIL|SKIP)\] [^ ]+: / { sub(/:$/, "", $2); delete running[$2] }
		/^\[PASS\]/ { print "ok - " $2 }
		/^\[FAIL\]/ { print "not ok - " $2 " failed, see the console" }
		/^\[SKIP\]/ { name = $2; sub(/^[^ ]+ [^ ]+ /, ""); print "ok - " name "  # SKIP " $0 }
		END { for (name in running) print "not ok - " name " was running when the machine ended" }' | tac
}

run_all() {
	local kernel
	for kernel in $kernels; do
		while (($(jobs -rp | wc -l) >= machines)); do
			wait -n || true
		done
		run_kernel "$kernel" &
	done
	wait
}

clean_up() {
	local running
	running=$(jobs -rp)
	# shellcheck disable=SC2086 # one word for each process
	[[ -z $running ]] || kill $running 2>/dev/null || true
	rm -rf "$work"
}

programs=()
parse_arguments "$@"
((${#programs[@]})) || programs=("$build/tests/kernel-tests")
for i in "${!programs[@]}"; do
	[[ -x ${programs[i]} ]] || die "${programs[i]} is not there: make it first"
	programs[i]=$(realpath "${programs[i]}")
done
check_tools

work=$(mktemp -d)
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$out"
make_initramfs
run_all

results=()
for kernel in $kernels; do
	results+=("$out/$kernel.tap")
done
echo
closing="$(wc -w <<<"$kernels") kernels in $SECONDS s, consoles and results in $out/"
awk -v filtered="${filter:+1}" -v closing="$closing" -f "$here/table.awk" "${results[@]}"
