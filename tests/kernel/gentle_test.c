// SPDX-License-Identifier: GPL-2.0
/* gentle_test.c - a first signal that may be heeded, then, after grace, SIGKILL. */
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "rig.h"

#define SHORT (300 * NS_PER_MS)
#define LONG (3600 * NS_PER_SEC) /* nobody waits for its end */

#define GENTLE(ns) POLICY(.on = ON(KILL), .signal = SIGTERM, .grace = (ns))

static const struct control_survivor_row *end_of(struct rig *rig, const struct incident *incident,
						 const char *role)
{
	return incident__survivor(incident, rig__pid(rig, role));
}

/* Each by its own way, one incident: the first signal to all at once, SIGKILL to who is left. */
Test(gentle, term_then_kill_after_grace)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, GENTLE(SHORT),
			      "fork { as plain sleep } fork { handle TERM 7 as heeding sleep } "
			      "fork { ignore TERM as deaf sleep } sleep");
	const struct control_survivor_row *plain, *heeding, *deaf;
	const struct incident *incident;

	rig__meet(rig, "plain", 1);
	rig__meet(rig, "heeding", 1);
	rig__meet(rig, "deaf", 1);
	kill(root, SIGKILL);
	incident = rig__closed(rig, root);
	cr_assert_eq(incident->n, 3);
	cr_assert_eq(incident->row.outcome, INCIDENT_CLEARED);

	plain = end_of(rig, incident, "plain");
	cr_expect_eq(plain->outcome, SURVIVOR_TERMINATED);
	cr_expect_eq(plain->exit_code, SIGTERM);
	cr_expect_eq(plain->first.signal, SIGTERM);
	cr_expect_eq(plain->first.by, BY_DAEMON);
	cr_expect_eq(plain->last.at, 0, "no SIGKILL was needed");

	heeding = end_of(rig, incident, "heeding");
	cr_expect_eq(heeding->outcome, SURVIVOR_TERMINATED);
	cr_expect_eq(heeding->exit_code, 7 << 8);

	deaf = end_of(rig, incident, "deaf");
	cr_expect_eq(deaf->outcome, SURVIVOR_KILLED);
	cr_expect_eq(deaf->exit_code, SIGKILL);
	cr_expect_eq(deaf->first.signal, SIGTERM);
	cr_expect_eq(deaf->last.signal, SIGKILL);
	cr_expect_geq(deaf->last.at, deaf->first.at + SHORT, "not before grace is over");
	cr_expect_geq(deaf->gone, deaf->last.at);
	cr_expect_eq(rig__status(&rig__meet(rig, "deaf", 1)->one[0]), SIGKILL);
	cr_expect_eq(rig__status(&rig__meet(rig, "heeding", 1)->one[0]), 7 << 8);
}

/* Who takes its time within grace is not hurried. */
Test(gentle, grace_is_given)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, GENTLE(LONG), "fork { dawdle TERM 300 as slow sleep } sleep");
	const struct incident *incident;

	rig__meet(rig, "slow", 1);
	kill(root, SIGKILL);
	incident = rig__closed(rig, root);
	cr_assert_eq(incident->survivor[0].outcome, SURVIVOR_TERMINATED);
	cr_assert_eq(incident->survivor[0].exit_code, 0);
	cr_assert_eq(incident->survivor[0].last.at, 0);
}

/* The incident is over with the last of them, not with grace. */
Test(gentle, nobody_waits_for_the_end_of_grace)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, GENTLE(LONG), "fork 3 { as stray sleep } sleep");

	rig__meet(rig, "stray", 3);
	kill(root, SIGKILL);
	cr_assert_eq(incident__count(rig__closed(rig, root), SURVIVOR_TERMINATED), 3);
}

static void await_stopped(pid_t pid)
{
	struct patience patience = rig__patience(10);
	char state[32] = "";

	while (rig__proc(pid, "State", state, sizeof(state)) && *state != 'T')
		cr_assert(rig__retry(&patience), "%d: %s", pid, state);
}

Test(gentle, a_stopped_member_hears_the_first_signal)
{
	autorig struct rig *rig = rig__start();
	pid_t root =
		rig__run(rig, GENTLE(LONG), "fork { handle TERM 6 as stray stop sleep } sleep");
	const struct band *stray = rig__meet(rig, "stray", 1);
	const struct incident *incident;

	await_stopped(stray->one[0].pid);
	kill(root, SIGKILL);
	incident = rig__closed(rig, root);
	cr_assert_eq(incident->survivor[0].outcome, SURVIVOR_TERMINATED);
	cr_assert_eq(rig__status(&stray->one[0]), 6 << 8);
}

Test(gentle, a_stopped_member_is_killed)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "fork { ignore TERM as stray stop sleep } sleep");
	const struct band *stray = rig__meet(rig, "stray", 1);

	await_stopped(stray->one[0].pid);
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->survivor[0].outcome, SURVIVOR_KILLED);
	cr_assert(rig__all_gone(stray));
}

/* During grace a member may fork: the newborn gets the first signal too, and goes with the rest. */
Test(gentle, who_is_born_in_grace_ends_with_the_others)
{
	autorig struct rig *rig = rig__start();
	pid_t root =
		rig__run(rig, GENTLE(SHORT),
			 "fork { ignore TERM as deaf gate 1 fork { as late sleep } sleep } sleep");
	const struct incident *incident;

	rig__meet(rig, "deaf", 1);
	kill(root, SIGKILL);
	rig__await_event(rig, EVENT_SURVIVOR_SIGNALLED, rig__pid(rig, "deaf"));
	rig__open_gate(rig, 1);
	incident = rig__closed(rig, root);
	cr_assert(rig__all_gone(rig__everyone(rig)));
	cr_assert_eq(incident->row.outcome, INCIDENT_CLEARED);
	cr_assert_eq(end_of(rig, incident, "deaf")->outcome, SURVIVOR_KILLED);
}

/* Another first signal than SIGTERM. */
Test(gentle, the_first_signal_is_the_rules)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, POLICY(.on = ON(KILL), .signal = SIGUSR1, .grace = LONG),
			      "fork { handle USR1 9 as stray sleep } sleep");
	const struct incident *incident;

	rig__meet(rig, "stray", 1);
	kill(root, SIGKILL);
	incident = rig__closed(rig, root);
	cr_assert_eq(incident->survivor[0].first.signal, SIGUSR1);
	cr_assert_eq(incident->survivor[0].exit_code, 9 << 8);
}

/* A signal that ends nobody is followed by one that does. */
Test(gentle, a_harmless_first_signal_is_no_escape)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, POLICY(.on = ON(KILL), .signal = SIGWINCH, .grace = SHORT),
			      "fork 2 { as stray sleep } sleep");

	rig__meet(rig, "stray", 2);
	kill(root, SIGKILL);
	cr_assert_eq(incident__count(rig__closed(rig, root), SURVIVOR_KILLED), 2);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 2)));
}
