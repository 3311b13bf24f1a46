// SPDX-License-Identifier: GPL-2.0
/*
 * svg.c - the timeline: a lane a process. Its axis is broken at the death: to the left of it a
 * family's life, to the right what may be a millionth of that. What stands across is in percent, so
 * that the same picture fills a page and a telephone.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "report/report_parts.h"
#include "report/words.h"

/* Across, in thousandths of a percent. */
#define LEFT_FROM 1000
#define LEFT_TO 36000
#define RIGHT_FROM 39000
#define RIGHT_TO 98000

/* Down, in pixels; the width is that of the picture alone, a page has its own. */
#define WIDTH 1000
#define LEGEND_COLUMNS 4
#define LEGEND_HEIGHT 20
#define AXIS_HEIGHT 40
#define LANE_HEIGHT 37
#define BAR_Y 24
#define BAR_HEIGHT 7
#define FOOT_HEIGHT 24

#define LABEL_LEN 160
#define INDENT 10
#define INDENT_MOST 8

struct drawing {
	const struct report *report;
	FILE *to;
	FILE *text; /* the same, for what came from elsewhere */
	int lanes_y;
	int height;
};

/* ---- across */

static uint32_t across(const struct report *report, uint64_t at)
{
	uint64_t died = report->incident.died;
	double part;

	if (at <= died) {
		if (at <= report->begin)
			return died > report->begin ? LEFT_FROM : LEFT_TO;
		part = (double)(at - report->begin) / (double)(died - report->begin);
		return LEFT_FROM + (uint32_t)(part * (LEFT_TO - LEFT_FROM));
	}
	if (at >= report->end)
		return RIGHT_TO;
	part = (double)(at - died) / (double)(report->end - died);
	return RIGHT_FROM + (uint32_t)(part * (RIGHT_TO - RIGHT_FROM));
}

static void put_percent(const struct drawing *drawing, const char *name, uint32_t thousandths)
{
	fprintf(drawing->to, " %s=\"%" PRIu32 ".%03" PRIu32 "%%\"", name, thousandths / 1000,
		thousandths % 1000);
}

/* ---- the axis */

/* The smallest round step of which at most so many fit. */
static uint64_t step_of(uint64_t span, uint32_t most)
{
	static const uint64_t decimal[] = { 1, 2, 5 };
	static const uint64_t longer[] = { 10,	 20,   30,   60,   120,	  300,	 600,
					   1200, 1800, 3600, 7200, 21600, 43200, 86400 };
	uint64_t step = 1;

	for (uint64_t unit = 1; unit < 10 * NS_PER_SEC; unit *= 10) {
		for (size_t i = 0; i < 3; i++) {
			step = unit * decimal[i];
			if (span / step <= most)
				return step;
		}
	}
	for (size_t i = 0; i < sizeof(longer) / sizeof(*longer); i++) {
		step = longer[i] * NS_PER_SEC;
		if (span / step <= most)
			return step;
	}
	return span / most / step * step + step;
}

static void put_tick(const struct drawing *drawing, uint64_t at, uint64_t distance)
{
	const struct report *report = drawing->report;
	uint32_t x = across(report, at);

	fputs("<line class=\"grid\"", drawing->to);
	put_percent(drawing, "x1", x);
	put_percent(drawing, "x2", x);
	fprintf(drawing->to, " y1=\"%d\" y2=\"%d\"/><text class=\"tick\"", drawing->lanes_y - 6,
		drawing->height - FOOT_HEIGHT);
	put_percent(drawing, "x", x);
	fprintf(drawing->to, " y=\"%d\">%s", drawing->lanes_y - 9,
		at < report->incident.died ? "−" : "+");
	report__span(report, drawing->text, distance);
	fputs("</text>\n", drawing->to);
}

static void put_heading(const struct drawing *drawing, uint32_t x, const char *anchor,
			const char *text, uint64_t span)
{
	fprintf(drawing->to, "<text class=\"head\" text-anchor=\"%s\"", anchor);
	put_percent(drawing, "x", x);
	fprintf(drawing->to, " y=\"%d\">%s", drawing->lanes_y - 27, text);
	if (span)
		report__span(drawing->report, drawing->text, span);
	fputs("</text>\n", drawing->to);
}

static void put_use(const struct drawing *drawing, const char *mark, const char *class, uint32_t x,
		    int y)
{
	fprintf(drawing->to, "<use href=\"#tl-%s\" class=\"%s\"", mark, class);
	put_percent(drawing, "x", x);
	fprintf(drawing->to, " y=\"%d\"/>\n", y);
}

/* On one side of the death: round distances from it. */
static void put_ticks(const struct drawing *drawing, uint64_t span, uint32_t most, bool before)
{
	uint64_t died = drawing->report->incident.died;
	uint64_t step = step_of(span, most);

	for (uint64_t i = 1; i <= span / step; i++)
		put_tick(drawing, before ? died - i * step : died + i * step, i * step);
}

static void put_axis(const struct drawing *drawing)
{
	const struct report *report = drawing->report;
	uint64_t died = report->incident.died;
	uint64_t before = died - report->begin, after = report->end - died;
	uint32_t middle = (LEFT_TO + RIGHT_FROM) / 2;

	put_ticks(drawing, before, 3, true);
	put_ticks(drawing, after, 4, false);
	fputs("<rect class=\"death\"", drawing->to);
	put_percent(drawing, "x", LEFT_TO);
	put_percent(drawing, "width", RIGHT_FROM - LEFT_TO);
	fprintf(drawing->to, " y=\"%d\" height=\"%d\"/>\n", drawing->lanes_y - 6,
		drawing->height - FOOT_HEIGHT - drawing->lanes_y + 6);
	put_heading(drawing, LEFT_FROM, "start", before ? "before: " : "", before);
	put_heading(drawing, middle, "middle", "death", 0);
	put_heading(drawing, RIGHT_TO, "end", after ? "after: " : "", after);
	put_use(drawing, "break", "mark", middle, drawing->lanes_y - 12);
}

/* ---- lanes */

/* When those of a lane were born, and what became of them. */
struct times {
	struct range born;
	struct course course;
};

static int top_of(const struct drawing *drawing, uint32_t lane)
{
	return drawing->lanes_y + (int)lane * LANE_HEIGHT;
}

static int middle_of(const struct drawing *drawing, uint32_t lane)
{
	return top_of(drawing, lane) + BAR_Y + BAR_HEIGHT / 2;
}

static const char *class_of(const struct drawing *drawing, const struct lane *lane)
{
	return lane->mixed ? "various"
			   : looks[relative__look(&drawing->report->members[lane->member])].name;
}

static void put_command(const struct drawing *drawing, const struct relative *member)
{
	autofree char *command = words__command(member->image, LABEL_LEN);

	if (command)
		fputs(command, drawing->text);
}

static void put_name(const struct drawing *drawing, const struct lane *lane)
{
	if (lane->mixed) {
		fputs("others × ", drawing->to);
		report__number(drawing->to, lane->count);
	} else {
		report__program(drawing->report, drawing->text, lane->member, lane->count);
	}
}

static void put_label(const struct drawing *drawing, const struct lane *lane, int y)
{
	const struct relative *member = &drawing->report->members[lane->member];
	uint32_t depth = member->depth < INDENT_MOST ? member->depth : INDENT_MOST;

	fprintf(drawing->to,
		"<svg y=\"%d\" width=\"62%%\" height=\"18\"><text x=\"%" PRIu32 "\" y=\"14\">", y,
		2 + (lane->count > 1 ? 0 : INDENT * depth));
	if (lane->count > 1) {
		put_name(drawing, lane);
	} else {
		fprintf(drawing->to, "<tspan class=\"pid\">%" PRIu32 "</tspan> ", member->who.pid);
		put_command(drawing, member);
	}
	fputs("</text></svg>\n", drawing->to);
}

/* "killed +3.3 ms" */
static void put_fate(const struct drawing *drawing, const struct lane *lane,
		     const struct times *times, int y)
{
	const struct relative *member = &drawing->report->members[lane->member];

	fprintf(drawing->to, "<text class=\"fate %s\"", class_of(drawing, lane));
	put_percent(drawing, "x", RIGHT_TO + 1500);
	fprintf(drawing->to, " y=\"%d\">%s", y + 14,
		lane->mixed ? "various" : relative__fate(member));
	if (!lane->mixed && times->course.gone.to) {
		fputs(lane->count > 1 ? " by " : " ", drawing->to);
		report__distance(drawing->report, drawing->text, times->course.gone.to);
	}
	fputs("</text>\n", drawing->to);
}

/* Up to the death, or the last end; who has none lives on. */
static uint64_t end_of(const struct drawing *drawing, const struct lane *lane,
		       const struct times *times)
{
	const struct report *report = drawing->report;

	if (!report->members[lane->member].row && lane->count == 1)
		return report->incident.died;
	return times->course.gone.to && !lane->mixed ? times->course.gone.to : report->end;
}

static void put_bar(const struct drawing *drawing, const struct lane *lane,
		    const struct times *times, int y)
{
	uint32_t from = across(drawing->report, times->born.from);
	uint32_t to = across(drawing->report, end_of(drawing, lane, times));

	fprintf(drawing->to, "<rect class=\"bar %s%s\"", class_of(drawing, lane),
		lane->count > 1 ? " many" : "");
	put_percent(drawing, "x", from);
	put_percent(drawing, "width", to > from + 200 ? to - from : 200);
	fprintf(drawing->to, " y=\"%d\" height=\"%d\" rx=\"2\"/>\n", y + BAR_Y, BAR_HEIGHT);
}

static void put_marks(const struct drawing *drawing, const char *mark, const char *class,
		      const struct range *range, int y)
{
	if (!range->from)
		return;
	put_use(drawing, mark, class, across(drawing->report, range->from), y);
	if (range->to != range->from)
		put_use(drawing, mark, class, across(drawing->report, range->to), y);
}

/* Down from who is above; broken where somebody between the two had ended. Drawn first: lanes lie
 * over it. */
static void put_fork(const struct drawing *drawing, uint32_t at, const struct times *times)
{
	const struct report *report = drawing->report;
	const struct relative *member = &report->members[report->lanes[at].member];
	uint32_t x = across(report, times->born.from);
	const struct relative *above;

	if (report->lanes[at].count > 1 || member->above == FOREST_NONE)
		return;
	above = &report->members[member->above];
	fprintf(drawing->to, "<line class=\"fork%s\"",
		above->who.pid == member->parent.pid ? "" : " stray");
	put_percent(drawing, "x1", x);
	put_percent(drawing, "x2", x);
	fprintf(drawing->to, " y1=\"%d\" y2=\"%d\"/>\n", middle_of(drawing, above->lane),
		middle_of(drawing, at));
}

static void put_hover(const struct drawing *drawing, const struct lane *lane)
{
	const struct report *report = drawing->report;
	const struct relative *member = &report->members[lane->member];

	fputs("<title>", drawing->to);
	if (lane->count == 1)
		fprintf(drawing->to, "%" PRIu32 " ", member->who.pid);
	put_name(drawing, lane);
	if (lane->count == 1) {
		fprintf(drawing->to, ": %s", relative__fate(member));
		report__fate(report, drawing->text, member);
		fputc('\n', drawing->to);
		put_command(drawing, member);
	}
	fputs("</title>", drawing->to);
}

static void put_lane(const struct drawing *drawing, uint32_t at, const struct times *times)
{
	const struct lane *lane = &drawing->report->lanes[at];
	int y = middle_of(drawing, at);

	fputs("<g>", drawing->to);
	put_hover(drawing, lane);
	put_bar(drawing, lane, times, top_of(drawing, at));
	put_marks(drawing, "fork", "mark", &times->born, y);
	put_marks(drawing, "first", "mark", &times->course.first, y);
	put_marks(drawing, "last", "mark", &times->course.last, y);
	if (!lane->mixed)
		put_use(drawing, class_of(drawing, lane), class_of(drawing, lane),
			across(drawing->report, end_of(drawing, lane, times)), y);
	put_label(drawing, lane, top_of(drawing, at));
	put_fate(drawing, lane, times, top_of(drawing, at));
	fputs("</g>\n", drawing->to);
}

static void put_execs(const struct drawing *drawing)
{
	const struct report *report = drawing->report;

	for (uint32_t i = 0; i < report->moments.count; i++) {
		const struct moment *moment = &report->moments.all[i];
		uint32_t lane = report->members[moment->member].lane;

		if (moment->kind == MOMENT_EXECUTED && report->lanes[lane].count == 1)
			put_use(drawing, "exec", "mark", across(report, moment->at),
				middle_of(drawing, lane));
	}
}

static int put_lanes(const struct drawing *drawing)
{
	const struct report *report = drawing->report;
	autofree struct times *times = calloc(report->lane_count, sizeof(*times));

	if (!times)
		return -ENOMEM;
	for (uint32_t i = 0; i <= report->count; i++) {
		const struct relative *member = &report->members[i];

		range__widen(&times[member->lane].born, member->who.start);
		course__add(&times[member->lane].course, report, member);
	}
	for (uint32_t i = 0; i < report->lane_count; i++)
		put_fork(drawing, i, &times[i]);
	for (uint32_t i = 0; i < report->lane_count; i++)
		put_lane(drawing, i, &times[i]);
	put_execs(drawing);
	return 0;
}

/* ---- the legend: shapes and words, so that colour is not needed */

struct entry {
	const char *mark;
	const char *class;
	const char *text;
	int down; /* a mark that stands above its bar */
};

/* The fates and marks that are there. */
static size_t collect_entries(const struct report *report, struct entry *entries)
{
	bool seen[LOOKS] = {}, first = false, last = false, exec = false;
	size_t count = 0;

	for (uint32_t i = 0; i <= report->count; i++) {
		const struct relative *member = &report->members[i];

		seen[relative__look(member)] = true;
		first |= member->row && member->row->first.at;
		last |= member->row && member->row->last.at;
	}
	for (uint32_t i = 0; i < report->moments.count; i++)
		exec |= report->moments.all[i].kind == MOMENT_EXECUTED;
	for (size_t i = 0; i < LOOKS; i++) {
		if (seen[i])
			entries[count++] =
				(struct entry){ looks[i].name, looks[i].name, looks[i].name, 0 };
	}
	entries[count++] = (struct entry){ "fork", "mark", "fork", 0 };
	if (exec)
		entries[count++] = (struct entry){ "exec", "mark", "exec", 0 };
	if (first)
		entries[count++] = (struct entry){ "first", "mark", "first signal", 6 };
	if (last)
		entries[count++] = (struct entry){ "last", "mark", "last signal", 7 };
	return count;
}

static void put_legend(const struct drawing *drawing, const struct entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t x = (uint32_t)(i % LEGEND_COLUMNS) * (100000 / LEGEND_COLUMNS);
		int y = 12 + (int)(i / LEGEND_COLUMNS) * LEGEND_HEIGHT;

		fputs("<svg overflow=\"visible\"", drawing->to);
		put_percent(drawing, "x", x);
		fprintf(drawing->to,
			" y=\"%d\"><use href=\"#tl-%s\" class=\"%s\" x=\"9\" y=\"%d\"/>"
			"<text x=\"20\" y=\"4\">%s</text></svg>\n",
			y, entries[i].mark, entries[i].class, entries[i].down, entries[i].text);
	}
}

/* ---- the whole */

static void put_style(FILE *to)
{
	fputs("<style>\n"
	      ".tl{font:12px ui-sans-serif,system-ui,sans-serif;color-scheme:light dark}\n"
	      ".tl text{fill:#1f2937;stroke:#fff;stroke-width:3;paint-order:stroke}\n"
	      ".tl .back{fill:#fff}.tl .pid{font-weight:600}\n"
	      ".tl .fate,.tl .foot{text-anchor:end;font-size:11px}.tl .tick{text-anchor:middle}\n"
	      ".tl .tick,.tl .head,.tl .foot{fill:#57606e;font-size:11px}\n"
	      ".tl .grid{stroke:#d5dae1}.tl .death{fill:#c0181c;opacity:.13}\n"
	      ".tl .fork{stroke:#8a94a3}.tl .stray{stroke-dasharray:3 3}\n"
	      ".tl .mark{fill:#fff;stroke:#1f2937;stroke-width:1.3}\n"
	      ".tl rect.bar{stroke:none;fill-opacity:.85}.tl rect.many{fill-opacity:.4}\n"
	      ".tl use{stroke-width:2}.tl .various{fill:#8a94a3}\n",
	      to);
	for (size_t i = 0; i < LOOKS; i++)
		fprintf(to, ".tl .%s{fill:%s}.tl use.%s{fill:#fff;stroke:%s}\n", looks[i].name,
			looks[i].light, looks[i].name, looks[i].light);
	fputs("@media screen and (prefers-color-scheme:dark){\n"
	      ".tl text{fill:#e2e8f0;stroke:#14181f}.tl .back{fill:#14181f}\n"
	      ".tl .tick,.tl .head,.tl .foot{fill:#a3b1c4}.tl .grid{stroke:#303845}\n"
	      ".tl .death{fill:#ff8080;opacity:.2}.tl .mark{fill:#14181f;stroke:#e2e8f0}\n",
	      to);
	for (size_t i = 0; i < LOOKS; i++)
		fprintf(to, ".tl .%s{fill:%s}.tl use.%s{fill:#14181f;stroke:%s}\n", looks[i].name,
			looks[i].dark, looks[i].name, looks[i].dark);
	fputs("}\n</style>\n", to);
}

static void put_shapes(FILE *to)
{
	static const char *const shapes[][2] = {
		{ "fork", "M0-3A3 3 0 1 1 0 3A3 3 0 1 1 0-3Z" },
		{ "exec", "M-4 0L0-4L4 0L0 4Z" },
		{ "first", "M-4-9H4L0-2Z" },
		{ "last", "M-4-12H4L0-7ZM-4-7H4L0-2Z" },
		{ "break", "M-5 5L-1-5M1 5L5-5" },
	};

	fputs("<defs>", to);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		fprintf(to, "<path id=\"tl-%s\" d=\"%s\"/>", shapes[i][0], shapes[i][1]);
	for (size_t i = 0; i < LOOKS; i++)
		fprintf(to, "<path id=\"tl-%s\" d=\"%s\"/>", looks[i].name, looks[i].mark);
	fputs("</defs>\n", to);
}

static void put_foot(const struct drawing *drawing)
{
	const struct report *report = drawing->report;

	fputs("<text class=\"foot\"", drawing->to);
	put_percent(drawing, "x", RIGHT_TO + 1500);
	fprintf(drawing->to, " y=\"%d\">death at ", drawing->height - 8);
	print__time(drawing->to, &report->context.host, report->incident.died);
	fputs("</text>\n", drawing->to);
}

int report__write_svg(const struct report *report, FILE *to)
{
	struct entry entries[LOOKS + 4];
	size_t count = collect_entries(report, entries);
	size_t rows = (count + LEGEND_COLUMNS - 1) / LEGEND_COLUMNS;
	autofclose FILE *text = escape__xml(to);
	struct drawing drawing = { report, to, text, 0, 0 };
	int err;

	if (!text)
		return -ENOMEM;
	drawing.lanes_y = (int)rows * LEGEND_HEIGHT + AXIS_HEIGHT;
	drawing.height = drawing.lanes_y + (int)report->lane_count * LANE_HEIGHT + FOOT_HEIGHT;
	fprintf(to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"tl\" role=\"img\" width=\"%d\" "
		"height=\"%d\"><title>Timeline of incident ",
		WIDTH, drawing.height);
	print__field(text, report->incident.id);
	fputs("</title>\n", to);
	put_style(to);
	put_shapes(to);
	fputs("<rect class=\"back\" width=\"100%\" height=\"100%\"/>\n", to);
	put_legend(&drawing, entries, count);
	put_axis(&drawing);
	err = put_lanes(&drawing);
	put_foot(&drawing);
	fputs("</svg>\n", to);
	return err;
}
