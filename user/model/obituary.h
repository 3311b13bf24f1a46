/* SPDX-License-Identifier: GPL-2.0 */
/* obituary.h - the end of a process by a signal, and what is known of who sent it. */
#ifndef ORPHAND_OBITUARY_H
#define ORPHAND_OBITUARY_H

#include <orphand/control.h>

#include "model/image.h"

/* A sender, and all above it, as they were while it sent. Shared, counted. */
struct culprit {
	unsigned refs;
	struct ident who;
	struct image *image;
	uint32_t count;
	struct ancestor above[ANCESTORS];
};

/* One reference; takes that of the image. NULL without memory. */
struct culprit *culprit__new(const struct record_sender *record, struct image *image);
struct culprit *culprit__ref(struct culprit *culprit);
void culprit__put(struct culprit *culprit);

struct obituary {
	uint64_t seq; /* from 1; 0: none */
	uint32_t tree;
	struct death death;
	struct image *image;	 /* may be NULL */
	struct culprit *culprit; /* NULL: nothing but the death's sender is known */
};

void obituary__clear(struct obituary *obituary);
void obituary__fill(const struct obituary *obituary, struct control_death_row *row);

/* The next of the ancestors that a row tells of, from *at on, which is moved. False: that was all. */
bool above__next(const char **at, struct ancestor *ancestor);

#endif
