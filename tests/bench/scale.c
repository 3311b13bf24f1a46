// SPDX-License-Identifier: GPL-2.0
/* scale.c - what many members and many births cost the guard and the kernel, and those to be ended.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "bench.h"
#include "daemon.h"
#include "family.h"

#define LIFE 600   /* seconds, for whoever belongs to the crowd */
#define TREE 10	   /* members, the root among them */
#define STACK 4096 /* of one who only sleeps */
#define ROOT_STACK 65536
#define BUILDING (300 * NS_PER_SEC)
#define KILLS 15 /* families of TREE, before the crowd and beside it */
#define STORM_SECONDS 60
#define FILLING 2 /* s of births that fill the guard's journal, of the same size for all */
#define STORMERS 2

/* ---- a crowd: trees of ten who sleep, in one memory */

struct crowd {
	const struct daemon *daemon;
	unsigned members;
	pid_t nursery; /* 0: none; with it all end */
	struct shared *shared;
};

struct shared {
	atomic_uint roots; /* that stand, with all that is theirs */
	atomic_int error;  /* errno */
	atomic_ulong births;
};

static void end_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(LIFE);
}

__attribute__((noreturn)) static void sleep_on(void)
{
	for (;;)
		pause();
}

static int be_member(void *data)
{
	(void)data;
	end_with_parent();
	sleep_on();
}

struct root {
	const struct crowd *crowd;
	char *stacks; /* of its members */
};

static int be_root(void *data)
{
	const struct root *root = data;
	struct root own = *root; /* whose memory is the next one's */
	int err;

	end_with_parent();
	err = daemon__track_me(own.crowd->daemon);
	for (unsigned i = 1; !err && i < TREE; i++) {
		if (clone(be_member, own.stacks + (size_t)i * STACK, CLONE_VM | SIGCHLD, NULL) < 0)
			err = -errno;
	}
	if (err)
		atomic_store(&own.crowd->shared->error, -err);
	atomic_fetch_add(&own.crowd->shared->roots, 1);
	sleep_on();
}

/* One root after the other: they share what a thread has for itself, too. */
__attribute__((noreturn)) static void nurse(const struct crowd *crowd)
{
	unsigned trees = crowd->members / TREE;
	size_t size = (size_t)(TREE - 1) * STACK + ROOT_STACK;
	char *stacks = mmap(NULL, trees * size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	end_with_parent();
	for (unsigned i = 0; i < trees && stacks != MAP_FAILED; i++) {
		struct root root = { crowd, stacks + i * size };

		if (clone(be_root, stacks + (i + 1) * size, CLONE_VM | SIGCHLD, &root) < 0)
			break;
		while (atomic_load(&crowd->shared->roots) <= i)
			sched_yield();
		if (atomic_load(&crowd->shared->error))
			break;
	}
	if (atomic_load(&crowd->shared->roots) < trees && !atomic_load(&crowd->shared->error))
		atomic_store(&crowd->shared->error, errno ? errno : ENOMEM);
	sleep_on();
}

static int crowd__open(struct crowd *crowd)
{
	crowd->shared = mmap(NULL, sizeof(*crowd->shared), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (crowd->shared == MAP_FAILED) {
		crowd->shared = NULL;
		return bench__fail("no memory");
	}
	return 0;
}

static int crowd__start(struct crowd *crowd)
{
	uint64_t deadline = bench__now() + BUILDING;

	crowd->nursery = fork();
	if (crowd->nursery < 0)
		return bench__fail("fork: %s", strerror(errno));
	if (crowd->nursery == 0)
		nurse(crowd);
	while (atomic_load(&crowd->shared->roots) < crowd->members / TREE) {
		int error = atomic_load(&crowd->shared->error);

		if (error)
			return bench__fail("only %u members could be made: %s (kernel.pid_max, "
					   "kernel.threads-max, pids.max?)",
					   atomic_load(&crowd->shared->roots) * TREE,
					   strerror(error));
		if (bench__now() > deadline)
			return bench__fail("a crowd of %u takes too long", crowd->members);
		if (bench__pause(NS_PER_MS))
			return -1;
	}
	return daemon__await_processes(crowd->daemon, crowd->members);
}

/* By its end each root ends, by the root's each member: the daemon need not be there any more. */
static void crowd__end(struct crowd *crowd)
{
	if (crowd->nursery > 0)
		kill(crowd->nursery, SIGKILL);
	while (crowd->nursery > 0 && (waitpid(-1, NULL, 0) > 0 || errno == EINTR))
		; /* we are the subreaper of all of them */
	if (crowd->shared)
		munmap(crowd->shared, sizeof(*crowd->shared));
	*crowd = (struct crowd){};
}

#define autocrowd __attribute__((cleanup(crowd__end)))

/* ---- the kill of a family of ten */

static int track_me(const void *context)
{
	return daemon__track_me(context);
}

static int kill_family(const struct daemon *daemon, pid_t nursery, double *ms)
{
	struct birth birth = { .prepare = track_me, .context = daemon };
	autofamily struct family family = {
		.keep = { daemon->pid, nursery },
		.shape = SHAPE_PLAIN,
		.size = TREE,
	};
	uint64_t start, end;

	if (family__start(&family, &birth) ||
	    daemon__await_members(daemon, family.root, family.size + 1) ||
	    bench__pause(5 * NS_PER_MS))
		return -1;
	start = bench__now();
	if (family__kill_root(&family) || family__await_end(&family, &end))
		return -1;
	*ms = (double)(end - start) / NS_PER_MS;
	return daemon__await_members(daemon, family.root, 0);
}

static int kill_families(const struct daemon *daemon, pid_t nursery, struct spread *spread)
{
	double ms[KILLS];

	for (unsigned i = 0; i < KILLS; i++) {
		if (kill_family(daemon, nursery, &ms[i]))
			return -1;
	}
	*spread = spread__of(ms, KILLS);
	return 0;
}

/* ---- a storm of births */

static int die_at_once(void *data)
{
	(void)data;
	_exit(0);
}

/* Each child as cheap as can be: vfork without an exec. */
__attribute__((noreturn)) static void storm(const struct crowd *crowd, uint64_t until)
{
	static char stack[ROOT_STACK];

	end_with_parent();
	if (daemon__track_me(crowd->daemon))
		_exit(1);
	while (bench__now() < until) {
		for (int i = 0; i < 100; i++) {
			pid_t pid = clone(die_at_once, stack + ROOT_STACK,
					  CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);

			if (pid < 0 || waitpid(pid, NULL, 0) < 0)
				_exit(1);
		}
		atomic_fetch_add(&crowd->shared->births, 100);
	}
	_exit(0);
}

static int ride_out(const struct crowd *crowd, unsigned seconds)
{
	uint64_t until = bench__now() + seconds * NS_PER_SEC;
	pid_t pid[STORMERS];
	int err = 0, status;

	for (int i = 0; i < STORMERS; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			storm(crowd, until);
	}
	for (int i = 0; i < STORMERS; i++) {
		while (pid[i] > 0 && waitpid(pid[i], &status, 0) < 0 && errno == EINTR)
			;
		if (pid[i] < 0 || status)
			err = -1;
	}
	return err ? bench__fail("a storm ended before its time") : bench__go_on();
}

/* ---- one size */

struct point {
	struct usage before, after;
	struct spread alone, beside;
	uint64_t lost;
};

static int measure(const char *program, unsigned members, struct point *point)
{
	autocrowd struct crowd crowd = { .members = members };
	autodaemon struct daemon daemon = { .yaml = "store: { events: none }\n" };

	crowd.daemon = &daemon;
	if (crowd__open(&crowd) || daemon__start(&daemon, program) ||
	    kill_families(&daemon, 0, &point->alone) || ride_out(&crowd, FILLING) ||
	    daemon__await_processes(&daemon, 0) || daemon__usage(&daemon, &point->before))
		return -1;
	if (crowd__start(&crowd) || daemon__usage(&daemon, &point->after) ||
	    daemon__lost(&daemon, &point->lost))
		return -1;
	return kill_families(&daemon, crowd.nursery, &point->beside);
}

static void tell(const struct settings *settings, unsigned members, const char *what, double value)
{
	struct row row = {
		.benchmark = "scale",
		.shape = "crowd",
		.size = members,
		.method = what,
		.rounds = 1,
		.value = { value, value, value },
	};

	bench__tsv(settings, &row);
}

static void tell_kill(const struct settings *settings, unsigned members, const struct point *point)
{
	struct row row = {
		.benchmark = "scale",
		.shape = "crowd",
		.size = members,
		.method = "kill, ms",
		.rounds = KILLS,
		.value = point->beside,
		.ratio = { point->beside.median / point->alone.median,
			   point->beside.min / point->alone.median,
			   point->beside.max / point->alone.median },
		.has_ratio = true,
	};

	bench__tsv(settings, &row);
}

/* What goes down is no growth. */
static double growth(uint64_t before, uint64_t after)
{
	return after > before ? (double)(after - before) : 0;
}

static int measure_size(const struct settings *settings, unsigned members)
{
	struct point point = {};
	double guard, kernel, cpu;

	if (measure(settings->program, members, &point))
		return -1;
	guard = growth(point.before.resident, point.after.resident);
	kernel = growth(point.before.maps, point.after.maps) + (double)point.after.slot * members;
	cpu = growth(point.before.cpu, point.after.cpu) / NS_PER_US;
	printf("%8u %7u  %8.0f %8.0f %5lu %9.1f  %8.1f %6lu  %8.3f %8.3f %6.2f\n", members,
	       members / TREE, guard / members, kernel / members, (unsigned long)point.after.slot,
	       (double)point.before.maps / (1 << 20), cpu / members, (unsigned long)point.lost,
	       point.alone.median, point.beside.median, point.beside.median / point.alone.median);
	tell(settings, members, "guard, bytes", guard);
	tell(settings, members, "kernel, bytes", kernel);
	tell(settings, members, "guard CPU, us", cpu);
	tell(settings, members, "lost", (double)point.lost);
	tell_kill(settings, members, &point);
	return 0;
}

/* ---- a storm beside a crowd */

static int measure_storm(const struct settings *settings, unsigned members)
{
	unsigned seconds = settings->seconds ? settings->seconds : STORM_SECONDS;
	autocrowd struct crowd crowd = { .members = members };
	autodaemon struct daemon daemon = { .yaml = "store: { events: none }\n" };
	struct usage before, after;
	uint64_t entered_before, entered_after, lost, births;
	double rate, guard;

	crowd.daemon = &daemon;
	if (crowd__open(&crowd) || daemon__start(&daemon, settings->program) ||
	    crowd__start(&crowd) || daemon__usage(&daemon, &before) ||
	    daemon__entered(&daemon, &entered_before) || ride_out(&crowd, seconds) ||
	    daemon__usage(&daemon, &after) || daemon__entered(&daemon, &entered_after) ||
	    daemon__lost(&daemon, &lost))
		return -1;
	births = atomic_load(&crowd.shared->births);
	if (entered_after - entered_before != births)
		return bench__fail("%lu of %lu newborns became members",
				   (unsigned long)(entered_after - entered_before),
				   (unsigned long)births);
	rate = (double)births / seconds;
	guard = growth(before.cpu, after.cpu) / NS_PER_SEC / seconds * 100;
	printf("\n%d more trees fork as fast as they can for %u s: %.0f births/s, all of them "
	       "members, %lu records lost, guard %.0f %% of a CPU, recorder %.0f %%\n",
	       STORMERS, seconds, rate, (unsigned long)lost, guard,
	       growth(before.recorder_cpu, after.recorder_cpu) / NS_PER_SEC / seconds * 100);
	tell(settings, members, "births a second", rate);
	tell(settings, members, "lost in the storm", (double)lost);
	tell(settings, members, "guard CPU in the storm, %", guard);
	return 0;
}

int bench__scale(const struct settings *settings)
{
	static const unsigned sizes[] = { 1000, 3000, 10000, 30000, 100000 };
	unsigned most = settings->members ? settings->members : 100000;

	printf("\nHow it grows: members that sleep, in trees of %d. Bytes a member: of the guard's "
	       "resident memory,\nand of the maps, with the slot that is there from the start; MB of "
	       "maps when nobody is watched. The\nguard's CPU for a member (µs). ms from kill to last "
	       "end of a family of %d, before the crowd was there\nand beside it (%d each)\n",
	       TREE, TREE, KILLS);
	printf("%8s %7s  %8s %8s %5s %9s  %8s %6s  %8s %8s %6s\n", "members", "trees", "guard B",
	       "kernel B", "slot", "maps MB", "CPU", "lost", "alone", "beside", "ratio");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes) && sizes[i] <= most; i++) {
		if (measure_size(settings, sizes[i]))
			return -1;
	}
	return measure_storm(settings, most);
}
