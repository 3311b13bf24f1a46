#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# audit.sh - auditd as Debian sets it up, with a rule for each exec and exit, until standard input
# ends: so all of it goes when the bench was killed, too. Writes a line once execs are logged.
# One thing stays until the next boot: where audit was ever on, Linux gives each new process a context
# for it, rules or none. What is compared with it should have that as well, and so begin after it.
set -eu
trap '' INT TERM HUP
PATH=$PATH:/usr/sbin
rule='always,exit -F arch=b64 -S execve,exit_group -k orphand-bench'

state() {
	auditctl -s | sed -n "s/^$1 //p"
}

# A host has one daemon for it, and one list of rules: what is in use is left alone.
if [ "$(state pid)" != 0 ] || [ "$(auditctl -l)" != 'No rules' ]; then
	echo "audit is in use, or not in this kernel"
	exit 1
fi

enabled=$(state enabled)
backlog=$(state backlog_limit)
auditd=
folder=$(mktemp -d)

restore() {
	# shellcheck disable=SC2086 # a list of words
	auditctl -d $rule || :
	auditctl -e "$enabled" || :
	auditctl -b "$backlog" || :
	[ -z "$auditd" ] || { kill "$auditd" || :; wait "$auditd" || :; }
	rm -r "$folder"
}
trap restore EXIT

sed "s|^log_file =.*|log_file = $folder/log|; s|^plugin_dir =.*|plugin_dir = $folder|" \
	/etc/audit/auditd.conf >"$folder/auditd.conf"
timeout -k 5 600 auditd -n -c "$folder" &
auditd=$!
auditctl -b 8192 # as in Debian's rules
# shellcheck disable=SC2086
auditctl -a $rule

tries=100
until /bin/true && grep -qs 'type=EXECVE.*true' "$folder/log"; do
	[ $((tries -= 1)) -gt 0 ]
	sleep 0.1
done
echo true
read -r _ || :
