/* SPDX-License-Identifier: GPL-2.0 */
/* feed.h - the read-only HTTP server: what is told of the guard, for whoever may connect. It never
 * blocks, and has no say in anything. */
#ifndef ORPHAND_FEED_H
#define ORPHAND_FEED_H

#include <orphand/control.h>

#include "recorder/recorder.h"
#include "recorder/recorder_parts.h"

struct feed;

/* NULL without memory. bell: of the guard. */
struct feed *feed__new(struct recorder *recorder, const struct recorder_settings *settings,
		       const int bell[BELLS]);

/* Serves who comes to the listening socket. 0 or a negative errno. -1: connections are handed to it
 * by feed__add. */
int feed__open(struct feed *feed, int listener);
int feed__add(struct feed *feed, int connection);

/* Readable when a turn is due; -1: it is not open. */
int feed__fd(const struct feed *feed);
/* ms until a turn is due at the latest. */
int feed__patience(const struct feed *feed, uint64_t now, int most);
void feed__turn(struct feed *feed);

/* Every row of the stream, and whether the store takes them. */
void feed__row(struct feed *feed, const struct control_head *row);
void feed__store_fails(struct feed *feed, bool fails);

void feed__free(struct feed *feed);

#endif
