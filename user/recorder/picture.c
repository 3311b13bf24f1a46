// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "recorder/picture.h"

static void add(struct rows *rows, const void *row, size_t size)
{
	if (rows->count == rows->room) {
		size_t room = rows->room ? rows->room * 2 : 128;
		void *more = reallocarray(rows->at, room, size);

		if (!more)
			return;
		rows->at = more;
		rows->room = room;
	}
	memcpy((char *)rows->at + rows->count++ * size, row, size);
}

/* The room of what was shown before takes what comes next. */
static void show(struct rows *shown, struct rows *next)
{
	struct rows before = *shown;

	*shown = *next;
	*next = before;
	next->count = 0;
}

static bool finish(struct picture *picture, uint64_t now, enum bell bell)
{
	if (bell == BELL_NUMBERS) {
		show(&picture->metrics, &picture->next_metrics);
		memcpy(picture->histogram, picture->next_histogram, sizeof(picture->histogram));
	} else {
		show(&picture->trees, &picture->next_trees);
	}
	picture->taken[bell] = now;
	return true;
}

bool picture__row(struct picture *picture, const struct control_head *row, uint64_t now,
		  enum bell *bell)
{
	const struct control_histogram_row *histogram = (const struct control_histogram_row *)row;

	switch (row->type) {
	case CONTROL_HOST_ROW:
		memcpy(&picture->host, row, sizeof(picture->host));
		return false;
	case CONTROL_METRIC_ROW:
		add(&picture->next_metrics, row, sizeof(struct control_metric_row));
		return false;
	case CONTROL_HISTOGRAM_ROW:
		picture->next_histogram[histogram->metric == METRIC_CLEAR] = histogram->histogram;
		return false;
	case CONTROL_TREE_ROW:
		add(&picture->next_trees, row, sizeof(struct control_tree_row));
		return false;
	case CONTROL_END:
		*bell = ((const struct control_end *)row)->tree == BELL_TREES ? BELL_TREES
									      : BELL_NUMBERS;
		return finish(picture, now, *bell);
	default:
		return false;
	}
}

uint64_t picture__value(const struct picture *picture, enum metric metric)
{
	const struct control_metric_row *row = picture->metrics.at;

	for (size_t i = 0; i < picture->metrics.count; i++) {
		if (row[i].metric == metric)
			return row[i].value;
	}
	return 0;
}
