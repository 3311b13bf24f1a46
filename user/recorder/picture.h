/* SPDX-License-Identifier: GPL-2.0 */
/* picture.h - what the guard told of itself the last time: its numbers and its trees, each whole. */
#ifndef ORPHAND_PICTURE_H
#define ORPHAND_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <orphand/control.h>

#include "recorder/recorder.h"

/* Rows of one kind. */
struct rows {
	void *at;
	size_t count;
	size_t room;
};

struct picture {
	struct control_host host;      /* all zero: not told yet */
	struct rows metrics, trees;    /* control_metric_row, control_tree_row */
	struct histogram histogram[2]; /* METRIC_REACTION, METRIC_CLEAR */
	uint64_t taken[BELLS];	       /* when each was whole, boottime; 0: never */
	/* on their way */
	struct rows next_metrics, next_trees;
	struct histogram next_histogram[2];
};

/* True: the row was the last of an answer, *bell is which. */
bool picture__row(struct picture *picture, const struct control_head *row, uint64_t now,
		  enum bell *bell);

/* The first metric of that kind, or 0. */
uint64_t picture__value(const struct picture *picture, enum metric metric);

#endif
