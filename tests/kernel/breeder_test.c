// SPDX-License-Identifier: GPL-2.0
/* breeder_test.c - families that breed faster than anybody can look at them end all the same. */
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "rig.h"

TestSuite(breeders, .timeout = 40);

#define LONG (3600 * NS_PER_SEC) /* nobody waits for its end */

/* The daemon, and whoever stands above the members and reaps: their dead are many. */
#define OTHERS 2

/* Nobody bears any more, and nobody is left who could. */
static void see_nobody_left(struct rig *rig, size_t others)
{
	uint32_t births = rig__beats(rig);

	for (int look = 0; look < 3; look++)
		cr_assert_eq(rig__marked(rig), others, "%zu live on", rig__marked(rig) - others);
	cr_assert_eq(rig__beats(rig), births);
}

static void end_breeders(const struct policy *policy, const char *breeders)
{
	autorig struct rig *rig = rig__start();
	const struct incident *incident;
	pid_t root;

	rig__spawn(rig, "undertake { fork { as root gate 1 %s sleep } }", breeders);
	root = rig__pid(rig, "root");
	cr_assert_gt(rig__track(rig, root, policy, "breeders"), 0, "%s", rig__why(rig));
	rig__open_gate(rig, 1);
	rig__await_births(rig, 300);
	kill(root, SIGKILL);
	incident = rig__closed(rig, root);
	cr_assert_eq(incident->row.outcome, INCIDENT_CLEARED);
	see_nobody_left(rig, OTHERS);
	rig__await_counter(rig, "trees", 0);
	cr_assert_eq(rig__counter(rig, "processes"), 0);
	cr_assert_eq(rig__entries(rig, "members"), 0);
	cr_assert_eq(rig__incidents(rig, root), 1);
}

Test(breeders, a_comet_ends)
{
	end_breeders(ON_KILL, "fork { comet }");
}

Test(breeders, comets_end)
{
	end_breeders(ON_KILL, "fork 4 { comet }");
}

Test(breeders, a_storm_ends)
{
	end_breeders(ON_KILL, "fork 3 { storm }");
}

Test(breeders, comets_in_a_storm_end)
{
	end_breeders(ON_KILL, "fork 2 { storm } fork 2 { comet }");
}

/* The first signal hits some of them, the others breed on until grace is over. */
Test(breeders, comets_in_a_storm_end_after_grace)
{
	end_breeders(POLICY(.on = ON(KILL), .signal = SIGTERM, .grace = 200 * NS_PER_MS),
		     "ignore TERM fork 2 { storm } fork 2 { comet }");
}

/* The mark is then not the tree's: its other members live and may fork. */
Test(breeders, end_under_a_member_whose_death_counts)
{
	autorig struct rig *rig = rig__start();
	pid_t root, shell;

	rig__spawn(
		rig,
		"undertake { fork { fork { as shell gate 1 fork 2 { storm } fork { comet } sleep } "
		"as root gate 2 fork { as other sleep } sleep } }");
	root = rig__pid(rig, "root");
	shell = rig__pid(rig, "shell");
	cr_assert_gt(rig__track(rig, root,
				POLICY(.on = ON(KILL), .signal = SIGKILL, .flags = TREE_ANY), ""),
		     0, "%s", rig__why(rig));
	rig__open_gate(rig, 1);
	rig__await_births(rig, 300);
	kill(shell, SIGKILL);
	cr_assert_eq(rig__closed(rig, shell)->row.outcome, INCIDENT_CLEARED);
	see_nobody_left(rig, OTHERS + 1);
	rig__open_gate(rig, 2);
	rig__meet(rig, "other", 1);
	rig__await_members(rig, root, 2);
	cr_assert(rig__all_live(rig__meet(rig, "other", 1)));
	cr_assert_eq(rig__incidents(rig, root), 0);
}

/* In grace forks are free: a helper that a member starts in order to clear up does its work. */
Test(breeders, a_helper_started_in_grace_does_its_work)
{
	autorig struct rig *rig = rig__start();
	pid_t root =
		rig__run(rig, POLICY(.on = ON(KILL), .signal = SIGTERM, .grace = LONG),
			 "fork { heed TERM { fork { as helper gate 1 exit 3 } reap exit 4 } as "
			 "stray sleep } sleep");
	const struct control_survivor_row *helper, *stray;
	const struct incident *incident;

	rig__meet(rig, "stray", 1);
	kill(root, SIGKILL);
	rig__meet(rig, "helper", 1);
	rig__await_event(rig, EVENT_PROCESS_FORKED, rig__pid(rig, "helper"));
	cr_assert(rig__all_live(rig__meet(rig, "helper", 1)));
	rig__open_gate(rig, 1);
	incident = rig__closed(rig, root);
	cr_assert_eq(incident->row.outcome, INCIDENT_CLEARED);
	cr_assert_eq(incident->n, 2);
	helper = incident__survivor(incident, rig__pid(rig, "helper"));
	stray = incident__survivor(incident, rig__pid(rig, "stray"));
	cr_expect_eq(helper->outcome, SURVIVOR_EXITED);
	cr_expect_eq(helper->exit_code, 3 << 8);
	cr_expect_eq(helper->first.at, 0, "nobody signalled it");
	cr_expect_eq(stray->outcome, SURVIVOR_TERMINATED);
	cr_expect_eq(stray->exit_code, 4 << 8, "its parent could wait for it");
}
