// SPDX-License-Identifier: GPL-2.0
/* families.c - who escapes, and who is killed that should not be: every way on every family. */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "awkward.h"
#include "base/clock.h"
#include "base/own.h"
#include "bench.h"
#include "family.h"
#include "ways.h"

#define ROUNDS 100

/* Rounds in which somebody of the job lived on, and in which an innocent was killed. */
struct cell {
	unsigned escapes, hurt;
};

struct table {
	struct tools *tools;
	char actor[PATH_MAX];
	unsigned ways; /* those asked for: bits */
	struct cell cell[WAYS][AWKWARD];
};

static int set_the_stage(struct tools *tools, const struct way *way, struct job *job)
{
	if (job__prepare(job) || way__start(tools, way, job) || job__meet_root(job) ||
	    way__settle(tools, way, job) || job__open_gate(job) || job__meet_all(job))
		return -1;
	return way__settle(tools, way, job) || job__start_innocents(job) ? -1 : 0;
}

/* Whoever of the job has ended before it was to end was killed in error, too. */
static int play_job(struct tools *tools, const struct way *way, struct job *job, struct cell *cell)
{
	bool escaped, hurt, early;

	if (set_the_stage(tools, way, job))
		return -1;
	early = !job__all_live(job);
	if (way__end(tools, way, job) || job__await_end(job, &escaped) ||
	    job__await_hurt(job, &hurt))
		return -1;
	cell->escapes += escaped;
	cell->hurt += hurt || early;
	return 0;
}

static int play(struct table *table, int number, int family)
{
	struct tools *tools = table->tools;
	const struct way *way = &ways[number];
	int err;

	{
		autojob struct job job = {
			.family = &awkward[family],
			.actor = table->actor,
			.keep = { tools->daemon.pid, tools->plain.pid, tools->supervisor,
				  tools->python },
		};

		err = play_job(tools, way, &job, &table->cell[number][family]);
	}
	if (err)
		return bench__fail("that was %s, %s", way->name, awkward[family].name);
	return way__clear(tools, way);
}

/* Each round another one begins. */
static int play_round(struct table *table, unsigned round)
{
	for (int family = 0; family < AWKWARD; family++) {
		for (unsigned turn = 0; turn < WAYS; turn++) {
			int way = (int)((round + turn) % WAYS);

			if (table->tools->offers[way] && play(table, way, family))
				return -1;
		}
	}
	return 0;
}

static void print_row(const struct table *table, int way)
{
	printf("%-13s", ways[way].name);
	for (int family = 0; family < AWKWARD && table->tools->offers[way]; family++) {
		const struct cell *cell = &table->cell[way][family];
		char text[32];

		snprintf(text, sizeof(text), "%u/%u", cell->escapes, cell->hurt);
		printf(" %9s", text);
	}
	puts(table->tools->offers[way] ? "" : "  not on this host");
}

static void print_table(const struct table *table, unsigned rounds)
{
	printf("\nThe ways:\n");
	for (int way = 0; way < WAYS; way++) {
		if (table->ways & 1U << way)
			printf("  %-13s  %s\n", ways[way].name, ways[way].about);
	}
	printf("The families:\n");
	for (int family = 0; family < AWKWARD; family++)
		printf("  %-13s  %s\n", awkward[family].name, awkward[family].about);
	printf("\nOf %u rounds: those with an escape / those with a false kill. An escape: somebody of "
	       "the job lives 2 s after\nthe kill, or when nobody has ended in 300 looks, 1 ms and more apart.\n",
	       rounds);
	printf("%-13s", "way");
	for (int family = 0; family < AWKWARD; family++)
		printf(" %9s", awkward[family].name);
	putchar('\n');
	for (int way = 0; way < WAYS; way++) {
		if (table->ways & 1U << way)
			print_row(table, way);
	}
}

/* It lies beside the bench. */
static int find_actor(char path[PATH_MAX])
{
	char self[PATH_MAX - 16] = "";

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return bench__fail("/proc/self/exe can't be read");
	snprintf(path, PATH_MAX, "%s/actor", dirname(self));
	return access(path, X_OK) ? bench__fail("no %s: build it", path) : 0;
}

int bench__families(const struct settings *settings)
{
	unsigned rounds = settings->rounds ? settings->rounds : ROUNDS;
	autotools struct tools tools = {};
	struct table table = { .tools = &tools, .ways = settings->ways };

	if (find_actor(table.actor) || tools__open(&tools, settings->program, settings->ways))
		return -1;
	for (unsigned round = 0; round < rounds; round++) {
		uint64_t start = bench__now();

		if (play_round(&table, round))
			return -1;
		fprintf(stderr, "families: round %u of %u in %.1f s\n", round + 1, rounds,
			(double)(bench__now() - start) / NS_PER_SEC);
	}
	print_table(&table, rounds);
	return 0;
}
