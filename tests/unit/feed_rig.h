/* SPDX-License-Identifier: GPL-2.0 */
/* feed_rig.h - the feed in the test's own process: rows go in at one end, requests and answers pass
 * through socket pairs, and the loop turns when the test says so. */
#ifndef TESTS_FEED_RIG_H
#define TESTS_FEED_RIG_H

#include <stdbool.h>
#include <stddef.h>

#include "recorder/feed.h"
#include "store/store.h"

struct feed_rig {
	struct recorder_settings settings;
	struct feed *feed;
	struct store *store; /* what the feed reads; NULL: none is to be had */
};

extern struct feed_rig feed_rig;

/* At 127.0.0.1:9464, with that token (may be ""). */
void feed_rig__start(const char *token);
void feed_rig__stop(void);

struct peer {
	int fd;
	char *text; /* what came, with a NUL behind it */
	size_t len;
	bool ended;
};

/* Connects, and sends the request as it is. */
struct peer *peer__ask(const char *request, size_t len);
void peer__free(struct peer *peer);
/* Takes what there is. */
void peer__read(struct peer *peer);

/* Turns the loop until all that it can do is done. */
void feed_rig__turn(void);

#endif
