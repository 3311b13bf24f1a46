// SPDX-License-Identifier: GPL-2.0
/* loss_test.c - a ring too small, a guard that does not read it: what is lost is read from the
 * maps. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "rig.h"

TestSuite(loss, .timeout = 40);

#define SMALL "4K" /* some fifty records */

static void see_loss_told(struct rig *rig)
{
	cr_assert_gt(rig__counter(rig, "events_lost"), 0);
	cr_assert_gt(rig__counter(rig, "resyncs"), 0);
	cr_assert(rig__log_has(rig, "records were lost"));
	rig__await_event(rig, EVENT_EVENTS_LOST, 0);
}

static void die_unseen(const struct policy *policy, const char *breeders)
{
	autorig struct rig *rig = rig__start(.ring = SMALL, .no_reflex = true);
	const struct incident *incident;
	pid_t root;

	rig__spawn(rig, "undertake { fork { as root gate 1 fork 20 { as stray sleep } %s sleep } }",
		   breeders);
	root = rig__pid(rig, "root");
	cr_assert_gt(rig__track(rig, root, policy, ""), 0, "%s", rig__why(rig));
	rig__daemon_halt(rig);
	rig__open_gate(rig, 1);
	rig__meet(rig, "stray", 20);
	rig__await_births(rig, 300);
	kill(root, SIGKILL);
	cr_assert(rig__all_gone(rig__meet(rig, "root", 1)));
	rig__await_births(rig, 50);
	rig__daemon_resume(rig);
	incident = rig__closed(rig, root);
	cr_assert_eq(incident->row.outcome, INCIDENT_CLEARED);
	cr_assert_geq(incident->n, 20);
	cr_assert_eq(incident->row.exit_code, SIGKILL);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 20)));
	cr_assert_eq(rig__marked(rig), 2, "the daemon and the undertaker");
	rig__await_counter(rig, "trees", 0);
	cr_assert_eq(rig__counter(rig, "processes"), 0);
	cr_assert_eq(rig__entries(rig, "members"), 0);
	cr_assert_eq(rig__entries(rig, "deaths"), 0);
	cr_assert_eq(rig__incidents(rig, root), 1);
	see_loss_told(rig);
}

Test(loss, lets_nobody_escape)
{
	die_unseen(ON_KILL, "fork 2 { storm }");
}

Test(loss, lets_no_comet_escape)
{
	die_unseen(ON_KILL, "fork 2 { comet }");
}

Test(loss, lets_nobody_escape_in_grace)
{
	die_unseen(POLICY(.on = ON(KILL), .signal = SIGTERM, .grace = 200 * NS_PER_MS),
		   "ignore TERM fork { storm } fork { comet }");
}

/* Those who were entered and those who went while nobody looked. */
Test(loss, is_healed_without_a_death)
{
	autorig struct rig *rig = rig__start(.ring = SMALL);
	pid_t root =
		rig__run(rig, ON_KILL,
			 "fork 30 { as early gate 1 exit 0 } as root gate 1 fork 200 { exit 0 } "
			 "reap fork 50 { as stray sleep } sleep");
	struct answer *answer;

	rig__meet(rig, "root", 1);
	rig__meet(rig, "early", 30);
	rig__await_members(rig, root, 31);
	rig__daemon_halt(rig);
	rig__open_gate(rig, 1);
	rig__meet(rig, "stray", 50);
	rig__daemon_resume(rig);
	rig__await_members(rig, root, 51);
	see_loss_told(rig);
	cr_assert_eq(rig__counter(rig, "processes"), 51);
	cr_assert_eq(rig__entries(rig, "members"), 51);
	answer = rig__members(rig, root);
	for (size_t i = 0; i < answer->n; i++) {
		const struct control_proc_row *row = (const void *)answer->row[i];

		if (row->head.type == CONTROL_PROC_ROW)
			cr_expect_eq(kill((pid_t)row->who.pid, 0), 0, "%u is not there",
				     row->who.pid);
	}
	answer__free(answer);
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->n, 50);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 50)));
}

/* A storm that runs on while the guard reads the maps, again and again. */
Test(loss, is_healed_in_the_midst_of_a_storm)
{
	autorig struct rig *rig = rig__start(.ring = SMALL);
	pid_t root;

	rig__spawn(rig,
		   "undertake { fork { as root gate 1 fork 3 { storm } fork { comet } fork 5 { as "
		   "stray sleep } sleep } }");
	root = rig__pid(rig, "root");
	cr_assert_gt(rig__track(rig, root, ON_KILL, ""), 0, "%s", rig__why(rig));
	rig__open_gate(rig, 1);
	rig__meet(rig, "stray", 5);
	for (int i = 0; i < 3; i++) {
		rig__daemon_halt(rig);
		rig__await_births(rig, 200);
		rig__daemon_resume(rig);
		rig__await_births(rig, 50);
	}
	rig__await_log(rig, "records were lost");
	cr_assert(rig__tree_of(rig, root, &(struct control_tree_row){}));
	cr_assert_eq(rig__incidents(rig, root), 0);
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->row.outcome, INCIDENT_CLEARED);
	cr_assert_eq(rig__marked(rig), 2, "the daemon and the undertaker");
	rig__await_counter(rig, "processes", 0);
	see_loss_told(rig);
}

/* It asks for nothing, and nothing of it stays. */
Test(loss, of_an_ordinary_end_is_healed)
{
	autorig struct rig *rig = rig__start(.ring = SMALL);
	pid_t root =
		rig__run(rig, ON_KILL,
			 "as root gate 1 fork 200 { exit 0 } reap fork { as stray sleep } await "
			 "stray 1 exit 0");

	rig__meet(rig, "root", 1);
	rig__daemon_halt(rig);
	rig__open_gate(rig, 1);
	rig__join(root);
	rig__daemon_resume(rig);
	rig__await_counter(rig, "trees", 0);
	see_loss_told(rig);
	rig__await_entries(rig, "members", 0);
	rig__await_entries(rig, "deaths", 0);
	cr_assert_eq(rig__incidents(rig, root), 0);
	cr_assert_eq(rig__counter(rig, "signals_sent"), 0);
	cr_assert(rig__all_live(rig__meet(rig, "stray", 1)));
}

/* A member that becomes a root by a rule, its exec lost; then its death, lost too. */
Test(loss, of_a_rules_exec_is_healed)
{
	autorig struct rig *rig = rig__start(.bare = true, .ring = SMALL);
	struct control_tree_row tree;
	pid_t root, quick;

	rig__configure(
		rig, "watch:\n  - name: jobs\n    match: { exe: [\"%s\"], args: [\"*as job*\"] }\n",
		rig__own_program(rig));
	rig__daemon_start(rig);
	rig__run(rig, ON_KILL, "as filler gate 1 fork 200 { exit 0 } reap as full sleep");
	rig__meet(rig, "filler", 1);
	rig__daemon_halt(rig);
	rig__open_gate(rig, 1);
	rig__meet(rig, "full", 1);
	root = rig__spawn(rig, "become { %s fork { as stray sleep } as job sleep }",
			  rig__own_program(rig));
	quick = rig__spawn(
		rig, "become { %s fork { as orphan sleep } await orphan 1 as job raise KILL }",
		rig__own_program(rig));
	rig__meet(rig, "stray", 1);
	rig__meet(rig, "orphan", 1);
	rig__meet(rig, "job", 2);
	rig__join(quick);
	rig__daemon_resume(rig);
	cr_assert_str_eq(rig__closed(rig, quick)->row.rule, "jobs");
	cr_assert(rig__all_gone(rig__meet(rig, "orphan", 1)));
	rig__await_members(rig, root, 2);
	cr_assert(rig__tree_of(rig, root, &tree));
	cr_assert_str_eq(tree.name, "jobs");
	see_loss_told(rig);
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->n, 1);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 1)));
}
