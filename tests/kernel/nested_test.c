// SPDX-License-Identifier: GPL-2.0
/* nested_test.c - trees inside trees, families taken in while they run, and letting go. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"

TestSuite(nested, .timeout = 40);

static void track(struct rig *rig, const char *role, const char *name)
{
	cr_assert_gt(rig__track(rig, rig__pid(rig, role), ON_KILL, name), 0, "%s: %s", role,
		     rig__why(rig));
}

static struct control_tree_row tree_of(struct rig *rig, const char *role)
{
	struct control_tree_row tree;

	cr_assert(rig__tree_of(rig, rig__pid(rig, role), &tree), "%s is no root", role);
	return tree;
}

static void assert_inside(struct rig *rig, const char *inner, const char *outer)
{
	cr_assert_eq(tree_of(rig, inner).outer, tree_of(rig, outer).id, "%s inside %s", inner,
		     outer);
}

static pid_t end(struct rig *rig, const char *role)
{
	pid_t pid = rig__pid(rig, role);

	kill(pid, SIGKILL);
	return pid;
}

static bool live(struct rig *rig, const char *role)
{
	return rig__all_live(rig__meet(rig, role, 1));
}

static bool gone(struct rig *rig, const char *role)
{
	return rig__all_gone(rig__meet(rig, role, 1));
}

static void assert_let_go(struct rig *rig)
{
	rig__await_counter(rig, "trees", 0);
	cr_expect_eq(rig__counter(rig, "processes"), 0);
	cr_expect_eq(rig__entries(rig, "members"), 0);
	cr_expect_eq(rig__entries(rig, "trees"), 0);
	cr_expect_eq(rig__entries(rig, "deaths"), 0);
	cr_expect_eq(rig__entries(rig, "images"), 0);
	cr_expect_eq(rig__entries(rig, "condemned"), 0);
}

/* ---- a root inside another's tree */

/* outer, low in it inner, below that leaf; beside them side */
static void play_two(struct rig *rig)
{
	pid_t outer =
		rig__run(rig, ON_KILL,
			 "fork { fork { as inner fork { setsid as leaf gate 1 fork { as late "
			 "sleep } sleep } gate 2 exit 0 } reap sleep } fork { as side sleep } "
			 "as outer sleep");

	rig__meet(rig, "outer", 1);
	rig__meet(rig, "side", 1);
	rig__meet(rig, "leaf", 1);
	rig__await_members(rig, outer, 5);
	track(rig, "inner", "inner");
	assert_inside(rig, "inner", "outer");
	cr_assert_eq(tree_of(rig, "inner").members, 2);
	cr_assert_eq(tree_of(rig, "outer").members, 5, "it belongs to both");
}

Test(nested, an_inner_death_ends_only_the_inner_tree)
{
	autorig struct rig *rig = rig__start();
	const struct incident *incident;

	play_two(rig);
	incident = rig__closed(rig, end(rig, "inner"));
	cr_assert(gone(rig, "leaf"));
	cr_assert(live(rig, "side"));
	cr_assert(live(rig, "outer"));
	cr_assert_eq(incident->n, 1);
	cr_assert_str_eq(incident->row.rule, "inner");
	cr_assert_eq(rig__incidents(rig, rig__pid(rig, "outer")), 0);
	rig__await_members(rig, rig__pid(rig, "outer"), 3);
}

Test(nested, an_outer_death_ends_both_and_tells_of_all)
{
	autorig struct rig *rig = rig__start();
	const struct incident *incident;

	play_two(rig);
	incident = rig__closed(rig, end(rig, "outer"));
	cr_assert(rig__all_gone(rig__everyone(rig)));
	cr_assert_eq(incident->n, 4);
	cr_assert_eq(incident__count(incident, SURVIVOR_KILLED), 4);
	incident__survivor(incident, rig__pid(rig, "inner"));
	incident__survivor(incident, rig__pid(rig, "leaf"));
	cr_assert_eq(rig__incidents(rig, rig__pid(rig, "inner")), 0, "it is told once");
	assert_let_go(rig);
}

Test(nested, both_may_die_at_once)
{
	autorig struct rig *rig = rig__start();

	for (int round = 0; round < 10; round++) {
		pid_t inner, outer;

		play_two(rig);
		inner = rig__pid(rig, "inner");
		outer = rig__pid(rig, "outer");
		kill(round % 2 ? outer : inner, SIGKILL);
		kill(round % 2 ? inner : outer, SIGKILL);
		cr_assert(rig__all_gone(rig__everyone(rig)), "round %d", round);
		cr_assert_eq(rig__closed(rig, outer)->row.outcome, INCIDENT_CLEARED);
		rig__await_counter(rig, "trees", 0);
		rig__next_play(rig);
	}
	assert_let_go(rig);
}

/* What its members belong to when it is over. */
Test(nested, an_inner_root_that_ends_well_leaves_its_members_to_the_outer_tree)
{
	autorig struct rig *rig = rig__start();
	pid_t inner;

	play_two(rig);
	inner = rig__pid(rig, "inner");
	rig__open_gate(rig, 2);
	rig__await_event(rig, EVENT_TREE_ENDED, inner);
	rig__meet(rig, "late", 1);
	rig__await_members(rig, rig__pid(rig, "outer"), 5);
	cr_assert(live(rig, "leaf"));
	cr_assert_eq(rig__incidents(rig, inner), 0);
	rig__closed(rig, end(rig, "outer"));
	cr_assert(gone(rig, "leaf"));
	cr_assert(gone(rig, "late"));
}

Test(nested, of_three_the_one_in_the_middle_ends_itself_and_the_innermost)
{
	autorig struct rig *rig = rig__start();

	rig__run(
		rig, ON_KILL,
		"fork { as middle fork { as inner fork { as leaf sleep } sleep } fork { as side sleep } "
		"sleep } as outer sleep");
	rig__meet(rig, "outer", 1);
	rig__meet(rig, "leaf", 1);
	rig__meet(rig, "side", 1);
	track(rig, "inner", "inner");
	track(rig, "middle", "middle"); /* between two that are there */
	assert_inside(rig, "inner", "middle");
	assert_inside(rig, "middle", "outer");
	cr_assert_eq(rig__closed(rig, end(rig, "middle"))->n, 3);
	cr_assert(gone(rig, "inner"));
	cr_assert(gone(rig, "leaf"));
	cr_assert(gone(rig, "side"));
	cr_assert(live(rig, "outer"));
}

/* ---- a member tracked by hand */

Test(nested, a_member_becomes_a_root_with_all_that_is_below_it)
{
	autorig struct rig *rig = rig__start();
	struct control_proc_row row;

	rig__run(
		rig, ON_KILL,
		"fork { as member fork { as low fork { setsid fork { orphaned as stray gate 1 fork "
		"{ as late sleep } sleep } } reap sleep } sleep } fork { as side sleep } as root sleep");
	rig__meet(rig, "stray", 1);
	rig__meet(rig, "side", 1);
	rig__meet(rig, "root", 1);
	rig__await_members(rig, rig__pid(rig, "root"), 5);
	track(rig, "member", "member");
	cr_assert_eq(tree_of(rig, "member").members, 3);
	rig__open_gate(rig, 1);
	rig__meet(rig, "late", 1);
	rig__await_members(rig, rig__pid(rig, "member"), 4);
	cr_assert(rig__member(rig, rig__pid(rig, "root"), rig__pid(rig, "late"), &row));
	cr_assert_eq(row.tree, tree_of(rig, "member").id);
	cr_assert_eq(rig__closed(rig, end(rig, "member"))->n, 3);
	cr_assert(gone(rig, "low"));
	cr_assert(gone(rig, "stray"));
	cr_assert(gone(rig, "late"));
	cr_assert(live(rig, "side"));
	cr_assert(live(rig, "root"));
}

/* ---- track takes in what is there */

Test(nested, track_adopts_a_running_family_whole)
{
	autorig struct rig *rig = rig__start();
	const struct incident *incident;

	rig__spawn(
		rig,
		"fork 2 { fork 2 { fork 2 { as leaf gate 1 fork { as late sleep } sleep } sleep } "
		"sleep } as root sleep");
	rig__meet(rig, "root", 1);
	rig__meet(rig, "leaf", 8);
	track(rig, "root", "adopted");
	cr_assert_eq(tree_of(rig, "root").members, 15);
	cr_assert_eq(rig__entries(rig, "members"), 15);
	rig__open_gate(rig, 1);
	rig__meet(rig, "late", 8);
	incident = rig__closed(rig, end(rig, "root"));
	cr_assert(rig__all_gone(rig__everyone(rig)));
	cr_assert_eq(incident->n, 22);
}

/* Its parent is dead, but whoever leads its session is one of the family. */
Test(nested, track_adopts_a_stray_whose_session_proves_it)
{
	autorig struct rig *rig = rig__start();

	rig__spawn(rig,
		   "fork { setsid fork { fork { orphaned as stray sleep } } reap as leader sleep } "
		   "as root sleep");
	rig__meet(rig, "stray", 1);
	rig__meet(rig, "leader", 1);
	rig__meet(rig, "root", 1);
	track(rig, "root", "");
	cr_assert_eq(tree_of(rig, "root").members, 3);
	end(rig, "root");
	cr_assert(gone(rig, "stray"));
}

static bool is_noted(const struct answer *answer, pid_t pid)
{
	char text[32];
	bool noted = false;

	snprintf(text, sizeof(text), "pid %d ", pid);
	for (size_t i = 0; i < answer->n; i++) {
		const struct control_note *note = (const void *)answer->row[i];

		noted |= note->head.type == CONTROL_NOTE_ROW && strstr(note->text, text);
	}
	return noted;
}

/* In the root's session, its parent gone: it may be the root's, or anybody's of that session. */
Test(nested, track_names_a_stray_that_it_could_not_prove)
{
	autorig struct rig *rig = rig__start();
	struct control_track request = {
		.head = { CONTROL_VERSION, CONTROL_TRACK, sizeof(request) },
		.policy = *ON_KILL,
	};
	struct answer *answer;

	rig__spawn(rig,
		   "setsid fork { as root fork { fork { orphaned as stray sleep } } reap fork { as "
		   "child sleep } sleep } await child 1 fork { as cousin sleep } sleep");
	rig__meet(rig, "stray", 1);
	rig__meet(rig, "child", 1);
	rig__meet(rig, "cousin", 1);
	request.pid = (__u32)rig__pid(rig, "root");
	answer = rig__ask(rig, &request, sizeof(request));
	cr_assert_eq(answer->status, 0, "%s", answer->text);
	cr_expect(is_noted(answer, rig__pid(rig, "stray")));
	cr_expect_not(is_noted(answer, rig__pid(rig, "cousin")));
	cr_expect_not(is_noted(answer, rig__pid(rig, "child")));
	answer__free(answer);
	cr_assert_eq(tree_of(rig, "root").members, 2);
	rig__closed(rig, end(rig, "root"));
	cr_assert(gone(rig, "child"));
	cr_assert(live(rig, "stray"), "when in doubt, spare");
	cr_assert(live(rig, "cousin"));
}

Test(nested, track_of_an_outer_process_takes_in_the_tree_below_it)
{
	autorig struct rig *rig = rig__start();
	const struct incident *incident;

	rig__spawn(rig,
		   "fork { fork { as inner fork { as leaf sleep } sleep } sleep } fork { as side "
		   "sleep } as outer sleep");
	rig__meet(rig, "outer", 1);
	rig__meet(rig, "leaf", 1);
	rig__meet(rig, "side", 1);
	track(rig, "inner", "inner");
	track(rig, "outer", "outer");
	assert_inside(rig, "inner", "outer");
	cr_assert_eq(tree_of(rig, "outer").members, 5);
	incident = rig__closed(rig, end(rig, "outer"));
	cr_assert(rig__all_gone(rig__everyone(rig)));
	cr_assert_eq(incident->n, 4);
	assert_let_go(rig);
}

/* ---- letting go */

static void untrack(struct rig *rig, const char *role)
{
	cr_assert_eq(rig__untrack(rig, rig__pid(rig, role)), 0, "%s", rig__why(rig));
}

Test(nested, untrack_leaves_everyone_alive_and_no_trace)
{
	autorig struct rig *rig = rig__start();
	const struct band *all;

	rig__run(
		rig, ON_KILL,
		"fork 3 { fork { as leaf gate 1 fork { as late sleep } sleep } as child sleep } as root "
		"sleep");
	rig__meet(rig, "root", 1);
	rig__meet(rig, "leaf", 3);
	rig__meet(rig, "child", 3);
	untrack(rig, "root");
	rig__open_gate(rig, 1);
	rig__meet(rig, "late", 3);
	assert_let_go(rig);
	all = rig__everyone(rig);
	cr_assert_eq(all->n, 10);
	cr_assert(rig__all_live(all));
	end(rig, "root");
	cr_assert(gone(rig, "root"));
	cr_assert(rig__all_live(rig__meet(rig, "late", 3)));
	cr_assert_eq(rig__counter(rig, "signals_sent"), 0);
}

Test(nested, untrack_of_the_outer_tree_leaves_the_inner_one)
{
	autorig struct rig *rig = rig__start();

	play_two(rig);
	untrack(rig, "outer");
	rig__await_counter(rig, "trees", 1);
	rig__await_counter(rig, "processes", 2);
	cr_assert_eq(tree_of(rig, "inner").outer, 0);
	end(rig, "outer");
	cr_assert(gone(rig, "outer"));
	rig__closed(rig, end(rig, "inner"));
	cr_assert(gone(rig, "leaf"));
	cr_assert(live(rig, "side"));
	assert_let_go(rig);
}

Test(nested, untrack_of_the_inner_tree_gives_its_members_back)
{
	autorig struct rig *rig = rig__start();

	play_two(rig);
	untrack(rig, "inner");
	rig__open_gate(rig, 1);
	rig__meet(rig, "late", 1);
	rig__await_members(rig, rig__pid(rig, "outer"), 6);
	end(rig, "inner");
	cr_assert(gone(rig, "inner"));
	cr_assert(live(rig, "leaf"));
	rig__closed(rig, end(rig, "outer"));
	cr_assert(gone(rig, "leaf"));
	cr_assert(gone(rig, "late"));
	assert_let_go(rig);
}

/* Whoever is in the midst of being ended is left in peace, too. */
Test(nested, untrack_in_grace_ends_the_incident)
{
	autorig struct rig *rig = rig__start();
	pid_t root =
		rig__run(rig, POLICY(.on = ON(KILL), .signal = SIGTERM, .grace = 3600000000000),
			 "fork { heed TERM { as termed sleep } as stray sleep } as root sleep");
	pid_t stray = rig__pid(rig, "stray");

	rig__meet(rig, "root", 1);
	kill(root, SIGKILL);
	rig__meet(rig, "termed", 1);
	cr_assert_eq(rig__untrack(rig, stray), 0, "%s", rig__why(rig));
	cr_assert_eq(rig__closed(rig, root)->row.outcome, INCIDENT_SPARED);
	cr_assert(live(rig, "stray"));
	assert_let_go(rig);
}

/* A spared one and what it starts: alive after the incident, and told with the reason. */
static void assert_spared(const struct incident *incident, pid_t pid)
{
	const struct control_survivor_row *survivor = incident__survivor(incident, pid);

	cr_assert_eq(survivor->outcome, SURVIVOR_SPARED);
	cr_assert_eq(survivor->first.at, 0);
	cr_assert(strstr(survivor->reason, "spared"), "%s", survivor->reason);
}

Test(nested, spare_holds_for_what_is_started_later)
{
	autorig struct rig *rig = rig__start();
	const struct incident *incident;

	rig__run(
		rig, ON_KILL,
		"fork { as spared gate 1 fork { fork { as later gate 2 fork { as last sleep } sleep } as "
		"born sleep } sleep } fork { as stray sleep } as root sleep");
	rig__meet(rig, "root", 1);
	rig__meet(rig, "stray", 1);
	cr_assert_eq(rig__spare(rig, rig__pid(rig, "spared")), 0, "%s", rig__why(rig));
	rig__open_gate(rig, 1);
	rig__meet(rig, "born", 1);
	rig__meet(rig, "later", 1);
	incident = rig__closed(rig, end(rig, "root"));
	cr_assert_eq(incident->n, 4);
	assert_spared(incident, rig__pid(rig, "spared"));
	assert_spared(incident, rig__pid(rig, "born"));
	assert_spared(incident, rig__pid(rig, "later"));
	cr_assert_eq(incident->row.outcome, INCIDENT_SPARED);
	cr_assert(gone(rig, "stray"));
	rig__open_gate(rig, 2);
	rig__meet(rig, "last", 1);
	cr_assert(live(rig, "spared"));
	cr_assert(live(rig, "born"));
	cr_assert(live(rig, "later"));
	cr_assert(live(rig, "last"));
	assert_let_go(rig);
}

/* By the outer tree's death as by the inner one's. */
Test(nested, spare_holds_for_every_tree)
{
	autorig struct rig *rig = rig__start();

	play_two(rig);
	cr_assert_eq(rig__spare(rig, rig__pid(rig, "leaf")), 0, "%s", rig__why(rig));
	rig__closed(rig, end(rig, "inner"));
	cr_assert(live(rig, "leaf"));
	assert_spared(rig__closed(rig, end(rig, "outer")), rig__pid(rig, "leaf"));
	cr_assert(gone(rig, "side"));
	cr_assert(live(rig, "leaf"));
}
