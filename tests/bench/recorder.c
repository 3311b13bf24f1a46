// SPDX-License-Identifier: GPL-2.0
/* recorder.c - whether the guard's signals wait for its recorder: a family's end with the recorder
 * as it is, halted, and dead; and beside a storm of births, with it at full load and dead. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "bench.h"
#include "daemon.h"
#include "family.h"

#define SIZE 100
#define ROUNDS 20

enum state { AS_IT_IS = 0, HALTED, DEAD, LOADED, LOADED_DEAD, STATES };

static const struct {
	const char *name;
	enum state beside; /* what it is compared with */
} states[STATES] = {
	[AS_IT_IS] = { "as it is", AS_IT_IS },
	[HALTED] = { "halted", AS_IT_IS },
	[DEAD] = { "dead", AS_IT_IS },
	[LOADED_DEAD] = { "storm, dead", LOADED_DEAD },
	[LOADED] = { "storm, full load", LOADED_DEAD },
};

struct host {
	struct daemon daemon;
	pid_t keeper, recorder, breeder; /* 0: none */
};

/* ---- the recorder */

static pid_t child_of(pid_t parent)
{
	autofclose FILE *file = NULL;
	char path[64];
	int child = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	file = fopen(path, "re");
	return file && fscanf(file, "%d", &child) == 1 ? child : 0;
}

static int find_recorder(struct host *host)
{
	uint64_t end = bench__now() + 10 * NS_PER_SEC;

	for (;;) {
		host->keeper = child_of(host->daemon.pid);
		host->recorder = host->keeper ? child_of(host->keeper) : 0;
		if (host->recorder)
			return 0;
		if (bench__now() > end)
			return bench__fail("there is no recorder");
		if (bench__pause(10 * NS_PER_MS))
			return -1;
	}
}

/* The keeper starts no other while it is halted itself. */
static int set_recorder(struct host *host, enum state state)
{
	if (find_recorder(host))
		return -1;
	if (state == HALTED)
		kill(host->recorder, SIGSTOP);
	if (state == DEAD || state == LOADED_DEAD) {
		kill(host->keeper, SIGSTOP);
		kill(host->recorder, SIGKILL);
	}
	return 0;
}

static void reset_recorder(const struct host *host)
{
	if (!host->keeper)
		return;
	kill(host->keeper, SIGCONT);
	kill(host->recorder, SIGCONT);
}

/* ---- the storm: a tree of its own in which children are born and end without a pause */

__attribute__((noreturn)) static void breed(const struct daemon *daemon)
{
	alarm(60);
	bench__reset_signals();
	if (daemon__track_me(daemon))
		_exit(1);
	for (;;) {
		pid_t child = vfork();

		if (child == 0)
			_exit(0);
		if (child > 0)
			waitpid(child, NULL, 0);
	}
}

static int start_storm(struct host *host)
{
	host->breeder = fork();
	if (host->breeder == 0)
		breed(&host->daemon);
	if (host->breeder < 0)
		return bench__fail("no breeder: %s", strerror(errno));
	return bench__pause(200 * NS_PER_MS);
}

static void stop_storm(struct host *host)
{
	if (host->breeder > 0) {
		kill(host->breeder, SIGKILL);
		waitpid(host->breeder, NULL, 0);
	}
	host->breeder = 0;
}

/* ---- a round */

static int track_me(const void *context)
{
	return daemon__track_me(context);
}

static int time_end(struct host *host, double *ms)
{
	const struct birth birth = { .prepare = track_me, .context = &host->daemon };
	autofamily struct family family = { .keep = { host->daemon.pid },
					    .shape = SHAPE_PLAIN,
					    .size = SIZE };
	uint64_t start, end;
	pid_t root;

	if (family__start(&family, &birth) ||
	    daemon__await_members(&host->daemon, family.root, SIZE + 1) ||
	    bench__pause(5 * NS_PER_MS))
		return -1;
	root = family.root;
	start = bench__now();
	if (family__kill_root(&family) || family__await_end(&family, &end))
		return -1;
	*ms = (double)(end - start) / NS_PER_MS;
	return daemon__await_members(&host->daemon, root, 0);
}

/* With a daemon of its own: a recorder that died before would be longer in coming. */
static int play(const char *orphand, enum state state, double *ms)
{
	struct host host = {};
	int err = daemon__start(&host.daemon, orphand);

	if (!err)
		err = set_recorder(&host, state);
	if (!err && (state == LOADED || state == LOADED_DEAD))
		err = start_storm(&host);
	if (!err)
		err = time_end(&host, ms);
	stop_storm(&host);
	reset_recorder(&host);
	daemon__stop(&host.daemon);
	return err;
}

static void print(double ms[STATES][MAX_ROUNDS], unsigned rounds)
{
	double ratios[STATES][MAX_ROUNDS];

	for (int state = 0; state < STATES; state++) {
		for (unsigned i = 0; i < rounds; i++)
			ratios[state][i] = ms[state][i] / ms[states[state].beside][i];
	}
	printf("\nThe end of a family of %d, by what its recorder is at: ms, and the ratio to the "
	       "line above; %u rounds\n",
	       SIZE, rounds);
	printf("%-18s %9s %9s %9s  %6s %6s %6s\n", "recorder", "median", "min", "max", "ratio",
	       "min", "max");
	for (int i = 0; i < STATES; i++) {
		static const enum state order[STATES] = { AS_IT_IS, HALTED, DEAD, LOADED_DEAD,
							  LOADED };
		struct spread time = spread__of(ms[order[i]], rounds);
		struct spread ratio = spread__of(ratios[order[i]], rounds);

		printf("%-18s %9.3f %9.3f %9.3f  %6.2f %6.2f %6.2f\n", states[order[i]].name,
		       time.median, time.min, time.max, ratio.median, ratio.min, ratio.max);
	}
}

int bench__recorder(const struct settings *settings)
{
	unsigned rounds = settings->rounds ? settings->rounds : ROUNDS;
	static double ms[STATES][MAX_ROUNDS];
	int err = 0;

	for (unsigned round = 0; !err && round < rounds; round++) {
		for (unsigned turn = 0; !err && turn < STATES; turn++) {
			enum state state = (enum state)((round + turn) % STATES);

			err = play(settings->program, state, &ms[state][round]);
		}
	}
	if (!err)
		print(ms, rounds);
	return err;
}
