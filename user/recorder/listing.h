/* SPDX-License-Identifier: GPL-2.0 */
/* listing.h - the feed's lists, as JSON. */
#ifndef ORPHAND_LISTING_H
#define ORPHAND_LISTING_H

#include <stdio.h>

#include "base/users.h"
#include "recorder/picture.h"
#include "recorder/request.h"
#include "store/store.h"

/* A story has its style in it, and nothing else; JSON has nothing that may be run at all. */
#define LISTING_POLICY                                                                         \
	"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; " \
	"frame-ancestors 'none'"

struct listing {
	FILE *out;
	struct users *users;
	char next[INCIDENT_ID_LEN]; /* the last one's id, when more come behind it; else "" */
};

/* An array of incidents, the newest first. 0 or a negative errno. */
int listing__incidents(struct listing *page, struct store *store, const struct query *query);

/* One incident as an object. -ENOENT: there is none. */
int listing__incident(struct listing *page, struct store *store, const char *id);

/* The same as the page of `orphanctl show --html`, with what the store knows of its tree. */
int listing__story(struct listing *page, struct store *store, const char *id);

/* An array of trees, the newest first. */
int listing__trees(struct listing *page, const struct picture *picture);

#endif
