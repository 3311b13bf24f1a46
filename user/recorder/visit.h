/* SPDX-License-Identifier: GPL-2.0 */
/* visit.h - how long a connection may take to ask: whoever sends a byte now and then shall not hold
 * a place for ever. */
#ifndef ORPHAND_VISIT_H
#define ORPHAND_VISIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* From the connection, or the answer before, to the end of the headers. */
#define VISIT_S 10

struct visit {
	TAILQ_ENTRY(visit) waiting;
	int fd;
	bool asks; /* its headers are not there yet */
	uint64_t since;
};

TAILQ_HEAD(visits, visit); /* those who ask, the longest first */

/* NULL without memory; it asks from now on. */
struct visit *visit__new(struct visits *visits, int fd, uint64_t now);
void visit__free(struct visits *visits, struct visit *visit);

/* Its headers are there; its answer is sent. */
void visit__asked(struct visits *visits, struct visit *visit);
void visit__answered(struct visits *visits, struct visit *visit, uint64_t now);

/* Hangs up on those who took too long. */
void visits__turn(struct visits *visits, uint64_t now);
/* When that is due, UINT64_MAX: nobody asks. */
uint64_t visits__due(const struct visits *visits);

#endif
