// SPDX-License-Identifier: GPL-2.0
/* untouchable_test.c - whom no rule, command or race can make orphand signal. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"

TestSuite(untouchable, .timeout = 40);

static void await_serving(struct rig *rig)
{
	struct patience patience = rig__patience(20);
	int status;

	do {
		struct answer *answer = rig__list(rig);

		status = answer->status;
		answer__free(answer);
		cr_assert(status == 0 || rig__retry(&patience), "orphand does not serve");
	} while (status);
}

static void see_it_serve(struct rig *rig)
{
	pid_t root = rig__run(rig, ON_KILL, "fork { as served sleep } sleep");
	const struct band *served = rig__meet(rig, "served", 1);

	kill(root, SIGKILL);
	cr_assert(rig__all_gone(served));
}

static void stop_member_daemon(struct rig *rig)
{
	const struct band *guard = rig__meet(rig, "guard", 1);

	kill(guard->one[0].pid, SIGTERM);
	cr_assert(rig__all_gone(guard));
}

static void assert_not_watched(struct rig *rig, pid_t pid)
{
	cr_assert_not(rig__tree_of(rig, pid, &(struct control_tree_row){}));
	cr_assert_eq(rig__track(rig, pid, ON_KILL, ""), -EPERM, "%d", pid);
	cr_assert_neq(*rig__why(rig), '\0', "the reason is told");
}

/* A daemon may have been started by whoever is watched: it is then a member, and so are those
 * between the root and itself. */
static pid_t run_with_daemon_inside(struct rig *rig, const struct policy *policy)
{
	pid_t root = rig__run(
		rig, policy,
		"fork { as stray sleep } as root gate 1 fork { as above fork { as guard become { %s "
		"--config %s/orphand.yaml } } sleep } sleep",
		rig__program(rig), rig__folder(rig));

	rig__meet(rig, "stray", 1);
	rig__meet(rig, "root", 1);
	rig__daemon_stop(rig);
	rig__open_gate(rig, 1);
	rig__meet(rig, "guard", 1);
	await_serving(rig);
	rig__await_members(rig, root, 6); /* with the recorder and its keeper */
	return root;
}

static void assert_spared(const struct incident *incident, pid_t pid, const char *reason)
{
	const struct control_survivor_row *survivor = incident__survivor(incident, pid);

	cr_assert_eq(survivor->outcome, SURVIVOR_SPARED);
	cr_assert_eq(survivor->first.at, 0);
	cr_assert(strstr(survivor->reason, reason), "%s", survivor->reason);
}

static void die_around_a_daemon(const struct policy *policy)
{
	autorig struct rig *rig = rig__start();
	pid_t root = run_with_daemon_inside(rig, policy);
	const struct incident *incident;

	assert_not_watched(rig, rig__pid(rig, "guard"));
	assert_not_watched(rig, rig__pid(rig, "above"));
	kill(root, SIGKILL);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 1)));
	incident = rig__closed(rig, root);
	cr_assert_eq(incident->row.outcome, INCIDENT_SPARED);
	assert_spared(incident, rig__pid(rig, "guard"), "daemon");
	assert_spared(incident, rig__pid(rig, "above"), "ancestor");
	cr_assert_eq(incident__count(incident, SURVIVOR_SPARED), 4, "the recorder and its keeper");
	see_it_serve(rig);
	cr_assert(rig__all_live(rig__meet(rig, "guard", 1)));
	cr_assert(rig__all_live(rig__meet(rig, "above", 1)));
	stop_member_daemon(rig);
}

Test(untouchable, are_a_daemon_that_is_a_member_and_those_above_it)
{
	die_around_a_daemon(ON_KILL);
}

/* Neither the first signal nor the last. */
Test(untouchable, are_they_in_grace)
{
	die_around_a_daemon(POLICY(.on = ON(KILL), .signal = SIGTERM, .grace = 200000000));
}

/* The death of a member that is above the daemon is nothing to it. */
Test(untouchable, are_they_where_any_death_counts)
{
	autorig struct rig *rig = rig__start();
	pid_t root = run_with_daemon_inside(
		rig, POLICY(.on = ON(KILL), .signal = SIGKILL, .flags = TREE_ANY));
	const struct band *guard = rig__meet(rig, "guard", 1);
	pid_t above = rig__pid(rig, "above");

	kill(above, SIGKILL);
	rig__await_event(rig, EVENT_PROCESS_EXITED, above);
	cr_assert(rig__all_live(guard));
	cr_assert(rig__all_live(rig__meet(rig, "stray", 1)));
	kill(root, SIGKILL);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 1)));
	assert_spared(rig__closed(rig, root), guard->one[0].pid, "daemon");
	cr_assert(rig__all_live(guard));
	see_it_serve(rig);
	stop_member_daemon(rig);
}

/* Not by its own wish, either: this process is the daemon's parent. */
Test(untouchable, are_those_above_who_ask_for_themselves)
{
	autorig struct rig *rig = rig__start();
	struct control_track request = {
		.head = { CONTROL_VERSION, CONTROL_TRACK, sizeof(request) },
		.policy = *ON_KILL,
	};
	struct answer *answer = rig__ask(rig, &request, sizeof(request));

	cr_assert_eq(answer->status, -EPERM, "%s", answer->text);
	answer__free(answer);
	cr_assert_eq(rig__counter(rig, "trees"), 0);
	cr_assert_eq(rig__entries(rig, "members"), 0);
}

/* ---- whatever the rules say */

Test(untouchable, is_a_daemon_that_a_rule_asks_for)
{
	autorig struct rig *rig = rig__start(.bare = true);

	rig__configure(rig,
		       "watch:\n  - name: itself\n    match: { exe: [\"%s\"], args: [\"*%s*\"] }\n",
		       rig__program(rig), rig__folder(rig));
	rig__daemon_start(rig);
	assert_not_watched(rig, rig__daemon(rig));
	cr_assert_eq(rig__counter(rig, "trees"), 0);
	kill(rig__daemon(rig), SIGHUP);
	rig__await_log(rig, "reloaded");
	assert_not_watched(rig, rig__daemon(rig));
	cr_assert_eq(rig__counter(rig, "trees"), 0);
}

/* One that is there before the daemon, and becomes another program that matches while it runs. */
Test(untouchable, is_whoever_is_above_the_daemon_when_a_rule_asks_for_it)
{
	autorig struct rig *rig = rig__start(.bare = true);
	const struct band *above, *guard;
	pid_t launcher;

	rig__configure(rig,
		       "watch:\n  - name: above\n    match: { exe: [\"%s\"] }\n    on: [exit]\n",
		       rig__own_program(rig));
	launcher = rig__spawn(
		rig,
		"become { %s fork { as guard become { %s --config %s/orphand.yaml } } as "
		"above gate 1 exec { as again gate 2 exit 3 } }",
		rig__own_program(rig), rig__program(rig), rig__folder(rig));
	above = rig__meet(rig, "above", 1);
	guard = rig__meet(rig, "guard", 1);
	await_serving(rig);
	assert_not_watched(rig, launcher);
	rig__open_gate(rig, 1);
	rig__meet(rig, "again", 1);
	rig__await_entries(rig, "trees", 0);
	assert_not_watched(rig, launcher);
	rig__open_gate(rig, 2);
	cr_assert(rig__all_gone(above));
	see_it_serve(rig);
	cr_assert_eq(rig__incidents(rig, launcher), 0);
	cr_assert(rig__all_live(guard));
	stop_member_daemon(rig);
}
