/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stream.h - what the recorder is told: incidents first, then events, as far as it takes them. The
 * guard never waits for it, and keeps nothing for it but its journal: what has left that before it
 * could be sent is counted as dropped.
 */
#ifndef ORPHAND_STREAM_H
#define ORPHAND_STREAM_H

#include "guard/guard.h"

/* Before the guard gives up what it takes to start another process. Without a recorder it serves
 * all the same, and says so. */
void stream__start(struct guard *guard);
/* After each turn of the loop. */
void stream__push(struct guard *guard);
/* Waits a moment for the recorder to store what it was sent. */
void stream__stop(struct guard *guard);

/* The incident is new, or more is known of it. */
void stream__changed(struct guard *guard, struct incident *incident);

/* Whether that is the recorder or its keeper. */
bool stream__is_own(const struct guard *guard, uint32_t pid);

/* Rows that the recorder was never sent. */
uint64_t stream__dropped(const struct guard *guard);

#endif
