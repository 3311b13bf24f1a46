#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The story, played for real: a Python task is killed with -9 and its shell lives on; then the same
# under orphand. Everything it starts it ends, by pid.
set -euo pipefail

build=$(realpath "${1:-build}")
dir=$(mktemp -d)
shell='' daemon='' task=''

finish() {
	[ -z "$task" ] || kill -9 "$task" 2>/dev/null || true
	[ -z "$shell" ] || kill -9 "$shell" 2>/dev/null || true
	if [ -n "$daemon" ]; then
		kill "$daemon" 2>/dev/null || true
		wait "$daemon" || true
	fi
	"$build/orphand" --config "$dir/orphand.yaml" --unpin || true
	rm -rf "$dir"
}
trap finish EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }

# shows and runs
run() {
	printf '$ %s\n' "$*"
	"$@"
}

# await SECONDS COMMAND...: until the command succeeds
await() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < end)) || { echo "demo: waited too long for: $*" >&2; exit 1; }
		sleep 0.05
	done
}

shell_of() { pgrep -P "$1" -f "while :" >/dev/null; }
lives() { [[ $(ps -o stat= -p "$1") == [!Z]* ]]; }
gone() { ! lives "$1"; }

cat >"$dir/job.py" <<'PY'
import subprocess
subprocess.run("while :; do :; done", shell=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
               encoding="utf-8", timeout=600)
PY
cat >"$dir/orphand.yaml" <<YAML
daemon: { runtime_dir: $dir/run, state_dir: $dir/state, pin_dir: /sys/fs/bpf/orphand-demo-$$ }
limits: { processes: 16384, trees: 1024, ring: 1M }
feed: { listen: off }
YAML
export ORPHAND_SOCKET=$dir/run/control.sock

say "1. A task runs a shell command. The platform ends the task with kill -9."
run cat "$dir/job.py"
/usr/bin/python3 "$dir/job.py" &
task=$!
disown "$task"
await 20 shell_of "$task"
shell=$(pgrep -P "$task")
run ps -o pid,ppid,stat,args -p "$task,$shell"
run kill -9 "$task"
await 10 gone "$task"

say "The task is gone. Its shell is not: it has a new parent, and the CPU to itself."
run ps -o pid,ppid,stat,args -p "$shell"
lives "$shell" || { echo "demo: the orphan should have lived" >&2; exit 1; }
run kill -9 "$shell"
await 10 gone "$shell"
shell=''

say "2. The same task, watched by orphand."
"$build/orphand" --config "$dir/orphand.yaml" &
daemon=$!
await 20 test -S "$ORPHAND_SOCKET"
"$build/orphanctl" run --name demo -- /usr/bin/python3 "$dir/job.py" &
task=$!
disown "$task"
await 20 shell_of "$task"
shell=$(pgrep -P "$task")
run "$build/orphanctl" tree "$task"
run kill -9 "$task"
await 10 gone "$shell"
echo "the shell, pid $shell, is gone"
shell=''

say "What happened:"
closed() { "$build/orphanctl" --json incidents | grep -q '"state":"closed"'; }
await 10 closed
id=$("$build/orphanctl" --json incidents | sed -n 's/^{"id":"\([^"]*\)".*/\1/p')
run "$build/orphanctl" show "$id"
