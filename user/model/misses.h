/* SPDX-License-Identifier: GPL-2.0 */
/*
 * misses.h - runs that each of two instances of a program has missed, as the kernel counts them for
 * the one and for the other. Pure: no I/O.
 */
#ifndef ORPHAND_MISSES_H
#define ORPHAND_MISSES_H

#include <stdint.h>

struct misses {
	uint64_t seen[2];    /* at the last look */
	uint64_t counted[2]; /* up to here, whatever both have missed */
};

/* now: what each has missed in all. How many runs both may have missed since the last look. The two
 * are not read in one moment, and whoever reads may be halted in between: what only one has missed
 * is held against the other's at the next look, too. */
uint64_t misses__look(struct misses *misses, const uint64_t now[static 2]);

#endif
