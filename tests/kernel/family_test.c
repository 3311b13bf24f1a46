// SPDX-License-Identifier: GPL-2.0
/* family_test.c - however far a member strays, it ends with its root; and nobody else does. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

struct family {
	const char *name;
	const char *play; /* its strays say so when they have come where they go */
	unsigned strays;
	unsigned survivors; /* the strays and those around them */
};

static const struct family families[] = {
	{ "no family at all", "as stray sleep", 1, 0 },
	{ "children", "fork 3 { as stray sleep } sleep", 3, 3 },
	{ "busy children", "fork 2 { as stray spin } sleep", 2, 2 },
	{ "grandchildren", "fork 2 { fork 2 { as stray sleep } sleep } sleep", 4, 6 },
	{ "sessions of their own", "fork 2 { setsid as stray sleep } sleep", 2, 2 },
	{ "a double fork", "fork { fork { setsid orphaned as stray sleep } } reap sleep", 1, 1 },
	{ "a triple fork",
	  "fork { setsid fork { fork { setsid orphaned as stray sleep } } reap } reap sleep", 1,
	  1 },
	{ "an unreaped parent", "fork { fork { orphaned as stray sleep } } sleep", 1, 1 },
	{ "closed descriptors", "fork { setsid close as stray sleep } sleep", 1, 1 },
	{ "another name", "fork { name kworker/0:1 as stray sleep } sleep", 1, 1 },
	{ "a deep stray",
	  "fork { setsid fork { fork { setsid orphaned close name other as stray sleep } } } reap "
	  "sleep",
	  1, 1 },
	{ "children of a dead parent",
	  "fork { fork 2 { fork 2 { as stray sleep } orphaned sleep } } reap sleep", 4, 6 },
	{ "the root's siblings", "sibling 2 { as stray sleep } sleep", 2, 2 },
	{ "a sibling's children", "sibling { fork 2 { as stray sleep } } sleep", 2, 2 },
	{ "a child's siblings", "fork { sibling 2 { as stray sleep } sleep } sleep", 2, 3 },
	{ "clone3", "clone3 3 { as stray sleep } sleep", 3, 3 },
	{ "vfork, the parent waiting", "vfork { as stray sleep } sleep", 1, 1 },
	{ "vfork and exec", "vfork { exec { as stray sleep } } sleep", 1, 1 },
	{ "a vfork's children",
	  "fork { vfork { exec { fork { as stray sleep } sleep } } sleep } sleep", 1, 3 },
	{ "another program", "fork { as stray become { /bin/sleep 1000 } } sleep", 1, 1 },
	{ "an exec of the root", "fork { as stray sleep } exec { fork { as stray sleep } sleep }",
	  2, 2 },
	{ "a thread's children", "thread 4 { fork { as stray sleep } sleep } sleep", 4, 4 },
	{ "a PID namespace's init and members",
	  "namespaces pid { fork 2 { as stray sleep } as stray sleep } sleep", 3, 3 },
	{ "user and mount namespaces",
	  "namespaces user,mnt { fork { as stray sleep } sleep } sleep", 1, 2 },
	{ "all namespaces, nested",
	  "namespaces pid,mnt { namespaces pid,user,mnt { as stray sleep } sleep } sleep", 1, 2 },
	{ "members of another user", "fork { uid 65534 fork { as stray sleep } sleep } sleep", 1,
	  2 },
};

static void end_one(struct rig *rig, const struct family *family)
{
	pid_t root = rig__run(rig, ON_KILL, "%s", family->play);
	const struct band *strays = rig__meet(rig, "stray", family->strays);
	const struct incident *incident;

	rig__await_members(rig, root, family->survivors + 1); /* who is to be dead by now, is */
	kill(root, SIGKILL);
	cr_assert(rig__all_gone(strays), "%s: a stray lives", family->name);
	incident = rig__closed(rig, root);
	cr_expect(rig__all_gone(rig__everyone(rig)), "%s: somebody lives", family->name);
	cr_expect_eq(incident->row.outcome, INCIDENT_CLEARED, "%s", family->name);
	cr_expect_eq(incident->n, family->survivors, "%s: %zu survivors, %u were to be",
		     family->name, incident->n, family->survivors);
	/* By us, or by the end of a PID namespace whose init we ended. */
	for (size_t i = 0; i < incident->n; i++)
		cr_expect_eq(incident->survivor[i].exit_code & 0x7f, SIGKILL, "%s", family->name);
}

Test(family, of_whatever_shape_ends_with_its_root)
{
	autorig struct rig *rig = rig__start();

	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
		end_one(rig, &families[i]);
		rig__next_play(rig);
	}
}

Test(family, an_adopted_one_ends_as_well)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__spawn(rig,
				"fork 2 { fork { as stray sleep } as stray sleep } await stray 4 "
				"as root gate 1 fork { as late sleep } sleep");
	const struct band *strays = rig__meet(rig, "stray", 4);

	rig__meet(rig, "root", 1);
	cr_assert_gt(rig__track(rig, root, ON_KILL, "adopted"), 0, "%s", rig__why(rig));
	rig__open_gate(rig, 1);
	rig__meet(rig, "late", 1);
	kill(root, SIGKILL);
	cr_assert(rig__all_gone(strays));
	cr_assert(rig__all_gone(rig__meet(rig, "late", 1)));
	cr_assert_eq(rig__closed(rig, root)->n, 5);
}

/* On any kernel: a storm of births, with nobody there to mend what was missed. */
Test(family, each_is_entered_while_the_guard_is_halted)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL,
			      "as root gate 1 fork 20 { fork 19 { as stray sleep } as stray "
			      "sleep } sleep");

	rig__meet(rig, "root", 1);
	rig__daemon_halt(rig);
	rig__open_gate(rig, 1);
	rig__meet(rig, "stray", 400);
	cr_assert_eq(rig__entries(rig, "members"), 401);
	rig__daemon_resume(rig);
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->n, 400);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 400)));
}

/* Who is not, costs no look into the map of members. */
Test(family, a_member_is_marked_as_long_as_it_lives)
{
	autorig struct rig *rig = rig__start();
	pid_t bystander = rig__spawn(rig, "as bystander sleep");
	pid_t root = rig__run(rig, ON_KILL, "fork { as stray sleep } sleep");
	pid_t stray = rig__pid(rig, "stray");

	rig__meet(rig, "bystander", 1);
	cr_expect(rig__is_marked(rig, root));
	cr_expect(rig__is_marked(rig, stray));
	cr_expect(!rig__is_marked(rig, bystander));
	kill(root, SIGKILL);
	rig__closed(rig, root);
	cr_expect(!rig__is_marked(rig, root));
	cr_expect(!rig__is_marked(rig, stray));
}

/* The same program, the same process group, the same parent. */
Test(family, a_bystander_lives)
{
	autorig struct rig *rig = rig__start();
	pid_t bystander = rig__spawn(rig, "as bystander sleep");
	pid_t root = rig__run(rig, ON_KILL, "fork { as stray sleep } as root sleep");

	rig__meet(rig, "root", 1);
	rig__meet(rig, "stray", 1);
	cr_assert_eq(getpgid(bystander), getpgid(root));
	kill(root, SIGKILL);
	rig__closed(rig, root);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 1)));
	cr_assert(rig__all_live(rig__meet(rig, "bystander", 1)));
}

/* Not even its own parent, who is above the root. */
Test(family, those_above_the_root_live)
{
	autorig struct rig *rig = rig__start();
	pid_t root;

	rig__spawn(
		rig,
		"fork { as root fork { as stray sleep } sleep } fork { as other sleep } as above sleep");
	rig__meet(rig, "above", 1);
	rig__meet(rig, "other", 1);
	rig__meet(rig, "stray", 1);
	root = rig__pid(rig, "root");
	cr_assert_gt(rig__track(rig, root, ON_KILL, ""), 0, "%s", rig__why(rig));
	kill(root, SIGKILL);
	rig__closed(rig, root);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 1)));
	cr_assert(rig__all_live(rig__meet(rig, "above", 1)));
	cr_assert(rig__all_live(rig__meet(rig, "other", 1)));
}

Test(family, a_thousand_survivors)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL,
			      "fork 10 { fork 99 { as stray sleep } as stray sleep } sleep");
	const struct band *strays = rig__meet(rig, "stray", 1000);
	const struct incident *incident;

	kill(root, SIGKILL);
	cr_assert(rig__all_gone(strays));
	incident = rig__closed(rig, root);
	cr_assert_eq(incident->n, 1000, "%zu survivors", incident->n);
	cr_assert_eq(incident__count(incident, SURVIVOR_KILLED), 1000);
	cr_assert_eq(incident->row.outcome, INCIDENT_CLEARED);
}

Test(family, two_trees_know_nothing_of_each_other)
{
	autorig struct rig *rig = rig__start();
	pid_t one = rig__run(rig, ON_KILL, "fork 2 { as one sleep } sleep");
	pid_t two = rig__run(rig, ON_KILL, "fork 2 { as two sleep } sleep");

	rig__meet(rig, "one", 2);
	rig__meet(rig, "two", 2);
	kill(one, SIGKILL);
	rig__closed(rig, one);
	cr_assert(rig__all_gone(rig__meet(rig, "one", 2)));
	cr_assert(rig__all_live(rig__meet(rig, "two", 2)));
	cr_assert_eq(rig__incidents(rig, two), 0);
	kill(two, SIGKILL);
	rig__closed(rig, two);
	cr_assert(rig__all_gone(rig__meet(rig, "two", 2)));
}

Test(family, two_daemons_know_nothing_of_each_other)
{
	autorig struct rig *one = rig__start();
	autorig struct rig *two = rig__start();
	pid_t root_one = rig__run(one, ON_KILL, "fork 2 { as stray sleep } sleep");
	pid_t root_two = rig__run(two, ON_KILL, "fork 2 { as stray sleep } sleep");

	rig__meet(one, "stray", 2);
	rig__meet(two, "stray", 2);
	kill(root_one, SIGKILL);
	rig__closed(one, root_one);
	cr_assert(rig__all_gone(rig__meet(one, "stray", 2)));
	cr_assert(rig__all_live(rig__meet(two, "stray", 2)));
	kill(root_two, SIGKILL);
	rig__closed(two, root_two);
	cr_assert_eq(rig__incidents(one, root_two), 0);
}

/* A member that ends by itself is reaped as ever, and the family goes on. */
Test(family, members_come_and_go)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(rig, ON_KILL,
			      "fork 5 { } fork 2 { exit 3 } reap fork { as stray sleep } sleep");
	const struct incident *incident;

	rig__meet(rig, "stray", 1);
	rig__await_members(rig, root, 2);
	kill(root, SIGKILL);
	incident = rig__closed(rig, root);
	cr_assert_eq(incident->n, 1);
	cr_assert_eq(incident->survivor[0].who.pid, (__u32)rig__pid(rig, "stray"));
}

/* ---- who asks for itself, and has a family already */

static void *bear(void *context)
{
	if (fork() == 0) {
		alarm(60);
		pause();
		_exit(0);
	}
	sem_post(context);
	pause();
	return NULL;
}

static void ask_for_myself(struct rig *rig, bool by_thread)
{
	pthread_t thread;
	sem_t born;

	alarm(60);
	sem_init(&born, 0, 0);
	if (by_thread && pthread_create(&thread, NULL, bear, &born) == 0) {
		sem_wait(&born);
	} else if (fork() == 0) {
		alarm(60);
		pause();
		_exit(0);
	}
	if (rig__track(rig, 0, ON_KILL, NULL) > 0)
		pause();
	_exit(1);
}

static void see_child_end(bool by_thread)
{
	autorig struct rig *rig = rig__start();
	const struct incident *incident;
	pid_t root = fork();

	if (root == 0)
		ask_for_myself(rig, by_thread);
	rig__await_members(rig, root, 2);
	kill(root, SIGKILL);
	rig__join(root);
	incident = rig__closed(rig, root);
	cr_assert_eq(incident->n, 1);
	cr_assert_eq(incident->row.outcome, INCIDENT_CLEARED);
}

Test(family, who_asks_for_itself_brings_its_child)
{
	see_child_end(false);
}

Test(family, who_asks_for_itself_brings_a_threads_child)
{
	see_child_end(true);
}
