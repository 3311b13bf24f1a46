/* SPDX-License-Identifier: GPL-2.0 */
/*
 * family.h - a root and its descendants, the same whatever is to end them.
 *
 * To give a process's memory back takes far longer than to signal it, the same for every method:
 * the more of it there is, the more alike they look. So most families have one memory for all, as
 * vfork's children do. What is left is what the methods differ in, and the ratios are the worst
 * that can be seen; those of forked families are what a family of small programs sees.
 */
#ifndef BENCH_FAMILY_H
#define BENCH_FAMILY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum shape {
	SHAPE_PLAIN = 0, /* children of the root, whose memory they share */
	SHAPE_STRAYS,	 /* the same, each in a session of its own, its parent dead */
	SHAPE_FORKED,	 /* children of the root with memory of their own */
	SHAPES,
};

/* How a root comes to life, and what it does before its first child. */
struct birth {
	uint64_t flags;		 /* of clone3 */
	int cgroup;		 /* with CLONE_INTO_CGROUP */
	bool pdeathsig;		 /* each child asks for it */
	const char *const *tool; /* a command that starts the root, and is killed; or NULL */
	int (*prepare)(const void *context); /* in the root: 0 or a negative errno; may be NULL */
	const void *context;
};

struct board;

#define KEEP 3

struct family {
	enum shape shape;
	unsigned size;	  /* descendants */
	pid_t keep[KEEP]; /* children of ours that are no part of it, 0: none */
	pid_t root;	  /* our child: the root, or its tool; 0: none */
	int *pidfds;	  /* of that, then of each further one, oldest first */
	unsigned pidfd_count;
	unsigned unheld; /* oldest descendants, of whom our limits allow no pidfd */
	struct board *board;
};

#define autofamily __attribute__((cleanup(family__clear)))

const char *shape__name(enum shape shape);

/* Of family, keep, shape and size are given. Returns when everybody lives and sleeps. */
int family__start(struct family *family, const struct birth *birth);
int family__kill_root(const struct family *family);
/* Waits for the last end: when it was, by CLOCK_MONOTONIC in ns. -1 when somebody lives on. */
int family__await_end(const struct family *family, uint64_t *end);
/* Ends and reaps whoever is left of it: every child of ours but keep. Harmless when it never
 * began. */
void family__clear(struct family *family);

uint64_t bench__now(void); /* CLOCK_MONOTONIC */

#endif
