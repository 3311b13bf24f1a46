/* SPDX-License-Identifier: GPL-2.0 */
/* histogram.h - latencies from 10 µs to 60 s, counted by their order, each order with one incident
 * to look at. */
#ifndef ORPHAND_HISTOGRAM_H
#define ORPHAND_HISTOGRAM_H

#include <stdint.h>

#include <orphand/control.h>

/* The bucket's upper end in ns; UINT64_MAX: the last one has none. */
uint64_t histogram__bound(unsigned bucket);

/* The incident may be NULL: none to be shown. */
void histogram__add(struct histogram *histogram, uint64_t ns, const char *incident, uint64_t at);

#endif
