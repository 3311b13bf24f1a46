// SPDX-License-Identifier: GPL-2.0
/* sse_test.c - the feed's answers, and above all its events: each once, in order, or it is said. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "feed_rig.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static char folder[64], path[96];

static void set_up(void)
{
	feed_rig__start("");
}

static void tear_down(void)
{
	feed_rig__stop();
	if (feed_rig.store) {
		char file[128];

		store__close(feed_rig.store);
		for (size_t i = 0; i < 3; i++) {
			snprintf(file, sizeof(file), "%s%s", path,
				 (const char *[]){ "", "-wal", "-shm" }[i]);
			unlink(file);
		}
		rmdir(folder);
	}
}

TestSuite(sse, .timeout = 60, .init = set_up, .fini = tear_down);

/* ---- rows */

/* Numbers are microseconds of the daemon's start and more. */
static uint64_t base;

static struct control_host host(void)
{
	struct control_host row = {
		.head = { CONTROL_VERSION, CONTROL_HOST_ROW, sizeof(row) },
		.realtime = clock__offset(),
		.begun = clock__boottime() - 10 * NS_PER_SEC,
		.machine_id = "m1",
		.boot_id = "b1",
	};

	base = (row.begun + (uint64_t)row.realtime) / NS_PER_US + 1;
	return row;
}

static struct control_event_row event(uint64_t n, enum event_type type, uint32_t tree,
				      const char *rule)
{
	struct control_event_row row = {
		.head = { CONTROL_VERSION, CONTROL_EVENT_ROW, sizeof(row) },
		.seq = base + n,
		.at = clock__boottime(),
		.type = type,
		.tree = tree,
		.who = { .pid = 4242, .start = 1 },
	};

	text__copy(row.name, sizeof(row.name), rule);
	text__copy(row.image.exe, sizeof(row.image.exe), "/usr/bin/python3");
	return row;
}

static void tell_host(void)
{
	struct control_host row = host();

	feed__row(feed_rig.feed, &row.head);
}

static void tell(uint64_t n)
{
	struct control_event_row row = event(n, EVENT_PROCESS_FORKED, 1, "jobs");

	feed__row(feed_rig.feed, &row.head);
}

/* A store that has the events from first to last. */
static void keep(uint64_t first, uint64_t last)
{
	struct control_host row = host();
	char error[256];

	snprintf(folder, sizeof(folder), "/tmp/orphand-sse-XXXXXX");
	cr_assert(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/store", folder);
	cr_assert_eq(store__create(&feed_rig.store, path, error, sizeof(error)), 0, "%s", error);
	cr_assert_eq(store__begin(feed_rig.store), 0);
	cr_assert_eq(store__put_host(feed_rig.store, &row), 0);
	for (uint64_t n = first; n <= last; n++) {
		struct control_event_row one = event(n, EVENT_PROCESS_FORKED, 1, "jobs");

		cr_assert_eq(store__put_event(feed_rig.store, &one), 0);
	}
	cr_assert_eq(store__commit(feed_rig.store), 0);
	feed__row(feed_rig.feed, &row.head);
}

/* ---- clients */

__attribute__((format(printf, 1, 2))) static struct peer *get(const char *format, ...)
{
	char what[512], request[1024];
	va_list args;
	int len;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	len = snprintf(request, sizeof(request),
		       "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", what);
	return peer__ask(request, (size_t)len);
}

/* Until the text has come; a feed that waits for nobody needs no more than a moment. */
static void await(struct peer *peer, const char *text)
{
	uint64_t end = clock__boottime() + 15 * NS_PER_SEC;

	for (;;) {
		feed_rig__turn();
		peer__read(peer);
		if (strstr(peer->text, text))
			return;
		if (clock__boottime() > end)
			cr_assert_fail("no '%s' in: %.4000s", text, peer->text);
		usleep(1000);
	}
}

static void await_id(struct peer *peer, uint64_t n)
{
	char id[64];

	snprintf(id, sizeof(id), "id: %" PRIu64 "\n", base + n);
	await(peer, id);
}

/* The numbers of the events that came, one behind the other. */
static size_t ids(const struct peer *peer, uint64_t *first, uint64_t *last)
{
	size_t count = 0;

	for (const char *at = peer->text; (at = strstr(at, "\nid: ")); at++) {
		uint64_t id = strtoull(at + 5, NULL, 10) - base;

		if (count)
			cr_assert_eq(id, *last + 1, "%" PRIu64 " behind %" PRIu64, id, *last);
		else
			*first = id;
		*last = id;
		count++;
	}
	return count;
}

static size_t occurrences(const struct peer *peer, const char *text)
{
	size_t count = 0;

	for (const char *at = peer->text; (at = strstr(at, text)); at++)
		count++;
	return count;
}

#define GAP "event: orphand.feed.gap\n"

/* ---- events */

Test(sse, each_event_comes_once_to_everybody)
{
	struct peer *peers[20];
	uint64_t first, last;

	tell_host();
	for (size_t i = 0; i < COUNT(peers); i++)
		peers[i] = get("/events");
	for (uint64_t n = 0; n < 500; n++)
		tell(n);
	for (size_t i = 0; i < COUNT(peers); i++) {
		await_id(peers[i], 499);
		cr_expect_eq(ids(peers[i], &first, &last), 500);
		cr_expect_eq(first, 0);
		cr_expect_eq(occurrences(peers[i], GAP), 0);
		peer__free(peers[i]);
	}
}

Test(sse, an_event_is_one_object)
{
	struct peer *peer;

	tell_host();
	peer = get("/events");
	tell(7);
	await_id(peer, 7);
	await(peer,
	      "event: orphand.process.forked\ndata: {\"event.name\":\"orphand.process.forked\"");
	cr_expect(strstr(peer->text, "Content-Type: text/event-stream"));
	peer__free(peer);
}

Test(sse, filters)
{
	struct peer *by_type, *by_tree, *by_rule;
	struct control_event_row row;

	tell_host();
	by_type = get("/events?type=root.died,tree.ended");
	by_tree = get("/events?tree=2");
	by_rule = get("/events?rule=other%%20rule");
	row = event(0, EVENT_PROCESS_FORKED, 1, "jobs");
	feed__row(feed_rig.feed, &row.head);
	row = event(1, EVENT_ROOT_DIED, 1, "jobs");
	feed__row(feed_rig.feed, &row.head);
	row = event(2, EVENT_PROCESS_FORKED, 2, "jobs");
	feed__row(feed_rig.feed, &row.head);
	row = event(3, EVENT_PROCESS_FORKED, 3, "other rule");
	feed__row(feed_rig.feed, &row.head);
	row = event(4, EVENT_TREE_ENDED, 2, "other rule");
	feed__row(feed_rig.feed, &row.head);
	await_id(by_type, 4);
	await_id(by_tree, 4);
	await_id(by_rule, 4);
	cr_expect_eq(occurrences(by_type, "\nid: "), 2);
	cr_expect_eq(occurrences(by_tree, "\nid: "), 2);
	cr_expect_eq(occurrences(by_rule, "\nid: "), 2);
	peer__free(by_type);
	peer__free(by_tree);
	peer__free(by_rule);
}

/* Another client keeps the ring. */
Test(sse, resumes_from_the_ring)
{
	struct peer *other, *peer;
	uint64_t first, last;

	tell_host();
	other = get("/events");
	for (uint64_t n = 0; n < 100; n++)
		tell(n);
	peer = get("/events?after=%" PRIu64, base + 49);
	tell(100);
	await_id(peer, 100);
	cr_expect_eq(ids(peer, &first, &last), 51);
	cr_expect_eq(first, 50);
	cr_expect_eq(occurrences(peer, GAP), 0);
	peer__free(peer);
	peer__free(other);
}

Test(sse, resumes_from_the_store_and_goes_on_live)
{
	uint64_t first, last;
	struct peer *peer;

	keep(0, 1999);
	peer = get("/events?after=%" PRIu64, base + 99);
	tell(2000);
	tell(2001);
	await_id(peer, 2001);
	cr_expect_eq(ids(peer, &first, &last), 1902);
	cr_expect_eq(first, 100);
	cr_expect_eq(occurrences(peer, GAP), 0);
	peer__free(peer);
}

Test(sse, says_where_the_store_does_not_reach)
{
	char gap[160];
	struct peer *peer;

	keep(50, 99);
	peer = get("/events?after=%" PRIu64, base + 9);
	await_id(peer, 99);
	snprintf(gap, sizeof(gap),
		 "\"orphand.gap.first\":%" PRIu64 ",\"orphand.gap.last\":%" PRIu64
		 ",\"orphand.gap.restart\":false}",
		 base + 10, base + 49);
	cr_expect(strstr(peer->text, gap), "no %s in %.500s", gap, peer->text);
	cr_expect_eq(occurrences(peer, GAP), 1);
	tell(102); /* two were never told */
	await_id(peer, 102);
	cr_expect_eq(occurrences(peer, GAP), 2);
	peer__free(peer);
}

Test(sse, says_that_another_daemon_began)
{
	struct peer *peer;

	keep(50, 60);
	peer = get("/events?after=%" PRIu64, base - 1000000);
	await_id(peer, 60);
	cr_expect(strstr(peer->text, "\"orphand.gap.restart\":true}"), "%.500s", peer->text);
	peer__free(peer);
}

Test(sse, a_number_from_the_future_is_none)
{
	struct peer *peer;

	tell_host();
	peer = get("/events?after=%" PRIu64, UINT64_MAX - 1);
	await(peer, GAP);
	tell(0);
	await_id(peer, 0);
	peer__free(peer);
}

/* After a recorder's death the guard tells all that it has once more. */
Test(sse, what_is_told_again_does_not_come_again)
{
	uint64_t first, last;
	struct peer *peer;

	tell_host();
	peer = get("/events?after=%" PRIu64, base + 4);
	for (uint64_t n = 0; n < 10; n++)
		tell(n);
	await_id(peer, 9);
	cr_expect_eq(ids(peer, &first, &last), 5);
	cr_expect_eq(first, 5);
	cr_expect_eq(occurrences(peer, GAP), 0);
	peer__free(peer);
}

Test(sse, a_live_client_gets_nothing_older)
{
	struct control_event_row old;
	struct peer *peer;

	tell_host();
	old = event(0, EVENT_PROCESS_FORKED, 1, "jobs");
	peer = get("/events");
	feed__row(feed_rig.feed, &old.head);
	tell(1);
	await_id(peer, 1);
	cr_expect_eq(occurrences(peer, "\nid: "), 1);
	cr_expect_eq(occurrences(peer, GAP), 0);
	peer__free(peer);
}

/* Who does not read is dropped, and another misses nothing for it. */
Test(sse, a_slow_client_is_dropped)
{
	struct peer *slow, *quick, *metrics;
	uint64_t first = 0, last = 0, n = 0;
	size_t count = 0;

	tell_host();
	slow = get("/events");
	quick = get("/events");
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 250; i++) {
			struct control_event_row row = event(n++, EVENT_PROCESS_FORKED, 1, "jobs");

			memset(row.image.args, 'x', sizeof(row.image.args));
			row.image.args_len = sizeof(row.image.args);
			feed__row(feed_rig.feed, &row.head);
		}
		await_id(quick, n - 1);
		count += ids(quick, &first, &last);
		quick->len = 0;
		quick->text[0] = '\0';
	}
	cr_expect_eq(count, n);
	cr_expect_eq(last, n - 1);
	peer__read(slow);
	feed_rig__turn();
	peer__read(slow);
	cr_expect(slow->ended, "it is still there, with %zu bytes", slow->len);
	metrics = get("/metrics");
	await(metrics, "orphand_feed_dropped_total{sink=\"events\"} 1\n");
	peer__free(metrics);
	peer__free(slow);
	peer__free(quick);
}

Test(sse, so_many_and_no_more)
{
	struct peer *peers[1024], *one_more;

	tell_host();
	for (size_t i = 0; i < COUNT(peers); i++)
		peers[i] = get("/events?type=brake.opened");
	one_more = get("/events");
	await(one_more, "HTTP/1.1 503");
	tell(0);
	feed_rig__turn();
	for (size_t i = 0; i < COUNT(peers); i++)
		peer__free(peers[i]);
	peer__free(one_more);
}

/* ---- everything else that is asked for */

static void expect_answer(const char *request, const char *first_line, const char *has)
{
	struct peer *peer = peer__ask(request, strlen(request));

	await(peer, first_line);
	await(peer, has);
	cr_expect_eq(strncmp(peer->text, first_line, strlen(first_line)), 0, "%s gave %s", request,
		     peer->text);
	peer__free(peer);
}

#define HOST "Host: localhost\r\n\r\n"

Test(sse, what_is_not_there_and_what_is_not_allowed)
{
	expect_answer("GET /nothing HTTP/1.1\r\n" HOST, "HTTP/1.1 404", "{\"error\":");
	expect_answer("GET /metrics/ HTTP/1.1\r\n" HOST, "HTTP/1.1 404", "{\"error\":");
	expect_answer("GET /incidents/../metrics HTTP/1.1\r\n" HOST, "HTTP/1.1 503", "store");
	expect_answer("POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n" HOST, "HTTP/1.1 405",
		      "Allow: GET, HEAD");
	expect_answer("DELETE /incidents HTTP/1.1\r\n" HOST, "HTTP/1.1 405", "{\"error\":");
	expect_answer("GET /incidents?limit=x HTTP/1.1\r\n" HOST, "HTTP/1.1 400", "\"limit:");
	expect_answer("GET /events?typo=1 HTTP/1.1\r\n" HOST, "HTTP/1.1 400", "\"typo:");
	expect_answer("GET /metrics?x=1 HTTP/1.1\r\n" HOST, "HTTP/1.1 400", "\"x:");
	expect_answer("GET /incidents?rule=a%00b HTTP/1.1\r\n" HOST, "HTTP/1.1 400", "\"rule:");
	expect_answer("GET /events HTTP/1.1\r\nLast-Event-ID: x\r\n" HOST, "HTTP/1.1 400",
		      "Last-Event-ID");
	expect_answer("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 403",
		      "{\"error\":");
	expect_answer("GET /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 400", "");
	expect_answer("GET /incidents HTTP/1.1\r\n" HOST, "HTTP/1.1 503", "the store");
}

Test(sse, nonsense_is_hung_up_on)
{
	struct peer *peer = peer__ask("nonsense\r\n\r\n", 12);

	for (int i = 0; i < 100 && !peer->ended; i++) {
		feed_rig__turn();
		peer__read(peer);
	}
	cr_expect(peer->ended);
	peer__free(peer);
}

/* A guard that does not answer is waited for only so long, and it is said. */
Test(sse, a_silent_guard)
{
	uint64_t begun = clock__boottime();

	expect_answer("GET /metrics HTTP/1.1\r\n" HOST, "HTTP/1.1 200", "orphand_feed_stale 1\n");
	cr_expect_lt(clock__boottime() - begun, 10 * NS_PER_SEC);
	expect_answer("GET /healthz HTTP/1.1\r\n" HOST, "HTTP/1.1 503", "\"lagging\":true");
	expect_answer("GET /trees HTTP/1.1\r\n" HOST, "HTTP/1.1 503", "{\"error\":");
}

Test(sse, headers_have_a_limit)
{
	static char request[70000] = "GET /metrics HTTP/1.1\r\nX: ";

	memset(request + strlen(request), 'x', 60000);
	strcat(request, "\r\n" HOST);
	expect_answer(request, "HTTP/1.1 431", "");
}

Test(sse, a_token_is_asked_for)
{
	feed_rig__stop();
	feed_rig__start("0123456789abcdef");
	expect_answer("GET /healthz HTTP/1.1\r\nHost: any.example\r\n\r\n", "HTTP/1.1 401",
		      "WWW-Authenticate: Bearer");
	expect_answer("GET /healthz HTTP/1.1\r\nHost: any.example\r\n"
		      "Authorization: Bearer 0123456789abcdee\r\n\r\n",
		      "HTTP/1.1 401", "{\"error\":");
	expect_answer("GET /healthz HTTP/1.1\r\nHost: any.example\r\n"
		      "Authorization: Bearer 0123456789abcdef\r\n\r\n",
		      "HTTP/1.1 503", "\"status\"");
}
