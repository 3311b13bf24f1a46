// SPDX-License-Identifier: GPL-2.0
/*
 * table.c - columns. All cells are kept in one text, each as a byte that tells its colour, its
 * characters (print__safe lets no NUL through) and a NUL.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/own.h"
#include "ctl/print.h"

#define GAP 2

int table__begin(struct table *table, const struct column *columns, size_t count)
{
	*table = (struct table){ .columns = columns, .count = count };
	table->stream = open_memstream(&table->text, &table->size);
	return table->stream ? 0 : -ENOMEM;
}

FILE *table__cell(struct table *table, enum colour colour)
{
	if (table->cells++)
		fputc('\0', table->stream);
	fputc('A' + (int)colour, table->stream);
	return table->stream;
}

void table__clear(struct table *table)
{
	if (table->stream)
		fclose(table->stream);
	free(table->text);
	*table = (struct table){};
}

/* How many bytes and columns the next character takes; one of each where it is none. */
static size_t measure(const char *text, size_t len, size_t *columns)
{
	mbstate_t state = {};
	wchar_t wide;
	size_t bytes = mbrtowc(&wide, text, len, &state);
	int width;

	*columns = 1;
	if (bytes == 0 || bytes > len)
		return 1;
	width = wcwidth(wide);
	if (width >= 0)
		*columns = (size_t)width;
	return bytes;
}

static size_t width_of(const char *text)
{
	size_t len = strlen(text), width = 0;

	for (size_t i = 0; i < len;) {
		size_t columns;

		i += measure(text + i, len - i, &columns);
		width += columns;
	}
	return width;
}

/* As much as fits into room columns, with dots for what does not. */
static void print_cut(const struct screen *screen, const char *text, size_t room)
{
	const char *dots = screen->utf8 ? "…" : "...";
	size_t spent = width_of(dots), len = strlen(text), columns, i = 0;

	if (width_of(text) <= room) {
		fputs(text, stdout);
		return;
	}
	while (i < len) {
		size_t bytes = measure(text + i, len - i, &columns);

		if (spent + columns > room)
			break;
		spent += columns;
		i += bytes;
	}
	fwrite(text, 1, i, stdout);
	fputs(dots, stdout);
}

static void print_blanks(size_t count)
{
	while (count--)
		fputc(' ', stdout);
}

/* One cell of a row; left: how many columns of the terminal are left of it. */
static void print_cell(const struct table *table, const struct screen *screen, size_t column,
		       const char *cell, size_t width, size_t left)
{
	enum colour colour = (enum colour)(*cell - 'A');
	size_t blanks = width_of(cell + 1);
	bool last = column == table->count - 1;

	blanks = blanks < width ? width - blanks : 0;
	if (table->columns[column].right)
		print_blanks(blanks);
	fputs(colour__on(screen, colour), stdout);
	/* a few columns would tell nothing: then let it wrap */
	if (last && !table->whole && screen->width > left + 8)
		print_cut(screen, cell + 1, screen->width - left);
	else
		fputs(cell + 1, stdout);
	fputs(colour__off(screen, colour), stdout);
	if (!last)
		print_blanks(GAP + (table->columns[column].right ? 0 : blanks));
}

static void print_aligned(const struct table *table, const struct screen *screen,
			  const size_t *widths)
{
	const char *cell = table->text;
	size_t left = 0;

	for (size_t i = 0; i < table->cells; i++) {
		size_t column = i % table->count;

		print_cell(table, screen, column, cell, widths[column], left);
		left += widths[column] + GAP;
		if (column == table->count - 1) {
			fputc('\n', stdout);
			left = 0;
		}
		cell += strlen(cell) + 1;
	}
}

static void print_heads(const struct table *table, const struct screen *screen,
			const size_t *widths)
{
	for (size_t i = 0; i < table->count; i++) {
		const char *head = table->columns[i].head;
		size_t blanks = widths[i] - strlen(head);

		if (screen->terminal && table->columns[i].right)
			print_blanks(blanks);
		fprintf(stdout, "%s%s%s", colour__on(screen, COLOUR_STRONG), head,
			colour__off(screen, COLOUR_STRONG));
		if (i == table->count - 1)
			fputc('\n', stdout);
		else if (screen->terminal)
			print_blanks(GAP + (table->columns[i].right ? 0 : blanks));
		else
			fputc('\t', stdout);
	}
}

static void find_widths(const struct table *table, size_t *widths)
{
	const char *cell = table->text;

	for (size_t i = 0; i < table->count; i++)
		widths[i] = table->columns[0].head ? strlen(table->columns[i].head) : 0;
	for (size_t i = 0; i < table->cells; i++) {
		size_t width = width_of(cell + 1);

		if (width > widths[i % table->count])
			widths[i % table->count] = width;
		cell += strlen(cell) + 1;
	}
}

static void print_plain(const struct table *table)
{
	const char *cell = table->text;

	for (size_t i = 0; i < table->cells; i++) {
		fputs(cell + 1, stdout);
		fputc((i + 1) % table->count == 0 ? '\n' : '\t', stdout);
		cell += strlen(cell) + 1;
	}
}

int table__print(struct table *table, const struct screen *screen)
{
	autofree size_t *widths = calloc(table->count, sizeof(*widths));
	bool failed = ferror(table->stream);

	/* what the stream could not take would leave a row short */
	failed |= fclose(STEAL(table->stream)) != 0;
	if (failed || !widths)
		return -ENOMEM;
	find_widths(table, widths);
	if (table->columns[0].head)
		print_heads(table, screen, widths);
	if (screen->terminal)
		print_aligned(table, screen, widths);
	else
		print_plain(table);
	return 0;
}
