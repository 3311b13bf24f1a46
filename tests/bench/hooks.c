// SPDX-License-Identifier: GPL-2.0
/* hooks.c - what the programs add to the fork, exec, exit and signals of processes nobody watches,
 * beside what else has programs for one of these. */
#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "base/own.h"
#include "bench.h"
#include "daemon.h"
#include "empty.skel.h"
#include "family.h"
#include "peer.h"

#define SPAWNS 200
#define SIGNALS 20000
#define WARM_UP 30
#define HOOK_ROUNDS 15
#define MAX_PROGRAMS 4 /* of one side of a hook */

enum { HOOK_FORK = 0, HOOK_EXEC, HOOK_EXIT, HOOK_SIGNAL, HOOKS };

static const struct {
	const char *name;
	const char *program; /* orphand's */
	enum peer peer;	     /* PEERS: none */
} hooks[HOOKS] = {
	[HOOK_FORK] = { "sched_process_fork", "on_fork", PEERS },
	[HOOK_EXEC] = { "sched_process_exec", "on_exec", PEER_EXECSNOOP },
	[HOOK_EXIT] = { "sched_process_exit", "on_exit", PEER_EXITSNOOP },
	[HOOK_SIGNAL] = { "signal_generate", "on_signal", PEERS },
};

/* A tracepoint runs its programs in the order of their attachment, and the first pays for what is
 * out of cache: an empty one stands on both sides of orphand's. */
enum { EMPTY_FIRST = 0, ORPHAND, EMPTY_LAST, PEER, SIDES };

struct runs {
	uint64_t ns;
	uint64_t count;
};

/* Its programs run together: execsnoop has one for execve's entry and one for its exit. */
struct side {
	int programs[MAX_PROGRAMS]; /* descriptors */
	unsigned count;
	double ns[MAX_ROUNDS]; /* of all of them */
};

struct table {
	struct side sides[HOOKS][SIDES];
	struct watcher peers[HOOKS];
	const char *missing[HOOKS]; /* why its peer is not to be had here; NULL: it is */
};

/* ---- the load */

static void on_signal(int signal)
{
	(void)signal;
}

static int signal_many(unsigned count)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &action, NULL);
	for (unsigned i = 0; i < count; i++)
		kill(getpid(), SIGUSR1);
	return bench__go_on();
}

/* ---- ns a run */

static int add_program(struct side *side, int fd)
{
	if (fd < 0)
		return bench__fail("no program: %s", strerror(errno));
	if (side->count == MAX_PROGRAMS) {
		close(fd);
		return bench__fail("too many programs on one hook");
	}
	side->programs[side->count++] = fd;
	return 0;
}

static int add_empty(struct table *table, int side, const struct empty_bpf *empty)
{
	const struct bpf_program *const programs[HOOKS] = {
		[HOOK_FORK] = empty->progs.empty_fork,
		[HOOK_EXEC] = empty->progs.empty_exec,
		[HOOK_EXIT] = empty->progs.empty_exit,
		[HOOK_SIGNAL] = empty->progs.empty_signal,
	};

	for (int hook = 0; hook < HOOKS; hook++) {
		if (add_program(&table->sides[hook][side], dup(bpf_program__fd(programs[hook]))))
			return -1;
	}
	return 0;
}

static int add_orphand(struct table *table, const struct daemon *daemon)
{
	for (int hook = 0; hook < HOOKS; hook++) {
		if (add_program(&table->sides[hook][ORPHAND],
				daemon__open_program(daemon, hooks[hook].program)))
			return -1;
	}
	return 0;
}

/* By its own descriptors: others may load programs meanwhile. A link names its program too. */
static int add_programs_of(struct side *side, pid_t pid)
{
	char pattern[64];
	glob_t found;
	int err = 0;

	snprintf(pattern, sizeof(pattern), "/proc/%d/fdinfo/*", pid);
	if (glob(pattern, 0, NULL, &found))
		return bench__fail("can't read %s", pattern);
	for (size_t i = 0; i < found.gl_pathc && !err; i++) {
		uint32_t id = (uint32_t)proc__number(found.gl_pathv[i], "prog_id:");

		if (id && !proc__number(found.gl_pathv[i], "link_id:"))
			err = add_program(side, bpf_prog_get_fd_by_id(id));
	}
	globfree(&found);
	return err;
}

static int add_peers(struct table *table)
{
	for (int hook = 0; hook < HOOKS; hook++) {
		struct side *side = &table->sides[hook][PEER];

		if (hooks[hook].peer == PEERS)
			continue;
		table->missing[hook] = peer__missing(hooks[hook].peer);
		if (table->missing[hook])
			continue;
		if (peer__start(hooks[hook].peer, &table->peers[hook]) ||
		    add_programs_of(side, table->peers[hook].pid))
			return -1;
	}
	return 0;
}

static void close_table(struct table *table)
{
	for (int hook = 0; hook < HOOKS; hook++) {
		watcher__stop(&table->peers[hook]);
		for (int i = 0; i < SIDES; i++) {
			struct side *side = &table->sides[hook][i];

			while (side->count)
				close(side->programs[--side->count]);
		}
	}
}

static int read_runs(const struct side *side, struct runs *runs)
{
	*runs = (struct runs){};
	for (unsigned i = 0; i < side->count; i++) {
		struct bpf_prog_info info = {};
		uint32_t len = sizeof(info);

		if (bpf_obj_get_info_by_fd(side->programs[i], &info, &len))
			return bench__fail("can't read a program's runs: %s", strerror(errno));
		runs->ns += info.run_time_ns;
		runs->count += info.run_cnt;
	}
	return 0;
}

static int read_all(const struct table *table, struct runs runs[HOOKS][SIDES])
{
	for (int hook = 0; hook < HOOKS; hook++) {
		for (int side = 0; side < SIDES; side++) {
			if (read_runs(&table->sides[hook][side], &runs[hook][side]))
				return -1;
		}
	}
	return 0;
}

static int count_round(struct table *table, unsigned round)
{
	struct runs before[HOOKS][SIDES], after[HOOKS][SIDES];

	if (read_all(table, before) || bench__spawn(SPAWNS) || signal_many(SIGNALS) ||
	    read_all(table, after))
		return -1;
	for (int hook = 0; hook < HOOKS; hook++) {
		for (int i = 0; i < SIDES; i++) {
			struct side *side = &table->sides[hook][i];
			uint64_t count = after[hook][i].count - before[hook][i].count;
			uint64_t ns = after[hook][i].ns - before[hook][i].ns;

			if (side->count && !count)
				return bench__fail("nothing ran on %s", hooks[hook].name);
			if (side->count)
				side->ns[round] = (double)ns * side->count / (double)count;
		}
	}
	return 0;
}

static void print_side(const struct table *table, int hook, int i, const char *name,
		       unsigned rounds)
{
	const struct side *sides = table->sides[hook];
	double ns[MAX_ROUNDS], ratios[MAX_ROUNDS];
	struct spread time, ratio;

	for (unsigned round = 0; round < rounds; round++) {
		ns[round] = sides[i].ns[round];
		ratios[round] = 2 * ns[round] /
				(sides[EMPTY_FIRST].ns[round] + sides[EMPTY_LAST].ns[round]);
	}
	time = spread__of(ns, rounds);
	ratio = spread__of(ratios, rounds);
	printf("%-18s %-10s %6.0f %6.0f %6.0f  %6.2f %6.2f %6.2f\n",
	       i == EMPTY_FIRST ? hooks[hook].name : "", name, time.median, time.min, time.max,
	       ratio.median, ratio.min, ratio.max);
}

static void print_table(const struct table *table, unsigned rounds)
{
	printf("%-18s %-10s %6s %6s %6s  %6s %6s %6s\n", "hook", "", "median", "min", "max",
	       "ratio", "min", "max");
	for (int hook = 0; hook < HOOKS; hook++) {
		print_side(table, hook, EMPTY_FIRST, "empty", rounds);
		print_side(table, hook, ORPHAND, "orphand", rounds);
		print_side(table, hook, EMPTY_LAST, "empty", rounds);
		if (hooks[hook].peer == PEERS)
			continue;
		if (table->missing[hook])
			printf("%-18s %-10s %s\n", "", peer__name(hooks[hook].peer),
			       table->missing[hook]);
		else
			print_side(table, hook, PEER, peer__name(hooks[hook].peer), rounds);
	}
}

static int count_rounds(struct table *table, unsigned rounds)
{
	uint64_t start = bench__now();
	autoclose int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);

	if (stats < 0)
		return bench__fail("can't have the runs counted (Linux 5.8 can): %s",
				   strerror(errno));
	if (bench__spawn(WARM_UP))
		return -1;
	for (unsigned round = 0; round < rounds; round++) {
		if (count_round(table, round))
			return -1;
	}
	fprintf(stderr, "hooks: runs: %u rounds in %.1f s\n", rounds,
		(double)(bench__now() - start) / NS_PER_SEC);
	print_table(table, rounds);
	return 0;
}

static int attach_empty(struct empty_bpf **empty)
{
	*empty = empty_bpf__open_and_load();
	if (!*empty || empty_bpf__attach(*empty))
		return bench__fail("can't attach the empty programs: %s", strerror(errno));
	return 0;
}

static int measure_runs(struct table *table, const char *program, unsigned rounds)
{
	struct empty_bpf *first = NULL, *last = NULL;
	autodaemon struct daemon daemon = {};
	int err = -1;

	printf("\nWhat a hook runs for processes that nobody watches: ns a run, counted by the "
	       "kernel's bpf_stats;\n%u rounds of %d fork+exec+exit and %d kill(self); the empty "
	       "programs before and behind orphand's,\nand execsnoop's two, on execve's entry and exit, as one\n",
	       rounds, SPAWNS, SIGNALS);
	if (!attach_empty(&first) && !daemon__start(&daemon, program) && !attach_empty(&last) &&
	    !add_empty(table, EMPTY_FIRST, first) && !add_orphand(table, &daemon) &&
	    !add_empty(table, EMPTY_LAST, last) && !add_peers(table))
		err = count_rounds(table, rounds);
	close_table(table);
	empty_bpf__destroy(first);
	empty_bpf__destroy(last);
	return err;
}

int bench__hooks(const struct settings *settings)
{
	autofree struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return bench__fail("no memory");
	return measure_runs(table, settings->program,
			    settings->rounds ? settings->rounds : HOOK_ROUNDS);
}
