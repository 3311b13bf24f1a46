/* SPDX-License-Identifier: GPL-2.0 */
/* top_terminal.h - all that top has to do with curses. */
#ifndef ORPHAND_TOP_TERMINAL_H
#define ORPHAND_TOP_TERMINAL_H

#include "ctl/ctl.h"

/* Characters are themselves. */
enum key {
	KEY_OF_NONE = -1,
	KEY_OF_OTHER = 256,
	KEY_OF_UP,
	KEY_OF_DOWN,
	KEY_OF_LEFT,
	KEY_OF_RIGHT,
	KEY_OF_PAGE_UP,
	KEY_OF_PAGE_DOWN,
	KEY_OF_HOME,
	KEY_OF_END,
	KEY_OF_ESCAPE,
};

/* Complains when TERM names no terminal that can be drawn on. */
enum exit_status terminal__begin(const struct screen *screen);

/* As it was before; may be called more than once. */
void terminal__end(void);

/* Looks at what was typed, without waiting. */
int terminal__key(void);

size_t terminal__rows(void);
size_t terminal__columns(void);

/* Nothing is seen before terminal__show. What lies outside is not drawn. */
void terminal__erase(void);
void terminal__show(void);

enum style {
	STYLE_PLAIN = 0,
	STYLE_SELECTED, /* the whole of it reversed */
	STYLE_HEAD,	/* bold, and underlined */
};

/* A text, cut and filled to width; at the right when asked. */
void terminal__put(size_t row, size_t column, size_t width, enum colour colour, enum style style,
		   const char *text, bool right);

/* A line that a command printed for a terminal, with its colours, from that column of it on. */
void terminal__line(size_t row, size_t skip, enum style style, const char *line, size_t len);

#endif
