// SPDX-License-Identifier: GPL-2.0
/* top_test.c - what top makes of what it is told, and of the room that it has. */
#include <criterion/criterion.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "ctl/top_data.h"
#include "ctl/top_layout.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

TestSuite(top, .timeout = 30);

/* ---- columns */

static const struct top_column columns[] = {
	{ "ID", true, 0, 0 },
	{ "NAME", false, 2, 4 },
	{ "AGE", true, 3, 0 },
	{ "COMMAND", false, 1, 6 },
};

static const size_t wanted[] = { 3, 10, 4, 20 };

static void fits(size_t room, size_t id, size_t name, size_t age, size_t command)
{
	size_t widths[COUNT(columns)];

	columns__fit(columns, COUNT(columns), wanted, room, widths);
	cr_expect(widths[0] == id && widths[1] == name && widths[2] == age && widths[3] == command,
		  "%zu: %zu %zu %zu %zu", room, widths[0], widths[1], widths[2], widths[3]);
}

Test(top, columns_get_what_they_want_where_there_is_room)
{
	fits(200, 3, 10, 4, 20);
	fits(40, 3, 10, 4, 20);
}

Test(top, columns_with_long_texts_give_way_and_share)
{
	fits(39, 3, 10, 4, 19);
	fits(30, 3, 9, 4, 11);
	fits(20, 3, 4, 4, 6);
}

Test(top, without_room_the_least_wanted_columns_go)
{
	fits(19, 3, 6, 0, 8);
	fits(14, 3, 0, 0, 10);
	fits(9, 3, 0, 0, 0);
	fits(2, 2, 0, 0, 0);
	fits(0, 0, 0, 0, 0);
}

/* ---- text */

static void cut_is(const char *text, size_t width, const wchar_t *expected, size_t taken)
{
	wchar_t cut[64];
	size_t used = text__cut(cut, text, width, true);

	cr_expect(wcscmp(cut, expected) == 0 && used == taken, "'%s' in %zu: '%ls', %zu", text,
		  width, cut, used);
}

static void speak_utf8(void)
{
	cr_assert_not_null(setlocale(LC_CTYPE, "C.UTF-8"));
}

Test(top, what_does_not_fit_is_cut_with_dots, .init = speak_utf8)
{
	cut_is("orphan", 6, L"orphan", 6);
	cut_is("orphan", 5, L"orph…", 5);
	cut_is("orphan", 1, L"…", 1);
	cut_is("orphan", 0, L"", 0);
	cut_is("", 3, L"", 0);
}

/* A wide character is never cut in two, and what would move the cursor or turn the line is not let
 * through. */
Test(top, no_character_breaks_the_screen, .init = speak_utf8)
{
	cut_is("世界世界", 8, L"世界世界", 8);
	cut_is("世界世界", 6, L"世界…", 5);
	cut_is("a\033[2Jb", 8, L"a?[2Jb", 6);
	cut_is("a\xc2\x9bz", 8, L"a?z", 3);
	cut_is("a\u202eb\u2066", 8, L"a?b?", 4);
	cut_is("e\u0301\u200dx", 8, L"ex", 2);
	cut_is("\xff\xc3", 8, L"??", 2);
}

Test(top, without_utf8_bytes_are_marked)
{
	wchar_t cut[16];

	cr_assert_not_null(setlocale(LC_CTYPE, "C"));
	cr_expect_eq(text__cut(cut, "a\xc3\xa9z and more", 5, false), 5);
	cr_expect(wcscmp(cut, L"a??z~") == 0, "%ls", cut);
}

/* ---- rows */

Test(top, the_selected_row_is_always_seen)
{
	struct scroll scroll = { .count = 100 };

	scroll__move(&scroll, MOVE_UP, 10);
	cr_expect(scroll.at == 0 && scroll.first == 0);
	scroll__move(&scroll, MOVE_PAGE_DOWN, 10);
	cr_expect(scroll.at == 10 && scroll.first == 1);
	scroll__move(&scroll, MOVE_END, 10);
	cr_expect(scroll.at == 99 && scroll.first == 90);
	scroll__move(&scroll, MOVE_DOWN, 10);
	cr_expect_eq(scroll.at, 99);
	scroll__move(&scroll, MOVE_PAGE_UP, 10);
	cr_expect(scroll.at == 89 && scroll.first == 89);
	scroll__move(&scroll, MOVE_HOME, 10);
	cr_expect(scroll.at == 0 && scroll.first == 0);
}

Test(top, a_list_or_a_screen_that_shrinks_takes_the_selection_along)
{
	struct scroll scroll = { .count = 100, .at = 99, .first = 90 };

	scroll__settle(&scroll, 3);
	cr_expect(scroll.at == 99 && scroll.first == 97);
	scroll.count = 5;
	scroll__settle(&scroll, 10);
	cr_expect(scroll.at == 4 && scroll.first == 0);
	scroll.count = 0;
	scroll__settle(&scroll, 0);
	cr_expect(scroll.at == 0 && scroll.first == 0);
	scroll__move(&scroll, MOVE_END, 0);
	cr_expect(scroll.at == 0 && scroll.first == 0);
}

/* ---- trees */

static void add(struct trees *trees, uint32_t id, const char *name, uint32_t members,
		uint64_t since)
{
	struct control_tree_row row = { .id = id, .members = members, .since = since };

	text__copy(row.name, sizeof(row.name), name);
	cr_assert_eq(trees__add(trees, &row), 0);
}

static void list(struct trees *trees, uint64_t seconds)
{
	cr_assert_eq(trees__finish(trees, seconds * NS_PER_SEC), 0);
}

static void order_is(struct trees *trees, enum tree_sort sort, uint32_t first, uint32_t second,
		     uint32_t third)
{
	trees__sort(trees, sort);
	cr_expect(trees->order[0]->row.id == first && trees->order[1]->row.id == second &&
			  trees->order[2]->row.id == third,
		  "%d: %u %u %u", sort, trees->order[0]->row.id, trees->order[1]->row.id,
		  trees->order[2]->row.id);
}

Test(top, trees_stand_in_every_order)
{
	struct trees trees = {};

	add(&trees, 3, "b", 5, 100);
	add(&trees, 1, "c", 5, 300);
	add(&trees, 2, "a", 9, 200);
	list(&trees, 100);
	add(&trees, 3, "b", 1, 100);
	add(&trees, 1, "c", 5, 300);
	add(&trees, 2, "a", 10, 200);
	list(&trees, 101);
	order_is(&trees, TREES_BY_MEMBERS, 2, 1, 3);
	order_is(&trees, TREES_BY_CHANGE, 3, 2, 1);
	order_is(&trees, TREES_BY_AGE, 1, 2, 3);
	order_is(&trees, TREES_BY_NAME, 2, 3, 1);
	order_is(&trees, TREES_BY_ID, 1, 2, 3);
	cr_expect_eq(trees__find(&trees, 2), 1);
	cr_expect_eq(trees__find(&trees, 4), 3);
	trees__clear(&trees);
}

Test(top, a_trees_change_is_that_of_the_last_seconds)
{
	struct trees trees = {};

	add(&trees, 1, "", 5, 0);
	list(&trees, 100);
	cr_expect_eq(tree__change(trees.order[0]), 0);
	add(&trees, 1, "", 8, 0);
	add(&trees, 2, "", 4, 0);
	list(&trees, 102);
	cr_expect_eq(tree__change(trees.order[0]), 3);
	cr_expect_eq(tree__change(trees.order[1]), 4, "a new tree has grown from nothing");
	for (uint64_t at = 106; at <= 112; at += 6) {
		add(&trees, 1, "", 7, 0);
		add(&trees, 2, "", 4, 0);
		list(&trees, at);
	}
	cr_expect_eq(tree__change(trees.order[0]), 0);
	cr_expect_eq(tree__change(trees.order[1]), 0);
	list(&trees, 120);
	cr_expect_eq(trees.shown.count, 0);
	trees__clear(&trees);
}

Test(top, an_answer_that_breaks_off_changes_nothing)
{
	struct trees trees = {};

	add(&trees, 1, "", 5, 0);
	list(&trees, 100);
	add(&trees, 2, "", 5, 0);
	trees__drop(&trees);
	add(&trees, 1, "", 6, 0);
	list(&trees, 101);
	cr_expect_eq(trees.shown.count, 1);
	cr_expect_eq(trees.order[0]->row.members, 6);
	trees__clear(&trees);
}

Test(top, ten_thousand_trees)
{
	struct trees trees = {};

	for (unsigned turn = 0; turn < 3; turn++) {
		for (uint32_t id = 10000; id > 0; id--)
			add(&trees, id, "", id % 7, id);
		list(&trees, 100 + turn);
	}
	cr_assert_eq(trees.shown.count, 10000);
	for (size_t i = 1; i < trees.shown.count; i++)
		cr_assert_geq(trees.order[i - 1]->row.members, trees.order[i]->row.members);
	trees__clear(&trees);
}

/* ---- incidents */

Test(top, percentiles_are_by_nearest_rank)
{
	uint64_t hundred[100], few[] = { 30, 10, 20 };

	for (size_t i = 0; i < COUNT(hundred); i++)
		hundred[i] = 100 - i;
	cr_expect_eq(percentile(hundred, 100, 50), 50);
	cr_expect_eq(percentile(hundred, 100, 99), 99);
	cr_expect_eq(percentile(hundred, 100, 100), 100);
	cr_expect_eq(percentile(hundred, 100, 0), 1);
	cr_expect_eq(percentile(few, 3, 50), 20);
	cr_expect_eq(percentile(few, 3, 99), 30);
	cr_expect_eq(percentile(few, 1, 50), 10);
	cr_expect_eq(percentile(few, 0, 50), 0);
}

static struct control_incident_row incident(const char *id, uint64_t opened, uint64_t reaction,
					    uint64_t clear, uint32_t survivors)
{
	struct control_incident_row row = {
		.opened = opened, .reaction_ns = reaction, .clear_ns = clear, .survivors = survivors
	};

	text__copy(row.id, sizeof(row.id), id);
	return row;
}

static void put(struct incidents *incidents, struct control_incident_row row)
{
	incidents__put(incidents, &row);
}

static void first_is(struct incidents *incidents, enum incident_sort sort, const char *id)
{
	incidents__sort(incidents, sort);
	cr_expect_str_eq(incidents->order[0]->row.id, id);
	cr_expect_eq(incidents__find(incidents, id), 0);
}

Test(top, incidents_stand_in_every_order_and_are_measured)
{
	struct incidents incidents;

	cr_assert_eq(incidents__init(&incidents), 0);
	put(&incidents, incident("A", 10, 500, 100, 1));
	put(&incidents, incident("B", 30, 0, 0, 0));
	put(&incidents, incident("C", 20, 100, 900, 2));
	put(&incidents, incident("D", 15, 200, 300, 7));
	incidents__settle(&incidents);
	first_is(&incidents, INCIDENTS_BY_TIME, "B");
	first_is(&incidents, INCIDENTS_BY_REACTION, "A");
	first_is(&incidents, INCIDENTS_BY_CLEAR, "C");
	first_is(&incidents, INCIDENTS_BY_SURVIVORS, "D");
	cr_expect_eq(incidents.reaction.median, 200, "0 is none");
	cr_expect_eq(incidents.reaction.p99, 500);
	cr_expect_eq(incidents.clear.median, 300);
	put(&incidents, incident("C", 20, 100, 200, 2));
	incidents__settle(&incidents);
	cr_expect_eq(incidents.count, 4, "it is the same incident");
	cr_expect_eq(incidents.clear.median, 200);
	incidents__clear(&incidents);
}

Test(top, an_event_tells_of_an_incident_until_it_is_asked_for)
{
	struct control_event_row event = { .type = EVENT_INCIDENT_OPENED, .at = 50, .tree = 4 };
	struct incidents incidents;

	cr_assert_eq(incidents__init(&incidents), 0);
	put(&incidents, incident("A", 10, 500, 100, 1));
	cr_expect_null(incidents__stale(&incidents));
	text__copy(event.incident, sizeof(event.incident), "B");
	incidents__note(&incidents, &event);
	cr_assert_not_null(incidents__stale(&incidents));
	cr_expect_str_eq(incidents__stale(&incidents)->row.id, "B");
	cr_expect(incidents__stale(&incidents)->row.open);
	incidents__stale(&incidents)->stale = false; /* it is asked for */
	event.type = EVENT_INCIDENT_CLOSED;
	incidents__note(&incidents, &event);
	put(&incidents, incident("B", 50, 1, 1, 1));
	cr_assert_not_null(incidents__stale(&incidents), "the answer is older than the event");
	cr_expect_eq(incidents__stale(&incidents)->row.survivors, 1, "what is known stays");
	incidents__clear(&incidents);
}

Test(top, the_oldest_incident_makes_room)
{
	struct incidents incidents;
	char id[16];

	cr_assert_eq(incidents__init(&incidents), 0);
	for (unsigned i = 0; i < TOP_INCIDENTS + 2; i++) {
		snprintf(id, sizeof(id), "I%u", i);
		put(&incidents, incident(id, 100 + i, 0, 0, 0));
	}
	incidents__settle(&incidents);
	cr_expect_eq(incidents.count, TOP_INCIDENTS);
	cr_expect_str_eq(incidents.order[0]->row.id, id);
	cr_expect_str_eq(incidents.order[TOP_INCIDENTS - 1]->row.id, "I2");
	incidents__clear(&incidents);
}

/* ---- numbers */

static void count(struct numbers *next, const char *name, uint64_t value)
{
	struct control_counter_row row = { .value = value };

	text__copy(row.name, sizeof(row.name), name);
	numbers__add(next, &row);
}

Test(top, the_rate_is_that_between_two_answers)
{
	struct numbers numbers = {}, next = {};

	count(&next, "forks", 10);
	count(&next, "exits", 5);
	count(&next, "armed", 1);
	count(&next, "events_lost", 2);
	count(&next, "events_lost_fork", 2);
	count(&next, "store_dropped", 1);
	numbers__finish(&numbers, &next, 100 * NS_PER_SEC);
	cr_expect(numbers.armed && !numbers.observe);
	cr_expect_eq(numbers.lost, 3);
	cr_expect_eq((unsigned)numbers.rate, 0);
	count(&next, "forks", 30);
	count(&next, "exits", 25);
	numbers__finish(&numbers, &next, 102 * NS_PER_SEC);
	cr_expect_eq((unsigned)numbers.rate, 20);
	cr_expect_not(numbers.armed);
	count(&next, "forks", 3);
	numbers__finish(&numbers, &next, 103 * NS_PER_SEC);
	cr_expect_eq((unsigned)numbers.rate, 0, "another daemon counts anew");
}
