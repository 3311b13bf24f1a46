// SPDX-License-Identifier: GPL-2.0
/* cause_test.c - every way to die is told as what it was: kind, origin and sender. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "rig.h"

TestSuite(cause, .timeout = 40);

#define ALL (ON(KILL) | ON(SIGNAL) | ON(CRASH) | ON(OOM) | ON(ERROR) | ON(EXIT))
#define ON_ALL POLICY(.on = ALL, .signal = SIGKILL)

enum who { NO_ONE, THE_TEST, ITSELF };

struct death_row {
	const char *name;
	const char *end; /* how the root ends itself */
	int sig;	 /* or what the test sends it */
	enum cause_kind kind;
	enum cause_origin origin;
	enum who sender;
};

static const struct death_row deaths[] = {
	{ "SIGKILL from somebody", "sleep", SIGKILL, CAUSE_KILL, ORIGIN_USER, THE_TEST },
	{ "SIGTERM from somebody", "sleep", SIGTERM, CAUSE_SIGNAL, ORIGIN_USER, THE_TEST },
	{ "a real-time signal from somebody", "sleep", 50, CAUSE_SIGNAL, ORIGIN_USER, THE_TEST },
	{ "SIGSEGV from somebody", "cores 0 sleep", SIGSEGV, CAUSE_CRASH, ORIGIN_USER, THE_TEST },
	{ "SIGPIPE from somebody", "sleep", SIGPIPE, CAUSE_SIGNAL, ORIGIN_USER, THE_TEST },
	{ "SIGKILL while stopped", "as stopped stop", SIGKILL, CAUSE_KILL, ORIGIN_USER, THE_TEST },
	{ "SIGKILL to itself", "raise KILL", 0, CAUSE_KILL, ORIGIN_SELF, ITSELF },
	{ "SIGTERM to itself", "raise TERM", 0, CAUSE_SIGNAL, ORIGIN_SELF, ITSELF },
	{ "abort", "cores 0 raise ABRT", 0, CAUSE_CRASH, ORIGIN_SELF, ITSELF },
	{ "a fault", "cores 0 segv", 0, CAUSE_CRASH, ORIGIN_KERNEL, ITSELF },
	{ "a broken pipe", "pipe", 0, CAUSE_SIGNAL, ORIGIN_KERNEL, ITSELF },
	{ "exit 7", "exit 7", 0, CAUSE_ERROR, ORIGIN_SELF, NO_ONE },
	{ "exit 255", "exit 255", 0, CAUSE_ERROR, ORIGIN_SELF, NO_ONE },
	{ "exit 0", "exit 0", 0, CAUSE_EXIT, ORIGIN_SELF, NO_ONE },
	{ "exit 0 after a harmless signal", "ignore TERM kill root TERM exit 0", 0, CAUSE_EXIT,
	  ORIGIN_SELF, NO_ONE },
	{ "exit 3 by a handler", "handle TERM 3 kill root TERM sleep", 0, CAUSE_ERROR, ORIGIN_SELF,
	  NO_ONE },
};

static void see_told(const struct incident *incident, const struct death_row *row, pid_t root,
		     int status)
{
	const pid_t senders[] = { [NO_ONE] = 0, [THE_TEST] = getpid(), [ITSELF] = root };

	cr_expect_eq(incident->row.kind, (__u32)row->kind, "%s: kind %u", row->name,
		     incident->row.kind);
	cr_expect_eq(incident->row.origin, (__u32)row->origin, "%s: origin %u", row->name,
		     incident->row.origin);
	cr_expect_eq(incident->row.sender.who.pid, (__u32)senders[row->sender], "%s: sender %u",
		     row->name, incident->row.sender.who.pid);
	cr_expect_eq(incident->row.exit_code, (__u32)status, "%s: %#x told, %#x it was", row->name,
		     incident->row.exit_code, (unsigned)status);
	if (row->sender != NO_ONE)
		cr_expect_eq(incident->row.sender.signal, WTERMSIG(status), "%s", row->name);
}

static void see_death(struct rig *rig, const struct death_row *row)
{
	pid_t root = rig__run(rig, ON_ALL,
			      "fork { as stray sleep } await stray 1 as root gate 1 %s", row->end);
	const struct incident *incident;
	int status;

	rig__meet(rig, "root", 1);
	rig__open_gate(rig, 1);
	if (row->sig)
		kill(root, row->sig);
	status = rig__join(root);
	incident = rig__closed(rig, root);
	see_told(incident, row, root, status);
	cr_expect_eq(incident->n, 1, "%s", row->name);
	cr_expect(rig__all_gone(rig__meet(rig, "stray", 1)), "%s", row->name);
}

Test(cause, is_told_with_origin_and_sender)
{
	autorig struct rig *rig = rig__start();

	for (size_t i = 0; i < sizeof(deaths) / sizeof(*deaths); i++) {
		see_death(rig, &deaths[i]);
		rig__next_play(rig);
	}
}

/* ---- cores */

static bool cores_fall_where_they_are_left(void)
{
	autofclose FILE *file = fopen("/proc/sys/kernel/core_pattern", "re");
	int first = file ? fgetc(file) : EOF;

	return first != EOF && first != '|' && first != '/' && first != '\n';
}

Test(cause, of_a_crash_tells_of_the_core)
{
	autorig struct rig *rig = rig__start();
	const struct incident *incident;
	pid_t root;
	int status;

	if (!cores_fall_where_they_are_left())
		cr_skip_test("this machine's core_pattern leads elsewhere");
	root = rig__run(rig, ON_ALL, "fork { as stray sleep } await stray 1 cores 1 segv");
	status = rig__join(root);
	if (!WCOREDUMP(status))
		cr_skip_test("this machine writes no cores");
	incident = rig__closed(rig, root);
	cr_assert_eq(incident->row.exit_code, (__u32)status);
	cr_assert_eq(incident->row.exit_code & 0x80, 0x80);
	cr_assert_eq(incident->row.kind, CAUSE_CRASH);
	cr_assert_eq(incident->row.origin, ORIGIN_KERNEL);
}

/* ---- control groups */

#define ROOM "33554432"

/* On v2 the controller must be handed on by the root group, which is given back by nobody: where it
 * is not, it is asked for. */
static bool make_tight_group(const struct rig *rig, char *path, size_t size)
{
	if (rig__make_group(rig, "memory", "memory.limit_in_bytes", path, size)) {
		bool set = rig__write(path, "memory.limit_in_bytes", ROOM);

		rig__write(path, "memory.memsw.limit_in_bytes", ROOM);
		return set;
	}
	rig__write("/sys/fs/cgroup", "cgroup.subtree_control", "+memory");
	if (!rig__make_group(rig, NULL, "memory.max", path, size))
		return false;
	rig__write(path, "memory.swap.max", "0");
	return rig__write(path, "memory.max", ROOM);
}

Test(cause, of_the_oom_killers_victim)
{
	autorig struct rig *rig = rig__start();
	const struct incident *incident;
	char group[256];
	pid_t root;

	if (!make_tight_group(rig, group, sizeof(group)))
		cr_skip_test("there is no memory control group");
	root = rig__run(rig, POLICY(.on = ON(OOM), .signal = SIGKILL),
			"fork { as stray sleep } await stray 1 join %s hog", group);
	incident = rig__closed(rig, root);
	cr_expect_eq(incident->row.kind, CAUSE_OOM);
	cr_expect_eq(incident->row.origin, ORIGIN_OOM);
	cr_expect_eq(incident->row.exit_code, SIGKILL);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 1)));
	cr_assert_eq(rig__join(root), SIGKILL);
}

/* A kill is no oom for having come within the same group. */
Test(cause, of_a_kill_in_a_tight_group_is_a_kill)
{
	autorig struct rig *rig = rig__start();
	char group[256];
	pid_t root;

	if (!make_tight_group(rig, group, sizeof(group)))
		cr_skip_test("there is no memory control group");
	root = rig__run(rig, POLICY(.on = ON(KILL), .signal = SIGKILL),
			"fork { as stray sleep } join %s as root sleep", group);
	rig__meet(rig, "root", 1);
	rig__meet(rig, "stray", 1);
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->row.kind, CAUSE_KILL);
	cr_assert_eq(rig__closed(rig, root)->row.origin, ORIGIN_USER);
}

Test(cause, of_a_killed_control_group)
{
	autorig struct rig *rig = rig__start();
	const struct incident *incident;
	char group[256];
	pid_t root;

	if (!rig__make_group(rig, NULL, "cgroup.kill", group, sizeof(group)))
		cr_skip_test("this kernel has no cgroup.kill (it came with 5.14)");
	root = rig__run(rig, ON_KILL, "fork { as stray sleep } await stray 1 join %s as root sleep",
			group);
	rig__meet(rig, "root", 1);
	rig__meet(rig, "stray", 1);
	cr_assert(rig__write(group, "cgroup.kill", "1"));
	incident = rig__closed(rig, root);
	cr_expect_eq(incident->row.kind, CAUSE_KILL);
	cr_expect_eq(incident->row.origin, ORIGIN_CGROUP);
	cr_expect_eq(incident->row.sender.who.pid, (__u32)getpid());
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 1)));
}

/* ---- namespaces */

static unsigned pid_ns_of(pid_t pid)
{
	char path[64];
	struct stat st = {};

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
	cr_assert_eq(stat(path, &st), 0, "%s: %s", path, strerror(errno));
	return (unsigned)st.st_ino;
}

/* The kernel ends all members of a PID namespace whose init is gone. */
Test(cause, of_a_pid_namespaces_end)
{
	autorig struct rig *rig = rig__start();
	const struct incident *incident;
	pid_t root;

	rig__spawn(rig,
		   "namespaces pid { fork { fork { setsid as stray sleep } as root sleep } as init "
		   "sleep } sleep");
	rig__meet(rig, "init", 1);
	rig__meet(rig, "stray", 1);
	root = rig__pid(rig, "root");
	cr_assert_gt(rig__track(rig, root, ON_KILL, ""), 0, "%s", rig__why(rig));
	kill(rig__pid(rig, "init"), SIGKILL);
	incident = rig__closed(rig, root);
	cr_expect_eq(incident->row.kind, CAUSE_KILL);
	cr_expect_eq(incident->row.origin, ORIGIN_KERNEL);
	cr_expect_eq(incident->row.outcome, INCIDENT_CLEARED);
	cr_expect_eq(incident->row.vpid, 2);
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 1)));
}

/* Outside and inside, with the pids that each has there. */
Test(cause, of_a_root_in_other_namespaces_tells_its_pid_there)
{
	autorig struct rig *rig = rig__start();
	const struct incident *incident;
	unsigned pid_ns;
	pid_t root;

	rig__spawn(rig,
		   "namespaces pid,user,mnt { fork { fork { as stray sleep } as root sleep } as "
		   "init sleep } sleep");
	rig__meet(rig, "init", 1);
	rig__meet(rig, "stray", 1);
	root = rig__pid(rig, "root");
	pid_ns = pid_ns_of(root);
	cr_assert_neq(pid_ns, pid_ns_of(getpid()));
	cr_assert_gt(rig__track(rig, root, ON_KILL, ""), 0, "%s", rig__why(rig));
	kill(root, SIGKILL);
	incident = rig__closed(rig, root);
	cr_expect_eq(incident->row.vpid, 2);
	cr_expect_eq(incident->row.pid_ns, pid_ns);
	cr_expect_eq(incident->row.sender.who.pid, (__u32)getpid());
	cr_assert(rig__all_gone(rig__meet(rig, "stray", 1)));
	cr_assert(rig__all_live(rig__meet(rig, "init", 1)));
}

Test(cause, of_members_in_other_namespaces_is_followed)
{
	autorig struct rig *rig = rig__start();
	pid_t root = rig__run(
		rig, ON_KILL,
		"namespaces pid,user,mnt { fork { fork { setsid orphaned as stray sleep } } "
		"await stray 1 fork { as child sleep } as init sleep } as root sleep");
	const struct band *stray = rig__meet(rig, "stray", 1);
	struct control_event_row forked;

	rig__meet(rig, "root", 1);
	rig__meet(rig, "child", 1);
	forked = rig__await_event(rig, EVENT_PROCESS_FORKED, stray->one[0].pid);
	cr_expect_eq(forked.vpid, 3, "init, its child, the stray");
	forked = rig__await_event(rig, EVENT_PROCESS_FORKED, rig__pid(rig, "init"));
	cr_expect_eq(forked.vpid, 1);
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->n, 3);
	cr_assert(rig__all_gone(rig__everyone(rig)));
}
