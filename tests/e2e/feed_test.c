// SPDX-License-Identifier: GPL-2.0
/* feed_test.c - the feed of a real daemon, asked by real clients. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kernel/parts.h"
#include "base/clock.h"
#include "base/own.h"
#include "web.h"

TestSuite(feed, .timeout = 90);

#define LOOPBACK "feed: { listen: 127.0.0.1:0 }\n"

static pid_t end_family(struct rig *rig, const char *name)
{
	pid_t root = user__begin(rig, "orphanctl", "run", "--name", name, "--", "/bin/sh", "-c",
				 "sleep 80 & sleep 80 & exec sleep 80");
	struct patience patience = rig__patience(DEADLINE);
	uint32_t members = 0;

	while (members < 3) {
		autojson struct json_object *tree = user__tree(rig, 0, root);

		members = tree ? (uint32_t)json__int(tree, "members") : 0;
		cr_assert(members == 3 || rig__retry(&patience), "the family does not come");
	}
	user__kill(root);
	json_object_put(user__closed(rig, root));
	return root;
}

static bool has(const char *text, const char *part)
{
	return strstr(text, part);
}

#define expect_has(text, part) cr_expect(has(text, part), "no '%s' in: %s", part, text)

static void await_metric(const char *place, const char *line)
{
	struct patience patience = rig__patience(DEADLINE);

	for (;;) {
		autogot struct got *got = web__get(place, "/metrics");

		if (has(got->body, line))
			return;
		if (!rig__retry(&patience))
			cr_assert_fail("no '%s' in: %s", line, got->body);
	}
}

/* ---- what is told */

Test(feed, tells_of_an_incident)
{
	autorig struct rig *rig = rig__start(.yaml = LOOPBACK);
	const char *place = web__place(rig, 1);
	pid_t root = end_family(rig, "demo");
	autojson struct json_object *list = NULL, *one = NULL, *health = NULL;
	autogot struct got *got = NULL, *again = NULL;
	char path[96], header[128];

	list = web__json(place, "/incidents?rule=demo&limit=5");
	cr_assert_eq(json__length(list, ""), 1);
	cr_expect_eq(json__int(list, "0.root.pid"), root);
	cr_expect_str_eq(json__string(list, "0.outcome"), "cleared");
	cr_expect_eq(json__length(list, "0.survivors"), 2);
	snprintf(path, sizeof(path), "/incidents/%s", json__string(list, "0.id"));
	one = web__json(place, path);
	cr_expect(json_object_equal(one, json_object_array_get_idx(list, 0)));

	got = web__get(place, path);
	cr_assert(has(got->head, "ETag: \""));
	snprintf(header, sizeof(header), "If-None-Match: %.18s", strstr(got->head, "ETag: ") + 6);
	again = web__ask(place, path, NULL, header);
	cr_expect_eq(again->status, 304, "%ld for %s", again->status, header);
	cr_expect_eq(again->len, 0);

	await_metric(place, "orphand_incidents_total{rule=\"demo\",outcome=\"cleared\"} 1\n");
	await_metric(place, "orphand_survivors_total{rule=\"demo\",outcome=\"killed\"} 2\n");
	await_metric(place, "orphand_reaction_seconds_count 1\n");
	health = web__json(place, "/healthz");
	cr_expect_str_eq(json__string(health, "status"), "ok");
	cr_expect(json__bool(health, "armed"));
	cr_expect(json__bool(health, "attached"));
}

/* The page of show --html, from the same store: byte for byte. */
Test(feed, an_incident_is_a_page)
{
	autorig struct rig *rig = rig__start(.yaml = LOOPBACK);
	const char *place = web__place(rig, 1), *id;
	autojson struct json_object *list = NULL;
	autogot struct got *got = NULL;
	char path[96], store[160];

	end_family(rig, "demo");
	list = web__json(place, "/incidents?rule=demo&limit=5");
	id = json__string(list, "0.id");
	snprintf(path, sizeof(path), "/incidents/%s.html", id);
	snprintf(store, sizeof(store), "%s/state/incidents.db", rig__folder(rig));
	got = web__get(place, path);
	cr_assert_eq(got->status, 200, "%ld: %s", got->status, got->body);
	cr_expect(has(got->head, "Content-Type: text/html; charset=utf-8"), "%s", got->head);
	cr_expect(has(got->head, "default-src 'none'"), "%s", got->head);
	cr_expect_str_eq(got->body,
			 user__ctl(rig, "show", id, "--store", store, "--html", "-")->out);
}

Test(feed, pages_follow_each_other)
{
	autorig struct rig *rig = rig__start(.yaml = LOOPBACK);
	const char *place = web__place(rig, 1);
	char path[256] = "/incidents?limit=2", last[64] = "~";
	size_t count = 0, pages = 0;

	for (int i = 0; i < 5; i++)
		end_family(rig, "many");
	while (*path) {
		autogot struct got *got = web__get(place, path);
		autojson struct json_object *list = json_tokener_parse(got->body);
		const char *link = strstr(got->head, "Link: <");

		cr_assert_eq(got->status, 200, "%s: %s", path, got->body);
		for (size_t i = 0; i < json_object_array_length(list); i++, count++) {
			const char *id = json__string(json_object_array_get_idx(list, i), "id");

			cr_expect_lt(strcmp(id, last), 0, "%s behind %s", id, last);
			snprintf(last, sizeof(last), "%s", id);
		}
		snprintf(path, sizeof(path), "%.*s", link ? (int)strcspn(link + 7, ">") : 0,
			 link ? link + 7 : "");
		cr_assert_lt(pages++, 10);
	}
	cr_expect_eq(count, 5);
	cr_expect_eq(pages, 3);
}

Test(feed, tells_of_trees)
{
	autorig struct rig *rig = rig__start(.yaml = LOOPBACK);
	const char *place = web__place(rig, 1);
	autojson struct json_object *none = web__json(place, "/trees"), *one = NULL;
	pid_t root =
		user__begin(rig, "orphanctl", "run", "--name", "a tree", "--", "/bin/sleep", "80");
	struct patience patience = rig__patience(DEADLINE);

	cr_expect_eq(json__length(none, ""), 0);
	do {
		json_object_put(one);
		one = web__json(place, "/trees");
	} while (!json__length(one, "") && rig__retry(&patience));
	cr_assert_eq(json__length(one, ""), 1);
	cr_expect_str_eq(json__string(one, "0.rule"), "a tree");
	cr_expect_eq(json__int(one, "0.root.pid"), root);
	user__kill(root);
}

static void await_health(const char *place, long status, const char *says)
{
	struct patience patience = rig__patience(DEADLINE);

	for (;;) {
		autogot struct got *got = web__get(place, "/healthz");

		if (got->status == status && has(got->body, says))
			return;
		if (!rig__retry(&patience))
			cr_assert_fail("no %ld, '%s': %ld %s", status, says, got->status,
				       got->body);
	}
}

Test(feed, health_is_bad_when_disarmed_or_blind)
{
	autorig struct rig *rig = rig__start(.yaml = LOOPBACK);
	const char *place = web__place(rig, 1);
	char command[128];

	await_health(place, 200, "\"status\":\"ok\"");
	cr_assert_eq(rig__arm(rig, false), 0);
	await_health(place, 503, "\"armed\":false");
	cr_assert_eq(rig__arm(rig, true), 0);
	await_health(place, 200, "\"armed\":true");
	rig__daemon_halt(rig);
	await_health(place, 503, "\"lagging\":true");
	rig__daemon_resume(rig);
	await_health(place, 200, "\"lagging\":false");
	snprintf(command, sizeof(command), "rm %s/links_*/on_signal", rig__pins(rig));
	said__done(user__run(rig, "/bin/sh", "-c", command));
	await_health(place, 503, "\"attached\":false");
}

/* ---- who may ask, and what */

Test(feed, refuses_what_is_not_for_it)
{
	autorig struct rig *rig = rig__start(.yaml = LOOPBACK);
	const char *place = web__place(rig, 1);
	static const struct {
		const char *path, *method, *header;
		long status;
		const char *says;
	} cases[] = {
		{ "/nothing", NULL, NULL, 404, "error" },
		{ "/incidents/01M89MEZRH0CK8JEBZQMHHPGK4", NULL, NULL, 404, "error" },
		{ "/incidents/01M89MEZRH0CK8JEBZQMHHPGK4.html", NULL, NULL, 404, "error" },
		{ "/metrics", "POST", NULL, 405, "error" },
		{ "/metrics", "PUT", NULL, 405, "error" },
		{ "/incidents", "DELETE", NULL, 405, "error" },
		{ "/incidents?since=x", NULL, NULL, 400, "since" },
		{ "/incidents?nonsense=1", NULL, NULL, 400, "nonsense" },
		{ "/events?type=x", NULL, NULL, 400, "type" },
		{ "/metrics", NULL, "Host: evil.example", 403, "error" },
		{ "/events", NULL, "Host: evil.example:80", 403, "error" },
		{ "/metrics", NULL, "Host: localhost", 200, "orphand_armed 1" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		autogot struct got *got =
			web__ask(place, cases[i].path, cases[i].method, cases[i].header);

		cr_expect_eq(got->status, cases[i].status, "%s: %ld %s", cases[i].path, got->status,
			     got->body);
		expect_has(got->body, cases[i].says);
		cr_expect_not(has(got->head, "Access-Control"), "%s", got->head);
	}
}

Test(feed, asks_for_the_token)
{
	autorig struct rig *rig = rig__start(.bare = true, .yaml = "feed:\n");
	const char *place;
	autogot struct got *without = NULL, *wrong = NULL, *right = NULL;
	char token[96];
	FILE *file;

	snprintf(token, sizeof(token), "%s/token", rig__folder(rig));
	file = fopen(token, "we");
	cr_assert(file && fputs("0123456789abcdef\n", file) >= 0);
	fchmod(fileno(file), 0600);
	fclose(file);
	rig__configure(rig, "  listen: 0.0.0.0:0\n  token_file: %s\n", token);
	rig__daemon_start(rig);
	place = web__place(rig, 1);
	without = web__get(place, "/metrics");
	wrong = web__ask(place, "/metrics", NULL, "Authorization: Bearer 0123456789abcdee");
	right = web__ask(place, "/metrics", NULL, "Authorization: Bearer 0123456789abcdef");
	cr_expect_eq(without->status, 401);
	cr_expect_eq(wrong->status, 401);
	cr_expect_eq(right->status, 200);
}

Test(feed, on_a_unix_socket)
{
	autorig struct rig *rig = rig__start(.bare = true, .yaml = "feed:\n");
	autogot struct got *got = NULL;
	char path[96];
	struct stat st;

	rig__configure(rig, "  listen: unix:%s/feed.sock\n", rig__folder(rig));
	rig__daemon_start(rig);
	snprintf(path, sizeof(path), "%s/feed.sock", rig__folder(rig));
	cr_assert_str_eq(web__place(rig, 1), path);
	got = web__get(path, "/metrics");
	cr_expect_eq(got->status, 200);
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0660, "%o", st.st_mode);
	cr_expect_neq(st.st_gid, 0, "of the recorder's group");
	rig__daemon_kill(rig); /* its socket stays, and is in nobody's way */
	rig__daemon_start(rig);
	web__place(rig, 2);
	await_metric(path, "orphand_armed 1");
	rig__daemon_stop(rig);
	cr_expect_neq(stat(path, &st), 0, "the socket is still there");
	rig__daemon_start(rig);
}

/* One line, and the daemon goes on; the feed comes when the port is free. */
Test(feed, a_port_in_use)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(address);
	autorig struct rig *rig = rig__start(.bare = true, .yaml = "feed:\n");
	int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_eq(bind(taken, (struct sockaddr *)&address, len), 0);
	cr_assert_eq(listen(taken, 1), 0);
	cr_assert_eq(getsockname(taken, (struct sockaddr *)&address, &len), 0);
	rig__configure(rig, "  listen: 127.0.0.1:%u\n", ntohs(address.sin_port));
	rig__daemon_start(rig);
	rig__await_log(rig, "can't listen at 127.0.0.1:");
	end_family(rig, "all the same");
	cr_expect_eq(rig__log_count(rig, "can't listen at"), 1);
	close(taken);
	await_metric(web__place(rig, 1), "orphand_incidents_total{rule=\"all the same\"");
}

/* ---- events */

static uint64_t next_id(const char **at)
{
	const char *id = strstr(*at, "id: ");

	if (!id)
		return 0;
	*at = id + 4;
	return strtoull(*at, NULL, 10);
}

/* Each number one more than that before it, from first on (0: from any): the last. */
static uint64_t expect_no_gap(const char *text, uint64_t first)
{
	uint64_t last = first ? first - 1 : next_id(&text), id;

	while ((id = next_id(&text))) {
		cr_assert_eq(id, last + 1, "%" PRIu64 " behind %" PRIu64, id, last);
		last = id;
	}
	return last;
}

static void await_closed(struct stream_of_events *events, pid_t root)
{
	char pid[64];
	struct patience patience = rig__patience(DEADLINE);

	snprintf(pid, sizeof(pid), "\"process.pid\":%d,", root);
	for (;;) {
		const char *closed;

		web__await(events, "orphand.incident.closed");
		closed = web__text(events);
		while ((closed = strstr(closed, "\"event.name\":\"orphand.incident.closed\""))) {
			const char *end = strchr(closed, '\n'), *found = strstr(closed, pid);

			if (found && end && found < end)
				return;
			closed++;
		}
		cr_assert(rig__retry(&patience), "no end of %d in %s", root, web__text(events));
	}
}

static pid_t recorder_of(struct rig *rig)
{
	return user__child(user__child(rig__daemon(rig), "orphand-keeper"), "orphand-store");
}

Test(feed, events_go_on_over_a_recorders_death)
{
	autorig struct rig *rig = rig__start(.yaml = LOOPBACK);
	const char *place = web__place(rig, 1);
	uint64_t last = 0;

	for (int round = 0; round < 3; round++) {
		struct stream_of_events *events;
		char header[64];
		pid_t root;

		snprintf(header, sizeof(header), "Last-Event-ID: %" PRIu64, last);
		events = web__follow(place, "/events", last ? header : NULL);
		web__await(events, ": events of orphand");
		root = end_family(rig, "watched");
		await_closed(events, root);
		kill(recorder_of(rig), SIGKILL);
		web__await_end(events);
		cr_expect_not(has(web__text(events), "feed.gap"), "%s", web__text(events));
		last = expect_no_gap(web__text(events), last ? last + 1 : 0);
		/* while nobody follows */
		end_family(rig, "unwatched");
		web__close(events);
	}
}

/* Over the daemon's own end, too: what the store has is told, and that there was an end. */
Test(feed, events_go_on_over_a_daemons_end)
{
	autorig struct rig *rig = rig__start(.yaml = LOOPBACK);
	struct stream_of_events *events =
		web__follow(web__place(rig, 1), "/events?type=root.died", NULL);
	char header[64], pid[64];
	const char *text;
	uint64_t last;
	pid_t root;

	web__await(events, ": events of orphand");
	end_family(rig, "first");
	web__await(events, "orphand.root.died");
	text = web__text(events);
	last = next_id(&text);
	web__close(events);
	root = end_family(rig, "second");
	rig__daemon_stop(rig);
	rig__daemon_start(rig);
	snprintf(header, sizeof(header), "Last-Event-ID: %" PRIu64, last);
	snprintf(pid, sizeof(pid), "\"process.pid\":%d,", root);
	events = web__follow(web__place(rig, 2), "/events?type=root.died", header);
	web__await(events, pid);
	root = end_family(rig, "third");
	snprintf(pid, sizeof(pid), "\"process.pid\":%d,", root);
	web__await(events, pid);
	expect_has(web__text(events), "\"orphand.gap.restart\":true");
	web__close(events);
}

/* Both halves of the store's setting: the feed tells all, whatever is kept. */
Test(feed, tells_what_is_not_stored)
{
	autorig struct rig *rig = rig__start(.yaml = LOOPBACK "store: { events: none }\n");
	struct stream_of_events *events = web__follow(web__place(rig, 1), "/events", NULL);

	web__await(events, ": events of orphand");
	await_closed(events, end_family(rig, "demo"));
	expect_no_gap(web__text(events), 0);
	web__close(events);
}

/* ---- Prometheus */

static unsigned free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(address);

	cr_assert(bind(fd, (struct sockaddr *)&address, len) == 0 &&
		  getsockname(fd, (struct sockaddr *)&address, &len) == 0);
	return ntohs(address.sin_port);
}

Test(feed, promtool_finds_nothing)
{
	autorig struct rig *rig = rig__start(.yaml = LOOPBACK);
	const char *place = web__place(rig, 1);
	autogot struct got *got = NULL;
	char path[128], command[256];
	const struct said *said;
	FILE *file;

	end_family(rig, "\"quoted\" \\ name");
	await_metric(place, "rule=\"\\\"quoted\\\" \\\\ name\"");
	got = web__get(place, "/metrics");
	expect_has(got->head, "Content-Type: text/plain; version=0.0.4");
	snprintf(path, sizeof(path), "%s/metrics", rig__folder(rig));
	file = fopen(path, "we");
	cr_assert(file && fwrite(got->body, 1, got->len, file) == got->len);
	fclose(file);
	snprintf(command, sizeof(command), "promtool check metrics <%s", path);
	said = user__run(rig, "/bin/sh", "-c", command);
	cr_expect_eq(said->status, 0, "%s", said->err);
	cr_expect_str_empty(said->err);
	cr_expect_str_empty(said->out);
}

/* What a query's first sample is. */
static void await_answer(const char *prometheus, const char *query, const char *value)
{
	struct patience patience = rig__patience(3 * DEADLINE);
	char path[512];

	snprintf(path, sizeof(path), "/api/v1/query?query=%s", query);
	for (;;) {
		autogot struct got *got = web__get(prometheus, path);
		autojson struct json_object *answer = json_tokener_parse(got->body);

		if (got->status == 200 && answer && json__length(answer, "data.result") == 1 &&
		    strcmp(json__string(answer, "data.result.0.value.1"), value) == 0)
			return;
		if (!rig__retry(&patience))
			cr_assert_fail("%s is not %s: %ld %s", query, value, got->status,
				       got->body);
	}
}

Test(feed, a_real_prometheus_reads_it)
{
	autorig struct rig *rig = rig__start(.yaml = LOOPBACK, .life = 80);
	const char *place = web__place(rig, 1);
	char config[128], config_word[160], data_word[160], listen_word[96], prometheus[64];
	unsigned port = free_port();
	FILE *file;
	pid_t pid;

	snprintf(config, sizeof(config), "%s/prometheus.yml", rig__folder(rig));
	file = fopen(config, "we");
	fprintf(file,
		"global: { scrape_interval: 1s }\nscrape_configs:\n- job_name: orphand\n"
		"  static_configs: [ { targets: [ '%s' ] } ]\n",
		place + strlen("http://"));
	cr_assert_eq(fclose(file), 0);
	snprintf(config_word, sizeof(config_word), "--config.file=%s", config);
	snprintf(data_word, sizeof(data_word), "--storage.tsdb.path=%s/tsdb", rig__folder(rig));
	snprintf(listen_word, sizeof(listen_word), "--web.listen-address=127.0.0.1:%u", port);
	snprintf(prometheus, sizeof(prometheus), "http://127.0.0.1:%u", port);
	end_family(rig, "demo");
	pid = user__begin(rig, "/usr/bin/prometheus", config_word, data_word, listen_word,
			  "--enable-feature=exemplar-storage", "--log.level=error");
	await_answer(prometheus, "up", "1");
	await_answer(prometheus, "orphand_armed", "1");
	await_answer(prometheus, "sum%20by%20(rule)%20(orphand_incidents_total)", "1");
	await_answer(prometheus, "orphand_survivors_total%7Boutcome=%22killed%22%7D", "2");
	end_family(rig, "demo");
	await_answer(prometheus, "orphand_incidents_total%7Brule=%22demo%22%7D", "2");
	await_answer(
		prometheus,
		"count(histogram_quantile(0.99,rate(orphand_reaction_seconds_bucket%5B1m%5D))%3C60)",
		"1");
	kill(pid, SIGKILL);
	rig__join(pid);
}
