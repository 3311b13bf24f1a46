// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "ctl/top_data.h"

/* Below, equal, above. */
#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

/* ---- trees */

int64_t tree__change(const struct tree_entry *tree)
{
	return (int64_t)tree->row.members - tree->marks[0];
}

int trees__add(struct trees *trees, const struct control_tree_row *row)
{
	struct tree_rows *list = &trees->next;

	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 64;
		struct tree_entry *more = reallocarray(list->entries, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		list->entries = more;
		list->room = room;
	}
	list->entries[list->count++] = (struct tree_entry){ .row = *row };
	return 0;
}

void trees__drop(struct trees *trees)
{
	trees->next.count = 0;
}

static int by_id(const void *left, const void *right)
{
	const struct tree_entry *a = left, *b = right;

	return COMPARE(a->row.id, b->row.id);
}

/* A tree that was not there a while ago has grown from nothing; but nobody knows what was before
 * the first list. */
static void set_marks(struct tree_entry *tree, const struct tree_entry *before, bool first,
		      bool mark)
{
	if (before)
		memcpy(tree->marks, before->marks, sizeof(tree->marks));
	else if (first)
		tree->marks[0] = tree->marks[1] = tree->row.members;
	if (mark) {
		tree->marks[0] = tree->marks[1];
		tree->marks[1] = tree->row.members;
	}
}

int trees__finish(struct trees *trees, uint64_t now)
{
	struct tree_rows was = trees->shown, *list = &trees->next;
	struct tree_entry **order =
		reallocarray(trees->order, list->count + 1, sizeof(*trees->order));
	bool first = !trees->marked_at, mark = now - trees->marked_at >= MARK_NS;

	if (!order)
		return -ENOMEM;
	trees->order = order;
	if (list->count)
		qsort(list->entries, list->count, sizeof(*list->entries), by_id);
	for (size_t i = 0; i < list->count; i++) {
		struct tree_entry *tree = &list->entries[i];
		const struct tree_entry *before =
			was.count ? bsearch(tree, was.entries, was.count, sizeof(*tree), by_id)
				  : NULL;

		set_marks(tree, before, first, mark);
	}
	if (mark)
		trees->marked_at = now;
	trees->shown = *list;
	trees->next = was;
	trees__drop(trees);
	trees__sort(trees, trees->sort);
	return 0;
}

static int compare_trees(const void *left, const void *right, void *sort)
{
	const struct tree_entry *a = *(struct tree_entry *const *)left;
	const struct tree_entry *b = *(struct tree_entry *const *)right;
	int order = 0;

	switch (*(enum tree_sort *)sort) {
	case TREES_BY_MEMBERS:
		order = COMPARE(b->row.members, a->row.members);
		break;
	case TREES_BY_CHANGE:
		order = COMPARE(llabs(tree__change(b)), llabs(tree__change(a)));
		break;
	case TREES_BY_AGE:
		order = COMPARE(b->row.since, a->row.since);
		break;
	case TREES_BY_NAME:
		order = strcmp(a->row.name, b->row.name);
		break;
	default:
		break;
	}
	return order ? order : by_id(a, b);
}

void trees__sort(struct trees *trees, enum tree_sort sort)
{
	trees->sort = sort;
	for (size_t i = 0; i < trees->shown.count; i++)
		trees->order[i] = &trees->shown.entries[i];
	if (trees->shown.count)
		qsort_r(trees->order, trees->shown.count, sizeof(*trees->order), compare_trees,
			&trees->sort);
}

size_t trees__find(const struct trees *trees, uint32_t id)
{
	size_t at = 0;

	while (at < trees->shown.count && trees->order[at]->row.id != id)
		at++;
	return at;
}

void trees__clear(struct trees *trees)
{
	free(trees->shown.entries);
	free(trees->next.entries);
	free(trees->order);
	*trees = (struct trees){};
}

/* ---- incidents */

int incidents__init(struct incidents *incidents)
{
	*incidents = (struct incidents){};
	incidents->entries = calloc(TOP_INCIDENTS, sizeof(*incidents->entries));
	return incidents->entries ? 0 : -ENOMEM;
}

void incidents__clear(struct incidents *incidents)
{
	free(incidents->entries);
	*incidents = (struct incidents){};
}

/* The entry of that id; a new one, or the oldest's, when there is none. */
static struct incident_entry *entry_of(struct incidents *incidents, const char *id)
{
	struct incident_entry *oldest = incidents->entries;

	for (size_t i = 0; i < incidents->count; i++) {
		struct incident_entry *entry = &incidents->entries[i];

		if (strcmp(entry->row.id, id) == 0)
			return entry;
		if (entry->row.opened < oldest->row.opened)
			oldest = entry;
	}
	if (incidents->count < TOP_INCIDENTS)
		oldest = &incidents->entries[incidents->count++];
	*oldest = (struct incident_entry){};
	text__copy(oldest->row.id, sizeof(oldest->row.id), id);
	return oldest;
}

void incidents__put(struct incidents *incidents, const struct control_incident_row *row)
{
	/* an event behind the question may have come before its answer: stale stays */
	entry_of(incidents, row->id)->row = *row;
}

void incidents__note(struct incidents *incidents, const struct control_event_row *event)
{
	struct incident_entry *entry = entry_of(incidents, event->incident);
	struct control_incident_row *row = &entry->row;

	entry->stale = true;
	if (row->opened)
		return;
	row->opened = row->died = event->at;
	row->open = event->type != EVENT_INCIDENT_CLOSED;
	row->outcome = event->outcome;
	row->tree = event->tree;
	row->who = event->who;
	row->exit_code = event->exit_code;
	row->image = event->image;
	memcpy(row->rule, event->name, sizeof(row->rule));
}

struct incident_entry *incidents__stale(const struct incidents *incidents)
{
	struct incident_entry *found = NULL;

	for (size_t i = 0; i < incidents->count; i++) {
		struct incident_entry *entry = &incidents->entries[i];

		if (entry->stale && (!found || entry->row.opened > found->row.opened))
			found = entry;
	}
	return found;
}

static int compare_numbers(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return COMPARE(*a, *b);
}

uint64_t percentile(uint64_t *values, size_t count, unsigned percent)
{
	size_t rank = (count * percent + 99) / 100;

	if (!count)
		return 0;
	qsort(values, count, sizeof(*values), compare_numbers);
	return values[rank ? rank - 1 : 0];
}

/* Of those that have one: 0 is none. */
static struct latency measure(struct incidents *incidents, size_t offset)
{
	struct latency latency;
	size_t count = 0;

	for (size_t i = 0; i < incidents->count; i++) {
		const char *row = (const char *)&incidents->entries[i].row;
		uint64_t ns;

		memcpy(&ns, row + offset, sizeof(ns));
		if (ns)
			incidents->scratch[count++] = ns;
	}
	latency.median = percentile(incidents->scratch, count, 50);
	latency.p99 = percentile(incidents->scratch, count, 99);
	return latency;
}

void incidents__settle(struct incidents *incidents)
{
	incidents->reaction =
		measure(incidents, offsetof(struct control_incident_row, reaction_ns));
	incidents->clear = measure(incidents, offsetof(struct control_incident_row, clear_ns));
	incidents__sort(incidents, incidents->sort);
}

static int compare_incidents(const void *left, const void *right, void *sort)
{
	const struct control_incident_row *a = &(*(struct incident_entry *const *)left)->row;
	const struct control_incident_row *b = &(*(struct incident_entry *const *)right)->row;
	int order = 0;

	switch (*(enum incident_sort *)sort) {
	case INCIDENTS_BY_REACTION:
		order = COMPARE(b->reaction_ns, a->reaction_ns);
		break;
	case INCIDENTS_BY_CLEAR:
		order = COMPARE(b->clear_ns, a->clear_ns);
		break;
	case INCIDENTS_BY_SURVIVORS:
		order = COMPARE(b->survivors, a->survivors);
		break;
	default:
		break;
	}
	if (!order)
		order = COMPARE(b->opened, a->opened);
	return order ? order : strcmp(a->id, b->id);
}

void incidents__sort(struct incidents *incidents, enum incident_sort sort)
{
	incidents->sort = sort;
	for (size_t i = 0; i < incidents->count; i++)
		incidents->order[i] = &incidents->entries[i];
	if (incidents->count)
		qsort_r(incidents->order, incidents->count, sizeof(*incidents->order),
			compare_incidents, &incidents->sort);
}

size_t incidents__find(const struct incidents *incidents, const char *id)
{
	size_t at = 0;

	while (at < incidents->count && strcmp(incidents->order[at]->row.id, id) != 0)
		at++;
	return at;
}

/* ---- numbers */

void numbers__add(struct numbers *numbers, const struct control_counter_row *row)
{
	static const char *const events[] = { "forks", "execs", "exits", "root_deaths" };
	static const char *const lost[] = { "events_lost", "runs_skipped", "store_dropped",
					    "log_dropped" };
	const char *name = row->name;

	if (strcmp(name, "armed") == 0)
		numbers->armed = row->value;
	else if (strcmp(name, "observe") == 0)
		numbers->observe = row->value;
	else if (strcmp(name, "trees") == 0)
		numbers->trees = row->value;
	else if (strcmp(name, "processes") == 0)
		numbers->processes = row->value;
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		numbers->events += strcmp(name, events[i]) == 0 ? row->value : 0;
	for (size_t i = 0; i < sizeof(lost) / sizeof(*lost); i++)
		numbers->lost += strcmp(name, lost[i]) == 0 ? row->value : 0;
}

/* Another daemon may count anew: then there is no rate yet. */
void numbers__finish(struct numbers *numbers, struct numbers *next, uint64_t now)
{
	uint64_t ns = now - numbers->at;

	next->at = now;
	next->known = true;
	if (numbers->known && ns && next->events >= numbers->events)
		next->rate =
			(double)(next->events - numbers->events) * (double)NS_PER_SEC / (double)ns;
	*numbers = *next;
	*next = (struct numbers){};
}
