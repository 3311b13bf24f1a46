// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "model/filter.h"
#include "model/json.h"
#include "recorder/request.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ---- parameters */

int request__number(const char *text, uint64_t most, uint64_t *number)
{
	size_t digits = strspn(text, "0123456789");

	if (!digits || text[digits] || digits > 20)
		return -EINVAL;
	errno = 0;
	*number = strtoull(text, NULL, 10);
	return errno || *number > most ? -EINVAL : 0;
}

static int set_number(const char *value, uint64_t least, uint64_t most, uint32_t *to)
{
	uint64_t number;

	if (request__number(value, most, &number) || number < least)
		return -EINVAL;
	*to = (uint32_t)number;
	return 0;
}

static int set_outcome(struct query *query, const char *value)
{
	if (filter__outcome(value) < 0)
		return -EINVAL;
	return text__copy(query->outcome, sizeof(query->outcome), value) ? 0 : -EINVAL;
}

static int set_id(struct query *query, const char *value)
{
	size_t len = strlen(value);

	if (len >= sizeof(query->before) ||
	    strspn(value, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != len)
		return -EINVAL;
	memcpy(query->before, value, len + 1);
	return 0;
}

/* "root.died,incident.opened", with or without "orphand."; those of each further type= are added. */
static int add_types(struct query *query, const char *value)
{
	for (;;) {
		size_t len = strcspn(value, ",");
		int type = json__event_type(value, len);

		if (type < 0)
			return type;
		query->types |= 1U << type;
		if (!value[len])
			return 0;
		value += len + 1;
	}
}

static int set(struct query *query, enum parameter parameter, const char *value, uint64_t now)
{
	switch (parameter) {
	case PARAMETER_SINCE:
		return clock__parse_when(value, now, &query->since);
	case PARAMETER_RULE:
		return text__copy(query->rule, sizeof(query->rule), value) ? 0 : -EINVAL;
	case PARAMETER_OUTCOME:
		return set_outcome(query, value);
	case PARAMETER_LIMIT:
		return set_number(value, 1, LIMIT_MOST, &query->limit);
	case PARAMETER_BEFORE:
		return set_id(query, value);
	case PARAMETER_TYPE:
		return add_types(query, value);
	case PARAMETER_TREE:
		return set_number(value, 1, UINT32_MAX, &query->tree);
	case PARAMETER_AFTER:
	default:
		return request__number(value, UINT64_MAX - 1, &query->after);
	}
}

static const struct {
	const char *name;
	enum parameter parameter;
	const char *wants;
} parameters[] = {
	{ "since", PARAMETER_SINCE, "a time (2026-11-22T12:00:00Z) or how long ago (5m)" },
	{ "rule", PARAMETER_RULE, "a rule's name, at most 63 bytes" },
	{ "outcome", PARAMETER_OUTCOME, "cleared, stuck, spared, observed or braked" },
	{ "limit", PARAMETER_LIMIT, "a number from 1 to 1000" },
	{ "before", PARAMETER_BEFORE, "an incident's id" },
	{ "type", PARAMETER_TYPE, "names of events, like root.died,incident.opened" },
	{ "tree", PARAMETER_TREE, "a tree's number" },
	{ "after", PARAMETER_AFTER, "an event's sequence number" },
};

int query__set(struct query *query, unsigned allowed, const char *key, const char *value,
	       uint64_t now, char *error, size_t size)
{
	for (size_t i = 0; i < COUNT(parameters); i++) {
		enum parameter parameter = parameters[i].parameter;

		if (!(allowed & parameter) || strcmp(key, parameters[i].name) != 0)
			continue;
		if (query->given & parameter && parameter != PARAMETER_TYPE) {
			snprintf(error, size, "%s: stands there twice", key);
			return -EINVAL;
		}
		query->given |= parameter;
		if (value && set(query, parameter, value, now) == 0)
			return 0;
		snprintf(error, size, "%s: not %s", key, parameters[i].wants);
		return -EINVAL;
	}
	snprintf(error, size, "%.60s: no such parameter here", key);
	return -EINVAL;
}

/* ---- headers */

/* Without the port behind it; false: it is none. */
static bool cut_port(const char *host, char *name, size_t size)
{
	const char *end = *host == '[' ? strchr(host, ']') : NULL;
	size_t len = end ? (size_t)(end + 1 - host) : strcspn(host, ":");
	const char *port = host + len;

	if (len >= size ||
	    (*port && (*port != ':' || strspn(port + 1, "0123456789") != strlen(port + 1))))
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	return true;
}

static bool is_same_host(const struct address *a, const struct address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	return a->any.sa_family == AF_INET
		       ? a->in.sin_addr.s_addr == b->in.sin_addr.s_addr
		       : IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr);
}

bool request__names_us(const char *host, const struct address *address)
{
	char name[INET6_ADDRSTRLEN + 2], text[INET6_ADDRSTRLEN + 8];
	struct address named;

	if (!host || address->kind == ADDRESS_UNIX)
		return true;
	if (!cut_port(host, name, sizeof(name)))
		return false;
	if (strcasecmp(name, "localhost") == 0)
		return true;
	snprintf(text, sizeof(text), "%s:0", name);
	return address__parse(text, &named) == 0 && named.kind == ADDRESS_INET &&
	       (named.loopback || is_same_host(&named, address));
}

bool request__bears(const char *authorization, const char *token)
{
	static const char scheme[] = "Bearer ";
	size_t len = strlen(token);
	unsigned char differs;

	if (!authorization || strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
		return false;
	authorization += sizeof(scheme) - 1;
	differs = strlen(authorization) != len;
	for (size_t i = 0; i < len && authorization[i]; i++)
		differs |= (unsigned char)(authorization[i] ^ token[i]);
	return !differs;
}

/* One media range of an Accept header, and how much it is liked: 0 to 1000. */
struct range {
	const char *type;
	size_t len;
	unsigned quality;
};

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

/* "0.75" as 750; anything odd is as if nothing was said. */
static unsigned parse_quality(const char *text)
{
	unsigned quality = 0, weight = 100;

	if (*text != '0')
		return 1000;
	if (text[1] != '.')
		return 0;
	for (text += 2; isdigit((unsigned char)*text) && weight; text++, weight /= 10)
		quality += (unsigned)(*text - '0') * weight;
	return quality;
}

static const char *next_range(const char *text, struct range *range)
{
	const char *end = text + strcspn(text, ",");

	text = skip_blanks(text);
	*range = (struct range){ .type = text, .len = strcspn(text, ";, \t"), .quality = 1000 };
	for (const char *at = text + range->len; at < end; at += strcspn(at, ";,")) {
		at += *at == ';';
		at = skip_blanks(at);
		if (strncasecmp(at, "q=", 2) == 0)
			range->quality = parse_quality(at + 2);
		if (at >= end)
			break;
	}
	return *end ? end + 1 : end;
}

static bool is_type(const struct range *range, const char *type)
{
	return strlen(type) == range->len && strncasecmp(range->type, type, range->len) == 0;
}

bool request__takes_openmetrics(const char *accept)
{
	unsigned openmetrics = 0, plain = 0;
	struct range range;

	while (accept && *accept) {
		accept = next_range(accept, &range);
		if (is_type(&range, "application/openmetrics-text") && range.quality > openmetrics)
			openmetrics = range.quality;
		if (is_type(&range, "text/plain") && range.quality > plain)
			plain = range.quality;
	}
	return openmetrics && openmetrics >= plain;
}

bool request__has_tag(const char *tags, const char *tag)
{
	size_t len = strlen(tag);

	while (tags && *tags) {
		tags += strspn(tags, ", \t");
		if (*tags == '*')
			return true;
		tags += strncmp(tags, "W/", 2) == 0 ? 2 : 0; /* compared weakly */
		if (strncmp(tags, tag, len) == 0 && strchr(", \t", tags[len]))
			return true;
		tags += strcspn(tags, ",");
	}
	return false;
}
