#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The service on a Debian of its own, as whoever has installed the package would look at it. Runs in the guest of
# systemd.sh, at its first boot and at its second, each check by itself; the results are TAP, on the second serial line.

here=/checks
deb=$(echo $here/*.deb)
config=/etc/orphand/orphand.yaml
rules=/etc/orphand/rules.d
pins=/sys/fs/bpf/orphand
opened=7f2b1c0d9a3e4f6c8b5d2e1f0a9c8b71
closed=3c9e5a7d1b2f4e8fa0c6d4b3e2f1a095
export LC_ALL=C SYSTEMD_PAGER=cat DEBIAN_FRONTEND=noninteractive

first_boot=(
	package_starts_its_service
	starts_without_a_complaint
	unit_is_as_meant
	exposure_is_small
	orphan_ends
	orphan_of_another_user_ends
	orphan_in_a_scope_ends
	store_is_the_recorders_and_outlives_a_restart
	journal_tells_the_incident
	catalogue_explains_it
	good_config_is_reloaded
	bad_config_fails_the_reload_and_changes_nothing
	bad_config_at_a_start_is_not_tried_again
	killed_it_comes_back_with_its_trees
	killed_often_it_comes_back_too
	hung_it_is_replaced
	restart_keeps_trees
	death_while_stopped_is_made_up_for
	upgrade_keeps_trees_and_config
)
second_boot=(
	boot_starts_it_before_everything_else
	remove_touches_no_process_and_leaves_no_pin
	purge_leaves_nothing
)

# ---- help

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < deadline)) || {
			echo "in vain: $*"
			return 1
		}
		sleep 0.1
	done
}

property() { systemctl show --value -p "$1" orphand.service; }
main_pid() { property MainPID | grep -vx 0; }
lives() { [[ -d /proc/$1 && $(awk '/^State:/ { print $2 }' "/proc/$1/status" 2>/dev/null) != [ZX] ]]; }
gone() { ! lives "$1"; }
fails() { ! "$@"; } # errexit does not heed a bare "!"
active() { [[ $(property ActiveState) == active && $(property SubState) == running ]]; }
replaced() { active && [[ $(main_pid) != "$1" ]]; }
logged() { journalctl -q -o cat -u orphand.service --since "@$1" | grep -F -- "$2" >/dev/null; }

# A tree NAME: a root that waits for its child. Both end by themselves, long after the checks.
tree() { echo "sleep 900 & echo \$\$ \$! >/tmp/$1.new && mv /tmp/$1.new /tmp/$1; wait"; }

both_live() {
	lives "$root"
	lives "$child"
}

# What its script wrote: sets root and child.
read_tree() {
	wait_for 30 test -s "/tmp/$1"
	read -r root child <"/tmp/$1"
	both_live
}

plant() {
	orphanctl run --name "$1" -- sh -c "$(tree "$1")" &
	read_tree "$1"
}

watched() { orphanctl list | grep -E "\\b$1\\b" >/dev/null; }

kill_root_and_see_the_child_end() {
	lives "$child"
	kill -9 "$root"
	wait_for 30 gone "$child"
}

# ---- the first boot

package_starts_its_service() {
	dpkg -i "$deb"
	active
	systemctl is-enabled orphand.service
	orphanctl stats
}

# Whatever the sandbox took from it would be told here.
starts_without_a_complaint() {
	[[ -z $(journalctl -q -b -u orphand.service -p warning) ]]
}

unit_is_as_meant() {
	local pid
	pid=$(main_pid)
	[[ $(property Type) == notify && $(property NotifyAccess) == main && $(property WatchdogUSec) == 30s ]]
	[[ $(property Restart) == always && $(property StartLimitIntervalUSec) == 0 ]]
	[[ $(property DefaultDependencies) == no && $(property ManagedOOMPreference) == omit ]]
	[[ $(<"/proc/$pid/oom_score_adj") == -1000 ]]
	grep -E '^Max locked memory +unlimited +unlimited' "/proc/$pid/limits"
	grep -E '^Max open files +1048576 +1048576' "/proc/$pid/limits"
	[[ $(readlink "/proc/$pid/ns/pid") == "$(readlink /proc/self/ns/pid)" ]]
	[[ $(stat -c %a /run/orphand) == 755 && $(stat -c %a /run/orphand/control.sock) == 666 ]]
}

exposure_is_small() {
	systemd-analyze security --threshold=30 orphand.service | tail -n 1
}

orphan_ends() {
	plant plain
	kill_root_and_see_the_child_end
}

orphan_of_another_user_ends() {
	local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	"${nobody[@]}" orphanctl run --name other -- sh -c "$(tree other)" &
	read_tree other
	[[ $(stat -c %u "/proc/$child") == 65534 ]]
	kill_root_and_see_the_child_end
}

orphan_in_a_scope_ends() {
	systemd-run --quiet --scope --unit=job orphanctl run --name scoped -- sh -c "$(tree scoped)" &
	read_tree scoped
	grep -F job.scope "/proc/$child/cgroup"
	kill_root_and_see_the_child_end
	wait_for 30 fails systemctl is-active --quiet job.scope
}

stored() { orphanctl incidents --store /var/lib/orphand/incidents.db --rule "$1" | grep cleared >/dev/null; }

store_is_the_recorders_and_outlives_a_restart() {
	plant stored
	kill_root_and_see_the_child_end
	wait_for 30 stored stored
	systemctl restart orphand.service
	stored stored
	[[ $(stat -c '%U %G %a' /var/lib/orphand) == "orphand orphand 750" ]]
	[[ $(stat -c '%U' /var/lib/orphand/incidents.db) == orphand ]]
	wait_for 30 pgrep -u orphand -x orphand-store
}

is_told() { journalctl -q -o export "MESSAGE_ID=$closed" "ORPHAND_ROOT_PID=$1" | grep -x 'ORPHAND_OUTCOME=cleared' >/dev/null; }

journal_tells_the_incident() {
	local seen
	plant told
	kill_root_and_see_the_child_end
	wait_for 30 is_told "$root"
	seen=$(journalctl -q -o export "MESSAGE_ID=$opened" "ORPHAND_ROOT_PID=$root")
	grep -x 'ORPHAND_RULE=told' <<<"$seen"
	grep -x 'ORPHAND_CAUSE=kill' <<<"$seen"
	grep -x 'ORPHAND_SURVIVORS=1' <<<"$seen"
	grep -x '_SYSTEMD_UNIT=orphand.service' <<<"$seen"
}

catalogue_explains_it() {
	local id text
	sed -n 's/^-- \([0-9a-f]\{32\}\)$/\1/p' /usr/lib/systemd/catalog/orphand.catalog | while read -r id; do
		journalctl --dump-catalog "$id" | grep -x 'Defined-By: orphand'
	done
	text=$(journalctl -q -x "MESSAGE_ID=$opened" -n 1)
	grep -E 'Subject: Process [0-9]+ \([a-z]+\) died and left survivors' <<<"$text"
	grep -E 'orphanctl show [0-9A-Z]{26}' <<<"$text"
	fails grep -F '@ORPHAND' <<<"$text"
}

good_config_is_reloaded() {
	local pid since
	pid=$(main_pid)
	since=$EPOCHSECONDS
	cp /usr/bin/sleep /usr/local/bin/sleeper
	echo 'watch: [{ name: sleepers, match: { exe: ["/usr/local/bin/sleeper"] } }]' >$rules/sleepers.yaml
	systemctl reload orphand.service
	wait_for 30 logged "$since" 'reloaded: 1 rule'
	sleeper 900 &
	wait_for 30 watched $!
	[[ $(main_pid) == "$pid" ]]
}

bad_config_fails_the_reload_and_changes_nothing() {
	local pid since
	pid=$(main_pid)
	since=$EPOCHSECONDS
	echo 'watch: [{ name: broken, mach: { exe: ["/bin/true"] } }]' >$rules/broken.yaml
	fails systemctl reload orphand.service
	rm $rules/broken.yaml
	wait_for 30 logged "$since" "$rules/broken.yaml:1:25"
	active
	[[ $(main_pid) == "$pid" ]]
	sleeper 900 &
	wait_for 30 watched $!
}

bad_config_at_a_start_is_not_tried_again() {
	local since
	cp $config /tmp/config
	since=$EPOCHSECONDS
	echo 'nonsense: yes' >>$config
	fails systemctl restart orphand.service
	cp /tmp/config $config
	wait_for 30 logged "$since" "$config:"
	[[ $(property ActiveState) == failed && $(property ExecMainStatus) == 2 ]]
	systemctl start orphand.service
	active
}

killed_it_comes_back_with_its_trees() {
	local pid
	plant kept
	pid=$(main_pid)
	kill -9 "$pid"
	wait_for 60 replaced "$pid"
	wait_for 30 watched kept
	kill_root_and_see_the_child_end
}

killed_often_it_comes_back_too() {
	local pid
	for _ in {1..8}; do
		pid=$(main_pid)
		kill -9 "$pid"
		wait_for 60 replaced "$pid"
	done
}

# The unit's own time is long; that it is heeded at all is the same with a short one.
hung_it_is_replaced() {
	local pid dropin=/run/systemd/system/orphand.service.d
	mkdir -p $dropin
	printf '[Service]\nWatchdogSec=8\n' >$dropin/watchdog.conf
	systemctl daemon-reload
	systemctl restart orphand.service
	plant hung
	pid=$(main_pid)
	kill -STOP "$pid"
	wait_for 60 replaced "$pid"
	rm -r $dropin
	systemctl daemon-reload
	systemctl restart orphand.service
	kill_root_and_see_the_child_end
}

restart_keeps_trees() {
	local pid
	plant restarted
	pid=$(main_pid)
	systemctl restart orphand.service
	replaced "$pid"
	watched restarted
	kill_root_and_see_the_child_end
}

death_while_stopped_is_made_up_for() {
	plant missed
	systemctl stop orphand.service
	kill -9 "$root"
	wait_for 30 gone "$root"
	lives "$child"
	systemctl start orphand.service
	wait_for 30 gone "$child"
	orphanctl --json incidents --rule missed | grep -F '"reconstructed":true'
}

upgrade_keeps_trees_and_config() {
	local pid
	echo '# mine' >>$config
	plant upgraded
	pid=$(main_pid)
	dpkg -i "$deb"
	replaced "$pid"
	grep -x '# mine' $config
	both_live
	watched upgraded
	kill_root_and_see_the_child_end
}

# ---- the second boot

boot_starts_it_before_everything_else() {
	local ours theirs unit
	active
	ours=$(property ActiveEnterTimestampMonotonic)
	for unit in sysinit.target basic.target dbus.service; do
		theirs=$(systemctl show --value -p ActiveEnterTimestampMonotonic $unit)
		echo "$unit: $theirs, orphand: $ours"
		((ours > 0 && theirs > ours))
	done
	plant booted
	kill_root_and_see_the_child_end
}

remove_touches_no_process_and_leaves_no_pin() {
	plant left
	[[ -d $pins ]]
	dpkg --remove orphand
	both_live
	fails test -e $pins
	fails pgrep -x orphand
}

purge_leaves_nothing() {
	read -r root child </tmp/left
	dpkg --purge orphand
	fails dpkg-query -W orphand
	systemctl daemon-reload
	fails systemctl cat orphand.service
	# The system's list of users keeps who was in it, as Debian's way is.
	[[ -z $(find / /run /sys/fs/bpf -xdev -name '*orphand*' ! -path "$here/*" | tee /dev/stderr) ]]
	both_live
	kill -9 "$root"
	wait_for 30 gone "$root"
	lives "$child"
	kill "$child"
}

# ---- running them

# In a shell of its own that ends at the first command that fails; what it said is told when it did.
run() {
	local said=/tmp/said code
	(
		set -eEuo pipefail
		trap 'echo "line $LINENO: $BASH_COMMAND"' ERR
		"$1"
	) >$said 2>&1
	code=$?
	if ((code == 0)); then
		echo "ok - $1"
		return
	fi
	failed=1
	echo "not ok - $1"
	tail -n 15 $said | sed 's/^/    /'
}

exec >/dev/ttyS1
stty -F /dev/ttyS1 -opost
cd /
failed=0
checks=("${first_boot[@]}")
[[ ! -e /var/lib/first-boot-done ]] || checks=("${second_boot[@]}")
touch /var/lib/first-boot-done
echo "1..${#checks[@]}"
for check in "${checks[@]}"; do
	run "$check"
done
echo "# vm ended $failed"
stty -F /dev/ttyS1 sane
systemctl --no-block poweroff
