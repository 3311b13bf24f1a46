/* SPDX-License-Identifier: GPL-2.0 */
/* health.h - /healthz: whether all is as it should be, by what was told. */
#ifndef ORPHAND_HEALTH_H
#define ORPHAND_HEALTH_H

#include <stdio.h>

#include "recorder/picture.h"

struct health {
	uint64_t lost_at;  /* boottime of the newest loss that was told; 0: none */
	uint64_t gap_at;   /* when numbers were missing in the stream */
	uint64_t last_seq; /* 0: none yet */
	bool store_fails;
};

void health__event(struct health *health, const struct control_event_row *row, uint64_t now);

/* One JSON object; true: all is well. stale: the guard did not answer in time. */
bool health__write(FILE *out, const struct health *health, const struct picture *picture,
		   bool stale, uint64_t now);

#endif
