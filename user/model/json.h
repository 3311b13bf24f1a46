/* SPDX-License-Identifier: GPL-2.0 */
/*
 * json.h - records as the JSON that the contract shows. Pure: no I/O, no clock; who a uid is has
 * to be answered by the caller. Every text that comes out is valid UTF-8.
 */
#ifndef ORPHAND_JSON_H
#define ORPHAND_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <orphand/control.h>

struct json_object;

/* What the rows of one answer have in common. */
struct json_context {
	struct control_host host;
	/* The name of a uid, or NULL when it has none (or user is NULL): the number stands then. */
	const char *(*user)(void *data, uint32_t uid);
	void *data;
};

/* All of these give an object for the caller to put, or NULL when memory is short. */

/* With an empty list of survivors, for json__add_survivor. */
struct json_object *json__incident(const struct json_context *context,
				   const struct control_incident_row *row);

/* 0 or -ENOMEM. */
int json__add_survivor(struct json_object *incident, const struct json_context *context,
		       const struct control_survivor_row *row);

/* How a process ended, and who sent the signal. */
struct json_object *json__death(const struct json_context *context,
				const struct control_death_row *row);

struct json_object *json__event(const struct json_context *context,
				const struct control_event_row *row);
struct json_object *json__tree(const struct json_context *context,
			       const struct control_tree_row *row);

/* A member of a tree, without its children. */
struct json_object *json__process(const struct json_context *context,
				  const struct control_proc_row *row);
struct json_object *json__finding(const struct control_finding_row *row);

/* A text of at most len bytes, up to its NUL; bytes that are no UTF-8 become U+FFFD. */
struct json_object *json__text(const char *bytes, size_t len);

/* How many of the bytes are one character in valid UTF-8; 0: they are none. */
size_t json__utf8(const char *bytes, size_t len);

/* How much of args there is, whatever the record claims. */
size_t json__args_len(const struct control_image *image);

/* A boottime as realtime, by the daemon's word on the difference. */
uint64_t json__realtime(const struct control_host *host, uint64_t at);

/* The names that the contract gives; "unknown" for a number out of range. */
const char *json__finding_level(uint32_t level);

/* "orphand.process.forked" */
const char *json__event_name(uint32_t type);

/* The type of that name, with or without its "orphand."; -EINVAL: there is none. */
int json__event_type(const char *name, size_t len);

#endif
