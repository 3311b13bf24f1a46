// SPDX-License-Identifier: GPL-2.0
/* actor_test.c - the plays make the families that they name. No daemon takes part. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "rig.h"

static const struct one *stray_of(struct rig *rig, const char *play)
{
	rig__spawn(rig, "%s", play);
	return &rig__meet(rig, "stray", 1)->one[0];
}

static const char *status(pid_t pid, const char *key)
{
	static char value[256];

	cr_assert(rig__proc(pid, key, value, sizeof(value)), "process %d has no %s", pid, key);
	return value;
}

static size_t descriptors(pid_t pid)
{
	autoclosedir DIR *dir = NULL;
	char path[64];
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	cr_assert(dir);
	while (readdir(dir))
		n++;
	return n - 2; /* . and .. */
}

Test(actor, children_are_the_roots)
{
	autorig struct rig *rig = rig__start(.bare = true);
	pid_t root = rig__spawn(rig, "fork 3 { as child sleep } sleep");
	const struct band *children = rig__meet(rig, "child", 3);

	for (size_t i = 0; i < 3; i++)
		cr_assert_eq(children->one[i].ppid, root);
	cr_assert(rig__all_live(children));
	cr_assert_eq(rig__marked(rig), 4);
}

/* Two dead parents in between, a session of its own, no descriptor, another name. */
Test(actor, a_deep_stray_has_lost_all_ties)
{
	autorig struct rig *rig = rig__start(.bare = true);
	const struct one *stray = stray_of(rig, "fork { setsid fork { fork { setsid orphaned close "
						"name other as stray sleep } } reap } reap sleep");
	struct patience patience = rig__patience(15);
	char path[64], args[64] = "";
	FILE *file;

	cr_assert_eq(getsid(stray->pid), stray->pid);
	cr_assert_eq(atoi(status(stray->pid, "PPid")), getpid(), "the test is the reaper");
	cr_assert_str_eq(status(stray->pid, "Name"), "other");
	cr_assert_eq(descriptors(stray->pid), 0);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", stray->pid);
	file = fopen(path, "re");
	cr_assert(file && fgets(args, sizeof(args), file));
	fclose(file);
	cr_assert_str_eq(args, "other");
	/* its parent is gone, and the one above that goes when it has reaped it */
	while (rig__marked(rig) != 2 && rig__retry(&patience))
		;
	cr_assert_eq(rig__marked(rig), 2, "the ones in between are gone, the stray keeps its mark");
}

Test(actor, a_sibling_is_no_child_of_its_maker)
{
	autorig struct rig *rig = rig__start(.bare = true);
	const struct one *stray = stray_of(rig, "sibling { as stray sleep } sleep");

	cr_assert_eq(stray->ppid, getpid());
}

Test(actor, clone3_and_vfork_make_children)
{
	autorig struct rig *rig = rig__start(.bare = true);
	pid_t root = rig__spawn(
		rig, "clone3 2 { as by3 sleep } vfork { as vchild exec { as image sleep } } "
		     "sleep");
	const struct band *image = rig__meet(rig, "image", 1);

	cr_assert_eq(rig__meet(rig, "by3", 2)->one[1].ppid, root);
	cr_assert_eq(image->one[0].ppid, root);
	cr_assert_eq(rig__pid(rig, "vchild"), image->one[0].pid);
}

Test(actor, a_child_is_born_with_a_pid_that_is_free)
{
	autorig struct rig *rig = rig__start(.bare = true);
	pid_t past = rig__spawn(rig, "exit 0");

	rig__join(past);
	rig__spawn(rig, "reborn %d { as again sleep } sleep", past);
	cr_assert_eq(rig__pid(rig, "again"), past);
}

Test(actor, namespaces_are_new_and_pids_told_are_the_hosts)
{
	autorig struct rig *rig = rig__start(.bare = true);
	pid_t root = rig__spawn(
		rig, "namespaces pid,user,mnt { as init fork { as inner sleep } sleep } sleep");
	const struct one *inner = &rig__meet(rig, "inner", 1)->one[0];
	pid_t init = rig__pid(rig, "init");
	char expected[64];

	cr_assert_eq(inner->ppid, init);
	snprintf(expected, sizeof(expected), "%d\t2", inner->pid);
	cr_assert_str_eq(status(inner->pid, "NSpid"), expected);
	snprintf(expected, sizeof(expected), "%d\t1", init);
	cr_assert_str_eq(status(init, "NSpid"), expected);
	cr_assert_eq(rig__meet(rig, "init", 1)->one[0].ppid, root);
	/* Its init's end is the namespace's. */
	kill(init, SIGKILL);
	cr_assert(rig__all_gone(rig__meet(rig, "inner", 1)));
}

Test(actor, threads_outlive_their_leader)
{
	autorig struct rig *rig = rig__start(.bare = true);
	pid_t root = rig__spawn(rig, "thread 64 { gate 1 } as root leave");
	struct patience patience = rig__patience(10);

	rig__meet(rig, "root", 1);
	while (atoi(status(root, "Threads")) != 65 || *status(root, "State") != 'Z')
		cr_assert(rig__retry(&patience), "%s threads, leader %s", status(root, "Threads"),
			  status(root, "State"));
	rig__open_gate(rig, 1);
	cr_assert_eq(rig__join(root), 0);
}

Test(actor, another_thread_execs)
{
	autorig struct rig *rig = rig__start(.bare = true);
	pid_t root = rig__spawn(rig, "thread { exec { as image sleep } } sleep");

	cr_assert_eq(rig__pid(rig, "image"), root);
	cr_assert_eq(atoi(status(root, "Threads")), 1);
}

Test(actor, becomes_another_program)
{
	autorig struct rig *rig = rig__start(.bare = true);
	pid_t root = rig__spawn(rig, "as root become { /bin/sleep 1000 }");
	struct patience patience = rig__patience(10);

	/* An exec has the new name before the new environment can be read. */
	while (strcmp(status(root, "Name"), "sleep") != 0 || rig__marked(rig) != 1)
		cr_assert(rig__retry(&patience));
}

struct end {
	char play[64];
	int sig, expected;
};

ParameterizedTestParameters(actor, ends_as_it_is_told)
{
	static struct end ends[] = {
		{ "as root exit 3", 0, 3 << 8 },
		{ "as root", 0, 0 },
		{ "as root raise ABRT", 0, SIGABRT },
		{ "cores 0 as root segv", 0, SIGSEGV },
		{ "as root raise KILL", 0, SIGKILL },
		{ "handle TERM 0 as root sleep", SIGTERM, 0 },
		{ "handle TERM 4 as root sleep", SIGTERM, 4 << 8 },
		{ "dawdle TERM 50 as root sleep", SIGTERM, 0 },
		{ "as root sleep", SIGTERM, SIGTERM },
		{ "ignore TERM as root stop", SIGKILL, SIGKILL },
	};

	return cr_make_param_array(struct end, ends, sizeof(ends) / sizeof(*ends));
}

ParameterizedTest(struct end *end, actor, ends_as_it_is_told)
{
	autorig struct rig *rig = rig__start(.bare = true);
	pid_t root = rig__spawn(rig, "%s", end->play);

	rig__meet(rig, "root", 1);
	if (end->sig)
		kill(root, end->sig);
	cr_assert_eq(rig__join(root) & ~0x80, end->expected, "%s", end->play);
}

Test(actor, ignores_a_signal_and_stops_itself)
{
	autorig struct rig *rig = rig__start(.bare = true);
	struct patience patience = rig__patience(10);
	pid_t deaf = rig__spawn(rig, "ignore TERM as deaf gate 1 stop exit 5");

	rig__meet(rig, "deaf", 1);
	kill(deaf, SIGTERM);
	rig__open_gate(rig, 1);
	while (*status(deaf, "State") != 'T')
		cr_assert(rig__retry(&patience), "%s", status(deaf, "State"));
	kill(deaf, SIGCONT);
	cr_assert_eq(rig__join(deaf), 5 << 8);
}

Test(actor, another_user_and_a_kill_by_role)
{
	autorig struct rig *rig = rig__start(.bare = true);

	rig__spawn(
		rig,
		"fork { as victim sleep } await victim 1 kill victim KILL reap uid %d as user sleep",
		NOBODY);
	cr_assert_eq(atoi(status(rig__pid(rig, "user"), "Uid")), NOBODY);
	cr_assert(rig__all_gone(rig__meet(rig, "victim", 1)));
}

Test(actor, breeders_breed_until_they_are_stopped)
{
	autorig struct rig *rig = rig__start(.bare = true);

	rig__spawn(rig, "undertake { fork 2 { comet } fork 2 { storm } }");
	rig__await_births(rig, 1000);
}

/* A guard of the guards: what has no end of its own is ended by its alarm. */
Test(actor, every_generation_has_a_deadline)
{
	autorig struct rig *rig = rig__start(.bare = true, .life = 1);
	const struct band *all;

	rig__spawn(rig, "fork { fork { setsid close ignore TERM as stray sleep } } sleep");
	rig__meet(rig, "stray", 1);
	all = rig__everyone(rig);
	cr_assert_eq(all->n, 3);
	cr_assert(rig__all_gone(all));
}

Test(actor, many)
{
	autorig struct rig *rig = rig__start(.bare = true);

	rig__spawn(rig, "fork 200 { as child sleep } sleep");
	cr_assert(rig__all_live(rig__meet(rig, "child", 200)));
	cr_assert_eq(rig__marked(rig), 201);
}
