// SPDX-License-Identifier: GPL-2.0
/* brake_test.c - too much at once, and nobody is signalled any more. */
#include <criterion/criterion.h>
#include <signal.h>

#include "base/clock.h"
#include "rig.h"

TestSuite(brake, .timeout = 40);

static void see_open(struct rig *rig, const char *why)
{
	cr_assert_eq(rig__counter(rig, "armed"), 0);
	rig__await_event(rig, EVENT_BRAKE_OPENED, 0);
	cr_assert(rig__log_has(rig, "disarmed"));
	cr_assert(rig__log_has(rig, why), "%s", why);
}

/* A root with so many strays is killed: its incident, and the strays. */
struct end {
	const struct incident *incident;
	const struct band *strays;
};

static struct end end_family(struct rig *rig, unsigned strays)
{
	struct end end;
	pid_t root;

	rig__next_play(rig);
	root = rig__run(rig, ON_KILL, "fork %u { as stray sleep } as root sleep", strays);
	rig__meet(rig, "root", 1);
	end.strays = rig__meet(rig, "stray", strays);
	kill(root, SIGKILL);
	end.incident = rig__closed(rig, root);
	return end;
}

static void see_braked(struct end end)
{
	cr_expect_eq(end.incident->row.outcome, INCIDENT_BRAKED);
	cr_expect_eq(end.incident->n, end.strays->n);
	cr_expect_eq(incident__count(end.incident, SURVIVOR_SPARED), end.strays->n);
	cr_expect_str_eq(end.incident->survivor[0].reason, "the brake is open");
	cr_expect(rig__all_live(end.strays));
}

static void see_cleared(struct end end)
{
	cr_assert_eq(end.incident->row.outcome, INCIDENT_CLEARED);
	cr_assert(rig__all_gone(end.strays));
}

Test(brake, opens_past_too_many_survivors)
{
	autorig struct rig *rig = rig__start(.yaml = "brake: { survivors_per_incident: 3 }\n");

	see_cleared(end_family(rig, 3));
	cr_assert_eq(rig__counter(rig, "armed"), 1);
	see_braked(end_family(rig, 4));
	see_open(rig, "4 survivors of one death, the limit is 3");
	see_braked(end_family(rig, 1));
}

Test(brake, opens_past_too_many_incidents)
{
	autorig struct rig *rig = rig__start(.yaml = "brake: { incidents_per_minute: 2 }\n");
	pid_t root;

	see_cleared(end_family(rig, 1));
	for (int i = 0; i < 3; i++) { /* without a survivor they do not count */
		rig__next_play(rig);
		root = rig__run(rig, ON_KILL, "as root sleep");
		rig__meet(rig, "root", 1);
		kill(root, SIGKILL);
		rig__closed(rig, root);
	}
	see_cleared(end_family(rig, 1));
	cr_assert_eq(rig__counter(rig, "armed"), 1);
	see_braked(end_family(rig, 1));
	see_open(rig, "more than 2 incidents in a minute");
}

/* Somebody had a look; a restart has not. */
Test(brake, stays_open_until_it_is_armed)
{
	autorig struct rig *rig = rig__start(.yaml = "brake: { survivors_per_incident: 1 }\n");

	see_braked(end_family(rig, 2));
	rig__daemon_kill(rig);
	rig__daemon_start(rig);
	cr_assert(rig__log_has(rig, "the brake is open since an earlier run"));
	see_braked(end_family(rig, 1));
	rig__await_counter(rig, "trees", 0);
	rig__daemon_stop(rig); /* with nothing watched all pins would go */
	rig__daemon_start(rig);
	see_braked(end_family(rig, 1));
	rig__arm(rig, true);
	see_cleared(end_family(rig, 1));
}

Test(brake, may_be_set_by_a_rule)
{
	autorig struct rig *rig =
		rig__start(.bare = true, .yaml = "brake: { survivors_per_incident: 1 }\n");
	const struct band *strays;
	pid_t root;

	rig__configure(rig, "watch: [{ name: r, match: { exe: ['%s/prog*'] }, limit: 3 }]\n",
		       rig__folder(rig));
	rig__daemon_start(rig);
	root = rig__run_program(rig, "fork 3 { as stray sleep } as root sleep");
	rig__meet(rig, "root", 1);
	strays = rig__meet(rig, "stray", 3);
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->row.outcome, INCIDENT_CLEARED);
	cr_assert(rig__all_gone(strays));
	cr_assert_eq(rig__counter(rig, "armed"), 1);
}

/* In grace: who has not heard SIGKILL yet never will. */
Test(brake, lets_running_incidents_be)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig,
			      POLICY(.on = ON(KILL), .signal = SIGTERM, .grace = 3600 * NS_PER_SEC),
			      "fork 2 { ignore TERM as stray sleep } as root sleep");
	const struct band *strays = rig__meet(rig, "stray", 2);

	rig__meet(rig, "root", 1);
	kill(root, SIGKILL);
	rig__await_event(rig, EVENT_SURVIVOR_SIGNALLED, strays->one[0].pid);
	rig__arm(rig, false);
	see_braked((struct end){ rig__closed(rig, root), strays });
	rig__await_entries(rig, "members", 0);
	rig__await_entries(rig, "condemned", 0);
}
