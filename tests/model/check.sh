#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Has spin go through every state of orphand.pml: first the protocol as it is, which must keep all its promises, then
# the protocol without one law or one step of care, which must break the promise named beside it (else the model would
# prove nothing). A minute on two free cores, well under 1 GB.
#
#   check.sh            all of it
#   check.sh NAME...    only the checks whose name contains one of NAME
#   JOBS=1 check.sh     one verification at a time
set -euo pipefail

model=$(dirname "$(readlink -f "$0")")/orphand.pml
cc=${CC:-gcc}
jobs=${JOBS:-2}
only=("$@")

for tool in spin "$cc"; do
	command -v "$tool" >/dev/null || { echo "check.sh: $tool is needed and not here" >&2; exit 1; }
done

work=$(mktemp -d)
: >"$work/results"
set -m # a process group for each check, so that a verifier ends with its check: no orphans, here least of all
cleanup() {
	local group
	for group in $(jobs -rp); do
		kill -- "-$group" 2>/dev/null || true
	done
	wait 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

declare -A broken=(
	[SPARED]="a process that is no member is signalled"
	[PROVEN]="an incident is closed while a member lives"
	[CLEARED]="the root is dead, and a member lives on"
	[TOLD]="a death is not told, or its incident never closed"
	[ONCE]="one death makes two incidents"
)

# verify DIR DEFINES CFLAGS PAN-OPTIONS: the verifier's report in DIR/out; fails when there is none
verify() {
	local dir=$1 defines=$2 cflags=$3 options=$4
	mkdir "$dir"
	# NOREDUCE: partial order reduction can't be had with a rendezvous in an unless
	# shellcheck disable=SC2086 # several words each
	(
		cd "$dir" && cp "$model" orphand.pml && spin $defines -a orphand.pml &&
			"$cc" -w -DNOREDUCE -DCOLLAPSE -DMEMLIM=1400 $cflags -o pan pan.c &&
			./pan -n -m10000 $options
	) >"$dir/out" 2>&1 && grep -q '^State-vector' "$dir/out"
}

# verdict ok|FAIL TEXT [DIR]: the line for one check; of a failed one the verifier's own words go after it
verdict() {
	local result=$1 text=$2 dir=${3:-}
	echo "$result" >>"$work/results"
	printf '%-4s %s\n' "$result" "$text"
	if [[ $result == FAIL && -n $dir ]]; then
		grep -v -e '^Depth=' -e '^$' "$dir/out" | head -n 20 | sed 's/^/     | /'
	fi
}

# holds TITLE DEFINES [cycles]: every promise is kept in every state (or: no run goes on for ever), nothing left unseen
holds() {
	local title=$1 defines=$2 dir=$work/$BASHPID began=$SECONDS cflags="-O2 -DSAFETY" options=
	[[ ${3:-} != cycles ]] || { cflags="-O2 -DNP" options=-l; }
	if verify "$dir" "$defines" "$cflags" "$options" && grep -q 'errors: 0$' "$dir/out" &&
		! grep -q -e 'not completed' -e 'depth too small' "$dir/out"; then
		local states
		states=$(sed -n 's/^ *\([0-9]\+\) states, stored.*/\1/p' "$dir/out")
		verdict ok "$(printf '%-52s %s states, %d s' "$title" "$(thousands "$states")" $((SECONDS - began)))"
	else
		verdict FAIL "$title" "$dir"
	fi
	rm -rf "$dir"
}

# breaks LAW FAULT PROMISE [DEFINES]: without it, that promise is broken
breaks() {
	local law=$1 fault=$2 promise=$3 dir=$work/$BASHPID
	local title="without law $law, $fault"
	if verify "$dir" "-DBIRTHS=3 -D$fault -DONLY=$promise ${4:-}" "-O0 -DSAFETY" -E &&
		grep -q '^pan:1: assertion violated' "$dir/out"; then
		verdict ok "$title: fault found (${broken[$promise]})"
	else
		verdict FAIL "$title: not found that ${broken[$promise]}" "$dir"
	fi
	rm -rf "$dir"
}

thousands() { sed ':a; s/^\([0-9]\+\)\([0-9]\{3\}\)/\1,\2/; ta' <<<"$1"; }

# check COMMAND ARGUMENT...: in the background, when one of $jobs is free
check() {
	local name
	if ((${#only[@]})); then
		for name in "${only[@]}"; do
			[[ "$*" != *"$name"* ]] || break
		done
		[[ "$*" == *"$name"* ]] || return 0
	fi
	while (($(jobs -rp | wc -l) >= jobs)); do
		wait -n || true
	done
	"$@" &
}

check holds "the whole protocol" ""
check holds "the whole protocol, a root with two threads" "-DBIRTHS=3 -DTHREADS"
check holds "the whole protocol, events lost at any time" "-DBIRTHS=3 -DLOSSY"
check holds "the whole protocol, the guard killed twice" "-DBIRTHS=3 -DKILLS=2"
check holds "the whole protocol, newborns signalled in the kernel" "-DBIRTHS=3 -DKERNEL_CAN"
check holds "law 3 alone, no help from the ring" "-DBIRTHS=3 -DKERNEL_CAN -DSWEEP_BY_MAP"
check holds "no run goes on for ever" "-DBIRTHS=3" cycles

check breaks 1 DEATH_EVENT_ONLY TOLD
check breaks 1 DEATH_EVENT_FIRST TOLD
check breaks 1 TRUST_DEATH_EVENT ONCE
check breaks 1 FORK_EVENT_FIRST CLEARED
check breaks 1 EXIT_EVENT_FIRST TOLD
check breaks 1 NO_RESYNC CLEARED
check breaks 1 NO_RESYNC_AT_START CLEARED
check breaks 1 NO_TICK CLEARED -DLOSSY
check breaks 1 READ_BEFORE_LISTEN CLEARED
check breaks 1 BASELINE_AFTER_READ CLEARED
check breaks 1 MAPS_BEFORE_RING TOLD
check breaks 1 CLOSE_BY_COUNT PROVEN
check breaks 1 CLOSE_BEFORE_DRAIN PROVEN
check breaks 1 TWO_RINGS PROVEN
check breaks 2 LATE_ENTRY CLEARED
check breaks 2 LEADER_EXIT_IS_DEATH CLEARED -DTHREADS
check breaks 2 DOUBLE_TAKE_OUT ONCE -DTHREADS
check breaks 3 MARK_AFTER_SWEEP CLEARED "-DKERNEL_CAN -DSWEEP_BY_MAP"
check breaks 3 MARK_READ_BEFORE_ENTRY CLEARED "-DKERNEL_CAN -DSWEEP_BY_MAP"
check breaks 4 NO_CHECK SPARED
check breaks 4 CHECK_PID_ONLY SPARED
check breaks 4 CHECK_BEFORE_OPEN SPARED
check breaks 8 ID_IN_MEMORY ONCE
check breaks 8 FORGET_BEFORE_TELL TOLD
wait

passed=$(grep -c '^ok$' "$work/results" || true)
failed=$(grep -c '^FAIL$' "$work/results" || true)
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
