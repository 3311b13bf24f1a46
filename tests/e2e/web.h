/* SPDX-License-Identifier: GPL-2.0 */
/* web.h - the feed as an HTTP client sees it. */
#ifndef TESTS_WEB_H
#define TESTS_WEB_H

#include <stdbool.h>
#include <stddef.h>

#include "user.h"

/* What one request got. */
struct got {
	long status;
	char *head; /* all header lines */
	char *body;
	size_t len;
};

void got__free(struct got *got);

static inline void got__free_own(struct got **got)
{
	got__free(*got);
}

#define autogot __attribute__((cleanup(got__free_own)))

/* Where the rig's feed is, by its log: "http://127.0.0.1:PORT" or a Unix socket's path. Waits for
 * the n-th daemon's (from 1). */
const char *web__place(const struct rig *rig, unsigned n);

/* header: one further line, or NULL; method: NULL is GET. Never fails the test by itself: status is
 * 0 when there is no answer. */
struct got *web__ask(const char *place, const char *path, const char *method, const char *header);
#define web__get(place, path) web__ask(place, path, NULL, NULL)

/* A JSON answer; the caller puts it. */
struct json_object *web__json(const char *place, const char *path);

/* Events on their way. */
struct stream_of_events;

struct stream_of_events *web__follow(const char *place, const char *path, const char *header);
/* Waits until the text has come. */
void web__await(struct stream_of_events *stream, const char *text);
/* Waits until the other end is gone. */
void web__await_end(struct stream_of_events *stream);
const char *web__text(const struct stream_of_events *stream);
void web__close(struct stream_of_events *stream);

#endif
