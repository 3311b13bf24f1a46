// SPDX-License-Identifier: GPL-2.0
/* threads_test.c - a process is not its leader: it ends with its last thread, once. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

TestSuite(threads, .timeout = 60);

static void await_state(pid_t pid, char state)
{
	struct patience patience = rig__patience(10);
	char now[64] = "";

	while (rig__proc(pid, "State", now, sizeof(now)) && *now != state)
		cr_assert(rig__retry(&patience), "%d: %s", pid, now);
	cr_assert_eq(*now, state, "process %d is gone", pid);
}

static pid_t run_leaderless(struct rig *rig, const struct policy *policy, const char *threads)
{
	pid_t root = rig__run(rig, policy, "%s as root leave", threads);

	rig__meet(rig, "root", 1);
	await_state(root, 'Z');
	return root;
}

Test(threads, a_leader_that_leaves_is_no_death)
{
	autorig struct rig *rig = rig__start();
	pid_t root = run_leaderless(
		rig, ON_KILL,
		"fork { as stray sleep } thread { gate 1 fork { as late sleep } sleep }");
	const struct incident *incident;
	struct control_tree_row tree;
	const struct band *late;

	rig__meet(rig, "stray", 1);
	rig__open_gate(rig, 1);
	late = rig__meet(rig, "late", 1);
	rig__await_members(rig, root, 3);
	cr_assert(rig__tree_of(rig, root, &tree));
	cr_assert_eq(tree.root_alive, 1);
	cr_assert(rig__member(rig, root, late->one[0].pid, &(struct control_proc_row){}));
	cr_assert_eq(rig__incidents(rig, root), 0);
	kill(root, SIGKILL);
	incident = rig__closed(rig, root);
	cr_assert_eq(incident->n, 2);
	cr_assert_eq(incident->row.sender.who.pid, (__u32)getpid());
	cr_assert_eq(rig__incidents(rig, root), 1);
	cr_assert(rig__all_gone(late));
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 1)));
	cr_assert_eq(rig__join(root), SIGKILL);
}

/* Nor is it an end: that comes with the last of the threads. */
Test(threads, a_leader_that_leaves_is_no_end)
{
	autorig struct rig *rig = rig__start();
	pid_t root =
		run_leaderless(rig, POLICY(.on = ON(EXIT), .signal = SIGKILL),
			       "fork { as stray sleep } thread 2 { gate 1 } thread { gate 2 }");
	const struct band *stray = rig__meet(rig, "stray", 1);
	struct patience patience = rig__patience(10);
	char threads[32] = "";

	rig__open_gate(rig, 1);
	while (rig__proc(root, "Threads", threads, sizeof(threads)) && strcmp(threads, "2") != 0)
		cr_assert(rig__retry(&patience), "%s threads", threads);
	rig__await_members(rig, root, 2);
	cr_assert_eq(rig__incidents(rig, root), 0);
	cr_assert(rig__all_live(stray));
	rig__open_gate(rig, 2);
	cr_assert_eq(rig__closed(rig, root)->row.kind, CAUSE_EXIT);
	cr_assert_eq(rig__closed(rig, root)->row.exit_code, 0);
	cr_assert(rig__all_gone(stray));
	cr_assert_eq(rig__incidents(rig, root), 1);
}

Test(threads, what_threads_without_a_leader_forked_ends)
{
	autorig struct rig *rig = rig__start();
	pid_t root = run_leaderless(rig, ON_KILL,
				    "thread 8 { gate 1 fork 4 { setsid as stray sleep } sleep }");

	rig__open_gate(rig, 1);
	rig__meet(rig, "stray", 32);
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->n, 32);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 32)));
}

/* Two of the last threads, on two CPUs, may each see that none is left. */
Test(threads, many_killed_at_once_are_one_incident, .timeout = 120)
{
	const size_t rounds = rig__seconds(1) == 1 ? 200 : 20;
	autorig struct rig *rig = rig__start();

	for (size_t round = 0; round < rounds; round++) {
		pid_t root =
			rig__run(rig, ON_KILL,
				 "fork { setsid as stray sleep } await stray 1 thread 64 { sleep } "
				 "as root sleep");
		const struct band *stray;

		rig__meet(rig, "root", 1);
		stray = rig__meet(rig, "stray", 1);
		kill(root, SIGKILL);
		cr_assert_eq(rig__join(root), SIGKILL);
		cr_assert(rig__all_gone(stray), "round %zu", round);
		rig__next_play(rig);
	}
	rig__await_counter(rig, "trees", 0);
	cr_assert_eq(rig__counter(rig, "incidents_cleared"), rounds);
	cr_assert_eq(rig__counter(rig, "root_deaths"), rounds);
	cr_assert_eq(rig__counter(rig, "exits"), rounds, "each stray once");
	cr_assert_eq(rig__counter(rig, "processes"), 0);
}

/* ---- exec by a thread that is not the leader */

static void see_the_same_process(struct rig *rig, pid_t pid, pid_t root)
{
	struct control_proc_row before, after;

	cr_assert(rig__member(rig, root, pid, &before));
	rig__open_gate(rig, 1);
	cr_assert_eq(rig__pid(rig, "image"), pid);
	rig__meet(rig, "born", 1);
	rig__await_event(rig, EVENT_PROCESS_FORKED, rig__pid(rig, "born"));
	cr_assert(rig__member(rig, root, pid, &after));
	cr_assert_eq(after.who.start, before.who.start);
	cr_assert(rig__member(rig, root, rig__pid(rig, "born"), &after));
	cr_assert_eq(after.parent.start, before.who.start);
	cr_assert_eq(rig__incidents(rig, root), 0);
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->row.outcome, INCIDENT_CLEARED);
	cr_assert_eq(rig__incidents(rig, root), 1);
	cr_assert(rig__all_gone(rig__everyone(rig)));
}

Test(threads, ones_exec_leaves_a_root_the_same_process)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(
		rig, ON_KILL,
		"thread 3 { sleep } thread { gate 1 exec { fork { as born sleep } as image sleep } } "
		"as root sleep");

	rig__meet(rig, "root", 1);
	see_the_same_process(rig, root, root);
}

Test(threads, ones_exec_leaves_a_member_the_same_process)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(
		rig, ON_KILL,
		"fork { thread { gate 1 exec { fork { as born sleep } as image sleep } } as member "
		"sleep } as root sleep");

	rig__meet(rig, "root", 1);
	see_the_same_process(rig, rig__pid(rig, "member"), root);
}

Test(threads, ones_exec_in_the_place_of_a_leader_that_left)
{
	autorig struct rig *rig = rig__start();
	pid_t root = run_leaderless(
		rig, ON_KILL, "thread { gate 1 exec { fork { as born sleep } as image sleep } }");

	see_the_same_process(rig, root, root);
}

/* ---- how the group ended, whoever of it began */

struct end {
	const char *name;
	const char *play;
	unsigned on;
	int sig, status, kind;
};

static const struct end ends[] = {
	{ "a thread's exit_group", "thread { gate 1 exit 7 } as root sleep", ON(ERROR), 0, 7 << 8,
	  CAUSE_ERROR },
	{ "a thread's exit_group, the leader gone", "thread { gate 1 exit 7 } as root leave",
	  ON(ERROR), 0, 7 << 8, CAUSE_ERROR },
	{ "a thread's exit_group with 0", "thread { gate 1 exit 0 } as root sleep", ON(EXIT), 0, 0,
	  CAUSE_EXIT },
	{ "SIGKILL", "thread 8 { sleep } as root sleep", ON(KILL), SIGKILL, SIGKILL, CAUSE_KILL },
	{ "SIGKILL, the leader gone", "thread 8 { sleep } as root leave", ON(KILL), SIGKILL,
	  SIGKILL, CAUSE_KILL },
	{ "SIGTERM", "thread 8 { sleep } as root leave", ON(SIGNAL), SIGTERM, SIGTERM,
	  CAUSE_SIGNAL },
	{ "a thread's SIGKILL to all", "thread { gate 1 raise KILL } as root sleep", ON(KILL), 0,
	  SIGKILL, CAUSE_KILL },
	{ "a thread's fault", "cores 0 thread { gate 1 segv } as root sleep", ON(CRASH), 0, SIGSEGV,
	  CAUSE_CRASH },
	{ "a thread's fault, the leader gone", "cores 0 thread { gate 1 segv } as root leave",
	  ON(CRASH), 0, SIGSEGV, CAUSE_CRASH },
};

static void see_end(struct rig *rig, const struct end *end)
{
	pid_t root = rig__run(rig, POLICY(.on = (__u16)end->on, .signal = SIGKILL),
			      "fork { as stray sleep } await stray 1 %s", end->play);
	const struct incident *incident;

	rig__meet(rig, "root", 1);
	if (strstr(end->play, "leave"))
		await_state(root, 'Z');
	rig__open_gate(rig, 1);
	if (end->sig)
		kill(root, end->sig);
	incident = rig__closed(rig, root);
	cr_expect_eq(incident->row.exit_code, (__u32)end->status, "%s: %#x", end->name,
		     incident->row.exit_code);
	cr_expect_eq(incident->row.kind, (__u32)end->kind, "%s: %u", end->name, incident->row.kind);
	cr_expect_eq(rig__join(root), end->status, "%s", end->name);
	cr_expect(rig__all_gone(rig__meet(rig, "stray", 1)), "%s", end->name);
}

Test(threads, exit_code_and_signal_are_the_groups)
{
	autorig struct rig *rig = rig__start();

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		see_end(rig, &ends[i]);
		rig__next_play(rig);
	}
}
