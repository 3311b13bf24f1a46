// SPDX-License-Identifier: GPL-2.0
/* trigger_test.c - which ends of a root ask for action, and what they are called. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "rig.h"

struct ending {
	const char *name;
	unsigned on;
	const char *end; /* how the root ends itself */
	int sig;	 /* or what it is sent */
	int kind;	 /* of the incident; -1: there is none */
};

#define NONE (-1)

static const struct ending endings[] = {
	{ "kill: exit 0", ON(KILL), "exit 0", 0, NONE },
	{ "kill: exit 3", ON(KILL), "exit 3", 0, NONE },
	{ "kill: SIGTERM", ON(KILL), "", SIGTERM, NONE },
	{ "kill: abort", ON(KILL), "cores 0 raise ABRT", 0, NONE },
	{ "kill: SIGTERM, heeded", ON(KILL), "handle TERM 0 as heeding sleep", SIGTERM, NONE },
	{ "kill: SIGKILL", ON(KILL), "", SIGKILL, CAUSE_KILL },
	{ "kill: SIGKILL to itself", ON(KILL), "raise KILL", 0, CAUSE_KILL },
	{ "signal: SIGTERM", ON(SIGNAL), "", SIGTERM, CAUSE_SIGNAL },
	{ "signal: SIGHUP", ON(SIGNAL), "", SIGHUP, CAUSE_SIGNAL },
	{ "signal: a real-time one", ON(SIGNAL), "", 40, CAUSE_SIGNAL },
	{ "signal: SIGTERM to itself", ON(SIGNAL), "raise TERM", 0, CAUSE_SIGNAL },
	{ "signal: one that dumps core", ON(SIGNAL), "cores 0", SIGQUIT, CAUSE_CRASH },
	{ "signal: exit 3", ON(SIGNAL), "exit 3", 0, NONE },
	{ "crash: abort", ON(CRASH), "cores 0 raise ABRT", 0, CAUSE_CRASH },
	{ "crash: a fault", ON(CRASH), "cores 0 segv", 0, CAUSE_CRASH },
	{ "crash: SIGTERM", ON(CRASH), "", SIGTERM, NONE },
	{ "crash: SIGKILL", ON(CRASH), "", SIGKILL, NONE },
	{ "error: exit 3", ON(ERROR), "exit 3", 0, CAUSE_ERROR },
	{ "error: exit 255", ON(ERROR), "exit 255", 0, CAUSE_ERROR },
	{ "error: exit 0", ON(ERROR), "exit 0", 0, NONE },
	{ "error: SIGTERM", ON(ERROR), "", SIGTERM, NONE },
	{ "exit: exit 0", ON(EXIT), "exit 0", 0, CAUSE_EXIT },
	{ "exit: exit 3", ON(EXIT), "exit 3", 0, CAUSE_ERROR },
	{ "exit: SIGTERM", ON(EXIT), "", SIGTERM, CAUSE_SIGNAL },
	{ "exit: SIGKILL", ON(EXIT), "", SIGKILL, CAUSE_KILL },
	{ "exit: a fault", ON(EXIT), "cores 0 segv", 0, CAUSE_CRASH },
	{ "kill,error: exit 1", ON(KILL) | ON(ERROR), "exit 1", 0, CAUSE_ERROR },
	{ "kill,error: SIGTERM", ON(KILL) | ON(ERROR), "", SIGTERM, NONE },
};

static pid_t play(struct rig *rig, const struct ending *ending)
{
	pid_t root = rig__run(
		rig, POLICY(.on = (__u16)ending->on, .signal = SIGKILL),
		"fork { as stray sleep } fork { setsid as stray sleep } await stray 2 as root "
		"gate 1 %s sleep",
		ending->end);

	rig__meet(rig, "root", 1);
	rig__meet(rig, "stray", 2);
	rig__open_gate(rig, 1);
	if (strstr(ending->end, "as heeding"))
		rig__meet(rig, "heeding", 1);
	if (ending->sig)
		kill(root, ending->sig);
	return root;
}

static void see_one(struct rig *rig, const struct ending *ending)
{
	pid_t root = play(rig, ending);
	const struct band *strays = rig__meet(rig, "stray", 2);

	if (ending->kind == NONE) {
		rig__await_event(rig, EVENT_TREE_ENDED, root);
		cr_expect_eq(rig__incidents(rig, root), 0, "%s", ending->name);
		cr_expect(rig__all_live(strays), "%s", ending->name);
		cr_expect_not(rig__tree_of(rig, root, &(struct control_tree_row){}), "%s",
			      ending->name);
		return;
	}
	cr_expect_eq(rig__closed(rig, root)->row.kind, (__u32)ending->kind, "%s", ending->name);
	cr_expect(rig__all_gone(strays), "%s", ending->name);
}

Test(trigger, by_how_the_root_ends)
{
	autorig struct rig *rig = rig__start();

	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		see_one(rig, &endings[i]);
		rig__next_play(rig);
	}
}

/* Neither then nor later: once let go, they may be killed or end as they like. */
Test(trigger, survivors_of_an_ordinary_end_are_watched_no_more)
{
	autorig struct rig *rig = rig__start();
	pid_t root =
		rig__run(rig, ON_KILL,
			 "fork { as heir fork { as stray sleep } sleep } await stray 1 exit 0");
	pid_t heir = rig__pid(rig, "heir");

	rig__join(root);
	rig__await_event(rig, EVENT_TREE_ENDED, root);
	kill(heir, SIGKILL);
	cr_assert(rig__all_gone(rig__meet(rig, "heir", 1)));
	cr_assert_gt(rig__track(rig, rig__pid(rig, "stray"), ON_KILL, "again"), 0, "%s",
		     rig__why(rig));
	cr_assert_eq(rig__incidents(rig, heir), 0);
	cr_assert(rig__all_live(rig__meet(rig, "stray", 1)));
}
