/* SPDX-License-Identifier: GPL-2.0 */
/* metrics.h - the contract's metrics as Prometheus' text or OpenMetrics. */
#ifndef ORPHAND_METRICS_H
#define ORPHAND_METRICS_H

#include <stdio.h>

#include "recorder/picture.h"

#define METRICS_PLAIN "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_OPEN "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* What the recorder knows itself. */
struct own_numbers {
	uint64_t store_bytes;
	uint64_t store_dropped;	 /* rows */
	uint64_t events_dropped; /* clients of /events */
	uint64_t clients;	 /* of /events */
	bool stale;		 /* the guard did not answer in time: these are older numbers */
};

void metrics__write(FILE *out, const struct picture *picture, const struct own_numbers *own,
		    bool openmetrics);

#endif
