// SPDX-License-Identifier: GPL-2.0
/*
 * family.c - who was above whom, and who is so much like whom that one line can tell of both. A
 * family may be a chain of a quarter of a million: nothing here recurses.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "report/report_parts.h"

/* What is sorted, and by what: a member's number is the last key, so that equals keep their order. */
struct key {
	uint64_t first;
	uint64_t second;
	uint32_t member;
};

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_keys(const void *a, const void *b)
{
	const struct key *one = a, *other = b;
	int order = compare_numbers(one->first, other->first);

	if (!order)
		order = compare_numbers(one->second, other->second);
	return order ? order : compare_numbers(one->member, other->member);
}

static uint32_t total(const struct report *report)
{
	return report->count + 1;
}

/* ---- who is above */

static void enter_members(struct report *report)
{
	struct relative *member = report->members;

	*member++ = (struct relative){
		.who = report->incident.who,
		.parent = report->incident.parent,
		.image = &report->incident.image,
		.above = FOREST_NONE,
	};
	for (uint32_t i = 0; i < report->count; i++) {
		const struct control_survivor_row *row = &report->survivors[i];

		*member++ = (struct relative){
			.who = row->who,
			.parent = row->parent,
			.row = row,
			.image = &row->image,
			.depth = UINT32_MAX,
		};
	}
}

/* Under the nearest ancestor that lived; where that was not noted, under who forked it; and the
 * rest, whose parents were gone, under the root. */
static uint32_t above_of(const struct forest *index, const struct control_survivor_row *row)
{
	const struct node *node = forest__find(index, &row->above);

	if (!node)
		node = forest__find(index, &row->parent);
	return node ? (uint32_t)(node - index->nodes) : REPORT_ROOT;
}

static int find_above(struct report *report)
{
	static const struct ident nobody = {};
	autoforest struct forest index;

	forest__init(&index);
	for (uint32_t i = 0; i < total(report); i++) {
		if (!forest__add(&index, &report->members[i].who, &nobody, NULL))
			return -ENOMEM;
	}
	for (uint32_t i = 1; i < total(report); i++)
		report->members[i].above = above_of(&index, report->members[i].row);
	return 0;
}

/* All on the way up that have no depth yet. Rows that lead round in a circle are broken: whoever
 * comes back to itself goes under the root. */
static void find_depth(struct report *report, uint32_t start)
{
	struct relative *members = report->members;
	uint32_t steps = 0, at = start;

	while (members[at].depth == UINT32_MAX) {
		at = members[at].above;
		if (++steps > total(report)) {
			members[start].above = REPORT_ROOT;
			members[start].depth = 1;
			return;
		}
	}
	steps += members[at].depth;
	for (at = start; members[at].depth == UINT32_MAX; at = members[at].above)
		members[at].depth = steps--;
}

static void find_depths(struct report *report)
{
	for (uint32_t i = 1; i < total(report); i++)
		find_depth(report, i);
}

static void put_in_order(struct report *report, struct key *keys)
{
	for (uint32_t i = 0; i < total(report); i++)
		keys[i] = (struct key){ report->members[i].depth, 0, i };
	qsort(keys, total(report), sizeof(*keys), compare_keys);
	for (uint32_t i = 0; i < total(report); i++)
		report->order[i] = keys[i].member;
}

/* ---- who is alike */

static int compare_fates(const struct control_survivor_row *one,
			 const struct control_survivor_row *other)
{
	int order = compare_numbers(one->outcome, other->outcome);

	if (!order)
		order = compare_numbers(one->exit_code, other->exit_code);
	if (!order)
		order = compare_numbers(one->first.signal, other->first.signal);
	if (!order)
		order = compare_numbers(one->first.by, other->first.by);
	if (!order)
		order = compare_numbers(one->last.signal, other->last.signal);
	if (!order)
		order = compare_numbers(one->last.by, other->last.by);
	return order ? order : strcmp(one->reason, other->reason);
}

/* By program and fate; the root is like nobody. */
static int compare_kinds(const struct relative *one, const struct relative *other)
{
	int order;

	if (!one->row || !other->row)
		return (one->row != NULL) - (other->row != NULL);
	order = strcmp(relative__program(one), relative__program(other));
	if (!order)
		order = strcmp(one->image->exe, other->image->exe);
	return order ? order : compare_fates(one->row, other->row);
}

static int compare_members(const void *a, const void *b)
{
	const struct relative *one = *(const struct relative *const *)a;
	const struct relative *other = *(const struct relative *const *)b;
	int order = compare_kinds(one, other);

	return order ? order : compare_numbers((uintptr_t)one, (uintptr_t)other);
}

/* Kinds are numbered in the order of their names. How many there are; 0 without memory. */
static uint32_t number_kinds(struct report *report)
{
	autofree struct relative **sorted =
		reallocarray(NULL, total(report), sizeof(struct relative *));
	uint32_t kind = 0;

	if (!sorted)
		return 0;
	for (uint32_t i = 0; i < total(report); i++)
		sorted[i] = &report->members[i];
	qsort(sorted, total(report), sizeof(struct relative *), compare_members);
	for (uint32_t i = 0; i < total(report); i++) {
		if (i && compare_kinds(sorted[i - 1], sorted[i]) != 0)
			kind++;
		sorted[i]->kind = kind;
	}
	return kind + 1;
}

/* The finish of splitmix64. */
static uint64_t mix(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

/* From the lowest up. The children's shapes are summed, so that their order is nothing. */
static void find_shapes(struct report *report)
{
	for (uint32_t i = total(report); i-- > 0;) {
		struct relative *member = &report->members[report->order[i]];

		member->shape = mix(mix(member->kind + 1) + member->shape);
		if (member->above != FOREST_NONE)
			report->members[member->above].shape += mix(member->shape + 1);
	}
}

/* ---- the lines of the tree */

static void join(struct report *report, const struct key *keys, uint32_t count)
{
	struct relative *first = &report->members[keys[0].member];

	for (uint32_t i = 0; i < count; i++) {
		struct relative *member = &report->members[keys[i].member];

		member->line = keys[0].member;
		member->alike = i + 1 < count ? keys[i + 1].member : FOREST_NONE;
	}
	first->count = count;
}

/* Those under one line that have the same shape: one line for all where they are many, or where
 * those above them share a line already. */
static uint32_t fold_alike(struct report *report, const struct key *keys, uint32_t count)
{
	const struct relative *above =
		keys[0].first == FOREST_NONE ? NULL : &report->members[keys[0].first];

	if (count > REPORT_ALIKE_MOST || (above && above->count > 1)) {
		join(report, keys, count);
		return 1;
	}
	for (uint32_t i = 0; i < count; i++)
		join(report, &keys[i], 1);
	return count;
}

static uint32_t run_of(const struct key *keys, uint32_t count)
{
	uint32_t n = 1;

	while (n < count && keys[n].first == keys[0].first && keys[n].second == keys[0].second)
		n++;
	return n;
}

static void hide(struct report *report, const struct key *keys, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		report->members[keys[i].member].line = FOREST_NONE;
	report->hidden += count;
}

static uint32_t line_above(const struct report *report, const struct relative *member)
{
	return member->above == FOREST_NONE ? FOREST_NONE : report->members[member->above].line;
}

/* Level by level: what stands above is settled first. */
static void fold_level(struct report *report, struct key *keys, uint32_t count, uint32_t *lines)
{
	qsort(keys, count, sizeof(*keys), compare_keys);
	for (uint32_t i = 0, n; i < count; i += n) {
		bool is_under_hidden = keys[i].first == FOREST_NONE && keys[i].member;

		n = run_of(&keys[i], count - i);
		if (is_under_hidden || *lines >= REPORT_LINES_MOST)
			hide(report, &keys[i], n);
		else
			*lines += fold_alike(report, &keys[i], n);
	}
}

static void fold(struct report *report, struct key *keys)
{
	uint32_t lines = 0;

	for (uint32_t i = 0, n; i < total(report); i += n) {
		uint32_t depth = report->members[report->order[i]].depth;

		for (n = 0; i + n < total(report); n++) {
			uint32_t member = report->order[i + n];

			if (report->members[member].depth != depth)
				break;
			keys[n] = (struct key){ line_above(report, &report->members[member]),
						report->members[member].shape, member };
		}
		fold_level(report, keys, n, &lines);
	}
}

/* ---- forests */

static bool plant(struct report *report, struct forest *forest, uint32_t at, uint32_t above)
{
	static const struct ident nobody = {};

	return forest__add(forest, &report->members[at].who,
			   above == FOREST_NONE ? &nobody : &report->members[above].who, NULL);
}

static int plant_family(struct report *report)
{
	for (uint32_t i = 0; i < total(report); i++) {
		uint32_t at = report->order[i];

		if (!plant(report, &report->family, at, report->members[at].above))
			return -ENOMEM;
	}
	return 0;
}

static int plant_lines(struct report *report)
{
	report->lines = reallocarray(NULL, total(report), sizeof(*report->lines));
	if (!report->lines)
		return -ENOMEM;
	for (uint32_t i = 0; i < total(report); i++) {
		uint32_t at = report->order[i];
		const struct relative *member = &report->members[at];

		if (!member->count)
			continue;
		report->lines[report->folded.count] = at;
		if (!plant(report, &report->folded, at, line_above(report, member)))
			return -ENOMEM;
	}
	return 0;
}

/* ---- lanes of the chart */

static void give_lane(void *data, const struct forest *forest, const struct node *node)
{
	struct report *report = data;
	uint32_t member = report->order[node - forest->nodes];

	report->members[member].lane = report->lane_count;
	report->lanes[report->lane_count++] = (struct lane){ .member = member, .count = 1 };
}

/* The largest kinds keep a lane of their own, in the order in which they first come in the tree;
 * all others share the last. key.first: how much a kind is less than all; .member: the kind. */
struct crowd {
	struct report *report;
	struct key *kinds;
	uint32_t *lane_of; /* a kind's, FOREST_NONE: none yet */
	bool *keeps;
	uint32_t rest; /* the lane of the others */
};

static void give_lane_in_crowd(void *data, const struct forest *forest, const struct node *node)
{
	struct crowd *crowd = data;
	struct report *report = crowd->report;
	uint32_t at = report->order[node - forest->nodes];
	struct relative *member = &report->members[at];
	uint32_t *lane = crowd->keeps[member->kind] ? &crowd->lane_of[member->kind] : &crowd->rest;

	if (*lane == FOREST_NONE) {
		*lane = report->lane_count++;
		report->lanes[*lane] = (struct lane){ .member = at, .mixed = lane == &crowd->rest };
	}
	member->lane = *lane;
	report->lanes[*lane].count++;
}

static int share_lanes(struct report *report, struct key *keys, uint32_t kinds)
{
	autofree uint32_t *lane_of = reallocarray(NULL, kinds, sizeof(uint32_t));
	autofree bool *keeps = calloc(kinds, sizeof(bool));
	struct crowd crowd = { report, keys, lane_of, keeps, FOREST_NONE };

	if (!lane_of || !keeps)
		return -ENOMEM;
	memset(lane_of, 0xff, kinds * sizeof(*lane_of));
	for (uint32_t i = 0; i < kinds; i++)
		keys[i] = (struct key){ total(report), 0, i };
	for (uint32_t i = 0; i < total(report); i++)
		keys[report->members[i].kind].first--;
	keys[report->members[REPORT_ROOT].kind].first = 0;
	qsort(keys, kinds, sizeof(*keys), compare_keys);
	for (uint32_t i = 0; i < kinds && i < REPORT_LANES_MOST - 1; i++)
		keeps[keys[i].member] = true;
	forest__walk(&report->family, give_lane_in_crowd, NULL, &crowd);
	return 0;
}

static int make_lanes(struct report *report, struct key *keys, uint32_t kinds)
{
	report->lanes = calloc(REPORT_LANES_MOST, sizeof(*report->lanes));
	if (!report->lanes)
		return -ENOMEM;
	if (total(report) > REPORT_LANES_MOST)
		return share_lanes(report, keys, kinds);
	forest__walk(&report->family, give_lane, NULL, report);
	return 0;
}

static int make_family(struct report *report, struct key *keys)
{
	uint32_t kinds;

	if (!report->members || !report->order)
		return -ENOMEM;
	enter_members(report);
	if (find_above(report))
		return -ENOMEM;
	find_depths(report);
	put_in_order(report, keys);
	kinds = number_kinds(report);
	if (!kinds)
		return -ENOMEM;
	find_shapes(report);
	fold(report, keys);
	if (plant_family(report) || plant_lines(report))
		return -ENOMEM;
	return make_lanes(report, keys, kinds);
}

int report__make_family(struct report *report)
{
	autofree struct key *keys = reallocarray(NULL, total(report), sizeof(*keys));

	report->members = reallocarray(NULL, total(report), sizeof(*report->members));
	report->order = reallocarray(NULL, total(report), sizeof(*report->order));
	return keys ? make_family(report, keys) : -ENOMEM;
}
