/* SPDX-License-Identifier: GPL-2.0 */
/* board.h - what the bench tells a root, and where the family reports: memory that all share. */
#ifndef BENCH_BOARD_H
#define BENCH_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "family.h"

#define LIFE 240 /* seconds that a member may live, whatever becomes of the bench */

struct board {
	enum shape shape;
	unsigned size;
	bool pdeathsig; /* each child asks for it */
	atomic_uint ready;
	atomic_int error;
	uint32_t pid[]; /* of the root, then of each descendant, as the host has them */
};

static inline size_t board__bytes(unsigned size)
{
	return sizeof(struct board) + (size + 1) * sizeof(uint32_t);
}

/* The root's own life, from its first instruction on. */
__attribute__((noreturn)) void root__live(struct board *board, const struct birth *birth);

/* A root that a tool has started from the bench's own file: the board is that descriptor. */
#define ROOT_MODE "be-root"
int root__main(const char *fd);

#endif
