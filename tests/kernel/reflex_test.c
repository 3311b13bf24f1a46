// SPDX-License-Identifier: GPL-2.0
/*
 * reflex_test.c - survivors are ended in the kernel, by their root's own exit: the guard is halted
 * or dead meanwhile, so nobody else can have done it, and it tells all of it when it is back.
 */
#include <criterion/criterion.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "base/clock.h"
#include "rig.h"

TestSuite(reflex, .timeout = 60);

/* Children, a session of its own, one that has lost its parent, one whose leader has ended. */
#define FAMILY                                                      \
	"fork 2 { as stray sleep } fork { setsid as stray sleep } " \
	"fork { fork { setsid orphaned as stray sleep } } "         \
	"fork { thread { as stray sleep } leave } as root sleep"
#define FAMILY_SIZE 5

/* Where an exit can't signal others the guard does all, as the other suites see. */
static bool is_there(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool there = btf &&
		     btf__find_by_name_kind(btf, "bpf_send_signal_task", BTF_KIND_FUNC) > 0 &&
		     btf__find_by_name_kind(btf, "trace_event_raw_sched_process_exit",
					    BTF_KIND_STRUCT) > 0;

	btf__free(btf);
	return there;
}

#define NEEDS_REFLEX()                                                            \
	do {                                                                      \
		if (!is_there())                                                  \
			cr_skip_test("on this kernel no exit can signal others"); \
	} while (0)

static void die(pid_t root)
{
	kill(root, SIGKILL);
	cr_assert_eq(rig__join(root), SIGKILL);
}

static void see_no_trace(struct rig *rig)
{
	static const char *const maps[] = { "members", "trees", "deaths", "condemned",
					    "images",  "kin",	"ends" };

	size_t count = sizeof(maps) / sizeof(*maps) - (is_there() ? 0 : 2);

	rig__await_counter(rig, "trees", 0);
	for (size_t i = 0; i < count; i++)
		cr_expect_eq(rig__entries(rig, maps[i]), 0, "%zu in %s", rig__entries(rig, maps[i]),
			     maps[i]);
	cr_expect_eq(rig__counter(rig, "reflex_signals_failed"), 0);
	cr_expect_eq(rig__counter(rig, "members_unlisted"), 0);
}

/* 7.0 and later: a tracepoint's program, while a task is preempted inside it. */
static bool kernel_can_skip(void)
{
	struct utsname name;

	return uname(&name) == 0 && strtoul(name.release, NULL, 10) >= 7;
}

/* Each of the survivors, and nobody but the kernel. */
static void see_told(struct rig *rig, pid_t root, size_t survivors)
{
	const struct incident *incident = rig__closed(rig, root);

	cr_assert_eq(incident->n, survivors, "%zu are told", incident->n);
	cr_expect_eq(incident->row.outcome, INCIDENT_CLEARED);
	cr_expect_eq(incident__count(incident, SURVIVOR_KILLED), survivors);
	for (size_t i = 0; i < incident->n; i++) {
		const struct control_survivor_row *survivor = &incident->survivor[i];

		cr_expect_eq(survivor->first.by, BY_KERNEL, "pid %u", survivor->who.pid);
		cr_expect_eq(survivor->first.signal, SIGKILL);
		cr_expect_geq(survivor->first.at, incident->row.died);
		cr_expect_leq(survivor->first.at, survivor->gone);
		cr_expect_eq(survivor->exit_code & 0x7f, SIGKILL);
	}
	cr_expect_eq(rig__incidents(rig, root), 1, "told once");
	/* Where programs can be skipped an end may be missed, and who is gone be signalled again. */
	if (!kernel_can_skip())
		cr_expect_eq(rig__counter(rig, "signals_sent"), 0);
}

static const struct band *meet_family(struct rig *rig, pid_t root)
{
	rig__meet(rig, "root", 1);
	rig__await_members(rig, root, FAMILY_SIZE + 1);
	return rig__meet(rig, "stray", FAMILY_SIZE);
}

Test(reflex, ends_all_while_the_guard_is_halted)
{
	NEEDS_REFLEX();
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, FAMILY);
	const struct band *strays = meet_family(rig, root);

	rig__daemon_halt(rig);
	die(root);
	cr_assert(rig__all_gone(strays));
	rig__daemon_resume(rig);
	see_told(rig, root, FAMILY_SIZE);
	cr_expect_eq(rig__closed(rig, root)->row.reconstructed, 0);
	cr_expect_eq(rig__counter(rig, "reflexes"), 1);
	cr_expect_eq(rig__counter(rig, "reflex_signals"), FAMILY_SIZE);
	see_no_trace(rig);
}

static void end_while_away(void (*leave)(struct rig *rig))
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, FAMILY);
	const struct band *strays = meet_family(rig, root);

	leave(rig);
	die(root);
	cr_assert(rig__all_gone(strays));
	rig__daemon_start(rig);
	see_told(rig, root, FAMILY_SIZE);
	cr_expect_eq(rig__closed(rig, root)->row.reconstructed, 1);
	for (size_t i = 0; i < strays->n; i++)
		cr_expect(incident__survivor(rig__closed(rig, root), strays->one[i].pid));
	see_no_trace(rig);
}

Test(reflex, ends_all_while_the_guard_is_dead)
{
	NEEDS_REFLEX();
	end_while_away(rig__daemon_kill);
}

Test(reflex, ends_all_while_the_guard_is_stopped)
{
	NEEDS_REFLEX();
	end_while_away(rig__daemon_stop);
}

/* Nothing but the daemon's own run is different: it may come first to some of them. */
Test(reflex, and_a_guard_that_is_there_tell_the_same)
{
	NEEDS_REFLEX();
	autorig struct rig *rig = rig__start();

	for (int round = 0; round < 5; round++) {
		pid_t root = rig__run(rig, ON_KILL, "fork 60 { as stray sleep } as root sleep");
		const struct band *strays = rig__meet(rig, "stray", 60);
		const struct incident *incident;

		rig__meet(rig, "root", 1);
		die(root);
		incident = rig__closed(rig, root);
		cr_expect_eq(incident->row.outcome, INCIDENT_CLEARED);
		cr_expect_eq(incident__count(incident, SURVIVOR_KILLED), 60);
		cr_assert(rig__all_gone(strays));
		rig__next_play(rig);
	}
	cr_expect_eq(rig__counter(rig, "reflexes"), 5);
	see_no_trace(rig);
}

/* More than one exit may signal: the dying pass it on. */
Test(reflex, is_passed_on_by_the_dying)
{
	NEEDS_REFLEX();
	autorig struct rig *rig = rig__start();
	pid_t root =
		rig__run(rig, ON_KILL,
			 "fork 20 { fork 19 { as stray sleep } as stray sleep } as root sleep");
	const struct band *strays = rig__meet(rig, "stray", 400);

	rig__meet(rig, "root", 1);
	rig__daemon_halt(rig);
	die(root);
	cr_assert(rig__all_gone(strays));
	rig__daemon_resume(rig);
	see_told(rig, root, 400);
	see_no_trace(rig);
}

Test(reflex, ends_breeders)
{
	NEEDS_REFLEX();
	autorig struct rig *rig = rig__start();
	uint32_t births;
	pid_t root;

	rig__spawn(rig,
		   "undertake { fork { as root gate 1 fork 2 { storm } fork 2 { comet } sleep } }");
	root = rig__pid(rig, "root");
	cr_assert_gt(rig__track(rig, root, ON_KILL, ""), 0, "%s", rig__why(rig));
	rig__open_gate(rig, 1);
	rig__await_births(rig, 300);
	rig__daemon_halt(rig);
	kill(root, SIGKILL);
	for (struct patience patience = rig__patience(20); rig__marked(rig) > 2;)
		cr_assert(rig__retry(&patience), "%zu live on", rig__marked(rig) - 2);
	births = rig__beats(rig);
	for (int look = 0; look < 3; look++)
		cr_assert_eq(rig__marked(rig), 2);
	cr_assert_eq(rig__beats(rig), births);
	rig__daemon_resume(rig);
	cr_assert_eq(rig__closed(rig, root)->row.outcome, INCIDENT_CLEARED);
	cr_assert_eq(rig__incidents(rig, root), 1);
	see_no_trace(rig);
}

/* ---- where its budget is at an end: who dies would pass it on, so nobody's end may go through */

#define BUDGET 64 /* REFLEX_FIRST in bpf/reflex.h, before 7.0 */

/* Their exit halts at its first step, before anybody is told of it. */
static bool hold_ends(const struct band *band)
{
	for (size_t i = 0; i < band->n; i++) {
		if (ptrace(PTRACE_SEIZE, band->one[i].pid, 0, PTRACE_O_TRACEEXIT))
			return false;
	}
	return true;
}

static void await_held(const struct band *band)
{
	struct patience patience = rig__patience(15);
	int status;

	for (size_t i = 0; i < band->n; i++) {
		while (waitpid(band->one[i].pid, &status, __WALL | WNOHANG) != band->one[i].pid)
			cr_assert(rig__retry(&patience), "pid %d goes on", band->one[i].pid);
		cr_assert_eq(status >> 8, SIGTRAP | PTRACE_EVENT_EXIT << 8, "%#x",
			     (unsigned)status);
	}
}

static void see_none_held(const struct band *band)
{
	for (size_t i = 0; i < band->n; i++)
		cr_assert_eq(waitpid(band->one[i].pid, NULL, __WALL | WNOHANG), 0);
	cr_assert(rig__all_live(band));
}

static void let_end(const struct band *band)
{
	for (size_t i = 0; i < band->n; i++)
		cr_assert_eq(ptrace(PTRACE_CONT, band->one[i].pid, 0, 0), 0);
	cr_assert(rig__all_gone(band));
}

static void see_first_by(const struct incident *incident, const struct band *band, uint32_t by)
{
	for (size_t i = 0; i < band->n; i++) {
		const struct control_survivor_row *survivor =
			incident__survivor(incident, band->one[i].pid);

		cr_assert(survivor, "pid %d is not told", band->one[i].pid);
		cr_expect_eq(survivor->outcome, SURVIVOR_KILLED);
		cr_expect_eq(survivor->first.signal, SIGKILL);
		cr_expect_eq(survivor->first.by, by, "pid %d", band->one[i].pid);
	}
}

/* It takes them in the order of their births. */
Test(reflex, leaves_those_behind_its_budget_to_the_guard)
{
	NEEDS_REFLEX();
	if (kernel_can_skip())
		cr_skip_test("the budget is too large to come to its end here");

	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL,
			      "fork %d { as early sleep } fork 8 { as late sleep } as root sleep",
			      BUDGET);
	const struct band *early = rig__meet(rig, "early", BUDGET), *late;
	const struct incident *incident;

	late = rig__meet(rig, "late", 8);
	rig__meet(rig, "root", 1);
	rig__await_members(rig, root, BUDGET + 8 + 1);
	if (!hold_ends(early) || !hold_ends(late))
		cr_skip_test("ptrace is not allowed here");
	rig__daemon_halt(rig);
	die(root); /* its exit is over, and with it the sweep */
	await_held(early);
	see_none_held(late);
	rig__daemon_resume(rig);
	await_held(late);
	cr_expect_eq(rig__counter(rig, "reflex_signals"), BUDGET);
	let_end(late);
	cr_assert(rig__all_live(early));
	let_end(early);
	incident = rig__closed(rig, root);
	cr_expect_eq(incident->row.outcome, INCIDENT_CLEARED);
	cr_expect_eq(incident->n, BUDGET + 8);
	see_first_by(incident, early, BY_KERNEL);
	see_first_by(incident, late, BY_DAEMON);
	cr_expect_eq(rig__incidents(rig, root), 1);
	see_no_trace(rig);
}

/* ---- whom it leaves alone, and when it does nothing */

Test(reflex, spares_who_is_spared)
{
	NEEDS_REFLEX();
	autorig struct rig *rig = rig__start();
	pid_t root =
		rig__run(rig, ON_KILL,
			 "fork 3 { as stray sleep } "
			 "fork { as kept gate 1 fork { as under sleep } sleep } as root sleep");
	const struct band *strays = rig__meet(rig, "stray", 3), *kept = rig__meet(rig, "kept", 1);
	const struct incident *incident;

	rig__meet(rig, "root", 1);
	cr_assert_eq(rig__spare(rig, kept->one[0].pid), 0, "%s", rig__why(rig));
	rig__open_gate(rig, 1);
	rig__meet(rig, "under", 1);
	rig__daemon_halt(rig);
	die(root);
	cr_assert(rig__all_gone(strays));
	cr_expect(rig__all_live(kept));
	cr_expect(rig__all_live(rig__meet(rig, "under", 1)));
	rig__daemon_resume(rig);
	incident = rig__closed(rig, root);
	cr_expect_eq(incident->row.outcome, INCIDENT_SPARED);
	cr_expect_eq(incident__count(incident, SURVIVOR_KILLED), 3);
	cr_expect_eq(incident__count(incident, SURVIVOR_SPARED), 2);
	cr_expect(rig__all_live(kept));
	see_no_trace(rig);
}

/* In the tree of a user, who is not that user's. */
Test(reflex, spares_who_belongs_to_somebody_else)
{
	NEEDS_REFLEX();
	autorig struct rig *rig = rig__start();
	pid_t root = rig__spawn(rig,
				"fork { as foreign sleep } fork 3 { uid %d as own sleep } "
				"uid %d as root sleep",
				NOBODY, NOBODY);
	const struct band *foreign = rig__meet(rig, "foreign", 1);
	const struct band *own = rig__meet(rig, "own", 3);
	const struct incident *incident;

	rig__meet(rig, "root", 1);
	rig__be(rig, NOBODY);
	cr_assert_gt(rig__track(rig, root, ON_KILL, ""), 0, "%s", rig__why(rig));
	rig__be(rig, 0);
	rig__daemon_halt(rig);
	die(root);
	cr_assert(rig__all_gone(own));
	cr_expect(rig__all_live(foreign));
	rig__daemon_resume(rig);
	incident = rig__closed(rig, root);
	cr_expect_eq(incident->row.outcome, INCIDENT_SPARED);
	cr_expect_eq(incident__survivor(incident, foreign->one[0].pid)->outcome, SURVIVOR_SPARED);
	cr_expect_eq(incident__count(incident, SURVIVOR_KILLED), 3);
	cr_expect(rig__all_live(foreign));
	see_no_trace(rig);
}

/* A namespace of their own, whose numbers are others. */
Test(reflex, finds_those_in_other_namespaces)
{
	NEEDS_REFLEX();
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(
		rig, ON_KILL,
		"namespaces pid { fork 2 { as stray sleep } as stray sleep } as root sleep");
	const struct band *strays = rig__meet(rig, "stray", 3);

	rig__meet(rig, "root", 1);
	rig__daemon_halt(rig);
	die(root);
	cr_assert(rig__all_gone(strays));
	rig__daemon_resume(rig);
	cr_expect_eq(rig__closed(rig, root)->n, 3); /* whoever came first, their init's end or we */
	see_no_trace(rig);
}

/* The init of the root's own PID namespace. No birth makes it a member: it was there before the
 * root, forked from outside. But what counts is what the map says, so the map is made to say it. */
static pid_t play_beside_init(struct rig *rig, unsigned strays)
{
	struct control_tree_row init, inside;
	pid_t root;

	rig__spawn(rig,
		   "namespaces pid { fork { fork %u { as stray sleep } as root sleep } "
		   "as init sleep } sleep",
		   strays);
	rig__meet(rig, "stray", strays);
	root = rig__pid(rig, "root");
	cr_assert_gt(rig__track(rig, rig__pid(rig, "init"), ON_KILL, ""), 0, "%s", rig__why(rig));
	cr_assert(rig__tree_of(rig, rig__pid(rig, "init"), &init));
	cr_assert_eq(rig__untrack(rig, rig__pid(rig, "init")), 0, "%s", rig__why(rig));
	cr_assert_gt(rig__track(rig, root, ON_KILL, ""), 0, "%s", rig__why(rig));
	cr_assert(rig__tree_of(rig, root, &inside));
	rig__daemon_kill(rig);
	rig__enter(rig, init.root, inside.root);
	rig__daemon_start(rig);
	rig__await_members(rig, root, strays + 2);
	return root;
}

static void die_beside_init(struct rig *rig, pid_t root)
{
	kill(root, SIGKILL);
	cr_assert(rig__all_gone(rig__meet(rig, "root", 1)));
}

static void see_init_spared(struct rig *rig, pid_t root, unsigned strays, uint32_t by)
{
	const struct incident *incident = rig__closed(rig, root);
	const struct control_survivor_row *init =
		incident__survivor(incident, rig__pid(rig, "init"));

	cr_expect_eq(incident->n, strays + 1);
	cr_expect_eq(incident->row.outcome, INCIDENT_SPARED);
	cr_assert(init);
	cr_expect_eq(init->outcome, SURVIVOR_SPARED);
	cr_expect_eq(init->first.at, 0);
	cr_expect(strstr(init->reason, "the init of the PID namespace"), "%s", init->reason);
	see_first_by(incident, rig__meet(rig, "stray", strays), by);
	cr_expect_eq(rig__counter(rig, "reflex_signals"), by == BY_KERNEL ? strays : 0);
	cr_expect(rig__all_live(rig__meet(rig, "init", 1)));
	see_no_trace(rig);
}

static void spare_init_by_reflex(unsigned strays)
{
	autorig struct rig *rig = rig__start();
	pid_t root = play_beside_init(rig, strays);

	rig__daemon_halt(rig);
	die_beside_init(rig, root);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", strays)));
	cr_expect(rig__all_live(rig__meet(rig, "init", 1)));
	rig__daemon_resume(rig);
	see_init_spared(rig, root, strays, BY_KERNEL);
}

Test(reflex, spares_the_init_of_the_roots_namespace)
{
	NEEDS_REFLEX();
	spare_init_by_reflex(2);
}

/* It is behind the budget of the root's exit. */
Test(reflex, spares_that_init_when_it_is_passed_on)
{
	NEEDS_REFLEX();
	spare_init_by_reflex(BUDGET);
}

Test(reflex, and_a_guard_alone_spare_the_same_init)
{
	autorig struct rig *rig = rig__start(.no_reflex = true);
	pid_t root = play_beside_init(rig, 2);

	die_beside_init(rig, root);
	see_init_spared(rig, root, 2, BY_DAEMON);
}

Test(reflex, and_a_guard_that_was_away_spare_the_same_init)
{
	autorig struct rig *rig = rig__start(.no_reflex = true);
	pid_t root = play_beside_init(rig, 2);

	rig__daemon_kill(rig);
	die_beside_init(rig, root);
	rig__daemon_start(rig);
	see_init_spared(rig, root, 2, BY_DAEMON);
}

/* The root dies while the guard is halted: nobody is signalled before it is back. */
static const struct incident *die_without(struct rig *rig, const struct policy *policy,
					  unsigned strays, bool live_on)
{
	pid_t root = rig__run(rig, policy, "fork %u { as stray sleep } as root sleep", strays);
	const struct band *band = rig__meet(rig, "stray", strays);
	const struct incident *incident;

	rig__meet(rig, "root", 1);
	rig__await_members(rig, root, strays + 1);
	rig__daemon_halt(rig);
	die(root);
	cr_expect(rig__all_live(band));
	rig__daemon_resume(rig);
	incident = rig__closed(rig, root);
	for (size_t i = 0; i < incident->n; i++)
		cr_expect(!incident->survivor[i].first.at ||
			  incident->survivor[i].first.by == BY_DAEMON);
	cr_expect_eq(incident->n, strays);
	cr_expect_eq(rig__counter(rig, "reflex_signals"), 0);
	if (live_on)
		cr_expect(rig__all_live(band));
	else
		cr_expect(rig__all_gone(band));
	return incident;
}

Test(reflex, is_not_there_when_it_is_off)
{
	autorig struct rig *rig = rig__start(.no_reflex = true);

	cr_expect_eq(die_without(rig, ON_KILL, 3, false)->row.outcome, INCIDENT_CLEARED);
	cr_expect_eq(rig__counter(rig, "reflexes"), 0);
}

Test(reflex, observes_where_the_guard_does)
{
	autorig struct rig *rig = rig__start(.argument = { "--observe" });

	cr_expect_eq(die_without(rig, ON_KILL, 3, true)->row.outcome, INCIDENT_OBSERVED);
}

Test(reflex, is_held_by_the_brake)
{
	autorig struct rig *rig = rig__start();

	cr_assert_eq(rig__arm(rig, false), 0);
	cr_expect_eq(die_without(rig, ON_KILL, 3, true)->row.outcome, INCIDENT_BRAKED);
}

Test(reflex, is_held_by_a_brake_open_since_before)
{
	autorig struct rig *rig = rig__start();

	cr_assert_eq(rig__arm(rig, false), 0);
	rig__daemon_kill(rig);
	rig__daemon_start(rig);
	cr_expect_eq(die_without(rig, ON_KILL, 3, true)->row.outcome, INCIDENT_BRAKED);
}

Test(reflex, leaves_too_many_survivors_to_the_brake)
{
	autorig struct rig *rig = rig__start(.yaml = "brake: { survivors_per_incident: 3 }\n");

	cr_expect_eq(die_without(rig, ON_KILL, 4, true)->row.outcome, INCIDENT_BRAKED);
	cr_expect_eq(rig__counter(rig, "armed"), 0);
	cr_expect_eq(rig__counter(rig, "reflexes"), 0);
}

/* Those of trees inside it are its survivors, too. */
Test(reflex, counts_what_is_inside)
{
	autorig struct rig *rig = rig__start(.yaml = "brake: { survivors_per_incident: 3 }\n");
	pid_t root = rig__run(rig, ON_KILL,
			      "fork { as middle fork 3 { as stray sleep } sleep } as root sleep");
	const struct band *strays = rig__meet(rig, "stray", 3);

	rig__meet(rig, "root", 1);
	cr_assert_gt(rig__track(rig, rig__pid(rig, "middle"), ON_KILL, ""), 0);
	rig__daemon_halt(rig);
	die(root);
	cr_expect(rig__all_live(strays));
	rig__daemon_resume(rig);
	cr_expect_eq(rig__closed(rig, root)->row.outcome, INCIDENT_BRAKED);
	cr_expect(rig__all_live(strays));
}

Test(reflex, leaves_too_many_incidents_to_the_brake)
{
	autorig struct rig *rig = rig__start(.yaml = "brake: { incidents_per_minute: 2 }\n");
	const struct band *strays;
	pid_t root;

	for (int i = 0; i < 3; i++) {
		root = rig__run(rig, ON_KILL, "fork { as stray sleep } as root sleep");
		strays = rig__meet(rig, "stray", 1);
		rig__meet(rig, "root", 1);
		rig__daemon_halt(rig);
		die(root);
		if (i == 2)
			cr_expect(rig__all_live(strays));
		rig__daemon_resume(rig);
		cr_expect_eq(rig__closed(rig, root)->row.outcome,
			     i == 2 ? INCIDENT_BRAKED : INCIDENT_CLEARED);
		rig__next_play(rig);
	}
	cr_expect_eq(rig__counter(rig, "armed"), 0);
}

Test(reflex, leaves_a_gentle_signal_to_the_guard)
{
	autorig struct rig *rig = rig__start();

	cr_expect_eq(die_without(rig,
				 POLICY(.on = ON(KILL), .signal = SIGTERM, .grace = NS_PER_SEC), 3,
				 false)
			     ->row.outcome,
		     INCIDENT_CLEARED);
}

/* An end that the tree does not ask about. */
Test(reflex, asks_what_the_rule_asks)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "fork { as stray sleep } as root gate 1 exit 3");
	const struct band *stray = rig__meet(rig, "stray", 1);

	rig__meet(rig, "root", 1);
	rig__daemon_halt(rig);
	rig__open_gate(rig, 1);
	cr_assert_eq(rig__join(root), 3 << 8);
	cr_expect(rig__all_live(stray));
	rig__daemon_resume(rig);
	rig__await_counter(rig, "trees", 0);
	cr_expect(rig__all_live(stray));
}

Test(reflex, heeds_every_cause)
{
	NEEDS_REFLEX();
	static const struct {
		uint16_t on;
		const char *end;
	} rows[] = {
		{ ON(EXIT), "exit 0" },	      { ON(ERROR), "exit 3" },
		{ ON(SIGNAL), "raise TERM" }, { ON(CRASH), "cores 0 segv" },
		{ ON(SIGNAL), "raise KILL" },
	};
	autorig struct rig *rig = rig__start();

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		pid_t root = rig__run(rig, POLICY(.on = rows[i].on, .signal = SIGKILL),
				      "fork 3 { as stray sleep } as root gate 1 %s", rows[i].end);
		const struct band *strays = rig__meet(rig, "stray", 3);

		rig__meet(rig, "root", 1);
		rig__daemon_halt(rig);
		rig__open_gate(rig, 1);
		rig__join(root);
		cr_assert(rig__all_gone(strays), "%s", rows[i].end);
		rig__daemon_resume(rig);
		see_told(rig, root, 3);
		rig__next_play(rig);
	}
	see_no_trace(rig);
}

/* ---- rules */

static struct rig *start_with_rule(const char *more)
{
	struct rig *rig = rig__start(.bare = true);

	rig__configure(rig,
		       "watch:\n"
		       "  - name: jobs\n"
		       "    match: { exe: ['%s/prog*'], args: ['*as root*'] }\n"
		       "%s",
		       rig__folder(rig), more);
	rig__daemon_start(rig);
	return rig;
}

static void die_under_rule(const char *more, bool by_kernel)
{
	autorig struct rig *rig = start_with_rule(more);
	pid_t root = rig__run_program(rig, "fork 3 { as stray sleep } as root sleep");
	const struct band *strays = rig__meet(rig, "stray", 3);

	rig__meet(rig, "root", 1);
	rig__await_members(rig, root, 4);
	rig__daemon_halt(rig);
	die(root);
	if (by_kernel)
		cr_assert(rig__all_gone(strays));
	else
		cr_assert(rig__all_live(strays));
	rig__daemon_resume(rig);
	cr_assert(rig__all_gone(strays));
	cr_expect_eq(incident__count(rig__closed(rig, root), SURVIVOR_KILLED), 3);
	see_no_trace(rig);
}

Test(reflex, serves_a_rules_root)
{
	NEEDS_REFLEX();
	die_under_rule("", true);
}

Test(reflex, can_be_off_for_a_rule)
{
	die_under_rule("    reflex: off\n", false);
}

/* Whom the list leaves alone only the guard can tell. */
Test(reflex, leaves_a_rule_with_a_spare_list_to_the_guard)
{
	die_under_rule("    spare: [detached]\n", false);
}

/* The guard has not matched it yet. */
Test(reflex, leaves_a_provisional_root_to_the_guard)
{
	autorig struct rig *rig = start_with_rule("");
	const struct band *strays;
	pid_t root;

	rig__daemon_halt(rig);
	root = rig__run_program(rig, "fork 3 { as stray sleep } as root sleep");
	strays = rig__meet(rig, "stray", 3);
	rig__meet(rig, "root", 1);
	die(root);
	cr_expect(rig__all_live(strays));
	rig__daemon_resume(rig);
	cr_assert(rig__all_gone(strays));
	cr_expect_eq(incident__count(rig__closed(rig, root), SURVIVOR_KILLED), 3);
	see_no_trace(rig);
}

/* ---- families that were there before, and families within families */

Test(reflex, serves_a_family_tracked_while_it_ran)
{
	NEEDS_REFLEX();
	autorig struct rig *rig = rig__start();
	pid_t root =
		rig__spawn(rig, "fork 3 { fork { as stray sleep } as stray sleep } as root sleep");
	const struct band *strays = rig__meet(rig, "stray", 6);

	rig__meet(rig, "root", 1);
	cr_assert_gt(rig__track(rig, root, ON_KILL, ""), 0, "%s", rig__why(rig));
	rig__daemon_halt(rig);
	die(root);
	cr_assert(rig__all_gone(strays));
	rig__daemon_resume(rig);
	see_told(rig, root, 6);
	see_no_trace(rig);
}

Test(reflex, serves_no_family_let_go)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "fork 3 { as stray sleep } as root sleep");
	const struct band *strays = rig__meet(rig, "stray", 3);

	rig__meet(rig, "root", 1);
	cr_assert_eq(rig__untrack(rig, root), 0, "%s", rig__why(rig));
	see_no_trace(rig);
	die(root);
	cr_expect(rig__all_live(strays));
}

/* root { middle { leaf 3 } side 3 } */
static pid_t play_nested(struct rig *rig, pid_t *middle)
{
	pid_t root = rig__run(rig, ON_KILL,
			      "fork { as middle fork 3 { as leaf sleep } sleep } "
			      "fork 3 { as side sleep } as root sleep");

	rig__meet(rig, "root", 1);
	rig__meet(rig, "leaf", 3);
	rig__meet(rig, "side", 3);
	*middle = rig__pid(rig, "middle");
	cr_assert_gt(rig__track(rig, *middle, ON_KILL, "inner"), 0, "%s", rig__why(rig));
	return root;
}

Test(reflex, ends_inner_trees_with_the_outer)
{
	NEEDS_REFLEX();
	autorig struct rig *rig = rig__start();
	pid_t middle, root = play_nested(rig, &middle);

	rig__daemon_halt(rig);
	die(root);
	cr_assert(rig__all_gone(rig__meet(rig, "leaf", 3)));
	cr_assert(rig__all_gone(rig__meet(rig, "middle", 1)));
	cr_assert(rig__all_gone(rig__meet(rig, "side", 3)));
	rig__daemon_resume(rig);
	see_told(rig, root, 7);
	cr_expect_eq(rig__incidents(rig, middle), 0);
	see_no_trace(rig);
}

Test(reflex, tells_of_inner_trees_that_ended_while_nobody_was_there)
{
	NEEDS_REFLEX();
	autorig struct rig *rig = rig__start();
	pid_t middle, root = play_nested(rig, &middle);

	rig__daemon_kill(rig);
	die(root);
	cr_assert(rig__all_gone(rig__everyone(rig)));
	rig__daemon_start(rig);
	see_told(rig, root, 7);
	cr_expect_eq(rig__incidents(rig, middle), 0);
	see_no_trace(rig);
}

Test(reflex, ends_an_inner_tree_alone)
{
	NEEDS_REFLEX();
	autorig struct rig *rig = rig__start();
	pid_t middle, root = play_nested(rig, &middle);

	rig__daemon_halt(rig);
	kill(middle, SIGKILL);
	cr_assert(rig__all_gone(rig__meet(rig, "leaf", 3)));
	cr_expect(rig__all_live(rig__meet(rig, "side", 3)));
	cr_expect(rig__all_live(rig__meet(rig, "root", 1)));
	rig__daemon_resume(rig);
	see_told(rig, middle, 3);
	rig__daemon_halt(rig);
	die(root);
	cr_assert(rig__all_gone(rig__meet(rig, "side", 3)));
	rig__daemon_resume(rig);
	see_told(rig, root, 3);
	see_no_trace(rig);
}

/* Its members are the outer one's again, and so is what lies inside it. */
Test(reflex, follows_a_tree_that_is_let_go)
{
	NEEDS_REFLEX();
	autorig struct rig *rig = rig__start();
	pid_t root =
		rig__run(rig, ON_KILL,
			 "fork { as middle fork { as inmost fork { as leaf sleep } sleep } sleep } "
			 "as root sleep");

	rig__meet(rig, "root", 1);
	rig__meet(rig, "leaf", 1);
	cr_assert_gt(rig__track(rig, rig__pid(rig, "middle"), ON_KILL, ""), 0);
	cr_assert_gt(rig__track(rig, rig__pid(rig, "inmost"), ON_KILL, ""), 0);
	cr_assert_eq(rig__untrack(rig, rig__pid(rig, "middle")), 0);
	rig__daemon_halt(rig);
	die(root);
	cr_assert(rig__all_gone(rig__everyone(rig)));
	rig__daemon_resume(rig);
	see_told(rig, root, 3);
	see_no_trace(rig);
}

Test(reflex, goes_on_under_the_next_guard)
{
	NEEDS_REFLEX();
	autorig struct rig *rig = rig__start();
	pid_t root =
		rig__run(rig, ON_KILL,
			 "fork { as early sleep } as root gate 1 fork { as late sleep } sleep");
	const struct band *late;

	rig__meet(rig, "root", 1);
	rig__meet(rig, "early", 1);
	rig__daemon_kill(rig);
	rig__open_gate(rig, 1);
	late = rig__meet(rig, "late", 1);
	rig__daemon_start(rig);
	rig__daemon_halt(rig);
	die(root);
	cr_assert(rig__all_gone(late));
	cr_assert(rig__all_gone(rig__meet(rig, "early", 1)));
	rig__daemon_resume(rig);
	see_told(rig, root, 2);
	see_no_trace(rig);
}

/* ---- the innocent */

/* The number of a member that has ended is a bystander's, when the root dies. */
Test(reflex, hurts_nobody_who_has_a_members_number)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL,
			      "fork 8 { as brood sleep } as root gate 1 reap as childless sleep");
	const struct band *brood = rig__meet(rig, "brood", 8);
	pid_t innocent[8];
	size_t n = 0;

	rig__meet(rig, "root", 1);
	rig__daemon_halt(rig);
	for (size_t i = 0; i < brood->n; i++)
		kill(brood->one[i].pid, SIGKILL);
	rig__open_gate(rig, 1);
	rig__meet(rig, "childless", 1);
	for (size_t i = 0; i < brood->n; i++) {
		pid_t number = brood->one[i].pid;
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
		if (pid > 0)
			innocent[n++] = pid;
	}
	cr_assert_gt(n, 0);
	die(root);
	rig__daemon_resume(rig);
	see_no_trace(rig);
	for (size_t i = 0; i < n; i++) {
		cr_expect_eq(waitpid(innocent[i], NULL, WNOHANG), 0, "the innocent was hurt");
		kill(innocent[i], SIGKILL);
		waitpid(innocent[i], NULL, 0);
	}
}
