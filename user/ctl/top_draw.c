// SPDX-License-Identifier: GPL-2.0
/* top_draw.c - what is seen. Only the rows that are on the screen are put into words. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "ctl/top.h"
#include "ctl/top_terminal.h"
#include "model/incident.h"

/* ---- texts */

static FILE *pad__begin(struct top *top)
{
	rewind(top->pad);
	return top->pad;
}

/* What was written since; until the next begins. */
static const char *pad__text(struct top *top)
{
	fputc('\0', top->pad);
	fflush(top->pad);
	return top->pad_text;
}

static void print_user(struct top *top, FILE *to, uint32_t uid)
{
	const char *name = users__name(&top->ctl->users, uid);

	if (name)
		print__safe(to, name, strlen(name));
	else
		fprintf(to, "%" PRIu32, uid);
}

static void print_age(struct top *top, FILE *to, uint64_t since)
{
	uint64_t age = top->now > since ? top->now - since : 0;

	/* who looks on has no use for fractions that run */
	print__span(to, &top->ctl->screen, age / NS_PER_SEC * NS_PER_SEC);
}

static void print_clock(struct top *top, FILE *to, uint64_t at)
{
	time_t seconds = (time_t)(json__realtime(&top->ctl->context.host, at) / NS_PER_SEC);
	bool old = top->now > at && top->now - at > 86400 * NS_PER_SEC;
	char text[16];
	struct tm tm;

	if (localtime_r(&seconds, &tm) && strftime(text, sizeof(text), old ? "%m-%d" : "%T", &tm))
		fputs(text, to);
}

/* ---- the two tables */

enum tree_column {
	TREE_ID = 0,
	TREE_NAME,
	TREE_ROOT,
	TREE_USER,
	TREE_AGE,
	TREE_MEMBERS,
	TREE_CHANGE,
	TREE_COMMAND,
	TREE_COLUMNS,
};

static const struct top_column tree_columns[TREE_COLUMNS] = {
	[TREE_ID] = { "TREE", true, 0, 0 },	  [TREE_NAME] = { "RULE", false, 2, 6 },
	[TREE_ROOT] = { "ROOT", true, 3, 0 },	  [TREE_USER] = { "USER", false, 6, 6 },
	[TREE_AGE] = { "AGE", true, 5, 0 },	  [TREE_MEMBERS] = { "MEMBERS", true, 1, 0 },
	[TREE_CHANGE] = { "CHANGE", true, 7, 0 }, [TREE_COMMAND] = { "COMMAND", false, 4, 8 },
};

static enum colour tree_cell(struct top *top, FILE *to, size_t index, size_t column)
{
	const struct tree_entry *tree = top->link.trees.order[index];
	const struct control_tree_row *row = &tree->row;
	int64_t change = tree__change(tree);

	switch (column) {
	case TREE_ID:
		fprintf(to, "%" PRIu32, row->id);
		return COLOUR_STRONG;
	case TREE_NAME:
		print__field(to, row->name);
		return COLOUR_PLAIN;
	case TREE_ROOT:
		fprintf(to, "%" PRIu32, row->root.pid);
		return row->root_alive ? COLOUR_PLAIN : COLOUR_DIM;
	case TREE_USER:
		print_user(top, to, row->image.uid);
		return COLOUR_PLAIN;
	case TREE_AGE:
		print_age(top, to, row->since);
		return COLOUR_PLAIN;
	case TREE_MEMBERS:
		fprintf(to, "%" PRIu32, row->members);
		return COLOUR_PLAIN;
	case TREE_CHANGE:
		if (change)
			fprintf(to, "%+" PRId64, change);
		return change > 0 ? COLOUR_WARN : COLOUR_GOOD;
	default:
		print__command(to, &row->image);
		return row->root_alive ? COLOUR_PLAIN : COLOUR_DIM;
	}
}

enum incident_column {
	INCIDENT_TIME = 0,
	INCIDENT_OUTCOME,
	INCIDENT_RULE,
	INCIDENT_ROOT,
	INCIDENT_PROGRAM,
	INCIDENT_CAUSE,
	INCIDENT_SURVIVORS,
	INCIDENT_REACTION,
	INCIDENT_CLEAR,
	INCIDENT_COLUMNS,
};

static const struct top_column incident_columns[INCIDENT_COLUMNS] = {
	[INCIDENT_TIME] = { "TIME", false, 1, 0 },
	[INCIDENT_OUTCOME] = { "OUTCOME", false, 0, 0 },
	[INCIDENT_RULE] = { "RULE", false, 5, 6 },
	[INCIDENT_ROOT] = { "ROOT", true, 2, 0 },
	[INCIDENT_PROGRAM] = { "PROGRAM", false, 3, 8 },
	[INCIDENT_CAUSE] = { "CAUSE", false, 4, 9 },
	[INCIDENT_SURVIVORS] = { "SURV", true, 6, 0 },
	[INCIDENT_REACTION] = { "REACTION", true, 7, 0 },
	[INCIDENT_CLEAR] = { "CLEAR", true, 8, 0 },
};

static enum colour incident_cell(struct top *top, FILE *to, size_t index, size_t column)
{
	const struct control_incident_row *row = &top->link.incidents.order[index]->row;

	switch (column) {
	case INCIDENT_TIME:
		print_clock(top, to, row->died);
		return COLOUR_DIM;
	case INCIDENT_OUTCOME:
		fputs(row->open ? "open" : incident_outcome__name(row->outcome), to);
		return colour__of_outcome(row);
	case INCIDENT_RULE:
		print__field(to, row->rule);
		return COLOUR_PLAIN;
	case INCIDENT_ROOT:
		fprintf(to, "%" PRIu32, row->who.pid);
		return COLOUR_STRONG;
	case INCIDENT_PROGRAM:
		print__command(to, &row->image);
		return COLOUR_PLAIN;
	case INCIDENT_CAUSE:
		print__cause(to, row);
		return COLOUR_PLAIN;
	case INCIDENT_SURVIVORS:
		fprintf(to, "%" PRIu32, row->survivors);
		return COLOUR_PLAIN;
	case INCIDENT_REACTION:
		print__latency(to, &top->ctl->screen, row->reaction_ns);
		return COLOUR_PLAIN;
	default:
		print__latency(to, &top->ctl->screen, row->clear_ns);
		return COLOUR_PLAIN;
	}
}

static const struct kind {
	const char *title;
	const char *sorts[8];
	const struct top_column *columns;
	size_t count;
	enum colour (*cell)(struct top *top, FILE *to, size_t index, size_t column);
} kinds[PANES] = {
	[PANE_TREES] = { "trees",
			 { "members", "change", "age", "name", "id" },
			 tree_columns,
			 TREE_COLUMNS,
			 tree_cell },
	[PANE_INCIDENTS] = { "incidents",
			     { "time", "reaction", "clear", "survivors" },
			     incident_columns,
			     INCIDENT_COLUMNS,
			     incident_cell },
};

static unsigned sort_of(const struct top *top, enum pane_id id)
{
	return id == PANE_TREES ? (unsigned)top->link.trees.sort
				: (unsigned)top->link.incidents.sort;
}

void top__sort(struct top *top)
{
	unsigned sort = sort_of(top, top->focus) + 1;

	if (top->focus == PANE_TREES)
		trees__sort(&top->link.trees, sort % TREE_SORTS);
	else
		incidents__sort(&top->link.incidents, sort % INCIDENT_SORTS);
}

/* ---- one table */

struct span {
	size_t row;
	size_t rows;
};

static void draw_title(struct top *top, enum pane_id id, size_t row)
{
	const struct kind *kind = &kinds[id];
	FILE *to = pad__begin(top);
	bool focused = id == top->focus;

	fprintf(to, "%s %s: %zu, by %s", focused ? ">" : " ", kind->title,
		top->panes[id].scroll.count, kind->sorts[sort_of(top, id)]);
	terminal__put(row, 0, terminal__columns(), focused ? COLOUR_STRONG : COLOUR_DIM,
		      STYLE_PLAIN, pad__text(top), false);
}

static void measure(struct top *top, enum pane_id id)
{
	struct pane *pane = &top->panes[id];
	const struct kind *kind = &kinds[id];
	size_t end = pane->scroll.first + pane->page;

	for (size_t column = 0; column < kind->count; column++) {
		size_t *wanted = &pane->wanted[column];

		if (*wanted < strlen(kind->columns[column].head))
			*wanted = strlen(kind->columns[column].head);
		for (size_t i = pane->scroll.first; i < end && i < pane->scroll.count; i++) {
			size_t width;

			kind->cell(top, pad__begin(top), i, column);
			width = text__columns(pad__text(top));
			if (*wanted < width)
				*wanted = width;
		}
	}
}

/* A row of the table, or as STYLE_HEAD its heads. */
static void draw_row(struct top *top, const struct kind *kind, const size_t *widths, size_t row,
		     size_t index, enum style style)
{
	size_t at = 0, all = terminal__columns();

	if (style != STYLE_PLAIN)
		terminal__put(row, 0, all, COLOUR_PLAIN, style, "", false);
	for (size_t column = 0; column < kind->count; column++) {
		const struct top_column *about = &kind->columns[column];
		enum colour colour = COLOUR_PLAIN;
		const char *text = about->head;

		if (!widths[column])
			continue;
		if (style != STYLE_HEAD) {
			colour = kind->cell(top, pad__begin(top), index, column);
			text = pad__text(top);
		}
		terminal__put(row, at, widths[column], colour, style, text, about->right);
		at += widths[column] + COLUMN_GAP;
	}
}

static void draw_pane(struct top *top, enum pane_id id, struct span span)
{
	struct pane *pane = &top->panes[id];
	const struct kind *kind = &kinds[id];
	size_t widths[MOST_COLUMNS], heads = span.rows > 3;

	pane->page = span.rows > 1 + heads ? span.rows - 1 - heads : 0;
	if (!span.rows)
		return;
	scroll__settle(&pane->scroll, pane->page);
	draw_title(top, id, span.row);
	measure(top, id);
	columns__fit(kind->columns, kind->count, pane->wanted, terminal__columns(), widths);
	if (heads)
		draw_row(top, kind, widths, span.row + 1, 0, STYLE_HEAD);
	for (size_t i = 0; i < pane->page && pane->scroll.first + i < pane->scroll.count; i++) {
		size_t index = pane->scroll.first + i;
		bool selected = id == top->focus && index == pane->scroll.at;

		draw_row(top, kind, widths, span.row + 1 + heads + i, index,
			 selected ? STYLE_SELECTED : STYLE_PLAIN);
	}
}

/* On a low screen there is only the focused one. */
static void draw_panes(struct top *top, struct span body)
{
	struct span upper = { body.row, body.rows - body.rows / 2 };
	struct span lower = { body.row + upper.rows, body.rows / 2 };

	if (body.rows < 6) {
		draw_pane(top, top->focus, body);
		return;
	}
	draw_pane(top, PANE_TREES, upper);
	draw_pane(top, PANE_INCIDENTS, lower);
}

/* ---- the rest */

static void put_line(struct top *top, size_t row, enum colour colour, enum style style)
{
	terminal__put(row, 0, terminal__columns(), colour, style, pad__text(top), false);
}

static void print_state(struct top *top, FILE *to)
{
	const struct numbers *numbers = &top->link.numbers;

	print__field(to, top->ctl->context.host.name);
	if (!numbers->known) {
		fputs(": asking", to);
		return;
	}
	fprintf(to, ": %s, %" PRIu64 " %s, %" PRIu64 " %s, %.0f events/s, %" PRIu64 " lost",
		numbers->observe ? "observe"
		: numbers->armed ? "armed"
				 : "disarmed",
		numbers->trees, numbers->trees == 1 ? "tree" : "trees", numbers->processes,
		numbers->processes == 1 ? "member" : "members", numbers->rate, numbers->lost);
}

static void print_seconds(FILE *to, uint64_t ns)
{
	fprintf(to, "%" PRIu64 " s", (uint64_t)(ns / NS_PER_SEC));
}

#define LONG_SILENCE_NS (3 * NS_PER_SEC)

static void draw_state(struct top *top, size_t row)
{
	const struct link *link = &top->link;
	const struct numbers *numbers = &link->numbers;
	FILE *to = pad__begin(top);
	enum colour colour = COLOUR_STRONG;

	if (link->lost_at) {
		fputs("no daemon for ", to);
		print_seconds(to, top->now - link->lost_at);
		fputs(", looking for it again; below is what was", to);
		colour = COLOUR_BAD;
	} else if (link__silence(link, top->now) > LONG_SILENCE_NS) {
		fputs("the daemon is silent for ", to);
		print_seconds(to, link__silence(link, top->now));
		colour = COLOUR_BAD;
	} else {
		print_state(top, to);
		if (numbers->known && (numbers->observe || !numbers->armed))
			colour = COLOUR_WARN;
	}
	put_line(top, row, colour, STYLE_PLAIN);
}

static void print_latency(struct top *top, FILE *to, const char *name, struct latency latency)
{
	fprintf(to, "%s p50 ", name);
	print__latency(to, &top->ctl->screen, latency.median);
	fputs(" p99 ", to);
	print__latency(to, &top->ctl->screen, latency.p99);
}

static void draw_latencies(struct top *top, size_t row)
{
	const struct incidents *incidents = &top->link.incidents;
	FILE *to = pad__begin(top);

	print_latency(top, to, "reaction", incidents->reaction);
	fputs(", ", to);
	print_latency(top, to, "clear", incidents->clear);
	fprintf(to, ", of %zu %s", incidents->count,
		incidents->count == 1 ? "incident" : "incidents");
	put_line(top, row, COLOUR_PLAIN, STYLE_PLAIN);
}

static void draw_help(struct top *top, struct span body)
{
	static const char *const lines[] = {
		"up down PgUp PgDn Home End   move",
		"Tab        from trees to incidents, and back",
		"Enter      open: a tree's members, an incident's story",
		"left right (opened) move along long lines",
		"s          sort by the next",
		"x          spare the selected process, and what it starts from now on",
		"Esc q      back; quit",
		"?          this",
		"",
		"CHANGE is by how many members a tree has changed in the last 5 to 10 s.",
		"Latencies are those of the incidents that are known here.",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines) && i < body.rows; i++) {
		fputs(lines[i], pad__begin(top));
		put_line(top, body.row + i, COLOUR_PLAIN, STYLE_PLAIN);
	}
}

static void draw_reader(struct top *top, struct span body)
{
	struct reader *reader = &top->reader;

	reader->page = body.rows;
	scroll__settle(&reader->scroll, reader->page);
	if (!reader->text) {
		fputs("asking", pad__begin(top));
		put_line(top, body.row, COLOUR_DIM, STYLE_PLAIN);
		return;
	}
	for (size_t i = 0; i < body.rows && reader->scroll.first + i < reader->scroll.count; i++) {
		size_t line = reader->scroll.first + i, begin = reader->lines[line];
		size_t len = reader->lines[line + 1] - begin;

		len -= len && reader->text[begin + len - 1] == '\n';
		terminal__line(body.row + i, reader->skip,
			       line == reader->scroll.at ? STYLE_SELECTED : STYLE_PLAIN,
			       reader->text + begin, len);
	}
}

static void draw_last(struct top *top, size_t row)
{
	FILE *to = pad__begin(top);
	enum colour colour = COLOUR_WARN;

	if (top->asked) {
		fprintf(to, "spare pid %" PRIu32 ", and what it starts from now on? y/n",
			top->asked);
	} else if (top->now < top->notice_until) {
		print__safe(to, top->notice, strlen(top->notice));
	} else if (top->reader.open && *top->reader.why) {
		print__safe(to, top->reader.why, strlen(top->reader.why));
	} else {
		colour = COLOUR_DIM;
		fputs(top->help || top->reader.open ? "Esc back  x spare  ? help"
						    : "? help  Tab pane  s sort  Enter open  x "
						      "spare  q quit",
		      to);
	}
	put_line(top, row, colour, STYLE_PLAIN);
}

void top__draw(struct top *top)
{
	size_t rows = terminal__rows(), head = rows >= 10 ? 2 : 1;
	struct span body = { head, rows > head + 1 ? rows - head - 1 : 0 };

	/* what is opened is drawn for as much */
	top->ctl->screen.width = terminal__columns();
	terminal__erase();
	draw_state(top, 0);
	if (head > 1)
		draw_latencies(top, 1);
	if (top->help)
		draw_help(top, body);
	else if (top->reader.open)
		draw_reader(top, body);
	else
		draw_panes(top, body);
	if (rows > 1)
		draw_last(top, rows - 1);
	terminal__show();
}
