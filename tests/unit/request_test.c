// SPDX-License-Identifier: GPL-2.0
/* request_test.c - who may ask the feed, and for what. */
#include <string.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/text.h"
#include "recorder/request.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define NOON (1795348800 * NS_PER_SEC)

TestSuite(request, .timeout = 30);

static struct address place(const char *text)
{
	struct address address;

	cr_assert_eq(address__parse(text, &address), 0, "%s", text);
	return address;
}

/* ---- addresses */

Test(request, an_address_reads_as_it_is_written)
{
	static const struct {
		const char *text, *again;
		bool loopback;
	} good[] = {
		{ "off", "off", true },
		{ "127.0.0.1:9464", "127.0.0.1:9464", true },
		{ "127.8.0.1:1", "127.8.0.1:1", true },
		{ "localhost:0", "127.0.0.1:0", true },
		{ "0.0.0.0:65535", "0.0.0.0:65535", false },
		{ "192.168.1.2:80", "192.168.1.2:80", false },
		{ "[::1]:9464", "[::1]:9464", true },
		{ "[::]:9464", "[::]:9464", false },
		{ "[2001:db8::1]:9464", "[2001:db8::1]:9464", false },
		{ "unix:/run/orphand/feed.sock", "unix:/run/orphand/feed.sock", true },
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		struct address address = place(good[i].text);
		char text[ADDRESS_TEXT_LEN];

		address__format(&address, text, sizeof(text));
		cr_expect_str_eq(text, good[i].again);
		cr_expect_eq(address.loopback, good[i].loopback, "%s", good[i].text);
	}
}

Test(request, what_is_no_address)
{
	static const char *const bad[] = {
		"",
		"on",
		"9464",
		":9464",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:65536",
		"127.0.0.1:-1",
		"127.0.0.1: 1",
		"127.0.0.1:1x",
		"127.1:80",
		"localhost",
		"myhost:9464",
		"::1:9464",
		"[::1]",
		"[::1:9464",
		"[127.0.0.1]:80",
		"unix:",
		"unix:feed.sock",
		"unix:./x",
		"[::1%lo]:9464",
		"256.0.0.1:80",
		"127.0.0.1:000001",
	};
	char path[200] = "unix:/";
	struct address address;

	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_neq(address__parse(bad[i], &address), 0, "'%s'", bad[i]);
	memset(path + 6, 'x', 120);
	cr_expect_neq(address__parse(path, &address), 0, "longer than a socket's path may be");
}

/* ---- the Host header */

Test(request, the_host_must_be_ours)
{
	static const struct {
		const char *listen, *host;
		bool ours;
	} cases[] = {
		{ "127.0.0.1:9464", "127.0.0.1:9464", true },
		{ "127.0.0.1:9464", "127.0.0.1", true },
		{ "127.0.0.1:9464", "localhost:9464", true },
		{ "127.0.0.1:9464", "LocalHost", true },
		{ "127.0.0.1:9464", "[::1]:9464", true },
		{ "127.0.0.1:9464", "localhost:1", true }, /* by way of a tunnel */
		{ "127.0.0.1:9464", NULL, true },
		{ "unix:/run/feed", "whatever.example", true },
		{ "[2001:db8::1]:80", "[2001:db8::1]", true },
		{ "[2001:db8::1]:80", "[2001:db8::2]", false },
		{ "127.0.0.1:9464", "evil.example", false },
		{ "127.0.0.1:9464", "evil.example:9464", false },
		{ "127.0.0.1:9464", "localhost.evil.example", false },
		{ "127.0.0.1:9464", "127.0.0.1.evil.example", false },
		{ "127.0.0.1:9464", "10.0.0.1", false },
		{ "127.0.0.1:9464", "", false },
		{ "127.0.0.1:9464", "localhost:9464:1", false },
		{ "127.0.0.1:9464", "localhost:x", false },
		{ "127.0.0.1:9464", "localhost@evil.example", false },
		{ "127.0.0.1:9464", "[::1", false },
		{ "127.0.0.1:9464", "[::1]evil", false },
		{ "127.0.0.1:9464", "[localhost]", false },
		{ "127.0.0.1:9464", "127.0.0.1,evil.example", false },
		{ "127.0.0.1:9464", "off", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct address listen = place(cases[i].listen);

		cr_expect_eq(request__names_us(cases[i].host, &listen), cases[i].ours, "'%s' at %s",
			     cases[i].host, cases[i].listen);
	}
}

/* ---- other headers */

Test(request, the_token_and_nothing_else)
{
	cr_expect(request__bears("Bearer s3cret", "s3cret"));
	cr_expect(request__bears("bearer s3cret", "s3cret"));
	cr_expect_not(request__bears(NULL, "s3cret"));
	cr_expect_not(request__bears("", "s3cret"));
	cr_expect_not(request__bears("Bearer", "s3cret"));
	cr_expect_not(request__bears("Bearer ", "s3cret"));
	cr_expect_not(request__bears("Bearer s3cre", "s3cret"));
	cr_expect_not(request__bears("Bearer s3crets", "s3cret"));
	cr_expect_not(request__bears("Bearer s3cret ", "s3cret"));
	cr_expect_not(request__bears("Bearer S3cret", "s3cret"));
	cr_expect_not(request__bears("Basic s3cret", "s3cret"));
}

Test(request, openmetrics_for_who_likes_it_no_less)
{
	static const struct {
		const char *accept;
		bool open;
	} cases[] = {
		{ NULL, false },
		{ "", false },
		{ "*/*", false },
		{ "text/plain", false },
		{ "application/openmetrics-text", true },
		{ "application/openmetrics-text; version=1.0.0; charset=utf-8", true },
		/* as Prometheus asks */
		{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
		  "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		  true },
		{ "text/plain;q=0.9, application/openmetrics-text;q=0.8", false },
		{ "text/plain;q=0.8, application/openmetrics-text;q=0.85", true },
		{ "application/openmetrics-text;q=0", false },
		{ "application/openmetrics-text;q=0.000", false },
		{ "APPLICATION/OpenMetrics-Text ; Q=1.0", true },
		{ "application/openmetrics-textual", false },
		{ ",,;q=1,;;,", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		cr_expect_eq(request__takes_openmetrics(cases[i].accept), cases[i].open, "'%s'",
			     cases[i].accept);
}

Test(request, tags)
{
	cr_expect(request__has_tag("\"a\"", "\"a\""));
	cr_expect(request__has_tag("\"b\", \"a\"", "\"a\""));
	cr_expect(request__has_tag("W/\"a\"", "\"a\""));
	cr_expect(request__has_tag("*", "\"a\""));
	cr_expect_not(request__has_tag(NULL, "\"a\""));
	cr_expect_not(request__has_tag("", "\"a\""));
	cr_expect_not(request__has_tag("\"ab\"", "\"a\""));
	cr_expect_not(request__has_tag("\"a\"b", "\"a\""));
	cr_expect_not(request__has_tag("W/", "\"a\""));
}

/* ---- parameters */

#define EVERY 0xffU

static int set(struct query *query, const char *key, const char *value, char error[128])
{
	return query__set(query, EVERY, key, value, NOON, error, 128);
}

Test(request, parameters_are_read)
{
	struct query query = {};
	char error[128];

	cr_expect_eq(set(&query, "since", "5m", error), 0);
	cr_expect_eq(query.since, NOON - 300 * NS_PER_SEC);
	cr_expect_eq(set(&query, "rule", "python-jobs", error), 0);
	cr_expect_str_eq(query.rule, "python-jobs");
	cr_expect_eq(set(&query, "outcome", "stuck", error), 0);
	cr_expect_str_eq(query.outcome, "stuck");
	cr_expect_eq(set(&query, "limit", "1000", error), 0);
	cr_expect_eq(query.limit, 1000);
	cr_expect_eq(set(&query, "before", "01M89MEZRH0CK8JEBZQMHHPGK4", error), 0);
	cr_expect_str_eq(query.before, "01M89MEZRH0CK8JEBZQMHHPGK4");
	cr_expect_eq(set(&query, "tree", "17", error), 0);
	cr_expect_eq(query.tree, 17);
	cr_expect_eq(set(&query, "after", "18446744073709551614", error), 0);
	cr_expect_eq(query.after, UINT64_MAX - 1);
	cr_expect_eq(set(&query, "type", "root.died,orphand.incident.closed", error), 0);
	cr_expect_eq(set(&query, "type", "events.lost", error), 0);
	cr_expect_eq(query.types,
		     1U << EVENT_ROOT_DIED | 1U << EVENT_INCIDENT_CLOSED | 1U << EVENT_EVENTS_LOST);
	cr_expect_eq(query.given, EVERY);
}

Test(request, an_empty_rule_is_one)
{
	struct query query = {};
	char error[128];

	cr_expect_eq(set(&query, "rule", "", error), 0);
	cr_expect_eq(query.given, PARAMETER_RULE);
}

Test(request, a_bad_parameter_is_named)
{
	static const struct {
		const char *key, *value;
	} bad[] = {
		{ "since", "yesterday" },
		{ "since", "" },
		{ "since", NULL },
		{ "limit", "0" },
		{ "limit", "1001" },
		{ "limit", "-1" },
		{ "limit", "1e3" },
		{ "limit", "" },
		{ "limit", " 5" },
		{ "limit", "99999999999999999999999" },
		{ "outcome", "dead" },
		{ "outcome", "" },
		{ "before", "01m8" },
		{ "before", "../../etc/passwd" },
		{ "before", "01M89MEZRH0CK8JEBZQMHHPGK401M89MEZRH0CK8JEBZQMHHPGK4" },
		{ "tree", "0" },
		{ "tree", "4294967296" },
		{ "after", "18446744073709551615" },
		{ "after", "18446744073709551616" },
		{ "after", "-1" },
		{ "type", "" },
		{ "type", "root.died," },
		{ "type", ",root.died" },
		{ "type", "root" },
		{ "type", "orphand." },
		{ "rule", "0123456789012345678901234567890123456789012345678901234567890123" },
		{ "nonsense", "1" },
		{ "", "" },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct query query = {};
		char error[128] = "";

		cr_expect_neq(set(&query, bad[i].key, bad[i].value, error), 0, "%s=%s", bad[i].key,
			      bad[i].value);
		cr_expect_eq(strncmp(error, bad[i].key, strlen(bad[i].key)), 0, "%s=%s: '%s'",
			     bad[i].key, bad[i].value, error);
	}
}

Test(request, a_parameter_stands_there_once_and_where_it_belongs)
{
	struct query query = {};
	char error[128];

	cr_expect_eq(set(&query, "limit", "5", error), 0);
	cr_expect_neq(set(&query, "limit", "6", error), 0);
	cr_expect(strstr(error, "limit: stands there twice"), "%s", error);
	query = (struct query){};
	cr_expect_neq(query__set(&query, PARAMETER_TYPE, "limit", "5", NOON, error, sizeof(error)),
		      0);
	cr_expect(strstr(error, "limit: no such parameter"), "%s", error);
}
