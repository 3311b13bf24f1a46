// SPDX-License-Identifier: GPL-2.0
/* clock_test.c - durations, moments, and both as people read them. */
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/clock.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define MINUTE (60 * NS_PER_SEC)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define CENTURY (36500 * DAY)

/* What must stay as it was when a text is refused. */
#define UNTOUCHED 0x5ca1ab1eULL

TestSuite(clock, .timeout = 30);

/* ---- durations */

Test(clock, durations_are_read)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{ "0", 0 },
		{ "0s", 0 },
		{ "0d0ns", 0 },
		{ "1ns", 1 },
		{ "1us", NS_PER_US },
		{ "500ms", 500 * NS_PER_MS },
		{ "5s", 5 * NS_PER_SEC },
		{ "2m", 2 * MINUTE },
		{ "1h", HOUR },
		{ "30d", 30 * DAY },
		{ "007s", 7 * NS_PER_SEC },
		{ "1m30s", 90 * NS_PER_SEC },
		{ "1m5ms", MINUTE + 5 * NS_PER_MS },
		{ "30s1m", 90 * NS_PER_SEC },
		{ "1s1s", 2 * NS_PER_SEC },
		{ "1d2h3m4s5ms6us7ns", DAY + 2 * HOUR + 3 * MINUTE + 4 * NS_PER_SEC +
					       5 * NS_PER_MS + 6 * NS_PER_US + 7 },
		{ "36500d", CENTURY },
		{ "36499d24h", CENTURY },
		{ "3153600000000000000ns", CENTURY },
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		uint64_t ns = UNTOUCHED;

		cr_expect_eq(clock__parse_duration(good[i].text, &ns), 0, "%s", good[i].text);
		cr_expect_eq(ns, good[i].ns, "%s: %lu", good[i].text, ns);
	}
}

Test(clock, durations_that_mean_nothing_are_refused)
{
	static const char *const bad[] = {
		"",	   "5",		 "00",	      " ",     "s",    "ms",   "-5s",  "+5s",
		" 5s",	   "5s ",	 "5 s",	      "5S",    "5Ms",  "5sec", "5min", "5ss",
		"1.5s",	   "5,5s",	 "5s5",	      "5s-1s", "0x5s", "1e3",  "1e3s", "5s\n",
		"forever", "5\xc2\xb5s", "\xd9\xa5s", "5w",    "--",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		uint64_t ns = UNTOUCHED;

		cr_expect_eq(clock__parse_duration(bad[i], &ns), -EINVAL, "'%s'", bad[i]);
		cr_expect_eq(ns, UNTOUCHED, "'%s'", bad[i]);
	}
}

Test(clock, durations_past_a_century_are_refused)
{
	static const char *const long_ones[] = {
		"36501d",
		"36500d1ns",
		"1ns36500d",
		"36500d36500d36500d36500d36500d36500d36500d",
		"3153600000000000001ns",
		"18446744073709551615ns",
		"18446744073709551616ns",
		"18446744073709551615d",
		"213503982334602d", /* wraps to some hours */
		"18446744073710s",  /* wraps to half a second */
		"99999999999999999999999999999999999999999999s",
	};

	for (size_t i = 0; i < COUNT(long_ones); i++) {
		uint64_t ns = UNTOUCHED;

		cr_expect_eq(clock__parse_duration(long_ones[i], &ns), -EINVAL, "%s", long_ones[i]);
		cr_expect_eq(ns, UNTOUCHED, "%s", long_ones[i]);
	}
}

Test(clock, a_thousand_terms_are_no_overflow)
{
	char text[6 * 1000 + 1] = "";
	uint64_t ns;

	for (size_t i = 0; i < 1000; i++)
		memcpy(text + 6 * i, "36500d", 7);
	cr_assert_eq(clock__parse_duration(text, &ns), -EINVAL);
	for (size_t i = 0; i < 1000; i++)
		memcpy(text + 6 * i, "00001d", 7);
	cr_assert_eq(clock__parse_duration(text, &ns), 0);
	cr_assert_eq(ns, 1000 * DAY);
}

/* ---- moments */

#define NOON (1795348800 * NS_PER_SEC)	   /* 2026-11-22T12:00:00Z */
#define FEBRUARY (1709208000 * NS_PER_SEC) /* 2024-02-29T12:00:00Z */

Test(clock, moments_are_read)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1970-01-01T00:00:00.000000001Z", 1 },
		{ "1969-12-31T23:00:00-01:00", 0 },
		{ "2026-11-22T12:00:00Z", NOON },
		{ "2026-11-22T12:00:00z", NOON },
		{ "2026-11-22T12:00:00+00:00", NOON },
		{ "2026-11-22T12:00:00-00:00", NOON },
		{ "2026-11-22T14:00:00+02:00", NOON },
		{ "2026-11-22T17:45:00+05:45", NOON },
		{ "2026-11-22T06:30:00-05:30", NOON },
		{ "2026-11-23T11:59:00+23:59", NOON },
		{ "2026-11-22T12:00:00.5Z", NOON + 500 * NS_PER_MS },
		{ "2026-11-22T12:00:00.000Z", NOON },
		{ "2026-11-22T12:00:00.123456789Z", NOON + 123456789 },
		{ "2026-11-22T12:00:00.1234567899999Z", NOON + 123456789 },
		{ "2026-11-22T14:00:00.25+02:00", NOON + 250 * NS_PER_MS },
		{ "2024-02-29T12:00:00Z", FEBRUARY },
		{ "2554-07-21T23:34:33.709551615Z", UINT64_MAX },
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		uint64_t when = UNTOUCHED;

		cr_expect_eq(clock__parse_when(good[i].text, NOON, &when), 0, "%s", good[i].text);
		cr_expect_eq(when, good[i].ns, "%s: %lu", good[i].text, when);
	}
}

Test(clock, a_duration_is_that_long_ago)
{
	uint64_t when;

	cr_assert_eq(clock__parse_when("5m", NOON, &when), 0);
	cr_assert_eq(when, NOON - 5 * MINUTE);
	cr_assert_eq(clock__parse_when("0", NOON, &when), 0);
	cr_assert_eq(when, NOON);
	cr_assert_eq(clock__parse_when("2s", 2 * NS_PER_SEC, &when), 0);
	cr_assert_eq(when, 0);
	cr_assert_eq(clock__parse_when("100d", NS_PER_SEC, &when), 0);
	cr_assert_eq(when, 0, "before 1970 is from the oldest");
}

Test(clock, moments_that_never_were_are_refused)
{
	static const char *const bad[] = {
		"",
		"now",
		"yesterday",
		"1795348800",
		"2026",
		"2026-11-22",
		"2026-11-22T12:00Z",
		"2026-11-22T12:00:00", /* whose noon? */
		"2026-11-22 12:00:00Z",
		"12:00:00Z",
		"2026-11-22T12:00:00.Z",
		"2026-11-22T12:00:00,5Z",
		"2026-11-22T12:00:00 Z",
		"2026-11-22T12:00:00UTC",
		"2026-11-22T12:00:00ZZ",
		"2026-11-22T12:00:00Z ",
		" 2026-11-22T12:00:00Z",
		"2026-11-22T12:00:00+0200",
		"2026-11-22T12:00:00+02",
		"2026-11-22T12:00:00+2:00",
		"2026-11-22T12:00:00+02:0",
		"2026-11-22T12:00:00+ 2:00",
		"2026-11-22T12:00:00++2:00",
		"2026-11-22T12:00:00+-2:00",
		"2026-11-22T12:00:00*02:00",
		"2026-11-22T12:00:00+24:00",
		"2026-11-22T12:00:00+02:60",
		"2026-11-22T12:00:00+02:00:00",
		"2026-11-22T12:00:00+02:00Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-11-00T00:00:00Z",
		"2026-11-31T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"2026-02-30T00:00:00Z",
		"2026-11-22T24:00:00Z",
		"2026-11-22T12:60:00Z",
		"2026-11-22T12:00:61Z",
		"2026-1-2T3:4:5Z",
		"2026- 1- 2T 3: 4: 5Z",
		"-026-11-22T12:00:00Z",
		"+026-11-22T12:00:00Z",
		"1969-12-31T23:59:59Z",
		"1970-01-01T00:00:00+01:00",
		"2554-07-21T23:34:33.709551616Z", /* one past what 64 bits hold */
		"2554-07-21T23:34:34Z",
		"9999-12-31T23:59:59Z",
		"12026-11-22T12:00:00Z",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		uint64_t when = UNTOUCHED;

		cr_expect_eq(clock__parse_when(bad[i], NOON, &when), -EINVAL, "'%s'", bad[i]);
		cr_expect_eq(when, UNTOUCHED, "'%s'", bad[i]);
	}
}

Test(clock, what_is_formatted_reads_as_the_same)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} moments[] = {
		{ 0, "1970-01-01T00:00:00.000000000Z" },
		{ 1, "1970-01-01T00:00:00.000000001Z" },
		{ NOON + 5, "2026-11-22T12:00:00.000000005Z" },
		{ NOON + 999999999, "2026-11-22T12:00:00.999999999Z" },
		{ FEBRUARY, "2024-02-29T12:00:00.000000000Z" },
		{ UINT64_MAX, "2554-07-21T23:34:33.709551615Z" },
	};

	for (size_t i = 0; i < COUNT(moments); i++) {
		char text[CLOCK_TEXT_LEN];
		uint64_t when = UNTOUCHED;

		clock__format(text, moments[i].ns);
		cr_expect_str_eq(text, moments[i].text);
		cr_expect_eq(clock__parse_when(text, NOON, &when), 0, "%s", text);
		cr_expect_eq(when, moments[i].ns, "%s", text);
	}
}

/* Texts that sort as the moments do, however far apart. */
Test(clock, formatted_moments_sort_by_time)
{
	char before[CLOCK_TEXT_LEN], after[CLOCK_TEXT_LEN];
	uint64_t at = 1;

	clock__format(before, 0);
	for (int i = 0; i < 63; i++, at *= 2) {
		clock__format(after, at);
		cr_expect_lt(strcmp(before, after), 0, "%s, %s", before, after);
		cr_expect_eq(strlen(after), CLOCK_TEXT_LEN - 1);
		memcpy(before, after, sizeof(before));
	}
}

/* ---- spans */

Test(clock, spans_are_short)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} spans[] = {
		{ 0, "0 ns" },
		{ 1, "1 ns" },
		{ 999, "999 ns" },
		{ 1500, "1.5 µs" },
		{ 31 * NS_PER_US, "31 µs" },
		{ 420 * NS_PER_MS, "420 ms" },
		{ 5200 * NS_PER_MS, "5.2 s" },
		{ 59 * NS_PER_SEC, "59 s" },
		{ 3 * MINUTE, "3 min" },
		{ 90 * NS_PER_SEC, "1.5 min" },
		{ 2 * HOUR, "2 h" },
		{ 4 * DAY, "4 d" },
		{ CENTURY, "36500 d" },
		/* the step below, not ten or a thousand of it */
		{ 9999 * NS_PER_MS, "9.9 s" },
		{ 999999 * NS_PER_US, "999 ms" },
		{ 999999, "999 µs" },
		{ UINT64_MAX, "213503 d" },
	};

	for (size_t i = 0; i < COUNT(spans); i++) {
		char text[32];

		clock__format_span(text, sizeof(text), spans[i].ns);
		cr_expect_str_eq(text, spans[i].text, "%lu: %s", spans[i].ns, text);
	}
}

Test(clock, spans_keep_within_their_room)
{
	char room[8];

	memset(room, 'x', sizeof(room));
	clock__format_span(room, 4, 420 * NS_PER_MS);
	cr_assert_str_eq(room, "420");
	cr_assert_eq(room[4], 'x');
}

/* ---- the clocks themselves */

Test(clock, offset_turns_one_clock_into_the_other)
{
	uint64_t boot = clock__boottime(), real = clock__realtime();
	int64_t drift;

	cr_assert_gt(boot, 0);
	cr_assert_leq(boot, clock__boottime(), "never backwards");
	drift = (int64_t)boot + clock__offset() - (int64_t)real;
	/* the machine may well be busy in between */
	cr_assert_lt(drift < 0 ? -drift : drift, (int64_t)(20 * NS_PER_SEC));
}
