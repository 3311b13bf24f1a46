// SPDX-License-Identifier: GPL-2.0
/* stuck_test.c - a survivor that SIGKILL does not end, for a while. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "rig.h"

TestSuite(stuck, .timeout = 40);

static void assert_told(const struct incident *incident, pid_t held)
{
	const struct control_survivor_row *survivor = incident__survivor(incident, held);

	cr_assert_eq(incident->row.outcome, INCIDENT_STUCK);
	cr_assert_eq(incident->row.clear_ns, 0);
	cr_assert_eq(survivor->outcome, SURVIVOR_STUCK);
	cr_assert_eq(survivor->gone, 0);
	cr_assert_eq(survivor->first.signal, SIGKILL);
	cr_assert_neq(*survivor->state, '\0', "its state is told");
	cr_assert(strchr(survivor->stack, '+'), "its kernel stack is told: '%s'", survivor->stack);
	cr_assert_eq(incident__count(incident, SURVIVOR_KILLED), incident->n - 1);
}

static const struct incident *await_cleared(struct rig *rig, pid_t root)
{
	struct patience patience = rig__patience(15);
	const struct incident *incident;

	while ((incident = rig__incident(rig, root))->row.outcome != INCIDENT_CLEARED)
		cr_assert(rig__retry(&patience), "the incident stays stuck");
	return incident;
}

static void see_cleared(struct rig *rig, pid_t root, pid_t held)
{
	const struct control_survivor_row *survivor;
	const struct incident *incident = await_cleared(rig, root);

	survivor = incident__survivor(incident, held);
	cr_assert_eq(survivor->outcome, SURVIVOR_KILLED);
	cr_assert_neq(survivor->gone, 0);
	cr_assert_geq(incident->row.clear_ns, survivor->gone - incident->row.died);
	cr_assert_eq(rig__incidents(rig, root), 1);
	rig__await_counter(rig, "trees", 0);
	cr_assert_eq(rig__counter(rig, "processes"), 0);
	cr_assert_eq(rig__entries(rig, "members"), 0);
	cr_assert_eq(rig__entries(rig, "deaths"), 0);
}

/* A tracer may hold a process that has been killed at the last step before its exit. */
Test(stuck, a_survivor_held_by_a_tracer_is_told_and_cleared_when_it_goes)
{
	autorig struct rig *rig = rig__start(.stuck = "1s");
	pid_t root = rig__run(rig, ON_KILL,
			      "fork { as held sleep } fork 3 { as stray sleep } as root sleep");
	const struct band *held = rig__meet(rig, "held", 1);
	pid_t pid = held->one[0].pid;
	const struct incident *incident;
	int status;

	rig__meet(rig, "root", 1);
	rig__meet(rig, "stray", 3);
	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXIT))
		cr_skip_test("ptrace is not allowed here");
	kill(root, SIGKILL);
	cr_assert_eq(waitpid(pid, &status, __WALL), pid);
	cr_assert_eq(status >> 8, SIGTRAP | PTRACE_EVENT_EXIT << 8, "%#x", (unsigned)status);
	incident = rig__closed(rig, root);
	if (incident->row.outcome == INCIDENT_CLEARED && !rig__all_live(held))
		cr_skip_test("this kernel's second SIGKILL frees a traced process (before 5.19)");
	assert_told(incident, pid);
	cr_assert(rig__all_live(held));
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 3)));
	cr_assert(rig__log_has(rig, "will not die"));
	cr_assert_eq(ptrace(PTRACE_CONT, pid, 0, 0), 0, "%s", strerror(errno));
	see_cleared(rig, root, pid);
	cr_assert(rig__all_gone(held));
}

/* Nor does a frozen one hear anything. */
Test(stuck, a_frozen_survivor_is_told_and_cleared_when_it_thaws)
{
	autorig struct rig *rig = rig__start(.stuck = "1s");
	struct patience patience = rig__patience(10);
	const struct band *held;
	char group[256], state[32] = "";
	pid_t root;

	if (!rig__make_group(rig, "freezer", "freezer.state", group, sizeof(group)))
		cr_skip_test("there is no freezer of cgroup v1, and v2's lets SIGKILL through");
	root = rig__run(rig, ON_KILL,
			"fork { join %s as held sleep } fork 3 { as stray sleep } as root sleep",
			group);
	held = rig__meet(rig, "held", 1);
	rig__meet(rig, "root", 1);
	rig__meet(rig, "stray", 3);
	cr_assert(rig__write(group, "freezer.state", "FROZEN"));
	while (rig__proc(held->one[0].pid, "State", state, sizeof(state)) && *state != 'D')
		cr_assert(rig__retry(&patience), "%s", state);
	kill(root, SIGKILL);
	assert_told(rig__closed(rig, root), held->one[0].pid);
	cr_assert(rig__all_live(held));
	cr_assert(rig__write(group, "freezer.state", "THAWED"));
	cr_assert(rig__all_gone(held));
	see_cleared(rig, root, held->one[0].pid);
}

/* Nobody is born into it, and a guard that comes back goes on with it. */
Test(stuck, a_guard_that_comes_back_waits_on)
{
	autorig struct rig *rig = rig__start(.stuck = "1s");
	pid_t root = rig__run(rig, ON_KILL, "fork { as held sleep } as root sleep");
	const struct band *held = rig__meet(rig, "held", 1);
	pid_t pid = held->one[0].pid;
	const struct incident *incident;
	int status;

	rig__meet(rig, "root", 1);
	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXIT))
		cr_skip_test("ptrace is not allowed here");
	kill(root, SIGKILL);
	cr_assert_eq(waitpid(pid, &status, __WALL), pid);
	rig__daemon_kill(rig);
	rig__daemon_start(rig);
	incident = rig__closed(rig, root);
	if (incident->row.outcome == INCIDENT_CLEARED && !rig__all_live(held))
		cr_skip_test("this kernel's second SIGKILL frees a traced process (before 5.19)");
	assert_told(incident, pid);
	cr_assert(incident->row.reconstructed);
	cr_assert_eq(ptrace(PTRACE_CONT, pid, 0, 0), 0, "%s", strerror(errno));
	see_cleared(rig, root, pid);
}
