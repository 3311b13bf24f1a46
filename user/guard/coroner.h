/* SPDX-License-Identifier: GPL-2.0 */
/*
 * coroner.h - every process of the host that a signal ended, watched or not: what it ran, and who
 * sent the signal. Survivors that the daemon ended are not here: their incident tells of them.
 */
#ifndef ORPHAND_CORONER_H
#define ORPHAND_CORONER_H

#include "guard/guard.h"
#include "model/obituary.h"

/* The newest so many are kept in memory. */
#define CORONER_DEATHS 4096

/* 0 or -ENOMEM: all memory is there from then on, but for what the dead ran. */
int coroner__init(struct guard *guard);
void coroner__free(struct guard *guard);

/* RECORD_SENDER, RECORD_DYING and RECORD_STRANGER. */
void coroner__record(struct guard *guard, const struct record *record);

/* A member's end; image (may be NULL) is taken a reference of. */
void coroner__member(struct guard *guard, const struct death *death, uint32_t tree,
		     struct image *image);

/* What is known of a sender, NULL: nothing. */
const struct culprit *coroner__culprit(const struct guard *guard, struct ident who);

/* By number, NULL when it is no more or not yet. */
const struct obituary *coroner__obituary(const struct guard *guard, uint64_t seq);
uint64_t coroner__first(const struct guard *guard);
uint64_t coroner__last(const struct guard *guard);

#endif
