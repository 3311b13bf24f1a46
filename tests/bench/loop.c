// SPDX-License-Identifier: GPL-2.0
/* loop.c - fork+exec+exit, over and over: beside nothing, watched by nobody beside orphand, inside
 * a tree, and beside what else tells of processes. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "bench.h"
#include "daemon.h"
#include "family.h"
#include "peer.h"

#define LIFE 30	      /* seconds, for each child */
#define LOOP_LIFE 120 /* and for whoever runs the loop */
#define LOOP 100      /* spawns in a turn */
#define WARM_UP 30
#define LOOP_ROUNDS 20

enum place { ALONE = 0, BESIDE, INSIDE, BESIDE_PEER, PLACES = BESIDE_PEER + PEERS };

static const char *const places[BESIDE_PEER] = {
	[ALONE] = "nothing",
	[BESIDE] = "orphand",
	[INSIDE] = "in a tree",
};

/* Of a round: alone, with the daemon there, and a turn for each peer. */
enum turn { TURN_ALONE = 0, TURN_DAEMON, TURN_PEER, TURNS = TURN_PEER + PEERS };

struct cost {
	double wall, cpu; /* µs for one fork+exec+exit */
};

struct table {
	struct cost cost[PLACES][MAX_ROUNDS];
	double guard[PLACES][MAX_ROUNDS];    /* µs of CPU for one, beside the loop's own */
	double recorder[PLACES][MAX_ROUNDS]; /* the same */
	const char *missing[PEERS];	     /* why it is not to be had here; NULL: it is */
};

static int spawn_one(void)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return bench__fail("can't fork: %s", strerror(errno));
	if (pid == 0) {
		alarm(LIFE);
		execl(BENCH_PROGRAM, BENCH_PROGRAM, NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return bench__fail("waitpid: %s", strerror(errno));
	}
	return status ? bench__fail(BENCH_PROGRAM " failed") : 0;
}

int bench__spawn(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (bench__go_on() || spawn_one())
			return -1;
	}
	return 0;
}

static double cpu_of(int who)
{
	struct rusage usage;

	getrusage(who, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static int time_loop(struct cost *cost)
{
	double cpu;
	uint64_t start;

	if (bench__pause(20 * NS_PER_MS) || bench__spawn(WARM_UP))
		return -1;
	cpu = cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN);
	start = bench__now();
	if (bench__spawn(LOOP))
		return -1;
	cost->wall = (double)(bench__now() - start) / NS_PER_US / LOOP;
	cost->cpu = (cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN) - cpu) / LOOP;
	return 0;
}

/* In a process of its own, which may be a root. */
static void run_loop(const struct daemon *tracker, int out)
{
	struct cost cost;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(LOOP_LIFE);
	if ((tracker && daemon__track_me(tracker)) || time_loop(&cost) ||
	    write(out, &cost, sizeof(cost)) != sizeof(cost))
		_exit(1);
	_exit(0);
}

static int take_turn(const struct daemon *tracker, struct cost *cost)
{
	int ends[2];
	ssize_t n;
	pid_t pid;

	if (pipe(ends))
		return bench__fail("pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		run_loop(tracker, ends[1]);
	close(ends[1]);
	n = pid < 0 ? -1 : read(ends[0], cost, sizeof(*cost));
	close(ends[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return n == sizeof(*cost) ? 0 : bench__fail("the loop did not end");
}

/* They read what has gathered, and so behind the loop. */
static int take_turn_beside(const struct daemon *daemon, enum place place, unsigned round,
			    struct table *table)
{
	struct usage before, after;

	if (daemon__usage(daemon, &before) ||
	    take_turn(place == INSIDE ? daemon : NULL, &table->cost[place][round]) ||
	    bench__pause(200 * NS_PER_MS) || daemon__usage(daemon, &after))
		return -1;
	table->guard[place][round] =
		(double)(after.cpu - before.cpu) / NS_PER_US / (WARM_UP + LOOP);
	table->recorder[place][round] =
		(double)(after.recorder_cpu - before.recorder_cpu) / NS_PER_US / (WARM_UP + LOOP);
	return 0;
}

/* With the daemon there, who begins changes from round to round. */
static int take_turns_beside(const char *program, unsigned round, struct table *table)
{
	autodaemon struct daemon daemon = {};

	if (daemon__start(&daemon, program))
		return -1;
	for (unsigned turn = 0; turn < 2; turn++) {
		enum place place = (round + turn) % 2 ? INSIDE : BESIDE;

		if (take_turn_beside(&daemon, place, round, table))
			return -1;
	}
	return 0;
}

static int take_turn_beside_peer(enum peer peer, unsigned round, struct table *table)
{
	autowatcher struct watcher watcher = {};

	if (table->missing[peer])
		return 0;
	return peer__start(peer, &watcher)
		       ? -1
		       : take_turn(NULL, &table->cost[BESIDE_PEER + peer][round]);
}

static int play_turn(enum turn turn, const char *program, unsigned round, struct table *table)
{
	switch (turn) {
	case TURN_ALONE:
		return take_turn(NULL, &table->cost[ALONE][round]);
	case TURN_DAEMON:
		return take_turns_beside(program, round, table);
	default:
		return take_turn_beside_peer(turn - TURN_PEER, round, table);
	}
}

static int play_round(const char *program, unsigned round, struct table *table)
{
	for (unsigned i = 0; i < TURNS; i++) {
		if (play_turn((round + i) % TURNS, program, round, table))
			return -1;
	}
	return 0;
}

static const char *place_name(enum place place)
{
	return place < BESIDE_PEER ? places[place] : peer__name(place - BESIDE_PEER);
}

static double part(const struct cost *cost, bool cpu)
{
	return cpu ? cost->cpu : cost->wall;
}

static void print_row(const struct table *table, enum place place, enum place reference, bool cpu,
		      unsigned rounds)
{
	double us[MAX_ROUNDS], ratios[MAX_ROUNDS];
	struct spread time, ratio;

	for (unsigned i = 0; i < rounds; i++) {
		us[i] = part(&table->cost[place][i], cpu);
		ratios[i] = us[i] / part(&table->cost[reference][i], cpu);
	}
	time = spread__of(us, rounds);
	ratio = spread__of(ratios, rounds);
	printf("%-14s %-8s %9.1f %9.1f %9.1f  %6.3f %6.3f %6.3f\n", place_name(place),
	       cpu ? "CPU" : "elapsed", time.median, time.min, time.max, ratio.median, ratio.min,
	       ratio.max);
}

static void print_daemon(struct table *table, enum place place, unsigned rounds)
{
	struct spread guard = spread__of(table->guard[place], rounds);
	struct spread recorder = spread__of(table->recorder[place], rounds);

	printf("%-14s %-8s %9.1f %9.1f %9.1f\n", places[place], "guard", guard.median, guard.min,
	       guard.max);
	printf("%-14s %-8s %9.1f %9.1f %9.1f\n", "", "recorder", recorder.median, recorder.min,
	       recorder.max);
}

static void print_place(const struct table *table, enum place place, unsigned rounds)
{
	if (place >= BESIDE_PEER && table->missing[place - BESIDE_PEER]) {
		printf("%-14s %s\n", place_name(place), table->missing[place - BESIDE_PEER]);
		return;
	}
	print_row(table, place, ALONE, false, rounds);
	print_row(table, place, ALONE, true, rounds);
}

int bench__loop(const struct settings *settings)
{
	autofree struct table *table = calloc(1, sizeof(*table));
	unsigned rounds = settings->rounds ? settings->rounds : LOOP_ROUNDS;

	if (!table)
		return bench__fail("no memory");
	printf("\nA loop of fork+exec+exit of " BENCH_PROGRAM
	       ": µs each, and the ratio to nothing beside it in the same round;\n"
	       "%u rounds of %d\n",
	       rounds, LOOP);
	/* Tried before all turns: what auditd's leaves behind is in each of them. */
	for (int peer = 0; peer < PEERS; peer++)
		table->missing[peer] = peer__missing(peer);
	for (unsigned round = 0; round < rounds; round++) {
		if (play_round(settings->program, round, table))
			return -1;
	}
	printf("%-14s %-8s %9s %9s %9s  %6s %6s %6s\n", "", "", "median", "min", "max", "ratio",
	       "min", "max");
	for (int place = 0; place < PLACES; place++)
		print_place(table, place, rounds);
	printf("and the ratio to the loop that is not watched, beside the same orphand:\n");
	print_row(table, INSIDE, BESIDE, false, rounds);
	print_row(table, INSIDE, BESIDE, true, rounds);
	printf("CPU that the daemon takes beside them, µs for each:\n");
	print_daemon(table, BESIDE, rounds);
	print_daemon(table, INSIDE, rounds);
	return 0;
}
