// SPDX-License-Identifier: GPL-2.0
/* hooks.c - what the programs add to the fork, exec, exit and signals of processes nobody watches. */
#include <errno.h>
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

#define SPAWNS 200
#define SIGNALS 20000
#define WARM_UP 30
#define HOOK_ROUNDS 15

enum { HOOK_FORK = 0, HOOK_EXEC, HOOK_EXIT, HOOK_SIGNAL, HOOKS };

static const struct {
	const char *name;
	const char *program; /* orphand's */
} hooks[HOOKS] = {
	[HOOK_FORK] = { "sched_process_fork", "on_fork" },
	[HOOK_EXEC] = { "sched_process_exec", "on_exec" },
	[HOOK_EXIT] = { "sched_process_exit", "on_exit" },
	[HOOK_SIGNAL] = { "signal_generate", "on_signal" },
};

/* A tracepoint runs its programs in the order of their attachment, and the first pays for what is
 * out of cache: an empty one stands on both sides of orphand's. */
enum { EMPTY_FIRST = 0, ORPHAND, EMPTY_LAST, SIDES };

struct runs {
	uint64_t ns;
	uint64_t count;
};

struct table {
	int programs[HOOKS][SIDES]; /* descriptors */
	double ns[HOOKS][SIDES][MAX_ROUNDS];
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

static int find_programs(struct table *table, const struct daemon *daemon,
			 const struct empty_bpf *first, const struct empty_bpf *last)
{
	const struct empty_bpf *empty[SIDES] = { [EMPTY_FIRST] = first, [EMPTY_LAST] = last };

	for (int side = 0; side < SIDES; side++) {
		if (side == ORPHAND)
			continue;
		table->programs[HOOK_FORK][side] = bpf_program__fd(empty[side]->progs.empty_fork);
		table->programs[HOOK_EXEC][side] = bpf_program__fd(empty[side]->progs.empty_exec);
		table->programs[HOOK_EXIT][side] = bpf_program__fd(empty[side]->progs.empty_exit);
		table->programs[HOOK_SIGNAL][side] =
			bpf_program__fd(empty[side]->progs.empty_signal);
	}
	for (int hook = 0; hook < HOOKS; hook++) {
		int fd = daemon__open_program(daemon, hooks[hook].program);

		if (fd < 0)
			return -1;
		table->programs[hook][ORPHAND] = fd;
	}
	return 0;
}

static void close_programs(const struct table *table)
{
	for (int hook = 0; hook < HOOKS; hook++) {
		if (table->programs[hook][ORPHAND] > 0)
			close(table->programs[hook][ORPHAND]);
	}
}

static int read_runs(const struct table *table, struct runs runs[HOOKS][SIDES])
{
	for (int hook = 0; hook < HOOKS; hook++) {
		for (int side = 0; side < SIDES; side++) {
			struct bpf_prog_info info = {};
			uint32_t len = sizeof(info);

			if (bpf_obj_get_info_by_fd(table->programs[hook][side], &info, &len))
				return bench__fail("can't read a program's runs: %s",
						   strerror(errno));
			runs[hook][side] = (struct runs){ info.run_time_ns, info.run_cnt };
		}
	}
	return 0;
}

static int count_round(struct table *table, unsigned round)
{
	struct runs before[HOOKS][SIDES], after[HOOKS][SIDES];

	if (read_runs(table, before) || bench__spawn(SPAWNS) || signal_many(SIGNALS) ||
	    read_runs(table, after))
		return -1;
	for (int hook = 0; hook < HOOKS; hook++) {
		for (int side = 0; side < SIDES; side++) {
			uint64_t count = after[hook][side].count - before[hook][side].count;
			uint64_t ns = after[hook][side].ns - before[hook][side].ns;

			if (!count)
				return bench__fail("nothing ran on %s", hooks[hook].name);
			table->ns[hook][side][round] = (double)ns / (double)count;
		}
	}
	return 0;
}

static void print_table(struct table *table, unsigned rounds)
{
	printf("%-18s %6s %6s  %7s %7s %7s  %6s %6s %6s\n", "hook", "empty", "empty", "orphand",
	       "min", "max", "ratio", "min", "max");
	for (int hook = 0; hook < HOOKS; hook++) {
		double ratios[MAX_ROUNDS];
		struct spread sides[SIDES], ratio;

		for (unsigned i = 0; i < rounds; i++)
			ratios[i] =
				2 * table->ns[hook][ORPHAND][i] /
				(table->ns[hook][EMPTY_FIRST][i] + table->ns[hook][EMPTY_LAST][i]);
		for (int side = 0; side < SIDES; side++)
			sides[side] = spread__of(table->ns[hook][side], rounds);
		ratio = spread__of(ratios, rounds);
		printf("%-18s %6.0f %6.0f  %7.0f %7.0f %7.0f  %6.2f %6.2f %6.2f\n",
		       hooks[hook].name, sides[EMPTY_FIRST].median, sides[EMPTY_LAST].median,
		       sides[ORPHAND].median, sides[ORPHAND].min, sides[ORPHAND].max, ratio.median,
		       ratio.min, ratio.max);
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
	       "programs before and behind orphand's\n",
	       rounds, SPAWNS, SIGNALS);
	if (!attach_empty(&first) && !daemon__start(&daemon, program) && !attach_empty(&last) &&
	    !find_programs(table, &daemon, first, last))
		err = count_rounds(table, rounds);
	close_programs(table);
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
