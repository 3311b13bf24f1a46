// SPDX-License-Identifier: GPL-2.0
/*
 * reuse_test.c - a dead member's pid is given to an innocent at every step of the kill path, and
 * no innocent is hurt. The innocents are the test's own children and stay until the step's end.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "rig.h"

TestSuite(reuse, .timeout = 40);

#define BROOD 8 /* pids that change hands in a round */
#define MOST 400
#define STEP (1500 * NS_PER_MS)

struct innocents {
	size_t n;
	pid_t pid[MOST];
	uint64_t end; /* of the step */
};

static struct innocents begin_step(void)
{
	return (struct innocents){ .end = clock__boottime() + STEP };
}

static bool goes_on(const struct innocents *innocents)
{
	return innocents->n + BROOD + 1 <= MOST &&
	       (!innocents->n || clock__boottime() < innocents->end);
}

/* A process that has just been reaped leaves its number at once; whoever else takes it meanwhile
 * is as innocent. */
static void give_away(struct innocents *innocents, pid_t number)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&number,
		.set_tid_size = 1,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	if (pid < 0 && errno == EEXIST)
		return;
	cr_assert_eq(pid, number, "clone3");
	innocents->pid[innocents->n++] = pid;
}

static void see_nobody_hurt(struct innocents *innocents)
{
	cr_assert_gt(innocents->n, 0);
	for (size_t i = 0; i < innocents->n; i++) {
		bool lives = waitpid(innocents->pid[i], NULL, WNOHANG) == 0;

		cr_expect(lives, "the innocent %d of %zu was hurt", innocents->pid[i],
			  innocents->n);
		if (!lives)
			continue;
		kill(innocents->pid[i], SIGKILL);
		waitpid(innocents->pid[i], NULL, 0);
	}
}

/* The index, the map and the daemon's numbers speak of the same processes. */
static void see_agreement(struct rig *rig)
{
	struct answer *answer;
	size_t members = 0;
	pid_t root;

	rig__await_counter(rig, "trees", 0);
	cr_expect_eq(rig__counter(rig, "processes"), 0);
	cr_expect_eq(rig__entries(rig, "members"), 0);
	cr_expect_eq(rig__entries(rig, "trees"), 0);
	cr_expect_eq(rig__entries(rig, "deaths"), 0);
	rig__next_play(rig);
	root = rig__run(rig, ON_KILL, "fork 3 { as stray sleep } as root sleep");
	rig__meet(rig, "root", 1);
	rig__meet(rig, "stray", 3);
	rig__await_counter(rig, "processes", 4);
	answer = rig__members(rig, root);
	for (size_t i = 0; i < answer->n; i++)
		members += answer->row[i]->type == CONTROL_PROC_ROW;
	answer__free(answer);
	cr_expect_eq(members, 4);
	cr_expect_eq(rig__entries(rig, "members"), 4);
	kill(root, SIGKILL);
	cr_expect(rig__all_gone(rig__meet(rig, "stray", 3)));
	cr_expect_eq(rig__closed(rig, root)->n, 3);
}

/* Ends members by the pidfds that were taken when they were met, and reaps those who have fallen to
 * the test. */
static void end_and_hand_on(struct innocents *innocents, const struct band *victims)
{
	for (size_t i = 0; i < victims->n; i++)
		syscall(SYS_pidfd_send_signal, victims->one[i].fd, SIGKILL, NULL, 0);
	for (size_t i = 0; i < victims->n; i++) {
		rig__status(&victims->one[i]);
		give_away(innocents, victims->one[i].pid);
	}
}

Test(reuse, before_the_roots_death)
{
	autorig struct rig *rig = rig__start();
	struct innocents innocents = begin_step();

	while (goes_on(&innocents)) {
		pid_t root = rig__run(rig, ON_KILL,
				      "fork %d { as early exit 0 } reap fork 2 { as stray sleep } "
				      "as root sleep",
				      BROOD);
		const struct band *early = rig__meet(rig, "early", BROOD);
		const struct band *strays = rig__meet(rig, "stray", 2);

		rig__meet(rig, "root", 1);
		for (size_t i = 0; i < early->n; i++)
			give_away(&innocents, early->one[i].pid);
		kill(root, SIGKILL);
		rig__join(root);
		give_away(&innocents, root);
		cr_assert(rig__all_gone(strays));
		rig__next_play(rig);
	}
	see_agreement(rig);
	see_nobody_hurt(&innocents);
}

/* The guard hears of everything at once, when all of it is over. */
Test(reuse, between_the_death_and_the_first_signal)
{
	autorig struct rig *rig = rig__start();
	struct innocents innocents = begin_step();

	while (goes_on(&innocents)) {
		pid_t root = rig__run(rig, ON_KILL,
				      "fork %d { as victim sleep } await victim %d "
				      "fork 2 { as stray sleep } as root sleep",
				      BROOD, BROOD);
		const struct band *victims = rig__meet(rig, "victim", BROOD);
		const struct band *strays = rig__meet(rig, "stray", 2);

		rig__meet(rig, "root", 1);
		rig__daemon_halt(rig);
		kill(root, SIGKILL);
		rig__join(root);
		end_and_hand_on(&innocents, victims);
		give_away(&innocents, root);
		rig__daemon_resume(rig);
		cr_assert(rig__all_gone(strays));
		rig__next_play(rig);
	}
	see_agreement(rig);
	see_nobody_hurt(&innocents);
}

/* The guard holds their pidfds since the first signal. Some rounds it hears of their end before the
 * last is due, in others it does not. */
Test(reuse, between_the_first_signal_and_the_last)
{
	autorig struct rig *rig = rig__start();
	struct innocents innocents = begin_step();
	bool halted = false;

	while (goes_on(&innocents)) {
		pid_t root = rig__run(
			rig, POLICY(.on = ON(KILL), .signal = SIGTERM, .grace = 150 * NS_PER_MS),
			"fork %d { ignore TERM as victim sleep } fork { ignore TERM as stray sleep } as "
			"root sleep",
			BROOD);
		const struct band *victims = rig__meet(rig, "victim", BROOD);
		const struct band *stray = rig__meet(rig, "stray", 1);

		rig__meet(rig, "root", 1);
		kill(root, SIGKILL);
		rig__join(root);
		rig__await_event(rig, EVENT_SURVIVOR_SIGNALLED, victims->one[0].pid);
		if (halted)
			rig__daemon_halt(rig);
		end_and_hand_on(&innocents, victims);
		if (halted)
			rig__daemon_resume(rig);
		halted = !halted;
		cr_assert(rig__all_gone(stray));
		rig__next_play(rig);
	}
	see_agreement(rig);
	see_nobody_hurt(&innocents);
}

/* Nor is one a member for having the pid of one: it may start a family, and be watched itself. */
Test(reuse, a_new_root_with_a_dead_roots_pid_is_another)
{
	autorig struct rig *rig = rig__start();
	pid_t past = rig__run(rig, ON_KILL, "fork { as stray sleep } as past sleep"), again;
	struct control_tree_row tree;

	rig__meet(rig, "past", 1);
	rig__meet(rig, "stray", 1);
	rig__daemon_halt(rig);
	kill(past, SIGKILL);
	rig__join(past);
	rig__spawn(rig, "reborn %d { fork { as child sleep } as again sleep } sleep", past);
	again = rig__pid(rig, "again");
	cr_assert_eq(again, past);
	rig__meet(rig, "child", 1);
	rig__daemon_resume(rig);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 1)));
	rig__closed(rig, past);
	cr_assert_gt(rig__track(rig, again, ON_KILL, "again"), 0, "%s", rig__why(rig));
	cr_assert(rig__tree_of(rig, again, &tree));
	cr_assert_eq(tree.members, 2);
	kill(again, SIGKILL);
	cr_assert(rig__all_gone(rig__meet(rig, "child", 1)));
	rig__await_counter(rig, "incidents_cleared", 2);
}

/* Who is born a member with the pid of a member that has ended is one by its own birth. */
Test(reuse, a_member_with_a_dead_members_pid_is_ended)
{
	autorig struct rig *rig = rig__start();
	struct patience patience = rig__patience(2);
	bool halted = false;

	for (int round = 0; round < 50 && rig__retry(&patience); round++) {
		pid_t root =
			rig__run(rig, ON_KILL,
				 "fork { as early exit 0 } reap fork { fork { as stray sleep } as "
				 "stray sleep } as root sleep");
		pid_t early = rig__pid(rig, "early");
		pid_t other = rig__run(rig, ON_KILL,
				       "as other gate 1 reborn %d { as again sleep } sleep", early);

		rig__meet(rig, "root", 1);
		rig__meet(rig, "other", 1);
		rig__meet(rig, "stray", 2);
		if (halted)
			rig__daemon_halt(rig);
		rig__open_gate(rig, 1);
		cr_assert_eq(rig__pid(rig, "again"), early);
		kill(root, SIGKILL);
		kill(other, SIGKILL);
		if (halted)
			rig__daemon_resume(rig);
		halted = !halted;
		cr_assert(rig__all_gone(rig__everyone(rig)));
		rig__next_play(rig);
	}
	see_agreement(rig);
}
