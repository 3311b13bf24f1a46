// SPDX-License-Identifier: GPL-2.0
/* rules_test.c - the config's rules: no window between a root's exec and its match. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "rig.h"

TestSuite(rules, .timeout = 40);

/* The programs and their folder are of this test alone: no rule here is about anybody else. */
static void add_jobs_rule(struct rig *rig)
{
	rig__configure(
		rig,
		"watch:\n"
		"  - name: jobs\n"
		"    match: { exe: [\"/nowhere/else*\", \"%s/prog*\"], args: [\"*as job*\"] }\n"
		"    on: [kill]\n",
		rig__folder(rig));
}

static struct rig *start_with_jobs_rule(void)
{
	struct rig *rig = rig__start(.bare = true);

	add_jobs_rule(rig);
	rig__daemon_start(rig);
	return rig;
}

static void see_it_ended(struct rig *rig, pid_t root)
{
	const struct incident *incident = rig__closed(rig, root);

	cr_assert_str_eq(incident->row.rule, "jobs");
	cr_assert_eq(incident->row.outcome, INCIDENT_CLEARED);
	cr_assert_str_eq(incident->row.image.exe, rig__own_program(rig));
	cr_assert(rig__all_gone(rig__everyone(rig)));
}

static void assert_nobody_watched(struct rig *rig)
{
	rig__await_counter(rig, "processes", 0);
	rig__await_counter(rig, "trees", 0);
	rig__await_entries(rig, "members", 0);
	rig__await_entries(rig, "trees", 0);
	rig__await_entries(rig, "images", 0);
	rig__await_entries(rig, "deaths", 0);
}

Test(rules, a_program_that_matches_is_watched_from_its_exec)
{
	autorig struct rig *rig = start_with_jobs_rule();
	pid_t root = rig__run_program(rig, "fork { as stray sleep } as job sleep");
	struct control_tree_row tree;

	rig__meet(rig, "stray", 1);
	rig__meet(rig, "job", 1);
	rig__await_members(rig, root, 2);
	rig__await_event(rig, EVENT_TREE_TRACKED, root);
	cr_assert(rig__tree_of(rig, root, &tree));
	cr_expect_str_eq(tree.name, "jobs");
	cr_expect_eq(tree.flags & (TREE_RULE | TREE_PROVISIONAL), TREE_RULE);
	cr_expect_eq(tree.policy.on, ON(KILL));
	cr_expect_eq(tree.policy.signal, SIGKILL);
	cr_expect_eq(tree.outer, 0);
	cr_expect_str_eq(tree.image.exe, rig__own_program(rig));
	kill(root, SIGKILL);
	see_it_ended(rig, root);
}

/* Its own ends are the program's own business. */
Test(rules, a_root_that_ends_well_leaves_its_children)
{
	autorig struct rig *rig = start_with_jobs_rule();
	pid_t root = rig__run_program(rig, "fork { as stray sleep } await stray 1 as job exit 0");

	rig__join(root);
	rig__await_event(rig, EVENT_TREE_ENDED, root);
	assert_nobody_watched(rig);
	cr_assert_eq(rig__counter(rig, "signals_sent"), 0);
	cr_assert(rig__all_live(rig__meet(rig, "stray", 1)));
}

/* ---- no window */

/* The first thing it does is fork a child that forks another and is gone; the second is to die. */
#define FLEETING "fork { setsid fork { as stray sleep } } as job raise KILL"

Test(rules, what_is_forked_at_once_and_orphaned_at_once_ends)
{
	autorig struct rig *rig = start_with_jobs_rule();
	struct patience patience = rig__patience(2);

	for (int round = 0; round < 40 && rig__retry(&patience); round++) {
		pid_t root = rig__run_program(rig, FLEETING);

		rig__meet(rig, "job", 1);
		see_it_ended(rig, root);
		cr_assert_eq(rig__marked(rig), 1, "the daemon alone");
		rig__next_play(rig);
	}
	assert_nobody_watched(rig);
}

/* From before the exec until after the death the guard sees nothing. */
Test(rules, what_a_halted_guard_could_not_see_ends)
{
	autorig struct rig *rig = start_with_jobs_rule();
	const struct band *stray;
	pid_t root;

	rig__daemon_halt(rig);
	root = rig__run_program(rig, FLEETING);
	rig__join(root);
	stray = rig__meet(rig, "stray", 1);
	cr_assert(rig__all_live(stray));
	rig__daemon_resume(rig);
	see_it_ended(rig, root);
	cr_assert_not(rig__closed(rig, root)->row.reconstructed);
	assert_nobody_watched(rig);
}

Test(rules, what_a_killed_guard_could_not_see_is_reconstructed)
{
	autorig struct rig *rig = start_with_jobs_rule();
	const struct band *stray;
	pid_t root;

	rig__daemon_kill(rig);
	root = rig__run_program(rig, FLEETING);
	rig__join(root);
	stray = rig__meet(rig, "stray", 1);
	cr_assert(rig__all_live(stray));
	rig__daemon_start(rig);
	see_it_ended(rig, root);
	cr_assert(rig__closed(rig, root)->row.reconstructed);
	cr_assert_eq(rig__closed(rig, root)->row.sender.who.pid, (__u32)root);
	assert_nobody_watched(rig);
}

/* ---- who does not match */

static void see_nobody_signalled(struct rig *rig, pid_t root)
{
	const struct band *stray = rig__meet(rig, "stray", 1);

	assert_nobody_watched(rig);
	kill(root, SIGKILL);
	rig__join(root);
	cr_assert_eq(rig__incidents(rig, root), 0);
	cr_assert_eq(rig__counter(rig, "signals_sent"), 0);
	cr_assert(rig__all_live(stray));
}

Test(rules, other_arguments_are_nobodys_business)
{
	autorig struct rig *rig = start_with_jobs_rule();
	pid_t root = rig__run_program(rig, "fork { as stray sleep } as other sleep");

	rig__meet(rig, "other", 1);
	see_nobody_signalled(rig, root);
}

Test(rules, another_program_is_nobodys_business)
{
	autorig struct rig *rig = start_with_jobs_rule();
	pid_t root = rig__spawn(rig, "exec { fork { as stray sleep } as job sleep }");

	rig__meet(rig, "job", 1);
	see_nobody_signalled(rig, root);
}

/* Even when it is dead before it could be told apart. */
Test(rules, a_killed_one_with_other_arguments_leaves_its_children)
{
	autorig struct rig *rig = start_with_jobs_rule();
	const struct band *stray;
	pid_t root;

	rig__daemon_halt(rig);
	root = rig__run_program(rig, "fork { setsid fork { as stray sleep } } raise KILL");
	rig__join(root);
	stray = rig__meet(rig, "stray", 1);
	rig__daemon_resume(rig);
	assert_nobody_watched(rig);
	cr_assert_eq(rig__incidents(rig, root), 0);
	cr_assert_eq(rig__counter(rig, "signals_sent"), 0);
	cr_assert(rig__all_live(stray));
}

/* A member whose exec does not match stays what it was. */
Test(rules, a_member_that_does_not_match_stays_a_member)
{
	autorig struct rig *rig = start_with_jobs_rule();
	pid_t root =
		rig__run(rig, ON_KILL,
			 "fork { become { %s fork { as leaf sleep } as other sleep } } as root "
			 "sleep",
			 rig__own_program(rig));
	struct control_proc_row row;
	struct control_tree_row tree;

	rig__meet(rig, "root", 1);
	rig__meet(rig, "leaf", 1);
	rig__meet(rig, "other", 1);
	rig__await_event(rig, EVENT_PROCESS_EXECUTED, rig__pid(rig, "other"));
	rig__await_counter(rig, "trees", 1);
	rig__await_entries(rig, "trees", 1);
	cr_assert(rig__tree_of(rig, root, &tree));
	cr_assert(rig__member(rig, root, rig__pid(rig, "leaf"), &row));
	cr_assert_eq(row.tree, tree.id);
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->n, 2);
	cr_assert(rig__all_gone(rig__everyone(rig)));
}

/* ---- who is there already, and inside another's tree */

Test(rules, what_runs_at_the_start_is_watched)
{
	autorig struct rig *rig = rig__start(.bare = true);
	struct control_tree_row tree;
	pid_t root, other;

	add_jobs_rule(rig);
	root = rig__run_program(rig, "fork { fork { as stray sleep } sleep } as job sleep");
	other = rig__run_program(rig, "fork { as orphan sleep } as other sleep");
	rig__meet(rig, "stray", 1);
	rig__meet(rig, "job", 1);
	rig__meet(rig, "other", 1);
	rig__meet(rig, "orphan", 1);
	rig__daemon_start(rig);
	cr_assert(rig__tree_of(rig, root, &tree));
	cr_assert_str_eq(tree.name, "jobs");
	cr_assert_eq(tree.members, 3);
	cr_assert_not(rig__tree_of(rig, other, &tree));
	kill(other, SIGKILL);
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->n, 2);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 1)));
	cr_assert(rig__all_live(rig__meet(rig, "orphan", 1)));
}

Test(rules, a_root_inside_anothers_tree_is_an_inner_one)
{
	autorig struct rig *rig = start_with_jobs_rule();
	pid_t outer = rig__run(
		rig, ON_KILL,
		"fork { become { %s fork { as leaf sleep } as job sleep } } as outer sleep",
		rig__own_program(rig));
	pid_t inner = rig__pid(rig, "job");
	struct control_tree_row of_inner, of_outer;

	rig__meet(rig, "outer", 1);
	rig__meet(rig, "leaf", 1);
	rig__await_event(rig, EVENT_TREE_TRACKED, inner);
	rig__await_members(rig, outer, 3);
	cr_assert(rig__tree_of(rig, outer, &of_outer));
	cr_assert(rig__tree_of(rig, inner, &of_inner));
	cr_assert_eq(of_inner.outer, of_outer.id);
	cr_assert_eq(of_inner.members, 2);
	kill(inner, SIGKILL);
	cr_assert_str_eq(rig__closed(rig, inner)->row.rule, "jobs");
	cr_assert(rig__all_gone(rig__meet(rig, "leaf", 1)));
	cr_assert(rig__all_live(rig__meet(rig, "outer", 1)));
	cr_assert_eq(rig__incidents(rig, outer), 0);
}

/* By the time it is matched, its root is dead and so is the outer tree's. */
Test(rules, an_inner_root_that_nobody_saw_ends_with_the_outer_tree)
{
	autorig struct rig *rig = start_with_jobs_rule();
	pid_t outer = rig__run(rig, ON_KILL,
			       "as outer gate 1 fork { become { %s " FLEETING " } } sleep",
			       rig__own_program(rig));

	rig__meet(rig, "outer", 1);
	rig__daemon_halt(rig);
	rig__open_gate(rig, 1);
	rig__meet(rig, "stray", 1);
	cr_assert(rig__all_gone(rig__meet(rig, "job", 1)));
	kill(outer, SIGKILL);
	rig__daemon_resume(rig);
	rig__closed(rig, outer);
	cr_assert(rig__all_gone(rig__everyone(rig)));
	assert_nobody_watched(rig);
}

/* ---- what is matched */

Test(rules, a_link_to_a_program_is_the_program)
{
	autorig struct rig *rig = start_with_jobs_rule();
	char link[128];
	pid_t root;

	snprintf(link, sizeof(link), "%s/link", rig__folder(rig));
	cr_assert_eq(symlink(rig__own_program(rig), link), 0);
	root = rig__spawn(rig, "become { %s fork { as stray sleep } as job sleep }", link);
	rig__meet(rig, "stray", 1);
	rig__meet(rig, "job", 1);
	kill(root, SIGKILL);
	see_it_ended(rig, root);
}

Test(rules, a_scripts_program_is_its_interpreter)
{
	autorig struct rig *rig = rig__start(.bare = true);
	char shell[PATH_MAX], path[128];
	autofclose FILE *script = NULL;
	pid_t root;

	cr_assert(realpath("/bin/sh", shell));
	snprintf(path, sizeof(path), "%s/job.sh", rig__folder(rig));
	script = fopen(path, "wxe");
	cr_assert(script);
	fprintf(script,
		"#!/bin/sh\n"
		"%s as stray sleep &\n"
		"%s as other sleep\n"
		"exit 1\n",
		rig__own_program(rig), rig__own_program(rig));
	fchmod(fileno(script), 0755);
	fclose(STEAL(script));
	rig__configure(rig,
		       "watch:\n"
		       "  - name: jobs\n"
		       "    match: { exe: [\"%s\"], args: [\"* %s\"] }\n",
		       shell, path);
	rig__daemon_start(rig);
	root = rig__spawn(rig, "become { %s }", path);
	rig__meet(rig, "stray", 1);
	rig__meet(rig, "other", 1);
	rig__await_members(rig, root, 3);
	kill(root, SIGKILL);
	cr_assert_str_eq(rig__closed(rig, root)->row.rule, "jobs");
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 1)));
	cr_assert(rig__all_gone(rig__meet(rig, "other", 1)));
}

/* Everything that a rule may say reaches the tree. */
Test(rules, a_rules_policy_is_its_trees)
{
	autorig struct rig *rig = rig__start(.bare = true);
	const struct incident *incident;
	struct control_tree_row tree;
	pid_t root;

	rig__configure(rig,
		       "watch:\n"
		       "  - name: first\n"
		       "    match: { args: [\"* %s *\"] }\n"
		       "    on: [kill, error]\n"
		       "    scope: any\n"
		       "    signal: TERM\n"
		       "    grace: 1h\n"
		       "  - name: second\n"
		       "    match: { exe: [\"%s\"] }\n",
		       rig__folder(rig), rig__own_program(rig));
	rig__daemon_start(rig);
	root = rig__run_program(rig, "fork { handle TERM 5 as stray sleep } as job gate 1 exit 3");
	rig__meet(rig, "stray", 1);
	rig__await_event(rig, EVENT_TREE_TRACKED, root);
	cr_assert(rig__tree_of(rig, root, &tree));
	cr_assert_str_eq(tree.name, "second");
	kill(root, SIGKILL);
	rig__closed(rig, root);
	rig__next_play(rig);

	root = rig__spawn(
		rig,
		"become { %s name %s fork { handle TERM 5 as stray sleep } await stray 1 as "
		"job gate 1 exit 3 }",
		rig__own_program(rig), rig__folder(rig));
	rig__meet(rig, "job", 1);
	rig__await_event(rig, EVENT_TREE_TRACKED, root);
	cr_assert(rig__tree_of(rig, root, &tree));
	cr_assert_str_eq(tree.name, "first", "the first that matches");
	cr_assert_eq(tree.policy.on, ON(KILL) | ON(ERROR));
	cr_assert_eq(tree.policy.flags, TREE_ANY);
	cr_assert_eq(tree.policy.signal, SIGTERM);
	cr_assert_eq(tree.policy.grace, 3600 * NS_PER_SEC);
	rig__open_gate(rig, 1);
	incident = rig__closed(rig, root);
	cr_assert_eq(incident->row.kind, CAUSE_ERROR);
	cr_assert_eq(incident->survivor[0].outcome, SURVIVOR_TERMINATED);
	cr_assert_eq(incident->survivor[0].exit_code, 5 << 8);
}

/* ---- SIGHUP */

static void reload(struct rig *rig, const char *said)
{
	cr_assert_not(rig__log_has(rig, said));
	kill(rig__daemon(rig), SIGHUP);
	rig__await_log(rig, said);
}

Test(rules, one_that_a_reload_brings_holds_for_old_and_new)
{
	autorig struct rig *rig = start_with_jobs_rule();
	pid_t kept = rig__run_program(rig, "fork { as stray sleep } as job sleep");
	pid_t old = rig__run_program(rig, "fork { as stray sleep } as more sleep");
	struct control_tree_row tree;
	pid_t new;

	rig__meet(rig, "stray", 2);
	rig__meet(rig, "job", 1);
	rig__meet(rig, "more", 1);
	rig__await_members(rig, kept, 2);
	rig__await_counter(rig, "trees", 1);
	rig__configure(
		rig,
		"  - name: more\n"
		"    match: { exe: [\"%s/program\"], args: [\"*as more*\", \"*as new*\"] }\n",
		rig__folder(rig));
	reload(rig, "reloaded: 2 rules");
	cr_assert(rig__tree_of(rig, kept, &tree), "a reload keeps every tree");
	cr_assert(rig__tree_of(rig, old, &tree));
	cr_assert_str_eq(tree.name, "more");
	cr_assert_eq(tree.members, 2);
	new = rig__run_program(rig, "fork { as stray sleep } as new sleep");
	rig__meet(rig, "new", 1);
	rig__meet(rig, "stray", 3);
	kill(new, SIGKILL);
	kill(old, SIGKILL);
	kill(kept, SIGKILL);
	cr_assert_str_eq(rig__closed(rig, new)->row.rule, "more");
	cr_assert_str_eq(rig__closed(rig, old)->row.rule, "more");
	cr_assert_str_eq(rig__closed(rig, kept)->row.rule, "jobs");
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 3)));
}

Test(rules, a_bad_config_changes_nothing)
{
	autorig struct rig *rig = start_with_jobs_rule();
	pid_t kept = rig__run_program(rig, "fork { as stray sleep } as job sleep");
	struct control_tree_row tree;
	pid_t new;

	rig__meet(rig, "job", 1);
	rig__meet(rig, "stray", 1);
	rig__configure(rig, "  - name: broken\n    match: { exe: [\"/x\"] }\n    on: [nonsense]\n");
	reload(rig, "stay as they were");
	cr_assert(rig__log_has(rig, "nonsense"), "what is wrong is told");
	cr_assert(rig__tree_of(rig, kept, &tree));
	rig__next_play(rig);
	new = rig__run_program(rig, "fork { as stray sleep } as job sleep");
	rig__meet(rig, "job", 1);
	rig__meet(rig, "stray", 1);
	kill(kept, SIGKILL);
	kill(new, SIGKILL);
	see_it_ended(rig, kept);
	see_it_ended(rig, new);
}

/* A rule that is gone watches nobody new; the trees that it made stay watched. */
Test(rules, one_that_a_reload_takes_away_keeps_its_trees)
{
	autorig struct rig *rig = rig__start(.bare = true);
	pid_t kept, new;
	char config[128];
	struct stat st;

	snprintf(config, sizeof(config), "%s/orphand.yaml", rig__folder(rig));
	cr_assert_eq(stat(config, &st), 0);
	add_jobs_rule(rig);
	rig__daemon_start(rig);
	kept = rig__run_program(rig, "fork { as stray sleep } as job sleep");
	rig__meet(rig, "job", 1);
	rig__meet(rig, "stray", 1);
	rig__await_event(rig, EVENT_TREE_TRACKED, kept);
	cr_assert_eq(truncate(config, st.st_size), 0);
	reload(rig, "reloaded: 0 rules");
	rig__next_play(rig);
	new = rig__run_program(rig, "as job sleep");
	rig__meet(rig, "job", 1);
	rig__await_counter(rig, "trees", 1);
	cr_assert_eq(rig__entries(rig, "trees"), 1);
	cr_assert_not(rig__tree_of(rig, new, &(struct control_tree_row){}));
	kill(kept, SIGKILL);
	cr_assert_eq(rig__closed(rig, kept)->n, 1);
}

/* Under the name that the new rule has too, a tree goes on with what that one says. */
Test(rules, one_that_a_reload_changes_holds_for_its_trees)
{
	autorig struct rig *rig = rig__start(.bare = true);
	const struct band *stray;
	struct control_tree_row tree;
	char config[128];
	struct stat st;
	pid_t root;

	snprintf(config, sizeof(config), "%s/orphand.yaml", rig__folder(rig));
	cr_assert_eq(stat(config, &st), 0);
	add_jobs_rule(rig);
	rig__daemon_start(rig);
	root = rig__run_program(rig, "fork { as stray sleep } as job sleep");
	rig__meet(rig, "job", 1);
	stray = rig__meet(rig, "stray", 1);
	rig__await_event(rig, EVENT_TREE_TRACKED, root);
	cr_assert_eq(truncate(config, st.st_size), 0);
	rig__configure(rig,
		       "watch:\n  - name: jobs\n    match: { exe: [\"%s/prog*\"] }\n"
		       "    on: [oom]\n",
		       rig__folder(rig));
	reload(rig, "reloaded: 1 rule;");
	cr_assert(rig__tree_of(rig, root, &tree));
	cr_assert_eq(tree.policy.on, ON(OOM));
	kill(root, SIGKILL);
	rig__await_event(rig, EVENT_TREE_ENDED, root);
	cr_assert(rig__all_live(stray), "it was no death by the OOM killer");
}

/* ---- the other keys */

static void watch_what_is(struct rig *rig, const char *match)
{
	rig__configure(rig, "watch:\n  - name: jobs\n    match: { %s }\n", match);
	rig__daemon_start(rig);
}

static void see_watched(struct rig *rig, pid_t root, const char *why)
{
	struct control_tree_row tree;

	rig__await_event(rig, EVENT_TREE_TRACKED, root);
	cr_assert(rig__tree_of(rig, root, &tree));
	cr_assert_str_eq(tree.why, why);
}

static void see_let_go(struct rig *rig, pid_t root)
{
	rig__await_entries(rig, "trees", 0);
	cr_assert_not(rig__tree_of(rig, root, &(struct control_tree_row){}));
}

Test(rules, match_a_user)
{
	autorig struct rig *rig = rig__start(.bare = true);
	char match[160], why[64];
	pid_t root;

	snprintf(match, sizeof(match), "exe: ['%s/*'], user: ['%d']", rig__folder(rig), NOBODY);
	snprintf(why, sizeof(why), "exe %s/*, user %d", rig__folder(rig), NOBODY);
	watch_what_is(rig, match);
	root = rig__run_program(rig, "as job sleep");
	rig__meet(rig, "job", 1);
	see_let_go(rig, root);
	root = rig__spawn(rig, "uid %d become { %s as job sleep }", NOBODY, rig__own_program(rig));
	see_watched(rig, root, why);
}

Test(rules, match_the_parent)
{
	autorig struct rig *rig = rig__start(.bare = true);
	char match[160], why[160];
	const struct band *jobs;
	pid_t other;

	snprintf(match, sizeof(match), "exe: ['%s/*'], parent: { comm: [platform] }",
		 rig__folder(rig));
	snprintf(why, sizeof(why), "exe %s/*, parent comm platform", rig__folder(rig));
	watch_what_is(rig, match);
	other = rig__run_program(rig, "as other sleep");
	rig__meet(rig, "other", 1);
	see_let_go(rig, other);
	rig__spawn(rig, "name platform fork { become { %s as job sleep } } sleep",
		   rig__own_program(rig));
	jobs = rig__meet(rig, "job", 1);
	see_watched(rig, jobs->one[0].pid, why);
}

/* The root is dead before the guard has seen it: its group is known all the same. */
Test(rules, match_the_control_group_of_one_that_is_gone)
{
	autorig struct rig *rig = rig__start(.bare = true);
	const struct incident *incident;
	char group[256], match[256];
	const struct band *stray;
	pid_t root;

	if (!rig__make_group(rig, NULL, "cgroup.procs", group, sizeof(group)))
		cr_skip_test("there is no cgroup v2");
	snprintf(match, sizeof(match), "cgroup: ['/%s']", strrchr(group, '/') + 1);
	watch_what_is(rig, match);
	rig__daemon_halt(rig);
	root = rig__spawn(rig,
			  "join %s become { %s fork { as stray sleep } await stray 1 raise KILL }",
			  group, rig__own_program(rig));
	rig__join(root);
	stray = rig__meet(rig, "stray", 1);
	rig__daemon_resume(rig);
	incident = rig__closed(rig, root);
	cr_assert(rig__all_gone(stray));
	cr_expect_str_eq(incident->row.image.cgroup, strrchr(group, '/'));
}
