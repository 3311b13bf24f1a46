// SPDX-License-Identifier: GPL-2.0
/* cmd_show.c - one incident, told as a story: on standard output, or as a page or a picture. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/own.h"
#include "base/text.h"
#include "ctl/client.h"
#include "model/incident.h"
#include "model/place.h"
#include "report/report.h"

struct story {
	struct ctl *ctl;
	struct report report;
	/* while the tree is drawn: whether the line at each depth has a sibling to come */
	bool *more;
};

static void clear_story(struct story *story)
{
	report__clear(&story->report);
	free(story->more);
}

static enum verdict take_row(void *data, const struct control_head *head)
{
	struct story *story = data;

	switch (report__take(&story->report, &story->ctl->context.host, head)) {
	case 0:
		return ROW_TAKEN;
	case -EEXIST: /* the beginning of an id that was given says too little */
		return ROW_LAST;
	case -ENOMEM:
		return ROW_NO_MEMORY;
	default:
		return ROW_STRANGE;
	}
}

/* ---- the pieces of the text */

static const struct screen *screen_of(const struct story *story)
{
	return &story->ctl->screen;
}

__attribute__((format(printf, 3, 4))) static void
coloured(const struct story *story, enum colour colour, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs(colour__on(screen_of(story), colour), stdout);
	vprintf(format, args);
	fputs(colour__off(screen_of(story), colour), stdout);
	va_end(args);
}

static void label(const struct story *story, const char *text)
{
	fputs("  ", stdout);
	coloured(story, COLOUR_DIM, "%-10s", text);
	fputc(' ', stdout);
}

/* A time, and on a terminal how long ago that was. */
static void print_moment(const struct story *story, uint64_t at)
{
	const struct control_host *host = &story->report.context.host;

	print__time(stdout, host, at);
	if (!screen_of(story)->terminal)
		return;
	fputs(" (", stdout);
	print__when(stdout, screen_of(story), host, at);
	fputc(')', stdout);
}

static void print_head(const struct story *story)
{
	const struct control_incident_row *row = &story->report.incident;

	coloured(story, COLOUR_STRONG, "incident ");
	print__field(stdout, row->id);
	fputs(": ", stdout);
	coloured(story, colour__of_outcome(row), "%s",
		 row->open ? "open" : incident_outcome__name(row->outcome));
	if (row->observed)
		fputs(", observed only", stdout);
	if (row->reconstructed)
		fputs(", reconstructed (the death happened while no daemon ran)", stdout);
	fputc('\n', stdout);
	label(story, "tree");
	printf("%" PRIu32, row->tree);
	if (*row->rule) {
		fputs(", rule ", stdout);
		print__field(stdout, row->rule);
	}
	fputc('\n', stdout);
	label(story, "host");
	print__field(stdout, story->report.context.host.name);
	fputc('\n', stdout);
}

/* A line of its own, when there is anything to tell; a group's name may hold any byte. */
static void print_known(const struct story *story, const char *name, const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	if (!len)
		return;
	label(story, name);
	print__safe(stdout, text, len);
	fputc('\n', stdout);
}

static void print_root(const struct story *story)
{
	const struct control_incident_row *row = &story->report.incident;
	struct place place = place__of_image(&row->image);
	char container[CONTAINER_LEN + 16];

	label(story, "root");
	print__command(stdout, &row->image);
	fputc('\n', stdout);
	label(story, "pid");
	printf("%" PRIu32 ", parent %" PRIu32, row->who.pid, row->parent.pid);
	if (row->vpid && row->vpid != row->who.pid)
		printf(", pid %" PRIu32 " in PID namespace %" PRIu32, row->vpid, row->pid_ns);
	fputs(", started ", stdout);
	print__time(stdout, &story->report.context.host, row->who.start);
	fputc('\n', stdout);
	label(story, "exe");
	print__field(stdout, row->image.exe);
	fputc('\n', stdout);
	label(story, "user");
	report__user(&story->report, stdout, row->image.uid);
	fputc('\n', stdout);
	print_known(story, "cgroup", row->image.cgroup, sizeof(row->image.cgroup));
	print_known(story, "unit", place.unit, sizeof(place.unit));
	print_known(story, "pod", place.pod, sizeof(place.pod));
	snprintf(container, sizeof(container), "%s%s%s", place.runtime, *place.runtime ? " " : "",
		 place.container);
	print_known(story, "container", container, sizeof(container));
}

static void print_death(const struct story *story)
{
	label(story, "died");
	print_moment(story, story->report.incident.died);
	fputc('\n', stdout);
	label(story, "cause");
	report__cause(&story->report, stdout);
	fputc('\n', stdout);
}

static void print_outcome(const struct story *story)
{
	const struct control_incident_row *row = &story->report.incident;

	if (row->reaction_ns) {
		label(story, "reaction");
		report__span(&story->report, stdout, row->reaction_ns);
		fputs(" from the death to the last first signal\n", stdout);
	}
	if (row->clear_ns) {
		label(story, "clear");
		report__span(&story->report, stdout, row->clear_ns);
		fputs(" from the death to the last end\n", stdout);
	}
	label(story, "outcome");
	coloured(story, colour__of_outcome(row), "%s%s", incident_outcome__name(row->outcome),
		 row->open ? " so far" : "");
	if (!row->open && row->closed) {
		fputs(", closed ", stdout);
		print_moment(story, row->closed);
	}
	fputc('\n', stdout);
}

/* ---- the family */

static enum colour fate_colour(const struct control_survivor_row *row)
{
	if (!row)
		return COLOUR_STRONG;
	switch (row->outcome) {
	case SURVIVOR_STUCK:
		return COLOUR_BAD;
	case SURVIVOR_SPARED:
	case SURVIVOR_OBSERVED:
	case SURVIVOR_PENDING:
		return COLOUR_WARN;
	default:
		return COLOUR_GOOD;
	}
}

/* Each line of a kernel stack, further in. */
static void print_stack(const char *stack)
{
	while (*stack) {
		size_t len = strcspn(stack, "\n");

		fputs("         ", stdout);
		print__safe(stdout, stack, len);
		fputc('\n', stdout);
		stack += len + (stack[len] == '\n');
	}
}

static void print_branches(const struct story *story, const struct node *node)
{
	static const char *const lines[2][4] = {
		{ "   ", "|  ", "`- ", "|- " },
		{ "   ", "│  ", "└─ ", "├─ " },
	};
	const char *const *line = lines[screen_of(story)->utf8];
	uint32_t hidden = node->depth > REPORT_DEEPEST ? node->depth - REPORT_DEEPEST : 0;

	story->more[node->depth] = node->next != FOREST_NONE;
	fputs("  ", stdout);
	if (hidden)
		printf("(%" PRIu32 " above) ", hidden);
	for (uint32_t i = hidden + 1; i < node->depth; i++)
		fputs(line[story->more[i]], stdout);
	if (node->depth)
		fputs(line[2 + story->more[node->depth]], stdout);
}

static void print_line(void *data, const struct forest *forest, const struct node *node)
{
	const struct story *story = data;
	const struct report *report = &story->report;
	uint32_t at = report->lines[node - forest->nodes];
	const struct relative *member = &report->members[at];

	print_branches(story, node);
	if (member->count > 1)
		report__program(report, stdout, at, member->count);
	else
		printf("%" PRIu32, member->who.pid);
	fputc(' ', stdout);
	coloured(story, fate_colour(member->row), "%s", relative__fate(member));
	report__course(report, stdout, member);
	if (member->count == 1) {
		fputs(": ", stdout);
		print__command(stdout, member->image);
	}
	fputc('\n', stdout);
}

static void print_family(struct story *story)
{
	const struct report *report = &story->report;

	printf("%" PRIu32 " %s%s\n", report->count, report->count == 1 ? "survivor" : "survivors",
	       report->count ? ":" : "");
	forest__walk(&report->folded, print_line, NULL, story);
	if (report->hidden)
		printf("  %" PRIu32 " further down are not drawn: --json has all\n",
		       report->hidden);
	for (uint32_t i = 0; i < report->count; i++) {
		const struct control_survivor_row *row = &report->survivors[i];

		if (row->outcome != SURVIVOR_STUCK)
			continue;
		printf("  %" PRIu32 " would not die, state ", row->who.pid);
		print__field(stdout, row->state);
		fputc('\n', stdout);
		print_stack(row->stack);
	}
}

/* ---- the timeline */

static enum colour moment_colour(const struct moment *moment)
{
	switch (moment->kind) {
	case MOMENT_SHOT:
	case MOMENT_DIED:
		return COLOUR_BAD;
	case MOMENT_OPENED:
	case MOMENT_SIGNALLED:
		return COLOUR_WARN;
	case MOMENT_GONE:
	case MOMENT_CLOSED:
		return COLOUR_GOOD;
	default:
		return COLOUR_PLAIN;
	}
}

/* "  +0.000031 s  4243 sh: signalled by the daemon: SIGKILL" */
static void print_happening(const struct story *story, const struct moment *moment)
{
	const struct report *report = &story->report;
	const struct relative *member = &report->members[moment->member];

	fputs("  ", stdout);
	report__offset(report, stdout, moment->at);
	if (moment->until != moment->at) {
		fputs(" to ", stdout);
		report__offset(report, stdout, moment->until);
	}
	fputs("  ", stdout);
	if (moment->kind != MOMENT_OPENED && moment->kind != MOMENT_CLOSED) {
		if (moment->count == 1)
			printf("%" PRIu32 " ", member->who.pid);
		report__program(report, stdout, moment->member, moment->count);
		fputs(": ", stdout);
	}
	fputs(colour__on(screen_of(story), moment_colour(moment)), stdout);
	report__moment(report, stdout, moment);
	fputs(colour__off(screen_of(story), moment_colour(moment)), stdout);
	fputc('\n', stdout);
}

static void print_timeline(const struct story *story)
{
	const struct report *report = &story->report;
	uint32_t shown = report->told.count;

	puts("timeline, from the death:");
	for (uint32_t i = 0; i < report->told.count; i++) {
		if (report->untold && i == report->told.count / 2)
			printf("  %" PRIu32 " lines in between are left out\n", report->untold);
		print_happening(story, &report->told.all[i]);
	}
	if (shown < report->moments.count)
		printf("  %" PRIu32 " moments in %" PRIu32
		       " lines: --json has each signal and end\n",
		       report->moments.count, shown);
}

static enum exit_status print_story(struct story *story)
{
	const struct forest *folded = &story->report.folded;
	uint32_t deepest = 0;

	for (uint32_t i = 0; i < folded->count; i++) {
		if (folded->nodes[i].depth > deepest)
			deepest = folded->nodes[i].depth;
	}
	story->more = calloc(deepest + 1UL, sizeof(*story->more));
	if (!story->more) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	story->report.ascii = !screen_of(story)->utf8;
	print_head(story);
	print_root(story);
	print_death(story);
	print_outcome(story);
	print_family(story);
	print_timeline(story);
	return EXIT_DONE;
}

/* ---- files */

static enum exit_status print_story_json(const struct story *story)
{
	if (print__json(report__json(&story->report)) == 0)
		return EXIT_DONE;
	complain("out of memory");
	return EXIT_FAILED;
}

static enum exit_status write_file(const struct story *story, const char *path,
				   int (*write)(const struct report *report, FILE *to))
{
	bool is_stdout = strcmp(path, "-") == 0;
	FILE *file = is_stdout ? stdout : fopen(path, "we");
	int err, failed;

	if (!file) {
		complain("cannot write %s: %s", path, strerror(errno));
		return EXIT_FAILED;
	}
	err = write(&story->report, file);
	failed = ferror(file);
	/* main looks after standard output */
	if (!is_stdout && fclose(file))
		failed = 1;
	if (!err && (!failed || is_stdout))
		return EXIT_DONE;
	complain("cannot write %s: %s", path, strerror(err ? -err : errno));
	return EXIT_FAILED;
}

static enum exit_status write_files(const struct story *story)
{
	const struct options *options = &story->ctl->options;
	enum exit_status status = EXIT_DONE;

	if (options->html)
		status = write_file(story, options->html, report__write_html);
	if (options->svg && status == EXIT_DONE)
		status = write_file(story, options->svg, report__write_svg);
	if (options->dot && status == EXIT_DONE)
		status = write_file(story, options->dot, report__write_dot);
	return status;
}

/* Whatever was asked for: files, JSON, and the text where it is neither. */
static enum exit_status tell(struct story *story)
{
	const struct options *options = &story->ctl->options;
	enum exit_status status = write_files(story);

	if (status != EXIT_DONE)
		return status;
	if (options->json)
		return print_story_json(story);
	return options->html || options->svg || options->dot ? EXIT_DONE : print_story(story);
}

/* What the incident alone does not tell: execs. */
static enum exit_status add_events(struct story *story)
{
	struct control_query query = report__events_query(&story->report);
	struct control_end end;
	enum exit_status status = client__ask_once(story->ctl, &query, take_row, story, &end);

	if (status != EXIT_DONE || report__finish(&story->report) == 0)
		return status;
	complain("out of memory");
	return EXIT_FAILED;
}

static enum exit_status show(struct story *story)
{
	const struct report *report = &story->report;
	const char *id = story->ctl->options.id;
	enum exit_status status;

	if (!report->incidents) {
		complain("no incident %s; see orphanctl incidents", id);
		return EXIT_FAILED;
	}
	if (report->incidents > 1) {
		complain("%s is ambiguous: several incidents begin so; write more of the id", id);
		return EXIT_FAILED;
	}
	if (report->count < report->incident.survivors) {
		complain("the daemon kept back %" PRIu32 " survivors of the incident; ask again",
			 report->incident.survivors - report->count);
		return EXIT_FAILED;
	}
	status = add_events(story);
	return status == EXIT_DONE ? tell(story) : status;
}

enum exit_status cmd__show(struct ctl *ctl)
{
	struct control_query query = { CONTROL_REQUEST(control_query, CONTROL_INCIDENTS) };
	__attribute__((cleanup(clear_story))) struct story story = { .ctl = ctl };
	struct control_end end;
	enum exit_status status;

	report__init(&story.report, &ctl->context);
	text__copy(query.id, sizeof(query.id), ctl->options.id);
	status = client__ask_once(ctl, &query, take_row, &story, &end);
	return status == EXIT_DONE ? show(&story) : status;
}
