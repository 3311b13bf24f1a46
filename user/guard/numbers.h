/* SPDX-License-Identifier: GPL-2.0 */
/* numbers.h - all that /metrics tells of the guard, as rows, taken at one moment. */
#ifndef ORPHAND_NUMBERS_H
#define ORPHAND_NUMBERS_H

#include "guard/guard.h"

struct numbers {
	struct control_metric_row *rows;
	size_t count;
	size_t room;
	struct histogram histogram[2]; /* METRIC_REACTION, METRIC_CLEAR */
};

/* NULL without memory. Nothing of it reads more than a few files and the kernel's own counters. */
struct numbers *numbers__take(struct guard *guard);
void numbers__free(struct numbers *numbers);

#endif
