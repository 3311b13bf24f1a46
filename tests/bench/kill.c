// SPDX-License-Identifier: GPL-2.0
/* kill.c - from the kill to the last one's end, the methods taking turns within each round. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/own.h"
#include "bench.h"
#include "methods.h"

/* One shape and size: the times of all methods, in ms. */
struct trial {
	const struct settings *settings;
	struct stage *stage;
	enum shape shape;
	unsigned size;
	unsigned rounds;
	double ms[METHODS][MAX_ROUNDS];
};

/* NULL: it takes part. */
static const char *why_not(const struct trial *trial, int method)
{
	if (trial->stage->missing[method])
		return trial->stage->missing[method];
	return trial->shape == SHAPE_STRAYS ? methods[method].unreached : NULL;
}

/* Some take seconds to begin, and have fewer unless a number was asked for. */
static unsigned rounds_of(const struct trial *trial, int method)
{
	unsigned max = methods[method].max_rounds;

	return max && !trial->settings->rounds && trial->rounds > max ? max : trial->rounds;
}

/* A family is built, killed and cleared away. */
static int play_family(const struct trial *trial, const struct method *method, double *ms,
		       pid_t *root)
{
	struct stage *stage = trial->stage;
	struct birth birth = {};
	autofamily struct family family = {
		.shape = trial->shape,
		.size = trial->size,
	};
	uint64_t start, end;

	if (method->prepare && method->prepare(stage, &birth))
		return -1;
	family.keep[0] = stage->daemon.pid;
	family.keep[1] = stage->plain.pid;
	family.keep[2] = stage->watcher.pid;
	if (family__start(&family, &birth))
		return -1;
	if (method->settle && method->settle(stage, &family))
		return -1;
	/* The last born goes to sleep, whoever was woken by the building too. */
	if (bench__pause(5 * NS_PER_MS))
		return -1;
	*root = family.root;
	start = bench__now();
	if (method->kill(stage, &family) || family__await_end(&family, &end))
		return -1;
	*ms = (double)(end - start) / NS_PER_MS;
	return 0;
}

static int play(const struct trial *trial, const struct method *method, double *ms)
{
	pid_t root = 0;

	if (play_family(trial, method, ms, &root))
		return bench__fail("that was %s, %u %s", method->name, trial->size,
				   shape__name(trial->shape));
	return method->clear ? method->clear(trial->stage, root) : 0;
}

/* Each round another one begins. */
static int play_round(struct trial *trial, unsigned round)
{
	for (unsigned turn = 0; turn < METHODS; turn++) {
		int method = (int)((round + turn) % METHODS);

		if (!why_not(trial, method) && round < rounds_of(trial, method) &&
		    play(trial, &methods[method], &trial->ms[method][round]))
			return -1;
	}
	return 0;
}

static void print_row(struct trial *trial, int method)
{
	double *ms = trial->ms[method], ratios[MAX_ROUNDS];
	struct row row = { .benchmark = "kill",
			   .shape = shape__name(trial->shape),
			   .size = trial->size,
			   .method = methods[method].name,
			   .note = why_not(trial, method) };

	if (!row.note) {
		row.rounds = rounds_of(trial, method);
		row.has_ratio = !trial->stage->missing[METHOD_CGROUP];
		for (unsigned i = 0; i < row.rounds; i++)
			ratios[i] = ms[i] / trial->ms[METHOD_CGROUP][i];
		row.ratio = spread__of(ratios, row.rounds);
		/* Sorting parts the rounds: the reference is sorted last. */
		row.value = spread__of(ms, row.rounds);
	}
	bench__row(trial->settings, &row);
}

static void print_trial(struct trial *trial)
{
	for (int method = 0; method < METHODS; method++) {
		if (method != METHOD_CGROUP)
			print_row(trial, method);
	}
	print_row(trial, METHOD_CGROUP);
}

/* Those with memory of their own take long to build, and to end: 0 for what would take too long. */
static unsigned default_rounds(enum shape shape, unsigned size)
{
	bool forked = shape == SHAPE_FORKED;

	if (size <= 10)
		return forked ? 20 : 30;
	if (size <= 100)
		return 20;
	if (size <= 1000)
		return forked ? 5 : 20;
	if (forked)
		return 0;
	return size <= 5000 ? 5 : 3;
}

static int run_trial(struct trial *trial)
{
	uint64_t start = bench__now();

	for (unsigned round = 0; round < trial->rounds; round++) {
		if (play_round(trial, round))
			return -1;
	}
	fprintf(stderr, "kill: %s, %u: %u rounds in %.1f s\n", shape__name(trial->shape),
		trial->size, trial->rounds, (double)(bench__now() - start) / NS_PER_SEC);
	print_trial(trial);
	return 0;
}

int bench__kill(const struct settings *settings)
{
	autostage struct stage stage;
	autofree struct trial *trial = calloc(1, sizeof(*trial));

	if (stage__open(&stage, settings->program, settings->methods) || !trial)
		return -1;
	trial->settings = settings;
	trial->stage = &stage;
	printf("\nFrom the kill to the last one's end: ms, and its ratio to cgroup.kill in the same "
	       "round\n");
	printf("plain: children that share the root's memory; strays: these with setsid and a dead "
	       "parent in between;\nforked: children with memory of their own (above 1000 with --rounds only)\n");
	printf("bubblewrap, unshare: the tool that holds the root is killed; psutil poller (each "
	       "100 ms), netlink, bpftrace: watch from outside\n");
	bench__row_head();
	for (size_t i = 0; i < settings->size_count; i++) {
		for (trial->shape = 0; trial->shape < SHAPES; trial->shape++) {
			trial->size = settings->sizes[i];
			trial->rounds = settings->rounds
						? settings->rounds
						: default_rounds(trial->shape, trial->size);
			if (!(settings->shapes & 1U << trial->shape))
				continue;
			if (trial->rounds && run_trial(trial))
				return -1;
		}
	}
	return 0;
}
