// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#define NCURSES_NOMACROS
#include <curses.h>

#include "base/own.h"
#include "ctl/top_layout.h"
#include "ctl/top_terminal.h"

/* How long the rest of a key's sequence may take behind its ESC, ms. */
#define ESCAPE_MS 25

static struct {
	SCREEN *screen; /* NULL: not begun */
	bool colour;
	bool utf8;
} terminal;

/* ---- begin and end */

static enum exit_status complain_terminal(const char *why)
{
	const char *term = getenv("TERM");

	complain("the terminal TERM='%.80s' %s; set TERM to what it is, such as xterm-256color",
		 term ? term : "", why);
	return EXIT_FAILED;
}

static void begin_colours(void)
{
	static const short colours[COLOURS] = {
		[COLOUR_GOOD] = COLOR_GREEN,
		[COLOUR_WARN] = COLOR_YELLOW,
		[COLOUR_BAD] = COLOR_RED,
	};

	if (!terminal.colour)
		return;
	terminal.colour = has_colors() && start_color() == OK && use_default_colors() == OK;
	for (short i = COLOUR_GOOD; terminal.colour && i < COLOURS; i++)
		init_pair(i, colours[i], -1);
}

enum exit_status terminal__begin(const struct screen *screen)
{
	terminal.screen = newterm(NULL, stdout, stdin);
	if (!terminal.screen)
		return complain_terminal("is not known here");
	if (!tigetstr("cup")) {
		terminal__end();
		return complain_terminal("cannot place its cursor");
	}
	terminal.colour = screen->colour;
	terminal.utf8 = screen->utf8;
	begin_colours();
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	return EXIT_DONE;
}

void terminal__end(void)
{
	if (!terminal.screen)
		return;
	endwin();
	delscreen(STEAL(terminal.screen));
}

/* ---- keys */

int terminal__key(void)
{
	int key = wgetch(stdscr);

	switch (key) {
	case ERR:
		return KEY_OF_NONE;
	case KEY_UP:
		return KEY_OF_UP;
	case KEY_DOWN:
		return KEY_OF_DOWN;
	case KEY_LEFT:
		return KEY_OF_LEFT;
	case KEY_RIGHT:
		return KEY_OF_RIGHT;
	case KEY_PPAGE:
		return KEY_OF_PAGE_UP;
	case KEY_NPAGE:
		return KEY_OF_PAGE_DOWN;
	case KEY_HOME:
	case KEY_A1:
		return KEY_OF_HOME;
	case KEY_END:
	case KEY_C1:
		return KEY_OF_END;
	case KEY_ENTER:
	case '\r':
		return '\n';
	case '\033':
		return KEY_OF_ESCAPE;
	default:
		return key < 256 ? key : KEY_OF_OTHER;
	}
}

/* ---- drawing */

size_t terminal__rows(void)
{
	int rows = getmaxy(stdscr);

	return rows > 0 ? (size_t)rows : 0;
}

size_t terminal__columns(void)
{
	int columns = getmaxx(stdscr);

	return columns > 0 ? (size_t)columns : 0;
}

void terminal__erase(void)
{
	werase(stdscr);
}

void terminal__show(void)
{
	wrefresh(stdscr);
}

static attr_t attributes(enum colour colour, enum style style)
{
	attr_t all = A_NORMAL;

	if (style == STYLE_SELECTED)
		all |= A_REVERSE;
	if (style == STYLE_HEAD)
		all |= A_BOLD | A_UNDERLINE;
	if (colour == COLOUR_STRONG)
		all |= A_BOLD;
	/* reversed and dim at once is hard to read */
	if (colour == COLOUR_DIM && style != STYLE_SELECTED)
		all |= A_DIM;
	return all;
}

/* wide is at most as many columns as there are left of the row. */
static void put_wide(size_t row, size_t column, enum colour colour, enum style style,
		     const wchar_t *wide)
{
	short pair = terminal.colour && colour >= COLOUR_GOOD ? (short)colour : 0;

	wattr_set(stdscr, attributes(colour, style), pair, NULL);
	mvwaddwstr(stdscr, (int)row, (int)column, wide);
	wattr_set(stdscr, A_NORMAL, 0, NULL);
}

static void put_blanks(size_t row, size_t column, size_t count, enum style style)
{
	for (size_t i = 0; i < count; i++)
		put_wide(row, column + i, COLOUR_PLAIN, style, L" ");
}

void terminal__put(size_t row, size_t column, size_t width, enum colour colour, enum style style,
		   const char *text, bool right)
{
	size_t all = terminal__columns(), used;
	autofree wchar_t *wide = NULL;

	if (row >= terminal__rows() || column >= all)
		return;
	if (width > all - column)
		width = all - column;
	wide = calloc(width + 1, sizeof(*wide));
	if (!wide)
		return;
	used = text__cut(wide, text, width, terminal.utf8);
	put_blanks(row, right ? column : column + used, width - used, style);
	put_wide(row, right ? column + width - used : column, colour, style, wide);
}

/* ---- lines with colours of their own */

/* The sequence of a colour at text, its length; 0: there is none. Only commands write any: what
 * they tell of others has no ESC. */
static size_t read_colour(const char *text, enum colour *colour)
{
	static const struct screen coloured = { .colour = true };
	const char *off = colour__off(&coloured, COLOUR_STRONG);

	for (enum colour i = COLOUR_STRONG; i < COLOURS; i++) {
		const char *on = colour__on(&coloured, i);

		if (strncmp(text, on, strlen(on)) == 0) {
			*colour = i;
			return strlen(on);
		}
	}
	if (strncmp(text, off, strlen(off)) != 0)
		return 0;
	*colour = COLOUR_PLAIN;
	return strlen(off);
}

void terminal__line(size_t row, size_t skip, enum style style, const char *line, size_t len)
{
	size_t width = terminal__columns(), at = 0, columns;
	enum colour colour = COLOUR_PLAIN;
	wchar_t wide[2] = { 0 };

	if (row >= terminal__rows())
		return;
	put_blanks(row, 0, width, style);
	for (size_t i = 0; i < len && at < skip + width; at += columns) {
		size_t sequence = read_colour(line + i, &colour);

		columns = 0;
		if (sequence) {
			i += sequence;
			continue;
		}
		i += text__next(line + i, wide, &columns);
		if (columns && at >= skip && at + columns <= skip + width)
			put_wide(row, at - skip, colour, style, wide);
	}
}
