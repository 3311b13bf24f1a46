// SPDX-License-Identifier: GPL-2.0
/* report_test.c - one incident as a whole: who stood under whom, what is folded, and that nothing
 * that a process calls itself can spoil the page. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <json-c/json.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "report/report_parts.h"
#include "report/words.h"

#define BORN (100 * NS_PER_SEC)
#define DIED (102 * NS_PER_SEC)
#define TREE 17

TestSuite(report, .timeout = 60);

static const struct control_host host = { .boot_id = "b1", .name = "vm", .version = "0.1.0" };

static struct control_image image(const char *program)
{
	struct control_image made = {};

	snprintf(made.exe, sizeof(made.exe), "/usr/bin/%s", program);
	text__copy(made.comm, sizeof(made.comm), program);
	text__copy(made.args, sizeof(made.args), program);
	made.args_len = (uint32_t)strlen(program) + 1;
	return made;
}

static struct ident ident(uint32_t pid)
{
	return (struct ident){ .pid = pid, .start = BORN + pid };
}

static const struct ident nobody = {};

/* A report with the row of an incident that that many survivors follow. */
static struct report begin(uint32_t survivors)
{
	struct control_incident_row row = {
		.head = { CONTROL_VERSION, CONTROL_INCIDENT_ROW, sizeof(row) },
		.id = "01INCIDENT",
		.rule = "jobs",
		.tree = TREE,
		.survivors = survivors,
		.died = DIED,
		.opened = DIED + 10 * NS_PER_US,
		.closed = DIED + 50 * NS_PER_MS,
		.who = ident(1),
		.exit_code = SIGKILL,
		.image = image("python3"),
	};
	struct report report;

	report__init(&report, &(struct json_context){});
	cr_assert_eq(report__take(&report, &host, &row.head), 0);
	return report;
}

static struct control_survivor_row survivor(uint32_t pid, struct ident above, const char *program)
{
	return (struct control_survivor_row){
		.head = { CONTROL_VERSION, CONTROL_SURVIVOR_ROW,
			  sizeof(struct control_survivor_row) },
		.who = ident(pid),
		.parent = ident(9999999),
		.above = above,
		.outcome = SURVIVOR_KILLED,
		.exit_code = SIGKILL,
		.first = { .at = DIED + 31 * NS_PER_US, .signal = SIGKILL },
		.gone = DIED + 2 * NS_PER_MS + pid,
		.image = image(program),
	};
}

static void take(struct report *report, const struct control_survivor_row *row)
{
	cr_assert_eq(report__take(report, &host, &row->head), 0);
}

static void add(struct report *report, uint32_t pid, struct ident above, const char *program)
{
	struct control_survivor_row row = survivor(pid, above, program);

	take(report, &row);
}

static char *render(const struct report *report, int (*write)(const struct report *, FILE *))
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	cr_assert_not_null(to);
	cr_assert_eq(write(report, to), 0);
	cr_assert_eq(fclose(to), 0);
	cr_assert_eq(strlen(text), size, "a NUL in the text");
	return text;
}

/* ---- the family */

static void draw_line(void *data, const struct forest *forest, const struct node *node)
{
	const struct report *report = data;
	const struct relative *member = &report->members[report->lines[node - forest->nodes]];

	(void)forest;
	fprintf((FILE *)report->context.data, "%" PRIu32 ":%" PRIu32 "x%" PRIu32 " ", node->depth,
		member->who.pid, member->count);
}

/* "depth:pid x count" for each line, in the order in which they are drawn. */
static int draw(const struct report *report, FILE *to)
{
	struct report shown = *report;

	shown.context.data = to;
	forest__walk(&report->folded, draw_line, NULL, &shown);
	return 0;
}

static void see_tree(struct report *report, const char *expected)
{
	autofree char *text = NULL;

	cr_assert_eq(report__finish(report), 0);
	text = render(report, draw);
	cr_expect_str_eq(text, expected);
}

Test(report, everybody_stands_under_the_nearest_who_lived)
{
	autoreport struct report report = begin(5);
	struct control_survivor_row old = survivor(6, nobody, "old");

	add(&report, 4, ident(3), "below"); /* before who is above it */
	add(&report, 2, nobody, "child");
	add(&report, 3, ident(2), "grandchild");
	add(&report, 5, ident(77), "stray"); /* under somebody who is no survivor */
	old.parent = ident(3);		     /* of a store that knew no more than who forked it */
	take(&report, &old);
	see_tree(&report, "0:1x1 1:2x1 2:3x1 3:4x1 3:6x1 1:5x1 ");
}

Test(report, rows_that_lead_in_a_circle_hold_nobody_up)
{
	autoreport struct report report = begin(4);

	add(&report, 2, ident(3), "a");
	add(&report, 3, ident(4), "b");
	add(&report, 4, ident(2), "c");
	add(&report, 5, ident(5), "d");
	see_tree(&report, "0:1x1 1:2x1 2:4x1 3:3x1 1:5x1 ");
}

/* ---- folding */

Test(report, a_few_alike_have_a_line_each)
{
	autoreport struct report report = begin(REPORT_ALIKE_MOST);

	for (uint32_t i = 0; i < REPORT_ALIKE_MOST; i++)
		add(&report, 2 + i, ident(1), "sh");
	see_tree(&report, "0:1x1 1:2x1 1:3x1 1:4x1 1:5x1 1:6x1 1:7x1 1:8x1 1:9x1 ");
}

Test(report, more_alike_share_one)
{
	autoreport struct report report = begin(14);
	struct control_survivor_row spared = survivor(20, ident(1), "sh");

	for (uint32_t i = 0; i < 10; i++)
		add(&report, 2 + i, ident(1), "sh");
	add(&report, 12, ident(1), "sh"); /* has somebody under it */
	add(&report, 13, ident(12), "sh");
	add(&report, 14, ident(1), "sleep");
	spared.outcome = SURVIVOR_SPARED;
	spared.first = (struct sent_signal){};
	spared.gone = 0;
	text__copy(spared.reason, sizeof(spared.reason), "by hand");
	take(&report, &spared);
	see_tree(&report, "0:1x1 1:2x10 1:12x1 2:13x1 1:14x1 1:20x1 ");
}

/* A shell and what it started, many times over: two lines. */
Test(report, what_is_under_those_alike_is_folded_with_them)
{
	autoreport struct report report = begin(62);

	for (uint32_t i = 0; i < 20; i++)
		add(&report, 100 + i, ident(1), "sh");
	for (uint32_t i = 0; i < 20; i++) {
		add(&report, 200 + i, ident(100 + i), "sleep");
		add(&report, 300 + i, ident(100 + i), "cat");
	}
	add(&report, 400, ident(1), "sh"); /* one that differs further down */
	add(&report, 401, ident(400), "dd");
	see_tree(&report, "0:1x1 1:100x20 2:200x20 2:300x20 1:400x1 2:401x1 ");
}

Test(report, a_line_tells_of_all_that_share_it)
{
	autoreport struct report report = begin(10);
	autofree char *text = NULL;

	for (uint32_t i = 0; i < 10; i++) {
		struct control_survivor_row row = survivor(2 + i, ident(1), "sh");

		row.first.at = DIED + (i + 1) * 100 * NS_PER_US;
		row.gone = DIED + (i + 1) * 10 * NS_PER_MS;
		take(&report, &row);
	}
	cr_assert_eq(report__finish(&report), 0);
	text = render(&report, report__write_html);
	cr_expect(strstr(text, "sh × 10"), "%s", text);
	cr_expect(strstr(text, ", SIGKILL +100 µs to +1 ms, gone +10 ms to +100 ms (SIGKILL)"));
	cr_expect(strstr(text, "<p class=\"pids\">2 3 4 5 6 7 8 9 10 11 </p>"));
}

static uint32_t deepest(const char *text, const char *open, const char *close)
{
	uint32_t depth = 0, most = 0;

	for (; *text; text++) {
		if (strncmp(text, open, strlen(open)) == 0 && ++depth > most)
			most = depth;
		if (strncmp(text, close, strlen(close)) == 0)
			depth--;
	}
	cr_expect_eq(depth, 0, "all are closed");
	return most;
}

Test(report, a_long_chain_is_neither_drawn_whole_nor_nested_deep)
{
	autoreport struct report report = begin(5000);
	autofree char *text = NULL;

	for (uint32_t i = 0; i < 5000; i++)
		add(&report, 2 + i, ident(1 + i), "chain");
	cr_assert_eq(report__finish(&report), 0);
	cr_expect_eq(report.folded.count, REPORT_LINES_MOST);
	cr_expect_eq(report.hidden, 5001 - REPORT_LINES_MOST);
	text = render(&report, report__write_html);
	cr_expect_leq(deepest(text, "<ul", "</ul>"), REPORT_DEEPEST + 1);
	cr_expect(strstr(text, ">4,001 further down"), "%s", text);
}

/* ---- lanes */

static uint32_t in_lanes(const struct report *report)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < report->lane_count; i++)
		sum += report->lanes[i].count;
	return sum;
}

Test(report, each_has_a_lane_while_there_are_enough)
{
	autoreport struct report report = begin(REPORT_LANES_MOST - 1);

	for (uint32_t i = 0; i + 1 < REPORT_LANES_MOST; i++)
		add(&report, 2 + i, ident(1), "sh");
	cr_assert_eq(report__finish(&report), 0);
	cr_expect_eq(report.lane_count, REPORT_LANES_MOST);
	cr_expect_eq(in_lanes(&report), REPORT_LANES_MOST);
}

Test(report, more_share_lanes_by_what_they_are)
{
	autoreport struct report report = begin(200);

	for (uint32_t i = 0; i < 200; i++)
		add(&report, 2 + i, ident(1), i % 4 ? "sh" : "sleep");
	cr_assert_eq(report__finish(&report), 0);
	cr_assert_eq(report.lane_count, 3);
	cr_expect_eq(report.lanes[0].member, REPORT_ROOT);
	cr_expect_eq(report.lanes[1].count, 50, "sleep comes first in the tree");
	cr_expect_eq(report.lanes[2].count, 150);
	cr_expect_not(report.lanes[2].mixed);
}

Test(report, of_too_many_kinds_the_rest_share_the_last_lane)
{
	autoreport struct report report = begin(400);
	uint32_t mixed = 0;

	for (uint32_t i = 0; i < 400; i++) {
		char program[16];

		/* 300 of them once, one a hundred times */
		snprintf(program, sizeof(program), "p%u", i < 300 ? i : 300);
		add(&report, 2 + i, ident(1), program);
	}
	cr_assert_eq(report__finish(&report), 0);
	cr_expect_eq(report.lane_count, REPORT_LANES_MOST);
	cr_expect_eq(in_lanes(&report), 401);
	for (uint32_t i = 0; i < report.lane_count; i++)
		mixed += report.lanes[i].mixed ? report.lanes[i].count : 0;
	cr_expect_eq(mixed, 401 - 1 - 100 - (REPORT_LANES_MOST - 3));
	cr_expect_eq(report.lanes[report.members[REPORT_ROOT].lane].count, 1);
	cr_expect_eq(report.lanes[report.members[400].lane].count, 100, "the largest kind");
}

/* ---- moments */

static int tell(const struct report *report, FILE *to)
{
	for (uint32_t i = 0; i < report->told.count; i++) {
		report__offset(report, to, report->told.all[i].at);
		fputc(' ', to);
		report__moment(report, to, &report->told.all[i]);
		fputc('\n', to);
	}
	return 0;
}

static struct control_event_row event(uint32_t type, struct ident who, uint64_t at)
{
	return (struct control_event_row){
		.head = { CONTROL_VERSION, CONTROL_EVENT_ROW, sizeof(struct control_event_row) },
		.type = type,
		.tree = TREE,
		.who = who,
		.at = at,
		.image = image("sleep"),
	};
}

static void take_event(struct report *report, struct control_event_row row, const char *boot_id)
{
	struct control_host whose = host;

	text__copy(whose.boot_id, sizeof(whose.boot_id), boot_id);
	cr_assert_eq(report__take(report, &whose, &row.head), 0);
}

Test(report, moments_are_told_in_order_from_the_death)
{
	autoreport struct report report = begin(1);
	struct control_event_row other = event(EVENT_PROCESS_EXECUTED, ident(2), DIED - 3);
	autofree char *text = NULL;

	report.incident.sender = (struct sender){
		.who = ident(50), .at = DIED - 12 * NS_PER_US, .signal = SIGKILL, .comm = "platform"
	};
	add(&report, 2, ident(1), "sh");
	take_event(&report, event(EVENT_TREE_TRACKED, ident(1), DIED - 1500 * NS_PER_MS), "b1");
	take_event(&report, event(EVENT_PROCESS_EXECUTED, ident(2), DIED - NS_PER_SEC), "b1");
	/* of nobody's concern: who had ended by then, another tree, another boot */
	take_event(&report, event(EVENT_PROCESS_EXECUTED, ident(3), DIED - 1), "b1");
	take_event(&report, event(EVENT_PROCESS_EXECUTED, ident(2), DIED - 2), "b2");
	other.tree = TREE + 1;
	take_event(&report, other, "b1");
	cr_assert_eq(report__finish(&report), 0);
	text = render(&report, tell);
	cr_expect_str_eq(text, "-1.999999 s forked\n"
			       "-1.999999 s forked by 9999999\n"
			       "-1.500000 s watched from here on\n"
			       "-1.000000 s runs sleep\n"
			       "-0.000012 s SIGKILL from pid 50 (platform, user 0)\n"
			       "+0.000000 s died: SIGKILL\n"
			       "+0.000010 s incident opened\n"
			       "+0.000031 s signalled by the daemon: SIGKILL\n"
			       "+0.002000 s gone: SIGKILL\n"
			       "+0.050000 s incident closed: cleared\n");
}

Test(report, many_moments_alike_are_one)
{
	autoreport struct report report = begin(1000);

	for (uint32_t i = 0; i < 1000; i++)
		add(&report, 2 + i, ident(1), "sh");
	cr_assert_eq(report__finish(&report), 0);
	cr_expect_eq(report.moments.count, 4 + 3 * 1000);
	cr_assert_eq(report.told.count, 4 + 3);
	cr_expect_eq(report.untold, 0);
	cr_expect_eq(report.told.all[1].kind, MOMENT_BORN);
	cr_expect_eq(report.told.all[1].count, 1000);
	cr_expect_eq(report.told.all[1].at, BORN + 2);
	cr_expect_eq(report.told.all[1].until, BORN + 1001);
}

Test(report, of_too_many_moments_the_first_and_the_last_are_told)
{
	autoreport struct report report = begin(500);

	for (uint32_t i = 0; i < 500; i++) {
		char program[16];

		snprintf(program, sizeof(program), "p%u", i);
		add(&report, 2 + i, ident(1), program);
	}
	cr_assert_eq(report__finish(&report), 0);
	cr_expect_eq(report.told.count, REPORT_MOMENT_LINES_MOST);
	cr_expect_eq(report.untold, 1504 - REPORT_MOMENT_LINES_MOST);
	cr_expect_eq(report.told.all[0].kind, MOMENT_BORN);
	cr_expect_eq(report.told.all[report.told.count - 1].kind, MOMENT_CLOSED);
}

/* ---- rows that do not belong together */

Test(report, rows_that_make_no_sense_are_refused)
{
	autoreport struct report report = begin(1);
	struct control_incident_row again = report.incident;
	struct control_survivor_row row = survivor(2, ident(1), "sh");
	struct control_head strange = { CONTROL_VERSION, CONTROL_TREE_ROW, sizeof(strange) };

	cr_expect_eq(report__take(&report, &host, &strange), -EPROTO);
	take(&report, &row);
	cr_expect_eq(report__take(&report, &host, &row.head), -EPROTO, "more than announced");
	cr_expect_eq(report__take(&report, &host, &again.head), -EEXIST);
}

Test(report, a_survivor_behind_the_events_is_refused)
{
	autoreport struct report report = begin(2);
	struct control_survivor_row row = survivor(3, ident(1), "sh");

	add(&report, 2, ident(1), "sh");
	take_event(&report, event(EVENT_PROCESS_EXECUTED, ident(2), DIED - 1), "b1");
	cr_expect_eq(report__take(&report, &host, &row.head), -EPROTO);
	cr_expect_eq(report__finish(&report), 0);
}

Test(report, events_are_asked_for_from_the_first_birth)
{
	autoreport struct report report = begin(1);
	struct control_survivor_row elder = survivor(2, ident(1), "sh");
	struct control_query query;

	elder.who.start = BORN - 5 * NS_PER_SEC;
	take(&report, &elder);
	query = report__events_query(&report);
	cr_expect_eq(query.tree, TREE);
	cr_expect(query.types & 1U << EVENT_PROCESS_EXECUTED);
	cr_expect_eq(query.since, BORN - 6 * NS_PER_SEC);
}

/* ---- the axis */

static uint32_t count(const char *text, const char *part)
{
	uint32_t n = 0;

	while ((text = strstr(text, part))) {
		text += strlen(part);
		n++;
	}
	return n;
}

Test(report, the_axis_is_broken_at_the_death)
{
	autoreport struct report report = begin(1);
	struct control_survivor_row row = survivor(2, ident(1), "sh");
	autofree char *text = NULL;

	row.who.start = BORN + 1; /* with the root */
	row.gone = DIED + 50 * NS_PER_MS;
	take(&report, &row);
	cr_assert_eq(report__finish(&report), 0);
	text = render(&report, report__write_svg);
	/* the root's bar up to the break, the survivor's over it to the end */
	cr_expect(strstr(text, "class=\"bar died\" x=\"1.000%\" width=\"35.000%\""), "%s", text);
	cr_expect(strstr(text, "class=\"bar killed\" x=\"1.000%\" width=\"97.000%\""), "%s", text);
	cr_expect(strstr(text, ">before: 1.9 s<"));
	cr_expect(strstr(text, ">after: 50 ms<"));
	cr_expect(strstr(text, ">−1 s<"));
	cr_expect(strstr(text, ">+20 ms<"));
	cr_expect(strstr(text, ">+40 ms<"));
	cr_expect_eq(count(text, "class=\"tick\""), 5);
}

/* Nothing before it, nothing behind it, and a century of each. */
Test(report, any_span_has_an_axis)
{
	static const uint64_t spans[] = {
		0, 1, 999, 7 * NS_PER_SEC, 3600 * NS_PER_SEC, 100 * 365 * 86400ULL * NS_PER_SEC
	};

	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
		autoreport struct report report = begin(0);
		autofree char *text = NULL;

		report.incident.died = 200 * 365 * 86400ULL * NS_PER_SEC;
		report.incident.who.start = report.incident.died - spans[i];
		report.incident.opened = report.incident.died;
		report.incident.closed = report.incident.died + spans[i];
		cr_assert_eq(report__finish(&report), 0);
		text = render(&report, report__write_svg);
		cr_expect_leq(count(text, "class=\"tick\""), 7, "%zu", i);
		cr_expect(!spans[i] || count(text, "class=\"tick\"") >= 2, "%zu", i);
	}
}

/* A broken store's times are no reason to draw for ever. */
Test(report, absurd_times_have_an_axis_too)
{
	static const uint64_t times[] = { 0, 1, BORN, UINT64_MAX / 2, UINT64_MAX - 1, UINT64_MAX };
	const size_t count_of = sizeof(times) / sizeof(*times);

	for (size_t i = 0; i < count_of * count_of * count_of; i++) {
		autoreport struct report report = begin(1);
		struct control_survivor_row row = survivor(2, ident(1), "sh");
		autofree char *html = NULL, *dot = NULL;

		report.incident.who.start = times[i % count_of];
		report.incident.died = times[i / count_of % count_of];
		row.gone = row.first.at = times[i / count_of / count_of];
		row.who.start = row.gone - 1;
		take(&report, &row);
		cr_assert_eq(report__finish(&report), 0);
		html = render(&report, report__write_html);
		dot = render(&report, report__write_dot);
		cr_expect_leq(count(html, "class=\"tick\""), 7, "%zu", i);
		cr_expect(strstr(dot, "m0 -> m1"));
	}
}

/* ---- what a process calls itself */

#define HOSTILE                                                                            \
	"<script>alert(1)</script>]]>--><!--&amp;\"'\\N\\\" \x01\x1b[2J\x7f\xc2\x9b\n\r\t" \
	"\xe2\x80\xae\xe2\x81\xa6\xef\xbf\xbf\xef\xbb\xbf\xff\xc0\xaf\xed\xa0\x80%s%n</details>"

static struct report hostile(void)
{
	struct report report = begin(3);
	struct control_event_row exec = event(EVENT_PROCESS_EXECUTED, ident(2), DIED - 1);

	for (uint32_t i = 0; i < 3; i++) {
		struct control_survivor_row row = survivor(2 + i, ident(1), "sh");

		row.outcome = i == 0 ? SURVIVOR_SPARED : i == 1 ? SURVIVOR_STUCK : 99;
		text__copy(row.reason, sizeof(row.reason), HOSTILE);
		text__copy(row.state, sizeof(row.state), HOSTILE);
		text__copy(row.stack, sizeof(row.stack), HOSTILE);
		memcpy(row.image.args, HOSTILE, sizeof(HOSTILE));
		row.image.args_len = sizeof(HOSTILE);
		text__copy(row.image.comm, sizeof(row.image.comm), HOSTILE);
		text__copy(row.image.exe, sizeof(row.image.exe), HOSTILE);
		take(&report, &row);
	}
	memcpy(exec.image.args, HOSTILE, sizeof(HOSTILE));
	exec.image.args_len = sizeof(HOSTILE);
	take_event(&report, exec, "b1");
	text__copy(report.incident.rule, NAME_LEN, HOSTILE);
	text__copy(report.incident.image.comm, COMM_LEN, HOSTILE);
	text__copy(report.incident.image.exe, PATH_LEN, HOSTILE);
	text__copy(report.incident.image.cgroup, CGROUP_LEN, HOSTILE);
	text__copy(report.incident.sender_exe, PATH_LEN, HOSTILE);
	text__copy(report.incident.sender.comm, COMM_LEN, HOSTILE);
	report.incident.sender.who.pid = 5;
	text__copy(report.context.host.name, NAME_LEN, HOSTILE);
	text__copy(report.context.host.version, NAME_LEN, HOSTILE);
	cr_assert_eq(report__finish(&report), 0);
	return report;
}

static void see_harmless(const char *text)
{
	size_t len = strlen(text), width;

	for (size_t i = 0; i < len; i += width) {
		width = json__utf8(text + i, len - i);
		cr_assert_neq(width, 0, "no UTF-8: %.40s", text + i);
		cr_assert(text[i] == '\n' || text[i] == '\t' ||
				  !words__is_order(words__code_point(text + i, width)),
			  "%.40s", text + i);
	}
}

Test(report, no_name_is_markup_or_an_order)
{
	autoreport struct report report = hostile();
	autofree char *html = render(&report, report__write_html);
	autofree char *svg = render(&report, report__write_svg);
	autofree char *dot = render(&report, report__write_dot);

	see_harmless(html);
	see_harmless(svg);
	see_harmless(dot);
	cr_expect_null(strstr(html, "<script"));
	cr_expect_null(strstr(svg, "<script"));
	cr_expect_null(strstr(html, "<!--"));
	cr_expect_null(strstr(html, "]]>"));
	cr_expect(strstr(html, "&lt;script&gt;"));
	cr_expect_eq(count(html, "<details"), count(html, "</details>"));
	/* each quote that is not escaped begins or ends a string: none is left open on its line */
	for (const char *line = dot; *line; line += strcspn(line, "\n") + 1) {
		uint32_t quotes = 0;

		for (const char *at = line; *at != '\n'; at++) {
			if (*at == '\\')
				at++;
			else
				quotes += *at == '"';
		}
		cr_expect_eq(quotes % 2, 0, "%.*s", (int)strcspn(line, "\n"), line);
	}
}

static char *unescape(const char *from, const char *to)
{
	static const struct {
		const char *entity;
		char c;
	} entities[] = { { "&amp;", '&' },
			 { "&lt;", '<' },
			 { "&gt;", '>' },
			 { "&quot;", '"' },
			 { "&#39;", '\'' } };
	char *text = malloc((size_t)(to - from) + 1), *at = text;

	while (from < to) {
		size_t i = 0, known = sizeof(entities) / sizeof(*entities);

		while (i < known &&
		       strncmp(from, entities[i].entity, strlen(entities[i].entity)) != 0)
			i++;
		*at++ = i < known ? entities[i].c : *from;
		from += i < known ? strlen(entities[i].entity) : 1;
	}
	*at = '\0';
	return text;
}

/* The page's JSON is the command's, value for value. */
static void see_json(const struct report *report, const char *html)
{
	static const char begin_mark[] = "Raw JSON</summary>\n<pre>";
	struct json_object *expected = report__json(report), *found;
	const char *from = strstr(html, begin_mark);
	autofree char *text = NULL;

	cr_assert_not_null(from);
	from += sizeof(begin_mark) - 1;
	text = unescape(from, strstr(from, "</pre>"));
	found = json_tokener_parse(text);
	cr_expect(json_object_equal(found, expected));
	json_object_put(found);
	json_object_put(expected);
}

Test(report, the_pages_json_is_the_commands)
{
	autoreport struct report report = hostile();
	autofree char *html = render(&report, report__write_html);

	see_json(&report, html);
}

/* ---- ten thousand */

Test(report, ten_thousand_survivors_make_a_small_page)
{
	autoreport struct report report = begin(10000);
	autofree char *html = NULL, *svg = NULL, *dot = NULL;

	for (uint32_t i = 0; i < 10000; i++) {
		char program[16];

		/* a hundred shells with ninety-eight sleeps each, and a hundred of their own kind */
		snprintf(program, sizeof(program), "own%u", i);
		add(&report, 2 + i, i < 200 ? ident(1) : ident(2 + i % 100),
		    i < 100   ? "sh"
		    : i < 200 ? program
			      : "sleep");
	}
	cr_assert_eq(report__finish(&report), 0);
	cr_expect_eq(report.hidden, 0);
	cr_expect_eq(report.folded.count, 1 + 1 + 100 + 1);
	html = render(&report, report__write_html);
	svg = render(&report, report__write_svg);
	dot = render(&report, report__write_dot);
	cr_expect_lt(strstr(html, "Raw JSON") - html, 400 * 1024);
	cr_expect_lt(strlen(html), 8 * 1024 * 1024);
	cr_expect_lt(strlen(svg), 160 * 1024);
	cr_expect_lt(strlen(dot), 64 * 1024);
	see_json(&report, html);
}

/* ---- words */

static int say_safe(const struct report *report, FILE *to)
{
	const char *text = report->context.data;

	print__safe(to, text, strlen(text));
	return 0;
}

Test(report, orders_are_shown_and_not_given)
{
	static const char *const cases[][2] = {
		{ "plain, ä, 日本, 🙂", "plain, ä, 日本, 🙂" },
		{ "\x1b[2J\n\t", "\\x1b[2J\\n\\t" },
		{ "a\xe2\x80\xae"
		  "b",
		  "a\\xe2\\x80\\xaeb" },
		{ "\xe2\x81\xa6\xd8\x9c\xe2\x80\x8f", "\\xe2\\x81\\xa6\\xd8\\x9c\\xe2\\x80\\x8f" },
		{ "\xef\xbf\xbe\xef\xbb\xbf\xff", "\\xef\\xbf\\xbe\\xef\\xbb\\xbf\\xff" },
		{ "\xc2\x9b\xc2\xa0", "\\xc2\\x9b\xc2\xa0" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct report report = { .context.data = (void *)cases[i][0] };
		autofree char *text = render(&report, say_safe);

		cr_expect_str_eq(text, cases[i][1]);
	}
}

Test(report, a_long_command_is_cut_behind_a_character)
{
	struct control_image long_one = { .args_len = 12, .args = "äääääz" };
	autofree char *whole = words__command(&long_one, 11);
	autofree char *cut = words__command(&long_one, 10);

	cr_expect_str_eq(whole, "äääääz");
	cr_expect_str_eq(cut, "äää...");
}
