// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define LONGEST (100ULL * 365 * 86400 * NS_PER_SEC)

static uint64_t read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

uint64_t clock__boottime(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

uint64_t clock__realtime(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t clock__offset(void)
{
	return (int64_t)clock__realtime() - (int64_t)clock__boottime();
}

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	/* longer names first where one begins another */
	{ "ms", NS_PER_MS },
	{ "us", NS_PER_US },
	{ "ns", 1 },
	{ "s", NS_PER_SEC },
	{ "m", 60 * NS_PER_SEC },
	{ "h", 3600 * NS_PER_SEC },
	{ "d", 86400ULL * NS_PER_SEC },
};

static uint64_t parse_unit(const char **text)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		size_t len = strlen(units[i].name);

		if (strncmp(*text, units[i].name, len) == 0) {
			*text += len;
			return units[i].ns;
		}
	}
	return 0;
}

int clock__parse_duration(const char *text, uint64_t *ns)
{
	uint64_t sum = 0;

	if (strcmp(text, "0") == 0) {
		*ns = 0;
		return 0;
	}
	if (!*text)
		return -EINVAL;
	while (*text) {
		unsigned long long count;
		uint64_t unit, span;
		char *end;

		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		errno = 0;
		count = strtoull(text, &end, 10);
		text = end;
		unit = parse_unit(&text);
		if (errno || !unit || __builtin_mul_overflow(count, unit, &span) || span > LONGEST)
			return -EINVAL;
		sum += span;
		if (sum > LONGEST)
			return -EINVAL;
	}
	*ns = sum;
	return 0;
}

/* The fraction of a second and the zone behind an RFC 3339 time: ".5Z", "+02:00". */
static int parse_fraction_and_zone(const char *text, uint64_t *ns, long *east)
{
	int hours, minutes, used = 0;
	char sign;

	*ns = 0;
	*east = 0;
	if (*text == '.') {
		uint64_t unit = NS_PER_SEC;

		for (text++; isdigit((unsigned char)*text); text++) {
			unit /= 10;
			*ns += unit * (uint64_t)(*text - '0');
		}
		if (unit == NS_PER_SEC)
			return -EINVAL;
	}
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
		return 0;
	/* NOLINTNEXTLINE(cert-err34-c): two digits each can't overflow */
	if (sscanf(text, "%c%2d:%2d%n", &sign, &hours, &minutes, &used) != 3 || text[used])
		return -EINVAL;
	if ((sign != '+' && sign != '-') || hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
		return -EINVAL;
	*east = (hours * 60L + minutes) * 60 * (sign == '+' ? 1 : -1);
	return 0;
}

int clock__parse_when(const char *text, uint64_t now, uint64_t *when)
{
	struct tm tm = {};
	uint64_t ns;
	const char *rest;
	long east;
	time_t seconds;

	if (clock__parse_duration(text, &ns) == 0) {
		*when = ns < now ? now - ns : 0;
		return 0;
	}
	rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest || parse_fraction_and_zone(rest, &ns, &east))
		return -EINVAL;
	seconds = timegm(&tm) - east;
	if (seconds < 0)
		return -EINVAL;
	*when = (uint64_t)seconds * NS_PER_SEC + ns;
	return 0;
}

void clock__format(char text[CLOCK_TEXT_LEN], uint64_t realtime)
{
	time_t seconds = (time_t)(realtime / NS_PER_SEC);
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(text, CLOCK_TEXT_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, CLOCK_TEXT_LEN - n, ".%09uZ", (unsigned)(realtime % NS_PER_SEC));
}

void clock__format_span(char *text, size_t size, uint64_t ns)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} steps[] = {
		{ 86400ULL * NS_PER_SEC, "d" },
		{ 3600 * NS_PER_SEC, "h" },
		{ 60 * NS_PER_SEC, "min" },
		{ NS_PER_SEC, "s" },
		{ NS_PER_MS, "ms" },
		{ NS_PER_US, "µs" },
		{ 1, "ns" },
	};
	size_t i = 0;

	while (i + 1 < sizeof(steps) / sizeof(*steps) && ns < steps[i].ns)
		i++;
	if (ns < 10 * steps[i].ns && steps[i].ns > 1)
		snprintf(text, size, "%.1f %s", (double)ns / (double)steps[i].ns, steps[i].name);
	else
		snprintf(text, size, "%llu %s", (unsigned long long)(ns / steps[i].ns),
			 steps[i].name);
}
