// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
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

/* Whether text begins as the pattern does, where a 0 stands for any digit: strptime and scanf
 * would also take blanks, signs and fewer digits. */
static bool looks_like(const char *text, const char *pattern)
{
	for (; *pattern; pattern++, text++) {
		if (*pattern == '0' ? !isdigit((unsigned char)*text) : *text != *pattern)
			return false;
	}
	return true;
}

/* The digits behind a point: ns, and where they end. */
static const char *parse_fraction(const char *text, uint64_t *ns)
{
	uint64_t unit = NS_PER_SEC;

	*ns = 0;
	for (; isdigit((unsigned char)*text); text++) {
		unit /= 10;
		*ns += unit * (uint64_t)(*text - '0');
	}
	return text;
}

/* "Z", "+02:00": seconds that the zone's clocks are ahead. */
static int parse_zone(const char *text, long *east)
{
	long hours, minutes;

	*east = 0;
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
		return 0;
	if (!looks_like(text, "+00:00") && !looks_like(text, "-00:00"))
		return -EINVAL;
	hours = (text[1] - '0') * 10L + text[2] - '0';
	minutes = (text[4] - '0') * 10L + text[5] - '0';
	if (text[6] || hours > 23 || minutes > 59)
		return -EINVAL;
	*east = (hours * 60 + minutes) * 60 * (*text == '+' ? 1 : -1);
	return 0;
}

/* The date and the time of day, as if in UTC. timegm makes the 2nd of March of a 30th of
 * February: no such day. */
static int parse_day_and_time(const char *text, time_t *seconds)
{
	struct tm tm = {};
	int day;

	if (!looks_like(text, "0000-00-00T00:00:00") || !strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) ||
	    tm.tm_sec > 60)
		return -EINVAL;
	day = tm.tm_mday;
	tm.tm_sec -= tm.tm_sec == 60; /* a leap second is no other day */
	*seconds = timegm(&tm);
	return tm.tm_mday == day ? 0 : -EINVAL;
}

static int parse_rfc3339(const char *text, uint64_t *when)
{
	const char *rest = text + sizeof("0000-00-00T00:00:00") - 1;
	time_t seconds;
	uint64_t ns = 0;
	long east;

	if (parse_day_and_time(text, &seconds))
		return -EINVAL;
	if (looks_like(rest, ".0"))
		rest = parse_fraction(rest + 1, &ns);
	if (parse_zone(rest, &east) || seconds - east < 0)
		return -EINVAL;
	if (__builtin_mul_overflow((uint64_t)(seconds - east), NS_PER_SEC, when) ||
	    __builtin_add_overflow(*when, ns, when))
		return -EINVAL;
	return 0;
}

int clock__parse_when(const char *text, uint64_t now, uint64_t *when)
{
	uint64_t ns;

	if (clock__parse_duration(text, &ns) == 0) {
		*when = ns < now ? now - ns : 0;
		return 0;
	}
	if (parse_rfc3339(text, &ns))
		return -EINVAL;
	*when = ns;
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
	uint64_t whole, tenths;
	size_t i = 0;

	while (i + 1 < sizeof(steps) / sizeof(*steps) && ns < steps[i].ns)
		i++;
	whole = ns / steps[i].ns;
	tenths = ns % steps[i].ns * 10 / steps[i].ns;
	if (whole < 10 && tenths)
		snprintf(text, size, "%llu.%llu %s", (unsigned long long)whole,
			 (unsigned long long)tenths, steps[i].name);
	else
		snprintf(text, size, "%llu %s", (unsigned long long)whole, steps[i].name);
}

void clock__format_duration(uint64_t ns, char *text, size_t size)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} steps[] = {
		{ 3600 * NS_PER_SEC, "h" }, { 60 * NS_PER_SEC, "m" }, { NS_PER_SEC, "s" },
		{ NS_PER_MS, "ms" },	    { NS_PER_US, "us" },      { 1, "ns" },
	};
	size_t i = 0;

	if (!ns) {
		snprintf(text, size, "0");
		return;
	}
	while (ns % steps[i].ns)
		i++;
	snprintf(text, size, "%llu%s", (unsigned long long)(ns / steps[i].ns), steps[i].name);
}
