/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ring.h - when the ring is read. A guard that sleeps is woken by the next record; then it stays
 * awake, and reads what has gathered every now and then, until it finds nothing. Meanwhile only
 * what can't wait wakes it: a root's death, a program of a rule, a birth that it has to end.
 */
#ifndef ORPHAND_RING_H
#define ORPHAND_RING_H

#include "guard/guard.h"

/* 0 or a negative errno. */
int ring__listen(struct guard *guard);
/* Reads it for the last time. Harmless when it was never listened to. */
void ring__stop(struct guard *guard);

/* Takes in what is in the ring now: what is answered behind it knows all that was there before the
 * question. */
void ring__read(struct guard *guard);

/* Whatever has to follow each reading: losses looked for, maps read, incidents closed. */
void ring__follow_up(struct guard *guard);

#endif
