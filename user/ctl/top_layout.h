/* SPDX-License-Identifier: GPL-2.0 */
/* top_layout.h - how rows and columns find room on a screen of any size. Pure. */
#ifndef ORPHAND_TOP_LAYOUT_H
#define ORPHAND_TOP_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

/* ---- columns */

struct top_column {
	const char *head;
	bool right;	/* numbers stand at the right */
	unsigned rank;	/* when there is no room, the highest goes first */
	unsigned least; /* so narrow it may get; 0: never narrower than what is in it */
};

#define COLUMN_GAP 1

/* What each gets of room columns, 0: not shown. wanted: the widest that is in it. */
void columns__fit(const struct top_column *columns, size_t count, const size_t *wanted, size_t room,
		  size_t *widths);

/* ---- text */

/* The next character: how many bytes it takes, what stands for it and in how many columns (0:
 * nothing). No character of a text can move the cursor or turn the line's direction. */
size_t text__next(const char *text, wchar_t *shown, size_t *columns);

size_t text__columns(const char *text);

/* As much as fits into so many columns, dots for what does not. to has room for width + 1. The
 * columns that it takes. */
size_t text__cut(wchar_t *to, const char *text, size_t width, bool utf8);

/* ---- rows of which only some are seen */

struct scroll {
	size_t count;
	size_t at;    /* the selected one */
	size_t first; /* the topmost that is seen */
};

enum move {
	MOVE_UP,
	MOVE_DOWN,
	MOVE_PAGE_UP,
	MOVE_PAGE_DOWN,
	MOVE_HOME,
	MOVE_END,
};

void scroll__move(struct scroll *scroll, enum move move, size_t page);

/* After count or page has changed: the selected one is there, and seen. */
void scroll__settle(struct scroll *scroll, size_t page);

#endif
