/* SPDX-License-Identifier: GPL-2.0 */
/* request.h - what a client's request says: its headers and its query's parameters. Pure, and open
 * to anybody: nothing here trusts a byte. */
#ifndef ORPHAND_REQUEST_H
#define ORPHAND_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <orphand/control.h>

#include "base/address.h"

#define LIMIT_MOST 1000
#define LIMIT_USUAL 100
#define ALL_EVENTS ((1U << EVENT_TYPES) - 1)

enum parameter {
	PARAMETER_SINCE = 1 << 0,
	PARAMETER_RULE = 1 << 1,
	PARAMETER_OUTCOME = 1 << 2,
	PARAMETER_LIMIT = 1 << 3,
	PARAMETER_BEFORE = 1 << 4,
	PARAMETER_TYPE = 1 << 5,
	PARAMETER_TREE = 1 << 6,
	PARAMETER_AFTER = 1 << 7,
};

/* What was not said is 0. */
struct query {
	unsigned given; /* parameters */
	uint64_t since; /* realtime ns */
	uint32_t limit;
	uint32_t tree;
	uint32_t types; /* of events, a bit for each */
	uint64_t after; /* a sequence number */
	char rule[NAME_LEN];
	char outcome[16];
	char before[INCIDENT_ID_LEN];
};

/* One parameter; allowed: those that the path knows. 0, or -EINVAL and a line that names it. */
int query__set(struct query *query, unsigned allowed, const char *key, const char *value,
	       uint64_t now, char *error, size_t size);

/* Whether a browser that sends it meant us: a name of somebody else that leads here is a trap (DNS
 * rebinding). host: the header, NULL: there is none, as no browser does. */
bool request__names_us(const char *host, const struct address *address);

/* Whether an Authorization header bears the token; takes the same time for any wrong one. */
bool request__bears(const char *authorization, const char *token);

/* Whether an Accept header likes OpenMetrics no less than plain text; NULL: it does not. */
bool request__takes_openmetrics(const char *accept);

/* Whether an If-None-Match header has the tag. */
bool request__has_tag(const char *tags, const char *tag);

/* A number and nothing else. */
int request__number(const char *text, uint64_t most, uint64_t *number);

#endif
