// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "ctl/top_layout.h"

/* ---- columns */

static size_t least_of(const struct top_column *column, size_t wanted)
{
	return column->least && column->least < wanted ? column->least : wanted;
}

/* The room that those shown need, with the gaps between. */
static size_t sum_of(const size_t *widths, size_t count)
{
	size_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += widths[i] ? widths[i] + COLUMN_GAP : 0;
	return sum ? sum - COLUMN_GAP : 0;
}

/* False when it is the only one. */
static bool drop_one(const struct top_column *columns, size_t *widths, size_t count)
{
	size_t shown = 0, worst = 0;

	for (size_t i = 0; i < count; i++) {
		if (!widths[i])
			continue;
		if (!shown++ || columns[i].rank > columns[worst].rank)
			worst = i;
	}
	if (shown > 1)
		widths[worst] = 0;
	return shown > 1;
}

/* One column each in turn, so that nobody's long text takes it all. */
static void hand_out(size_t *widths, const size_t *wanted, size_t count, size_t left)
{
	bool taken = true;

	while (left && taken) {
		taken = false;
		for (size_t i = 0; i < count && left; i++) {
			if (!widths[i] || widths[i] >= wanted[i])
				continue;
			widths[i]++;
			left--;
			taken = true;
		}
	}
}

void columns__fit(const struct top_column *columns, size_t count, const size_t *wanted, size_t room,
		  size_t *widths)
{
	for (size_t i = 0; i < count; i++)
		widths[i] = least_of(&columns[i], wanted[i]);
	while (sum_of(widths, count) > room) {
		if (drop_one(columns, widths, count))
			continue;
		for (size_t i = 0; i < count; i++)
			widths[i] = widths[i] ? room : 0;
		return;
	}
	hand_out(widths, wanted, count, room - sum_of(widths, count));
}

/* ---- text */

/* Marks, embeddings, overrides and isolates: they would turn what stands behind them. */
static bool turns_direction(wchar_t c)
{
	return c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

/* What takes no column is left out: terminals differ in what they join to what. */
size_t text__next(const char *text, wchar_t *shown, size_t *columns)
{
	mbstate_t state = {};
	wchar_t wide = 0;
	size_t len = strnlen(text, MB_CUR_MAX), bytes = mbrtowc(&wide, text, len, &state);
	int width = -1;

	if (bytes == 0 || bytes > len)
		bytes = 1;
	else if (!turns_direction(wide))
		width = wcwidth(wide);
	*shown = width < 0 ? L'?' : wide;
	*columns = width < 0 ? 1 : (size_t)width;
	return bytes;
}

size_t text__columns(const char *text)
{
	size_t all = 0, columns;
	wchar_t shown;

	while (*text) {
		text += text__next(text, &shown, &columns);
		all += columns;
	}
	return all;
}

size_t text__cut(wchar_t *to, const char *text, size_t width, bool utf8)
{
	bool cut = text__columns(text) > width;
	size_t room = width - (cut && width), used = 0, columns;

	while (*text) {
		text += text__next(text, to, &columns);
		if (used + columns > room)
			break;
		used += columns;
		to += columns != 0;
	}
	if (cut && width) {
		*to++ = utf8 ? L'…' : L'~';
		used++;
	}
	*to = L'\0';
	return used;
}

/* ---- rows of which only some are seen */

void scroll__settle(struct scroll *scroll, size_t page)
{
	if (!page)
		page = 1;
	if (scroll->at >= scroll->count)
		scroll->at = scroll->count ? scroll->count - 1 : 0;
	if (scroll->first > scroll->at)
		scroll->first = scroll->at;
	if (scroll->at >= scroll->first + page)
		scroll->first = scroll->at - page + 1;
	/* no blank rows below while there are some above */
	if (scroll->first + page > scroll->count)
		scroll->first = scroll->count > page ? scroll->count - page : 0;
}

void scroll__move(struct scroll *scroll, enum move move, size_t page)
{
	size_t step = move == MOVE_UP || move == MOVE_DOWN ? 1 : page ? page : 1;

	switch (move) {
	case MOVE_UP:
	case MOVE_PAGE_UP:
		scroll->at = scroll->at > step ? scroll->at - step : 0;
		break;
	case MOVE_DOWN:
	case MOVE_PAGE_DOWN:
		scroll->at += step;
		break;
	case MOVE_HOME:
		scroll->at = 0;
		break;
	case MOVE_END:
		scroll->at = scroll->count;
		break;
	}
	scroll__settle(scroll, page);
}
