/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bench.h - what the parts of the bench share: the benchmarks, samples, and the end of it all.
 *
 * A function that can fail says why itself and returns -1; everybody above only lets go of what is
 * his. SIGINT, SIGTERM and SIGHUP make the next wait fail in the same way.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define MAX_ROUNDS 1000
#define MAX_SIZES 16

struct settings {
	const char *program; /* the orphand under test */
	unsigned rounds;     /* 0: each benchmark's own */
	unsigned sizes[MAX_SIZES];
	size_t size_count;
	unsigned shapes;  /* bits: 1 << enum shape */
	unsigned methods; /* bits: 1 << index of methods[] */
	unsigned ways;	  /* bits: 1 << index of ways[] */
	unsigned events;  /* of the store, 0: its own */
	unsigned seconds; /* of a storm, or of idleness, 0: its own */
	unsigned members; /* of the largest crowd, 0: its own */
	const char *tsv_path;
	FILE *tsv; /* rows for machines too; NULL: none */
};

int bench__kill(const struct settings *settings);
int bench__families(const struct settings *settings);
int bench__hooks(const struct settings *settings);
int bench__scale(const struct settings *settings);
int bench__start(const struct settings *settings);
int bench__loop(const struct settings *settings);
int bench__rules(const struct settings *settings);
int bench__store(const struct settings *settings);
int bench__recorder(const struct settings *settings);
int bench__feed(const struct settings *settings);

/* Prints why on standard error; -1. */
__attribute__((format(printf, 1, 2))) int bench__fail(const char *format, ...);
/* The same, and nothing but success when nobody asked us to stop. */
int bench__go_on(void);
/* Sleeps; -1 when asked to stop. */
int bench__pause(uint64_t ns);
/* fork, exec and exit of BENCH_PROGRAM, one after the other. */
#define BENCH_PROGRAM "/bin/true"
int bench__spawn(unsigned count);
/* Of the process that it was opened of, threads and all. */
bool pidfd__has_ended(int pidfd);
/* For a child: signals as a program finds them. */
void bench__reset_signals(void);

/* ---- samples */

struct spread {
	double median, min, max;
};

/* Sorts the samples. */
struct spread spread__of(double *samples, size_t count);

/* What became of one method: a line of the table, and of --tsv's file. */
struct row {
	const char *benchmark;
	const char *shape;
	unsigned size;
	const char *method;
	const char *note; /* why there are no numbers; NULL: there are */
	unsigned rounds;
	struct spread value;
	struct spread ratio; /* to the reference, in the same round */
	bool has_ratio;
};

void bench__row_head(void);
void bench__row(const struct settings *settings, const struct row *row);
/* For machines alone. */
void bench__tsv(const struct settings *settings, const struct row *row);

#endif
