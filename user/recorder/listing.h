/* SPDX-License-Identifier: GPL-2.0 */
/* listing.h - the feed's lists, as JSON. */
#ifndef ORPHAND_LISTING_H
#define ORPHAND_LISTING_H

#include <stdio.h>

#include "base/users.h"
#include "recorder/picture.h"
#include "recorder/request.h"
#include "store/store.h"

struct listing {
	FILE *out;
	struct users *users;
	char next[INCIDENT_ID_LEN]; /* the last one's id, when more come behind it; else "" */
};

/* An array of incidents, the newest first. 0 or a negative errno. */
int listing__incidents(struct listing *page, struct store *store, const struct query *query);

/* One incident as an object. -ENOENT: there is none. */
int listing__incident(struct listing *page, struct store *store, const char *id);

/* An array of trees, the newest first. */
int listing__trees(struct listing *page, const struct picture *picture);

#endif
