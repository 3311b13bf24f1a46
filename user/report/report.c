// SPDX-License-Identifier: GPL-2.0
/* report.c - gathering the rows, and the words for what they say. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "base/text.h"
#include "model/incident.h"
#include "report/report_parts.h"
#include "report/words.h"

/* The clock of the day may have been set since: how much earlier events are asked for. */
#define CLOCK_SLACK NS_PER_SEC

void report__init(struct report *report, const struct json_context *context)
{
	*report = (struct report){ .context = *context };
	forest__init(&report->family);
	forest__init(&report->folded);
}

void report__clear(struct report *report)
{
	free(report->survivors);
	free(report->members);
	free(report->order);
	forest__clear(&report->family);
	forest__clear(&report->folded);
	free(report->lines);
	free(report->lanes);
	moments__clear(&report->moments);
	free(report->told.all); /* their commands are the others' */
}

/* ---- gathering */

/* Room grows as rows come: what the incident announces is not believed. */
static int take_survivor(struct report *report, const struct control_survivor_row *row)
{
	uint32_t room = report->room ? report->room * 2 : 16;
	struct control_survivor_row *more;

	if (report->incidents != 1 || report->members ||
	    report->count == report->incident.survivors)
		return -EPROTO;
	if (report->count == report->room) {
		more = reallocarray(report->survivors, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		report->survivors = more;
		report->room = room;
	}
	report->survivors[report->count++] = *row;
	return 0;
}

/* An event of another boot may bear the same tree's number. */
static bool is_same_boot(const struct report *report, const struct control_host *host)
{
	return strncmp(report->context.host.boot_id, host->boot_id, sizeof(host->boot_id)) == 0;
}

int report__take(struct report *report, const struct control_host *host,
		 const struct control_head *row)
{
	switch (row->type) {
	case CONTROL_SURVIVOR_ROW:
		return take_survivor(report, (const struct control_survivor_row *)row);
	case CONTROL_EVENT_ROW:
		return is_same_boot(report, host)
			       ? report__take_event(report, (const struct control_event_row *)row)
			       : 0;
	case CONTROL_INCIDENT_ROW:
		if (report->incidents++)
			return -EEXIST;
		report->incident = *(const struct control_incident_row *)row;
		report->context.host = *host;
		return 0;
	default:
		return -EPROTO;
	}
}

struct control_query report__events_query(const struct report *report)
{
	uint64_t first = report->incident.who.start, since;

	for (uint32_t i = 0; i < report->count; i++) {
		if (report->survivors[i].who.start < first)
			first = report->survivors[i].who.start;
	}
	since = json__realtime(&report->context.host, first);
	return (struct control_query){
		.head = { CONTROL_VERSION, CONTROL_EVENTS, sizeof(struct control_query) },
		.since = since > CLOCK_SLACK ? since - CLOCK_SLACK : 0,
		.tree = report->incident.tree,
		.types = 1U << EVENT_TREE_TRACKED | 1U << EVENT_PROCESS_EXECUTED,
	};
}

int report__finish(struct report *report)
{
	int err = report->members ? 0 : report__make_family(report);

	return err ? err : report__make_moments(report);
}

struct json_object *report__json(const struct report *report)
{
	struct json_object *incident = json__incident(&report->context, &report->incident);
	int err = 0;

	for (uint32_t i = 0; incident && !err && i < report->count; i++)
		err = json__add_survivor(incident, &report->context, &report->survivors[i]);
	if (!err)
		return incident;
	json_object_put(incident);
	return NULL;
}

/* ---- numbers, times */

void report__number(FILE *to, uint64_t number)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%" PRIu64, number);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			fputc(',', to);
		fputc(text[i], to);
	}
}

void report__span(const struct report *report, FILE *to, uint64_t ns)
{
	static const char micro[] = "µs";
	char text[32];
	char *found;

	clock__format_span(text, sizeof(text), ns);
	found = strstr(text, micro);
	if (found && report->ascii)
		text__copy(found, sizeof(micro), "us");
	fputs(text, to);
}

static uint64_t distance(const struct report *report, uint64_t at)
{
	uint64_t died = report->incident.died;

	return at < died ? died - at : at - died;
}

void report__offset(const struct report *report, FILE *to, uint64_t at)
{
	uint64_t ns = distance(report, at);

	fprintf(to, "%c%" PRIu64 ".%06" PRIu64 " s", at < report->incident.died ? '-' : '+',
		(uint64_t)(ns / NS_PER_SEC), (uint64_t)(ns % NS_PER_SEC / NS_PER_US));
}

void report__distance(const struct report *report, FILE *to, uint64_t at)
{
	fputc(at < report->incident.died ? '-' : '+', to);
	report__span(report, to, distance(report, at));
}

/* ---- who and why */

void report__user(const struct report *report, FILE *to, uint32_t uid)
{
	const struct json_context *context = &report->context;
	const char *name = context->user ? context->user(context->data, uid) : NULL;

	if (name)
		print__safe(to, name, strlen(name));
	else
		fprintf(to, "%" PRIu32, uid);
}

static void print_sender(const struct report *report, FILE *to)
{
	const struct control_incident_row *row = &report->incident;

	fprintf(to, "from pid %" PRIu32 " (", row->sender.who.pid);
	print__field(to, row->sender.comm);
	fputs(", user ", to);
	report__user(report, to, row->sender.uid);
	if (*row->sender_exe) {
		fputs(", ", to);
		print__field(to, row->sender_exe);
	}
	fputc(')', to);
}

static void print_origin(const struct report *report, FILE *to)
{
	const struct control_incident_row *row = &report->incident;

	switch (row->origin) {
	case ORIGIN_SELF:
		fputs("that it sent itself", to);
		return;
	case ORIGIN_OOM:
		fputs("by the OOM killer", to);
		return;
	case ORIGIN_KERNEL:
		fputs("from the kernel", to);
		break;
	case ORIGIN_CGROUP:
		fputs("through its cgroup", to);
		break;
	default:
		if (!row->sender.who.pid)
			fputs("from a process that nobody noted", to);
		break;
	}
	if (!row->sender.who.pid)
		return;
	if (row->origin != ORIGIN_USER)
		fputc(' ', to);
	print_sender(report, to);
}

void report__cause(const struct report *report, FILE *to)
{
	uint32_t code = report->incident.exit_code;

	if (!(code & 0x7f)) {
		fprintf(to, "ended with exit status %" PRIu32, (code >> 8) & 0xff);
		return;
	}
	fprintf(to, "killed by %s ", signal__name((int)(code & 0x7f)));
	print_origin(report, to);
	if (code & 0x80)
		fputs(", core dumped", to);
}

/* ---- members */

const char *relative__program(const struct relative *member)
{
	const struct control_image *image = member->image;
	const char *base;

	if (*image->comm)
		return image->comm;
	base = strrchr(image->exe, '/');
	base = base ? base + 1 : image->exe;
	return *base ? base : "?";
}

const char *relative__fate(const struct relative *member)
{
	return member->row ? survivor_outcome__name(member->row->outcome) : "died";
}

void report__program(const struct report *report, FILE *to, uint32_t member, uint32_t count)
{
	const char *program = relative__program(&report->members[member]);

	print__safe(to, program, strnlen(program, PATH_LEN));
	if (count < 2)
		return;
	fputs(report->ascii ? " x " : " × ", to);
	report__number(to, count);
}

/* ---- what became of the members of a line */

void range__widen(struct range *range, uint64_t at)
{
	if (!at)
		return;
	if (!range->from || at < range->from)
		range->from = at;
	if (at > range->to)
		range->to = at;
}

void course__add(struct course *course, const struct report *report, const struct relative *member)
{
	if (!member->row)
		return;
	if (member->who.start > report->incident.died)
		range__widen(&course->born, member->who.start);
	range__widen(&course->first, member->row->first.at);
	range__widen(&course->last, member->row->last.at);
	range__widen(&course->gone, member->row->gone);
}

static void print_range(const struct report *report, FILE *to, const struct range *range)
{
	char first[32], last[32];

	clock__format_span(first, sizeof(first), distance(report, range->from));
	clock__format_span(last, sizeof(last), distance(report, range->to));
	fputc(' ', to);
	report__distance(report, to, range->from);
	if (strcmp(first, last) == 0)
		return;
	fputs(" to ", to);
	report__distance(report, to, range->to);
}

static void print_sent(const struct report *report, FILE *to, const struct sent_signal *sent,
		       const struct range *range)
{
	if (!range->from)
		return;
	fprintf(to, ", %s", signal__name((int)sent->signal));
	print_range(report, to, range);
	if (sent->by == BY_KERNEL)
		fputs(" by the kernel", to);
}

/* row: of any of them; what is no time is the same for all. */
static void print_course(const struct report *report, FILE *to,
			 const struct control_survivor_row *row, const struct course *course)
{
	if (row->outcome == SURVIVOR_SPARED && *row->reason) {
		fputs(" (", to);
		print__field(to, row->reason);
		fputc(')', to);
	}
	if (course->born.from) {
		fputs(", born", to);
		print_range(report, to, &course->born);
	}
	print_sent(report, to, &row->first, &course->first);
	print_sent(report, to, &row->last, &course->last);
	if (!course->gone.from)
		return;
	fputs(", gone", to);
	print_range(report, to, &course->gone);
	fputs(" (", to);
	print__end(to, row->exit_code);
	fputc(')', to);
}

void report__course(const struct report *report, FILE *to, const struct relative *line)
{
	struct course course = {};

	for (const struct relative *at = line; line->row; at = &report->members[at->alike]) {
		course__add(&course, report, at);
		if (at->alike == FOREST_NONE)
			break;
	}
	if (line->row)
		print_course(report, to, line->row, &course);
}

void report__fate(const struct report *report, FILE *to, const struct relative *member)
{
	struct course course = {};

	course__add(&course, report, member);
	if (member->row)
		print_course(report, to, member->row, &course);
}

/* ---- moments */

void report__moment(const struct report *report, FILE *to, const struct moment *moment)
{
	const struct control_incident_row *row = &report->incident;

	switch (moment->kind) {
	case MOMENT_BORN:
		fputs("forked", to);
		if (moment->by)
			fprintf(to, " by %" PRIu32, moment->by);
		break;
	case MOMENT_TRACKED:
		fputs("watched from here on", to);
		break;
	case MOMENT_EXECUTED:
		fprintf(to, "runs %s", moment->command);
		break;
	case MOMENT_SHOT:
		fprintf(to, "%s ", signal__name(row->sender.signal));
		print_sender(report, to);
		break;
	case MOMENT_DIED:
		fputs("died: ", to);
		print__end(to, row->exit_code);
		break;
	case MOMENT_OPENED:
		fputs("incident opened", to);
		break;
	case MOMENT_SIGNALLED:
		fprintf(to, "signalled by the %s: %s",
			moment->by == BY_KERNEL ? "kernel" : "daemon",
			signal__name((int)moment->what));
		break;
	case MOMENT_GONE:
		fputs("gone: ", to);
		print__end(to, moment->what);
		break;
	default:
		fprintf(to, "incident closed: %s", incident_outcome__name(row->outcome));
		break;
	}
}
