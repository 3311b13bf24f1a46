// SPDX-License-Identifier: GPL-2.0
/* incident_test.c - what an incident tells: who died, why, by whom, and what came of it. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "rig.h"

Test(incident, names_the_root)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "fork { as stray sleep } name victim as root sleep");
	struct control_proc_row member;
	const struct incident *incident;

	rig__meet(rig, "stray", 1);
	rig__meet(rig, "root", 1);
	cr_assert(rig__member(rig, root, root, &member));
	kill(root, SIGKILL);
	incident = rig__closed(rig, root);
	cr_expect_eq(incident->row.who.start, member.who.start);
	cr_expect_neq(incident->row.who.start, 0);
	cr_expect_eq(incident->row.parent.pid, (__u32)getpid());
	cr_expect_eq(incident->row.vpid, (__u32)root);
	cr_expect_neq(incident->row.pid_ns, 0);
	cr_expect_eq(incident->row.image.uid, 0);
	cr_expect_str_eq(incident->row.image.comm, "victim");
	cr_expect(strstr(incident->row.image.exe, "/actor"), "%s", incident->row.image.exe);
	cr_expect(memmem(incident->row.image.args, incident->row.image.args_len,
			 "fork\0{\0as\0stray", 15));
	cr_expect_eq(strnlen(incident->row.id, INCIDENT_ID_LEN), 26, "%s", incident->row.id);
	cr_expect_not(incident->row.observed);
	cr_expect_not(incident->row.reconstructed);
}

Test(incident, names_the_survivors)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL,
			      "fork { name child as child fork { uid 65534 as user sleep } sleep } "
			      "fork { as program become { /bin/sleep 1000 } } sleep");
	const struct control_survivor_row *child, *user, *program;
	const struct incident *incident;

	rig__meet(rig, "child", 1);
	rig__meet(rig, "user", 1);
	rig__await_event(rig, EVENT_PROCESS_EXECUTED, rig__pid(rig, "program"));
	kill(root, SIGKILL);
	incident = rig__closed(rig, root);
	cr_assert_eq(incident->n, 3);
	child = incident__survivor(incident, rig__pid(rig, "child"));
	user = incident__survivor(incident, rig__pid(rig, "user"));
	program = incident__survivor(incident, rig__pid(rig, "program"));
	cr_expect_eq(child->parent.pid, (__u32)root);
	cr_expect_eq(user->parent.pid, child->who.pid);
	cr_expect(strstr(child->image.exe, "/actor"), "%s", child->image.exe);
	cr_expect_str_eq(program->image.comm, "sleep");
	cr_expect_eq(program->image.args_len, sizeof("/bin/sleep\0"
						     "1000"));
	cr_expect(memcmp(program->image.args,
			 "/bin/sleep\0"
			 "1000",
			 program->image.args_len) == 0);
}

/* By the kernel's clock, in the order in which things happened. */
Test(incident, tells_times_in_order)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "fork 8 { as stray sleep } sleep");
	const struct incident *incident;
	uint64_t before, after;

	rig__meet(rig, "stray", 8);
	before = clock__boottime();
	kill(root, SIGKILL);
	incident = rig__closed(rig, root);
	after = clock__boottime();
	cr_expect_geq(incident->row.opened, before);
	cr_expect_geq(incident->row.closed, incident->row.opened);
	cr_expect_leq(incident->row.closed, after);
	cr_expect_gt(incident->row.reaction_ns, 0);
	cr_expect_leq(incident->row.reaction_ns, incident->row.clear_ns);
	cr_expect_leq(incident->row.clear_ns, after - before);
	for (size_t i = 0; i < incident->n; i++) {
		const struct control_survivor_row *survivor = &incident->survivor[i];

		cr_expect_lt(survivor->who.start, incident->row.opened);
		cr_expect_geq(survivor->first.at, incident->row.opened);
		cr_expect_geq(survivor->gone, survivor->first.at);
		cr_expect_leq(survivor->gone, incident->row.closed);
		cr_expect_eq(survivor->first.signal, SIGKILL);
	}
}

Test(incident, tells_who_sent_the_signal)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "fork { as stray sleep } as root sleep");
	const struct sender *sender;
	const struct incident *incident;

	rig__meet(rig, "stray", 1);
	rig__meet(rig, "root", 1);
	rig__spawn(rig, "name assassin as killer kill root KILL sleep");
	incident = rig__closed(rig, root);
	sender = &incident->row.sender;
	cr_expect_eq(incident->row.origin, ORIGIN_USER);
	cr_expect_eq(sender->who.pid, (__u32)rig__pid(rig, "killer"));
	cr_expect_str_eq(sender->comm, "assassin");
	cr_expect_eq(sender->uid, 0);
	cr_expect_eq(sender->signal, SIGKILL);
	cr_expect_neq(sender->who.start, 0);
	cr_expect_lt(sender->who.start, sender->at);
	cr_expect_leq(sender->at, incident->row.opened);
	cr_expect(strstr(incident->row.sender_exe, "/actor"), "%s", incident->row.sender_exe);
}

Test(incident, tells_a_sender_of_another_user)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "fork { as stray sleep } uid 65534 as root sleep");
	const struct incident *incident;

	rig__meet(rig, "stray", 1);
	rig__meet(rig, "root", 1);
	rig__spawn(rig, "uid 65534 as killer kill root KILL sleep");
	incident = rig__closed(rig, root);
	cr_expect_eq(incident->row.origin, ORIGIN_USER);
	cr_expect_eq(incident->row.sender.who.pid, (__u32)rig__pid(rig, "killer"));
	cr_expect_eq(incident->row.sender.uid, NOBODY);
}

/* A sender that is gone before anybody could look it up is told as the kernel saw it. */
Test(incident, tells_a_sender_that_is_gone)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "fork { as stray sleep } as root sleep");
	pid_t killer;
	const struct incident *incident;

	rig__meet(rig, "stray", 1);
	rig__meet(rig, "root", 1);
	killer = rig__spawn(rig, "name fleeting kill root KILL exit 0");
	incident = rig__closed(rig, root);
	cr_expect_eq(incident->row.sender.who.pid, (__u32)killer);
	cr_expect_str_eq(incident->row.sender.comm, "fleeting");
}

Test(incident, tells_a_root_that_ended_itself)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "fork { as stray sleep } await stray 1 raise KILL");
	const struct incident *incident = rig__closed(rig, root);

	cr_expect_eq(incident->row.origin, ORIGIN_SELF);
	cr_expect_eq(incident->row.kind, CAUSE_KILL);
	cr_expect_eq(incident->row.sender.who.pid, (__u32)root);
}

Test(incident, tells_a_fault)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, POLICY(.on = ON(CRASH), .signal = SIGKILL),
			      "fork { as stray sleep } await stray 1 cores 0 segv");
	const struct incident *incident = rig__closed(rig, root);

	cr_expect_eq(incident->row.origin, ORIGIN_KERNEL);
	cr_expect_eq(incident->row.kind, CAUSE_CRASH);
	cr_expect_eq(incident->row.exit_code & 0x7f, SIGSEGV);
}

/* Not that of a signal which the root handles. */
Test(incident, tells_the_sender_of_the_signal_that_killed)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, POLICY(.on = ON(SIGNAL), .signal = SIGKILL),
			      "fork { as stray sleep } handle USR1 3 as root sleep");
	const struct incident *incident;

	rig__meet(rig, "stray", 1);
	rig__meet(rig, "root", 1);
	rig__spawn(rig, "kill root CONT kill root WINCH as other sleep");
	rig__meet(rig, "other", 1);
	kill(root, SIGTERM);
	incident = rig__closed(rig, root);
	cr_expect_eq(incident->row.sender.who.pid, (__u32)getpid());
	cr_expect_eq(incident->row.sender.signal, SIGTERM);
	cr_expect_eq(incident->row.exit_code, SIGTERM);
}

/* A zombie is no survivor. */
Test(incident, has_no_member_that_had_ended_before)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL,
			      "fork { as early exit 0 } fork { as stray sleep } as root sleep");

	rig__meet(rig, "early", 1);
	cr_assert(rig__all_gone(rig__meet(rig, "early", 1)));
	rig__meet(rig, "stray", 1);
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->n, 1);
}

Test(incident, events_tell_the_whole_story)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL, "fork { as stray sleep } as root sleep");
	pid_t stray = rig__pid(rig, "stray");
	struct control_event_row forked, opened, gone, closed, died;

	rig__meet(rig, "root", 1);
	kill(root, SIGKILL);
	rig__closed(rig, root);
	rig__await_event(rig, EVENT_TREE_TRACKED, root);
	rig__await_event(rig, EVENT_PROCESS_EXECUTED, root);
	forked = rig__await_event(rig, EVENT_PROCESS_FORKED, stray);
	died = rig__await_event(rig, EVENT_ROOT_DIED, root);
	opened = rig__await_event(rig, EVENT_INCIDENT_OPENED, root);
	rig__await_event(rig, EVENT_SURVIVOR_SIGNALLED, stray);
	gone = rig__await_event(rig, EVENT_SURVIVOR_GONE, stray);
	closed = rig__await_event(rig, EVENT_INCIDENT_CLOSED, root);
	rig__await_event(rig, EVENT_TREE_ENDED, root);
	cr_expect_eq(forked.parent.pid, (__u32)root);
	cr_expect_eq(died.exit_code, SIGKILL);
	cr_expect_str_eq(opened.incident, closed.incident);
	cr_expect_lt(forked.seq, opened.seq);
	cr_expect_lt(opened.seq, gone.seq);
	cr_expect_lt(gone.seq, closed.seq);
}

/* ---- --observe */

static void see_nobody_signalled(struct rig *rig)
{
	pid_t root = rig__run(rig, ON_KILL, "fork 2 { as stray sleep } as root sleep");
	const struct band *strays = rig__meet(rig, "stray", 2);
	const struct incident *incident;

	rig__meet(rig, "root", 1);
	kill(root, SIGKILL);
	incident = rig__closed(rig, root);
	cr_assert(rig__all_live(strays));
	cr_assert_eq(incident->row.outcome, INCIDENT_OBSERVED);
	cr_assert(incident->row.observed);
	cr_assert_eq(incident->n, 2);
	cr_assert_eq(incident__count(incident, SURVIVOR_OBSERVED), 2);
	for (size_t i = 0; i < 2; i++)
		cr_assert_eq(incident->survivor[i].first.at, 0);
}

Test(observe, signals_nobody)
{
	autorig struct rig *rig = rig__start(.argument = { "--observe" });

	see_nobody_signalled(rig);
}

/* Nor does the kernel side: who is born after the death lives. */
Test(observe, lets_who_is_born_later_live)
{
	autorig struct rig *rig = rig__start(.argument = { "--observe" });
	pid_t root =
		rig__run(rig, ON_KILL,
			 "fork { as stray gate 1 fork 3 { as late sleep } sleep } as root sleep");

	rig__meet(rig, "stray", 1);
	rig__meet(rig, "root", 1);
	kill(root, SIGKILL);
	rig__closed(rig, root);
	rig__open_gate(rig, 1);
	cr_assert(rig__all_live(rig__meet(rig, "late", 3)));
	cr_assert(rig__all_live(rig__meet(rig, "stray", 1)));
}
