// SPDX-License-Identifier: GPL-2.0
/* life_test.c - what run leaves alone, and the daemon's own comings and goings. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

struct end {
	char play[40];
	int sig, status;
};

ParameterizedTestParameters(run, leaves_pid_and_status_the_programs_own)
{
	static struct end ends[] = {
		{ "as root exit 0", 0, 0 },
		{ "as root exit 42", 0, 42 << 8 },
		{ "as root raise TERM", 0, SIGTERM },
		{ "as root sleep", SIGINT, SIGINT },
		{ "as root sleep", SIGKILL, SIGKILL },
	};

	return cr_make_param_array(struct end, ends, sizeof(ends) / sizeof(*ends));
}

ParameterizedTest(struct end *end, run, leaves_pid_and_status_the_programs_own)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "%s", end->play);

	cr_assert_eq(rig__pid(rig, "root"), root);
	if (end->sig)
		kill(root, end->sig);
	cr_assert_eq(rig__join(root), end->status, "%s", end->play);
	rig__await_event(rig, EVENT_TREE_ENDED, root);
}

/* ---- the daemon goes and comes back */

Test(restart, keeps_the_trees)
{
	autorig struct rig *rig = rig__start();
	pid_t root =
		rig__run(rig, POLICY(.on = ON(KILL), .signal = SIGTERM, .grace = 3600000000000),
			 "fork { fork { setsid orphaned as stray sleep } } reap as root sleep");
	const struct band *stray = rig__meet(rig, "stray", 1);
	struct control_tree_row before, after;

	rig__meet(rig, "root", 1);
	cr_assert(rig__tree_of(rig, root, &before));
	rig__daemon_stop(rig);
	cr_assert(rig__all_live(stray), "a stop signals nobody");
	rig__daemon_start(rig);
	cr_assert(rig__tree_of(rig, root, &after));
	cr_expect_eq(after.id, before.id);
	cr_expect_eq(after.since, before.since);
	cr_expect_eq(after.members, before.members);
	cr_expect_eq(memcmp(&after.policy, &before.policy, sizeof(after.policy)), 0);
	cr_expect_eq(memcmp(&after.root, &before.root, sizeof(after.root)), 0);
	cr_expect_str_eq(after.image.exe, before.image.exe);
	kill(root, SIGKILL);
	cr_assert(rig__all_gone(stray));
	cr_assert_eq(rig__closed(rig, root)->survivor[0].outcome, SURVIVOR_TERMINATED);
	cr_assert_not(rig__closed(rig, root)->row.reconstructed);
}

/* Who is born while nobody looks is a member all the same. */
Test(restart, finds_who_was_born_meanwhile)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(
		rig, ON_KILL,
		"as root gate 1 fork { fork { setsid orphaned as stray sleep } } reap sleep");
	const struct band *stray;

	rig__meet(rig, "root", 1);
	rig__daemon_stop(rig);
	rig__open_gate(rig, 1);
	stray = rig__meet(rig, "stray", 1);
	rig__daemon_start(rig);
	cr_assert(rig__member(rig, root, stray->one[0].pid, &(struct control_proc_row){}));
	kill(root, SIGKILL);
	cr_assert(rig__all_gone(stray));
	cr_assert_eq(rig__closed(rig, root)->n, 1);
}

static void die_while_away(void (*leave)(struct rig *rig))
{
	autorig struct rig *rig = rig__start(.no_reflex = true);
	pid_t root = rig__run(
		rig, ON_KILL,
		"fork 2 { fork { as stray sleep } setsid as stray sleep } name victim as root sleep");
	const struct band *strays = rig__meet(rig, "stray", 4);
	const struct incident *incident;

	rig__meet(rig, "root", 1);
	rig__await_members(rig, root, 5);
	leave(rig);
	kill(root, SIGKILL);
	rig__join(root);
	cr_assert(rig__all_live(strays));
	rig__daemon_start(rig);
	cr_assert(rig__all_gone(strays));
	incident = rig__closed(rig, root);
	cr_expect_eq(incident->row.reconstructed, 1);
	cr_expect_eq(incident->row.outcome, INCIDENT_CLEARED);
	cr_expect_eq(incident->n, 4);
	cr_expect_eq(incident->row.sender.who.pid, (__u32)getpid());
	cr_expect_str_eq(incident->row.image.comm, "victim");
	cr_expect(strstr(incident->row.image.exe, "/actor"), "%s", incident->row.image.exe);
	cr_expect_leq(incident->row.sender.at, incident->row.opened);
	cr_expect_eq(rig__incidents(rig, root), 1, "told once");
}

Test(restart, a_death_while_the_daemon_was_stopped_is_dealt_with)
{
	die_while_away(rig__daemon_stop);
}

Test(restart, a_death_while_the_daemon_was_killed_is_dealt_with)
{
	die_while_away(rig__daemon_kill);
}

/* An end that asks for nothing asks for nothing later, either. */
Test(restart, an_ordinary_end_meanwhile_touches_nobody)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "fork { as stray sleep } as root gate 1 exit 0");
	const struct band *stray = rig__meet(rig, "stray", 1);

	rig__meet(rig, "root", 1);
	rig__daemon_stop(rig);
	rig__open_gate(rig, 1);
	rig__join(root);
	rig__daemon_start(rig);
	cr_assert_not(rig__tree_of(rig, root, &(struct control_tree_row){}));
	cr_assert_eq(rig__incidents(rig, root), 0);
	cr_assert(rig__all_live(stray));
}

/* What was let go stays so. */
Test(restart, remembers_who_is_spared)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL,
			      "fork { as spared sleep } fork { as stray sleep } as root sleep");

	rig__meet(rig, "stray", 1);
	cr_assert_eq(rig__spare(rig, rig__pid(rig, "spared")), 0, "%s", rig__why(rig));
	rig__daemon_stop(rig);
	rig__daemon_start(rig);
	kill(root, SIGKILL);
	rig__closed(rig, root);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 1)));
	cr_assert(rig__all_live(rig__meet(rig, "spared", 1)));
}

Test(restart, again_and_again)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "fork { as stray sleep } as root sleep");
	const struct band *stray = rig__meet(rig, "stray", 1);

	for (int i = 0; i < 4; i++) {
		if (i % 2)
			rig__daemon_kill(rig);
		else
			rig__daemon_stop(rig);
		rig__daemon_start(rig);
	}
	rig__await_members(rig, root, 2);
	kill(root, SIGKILL);
	cr_assert(rig__all_gone(stray));
	cr_assert_eq(rig__closed(rig, root)->n, 1);
	cr_assert_eq(rig__incidents(rig, root), 1);
}
