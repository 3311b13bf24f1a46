// SPDX-License-Identifier: GPL-2.0
/* cmd_show.c - one incident, told as a story. */
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/own.h"
#include "base/text.h"
#include "ctl/client.h"
#include "model/incident.h"
#include "model/place.h"
#include "model/policy.h"

struct story {
	struct ctl *ctl;
	struct control_incident_row incident;
	struct control_survivor_row *survivors;
	uint32_t count;
	uint32_t room;
	uint32_t incidents;
	uint64_t died;
};

static void clear_story(struct story *story)
{
	free(story->survivors);
}

/* ---- gathering */

/* Room grows as rows come: what the daemon announces is not believed. */
static enum verdict take_survivor(struct story *story, const struct control_survivor_row *row)
{
	uint32_t room = story->room ? story->room * 2 : 16;
	struct control_survivor_row *more;

	if (!story->incidents || story->count == story->incident.survivors)
		return ROW_STRANGE;
	if (story->count == story->room) {
		more = reallocarray(story->survivors, room, sizeof(*more));
		if (!more)
			return ROW_NO_MEMORY;
		story->survivors = more;
		story->room = room;
	}
	story->survivors[story->count++] = *row;
	return ROW_TAKEN;
}

static enum verdict take_row(void *data, const struct control_head *head)
{
	struct story *story = data;

	if (head->type == CONTROL_SURVIVOR_ROW)
		return take_survivor(story, (const struct control_survivor_row *)head);
	if (head->type != CONTROL_INCIDENT_ROW)
		return ROW_STRANGE;
	/* a second one: the beginning of an id that was given says too little */
	if (story->incidents++)
		return ROW_LAST;
	story->incident = *(const struct control_incident_row *)head;
	return ROW_TAKEN;
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

static void print_user(struct story *story, uint32_t uid)
{
	const char *name = users__name(&story->ctl->users, uid);

	if (name)
		print__safe(stdout, name, strlen(name));
	else
		printf("%" PRIu32, uid);
}

/* A time, and on a terminal how long ago that was. */
static void print_moment(const struct story *story, uint64_t at)
{
	print__time(stdout, &story->ctl->context.host, at);
	if (!screen_of(story)->terminal)
		return;
	fputs(" (", stdout);
	print__when(stdout, screen_of(story), &story->ctl->context.host, at);
	fputc(')', stdout);
}

/* "+31 µs": behind the death */
static void print_offset(const struct story *story, uint64_t at)
{
	fputc(at < story->died ? '-' : '+', stdout);
	print__span(stdout, screen_of(story),
		    at < story->died ? story->died - at : at - story->died);
}

static void print_sender(struct story *story)
{
	const struct control_incident_row *row = &story->incident;

	printf("from pid %" PRIu32 " (", row->sender.who.pid);
	print__field(stdout, row->sender.comm);
	fputs(", user ", stdout);
	print_user(story, row->sender.uid);
	if (*row->sender_exe) {
		fputs(", ", stdout);
		print__field(stdout, row->sender_exe);
	}
	fputc(')', stdout);
}

static void print_origin(struct story *story)
{
	const struct control_incident_row *row = &story->incident;

	switch (row->origin) {
	case ORIGIN_SELF:
		fputs("that it sent itself", stdout);
		return;
	case ORIGIN_OOM:
		fputs("by the OOM killer", stdout);
		return;
	case ORIGIN_KERNEL:
		fputs("from the kernel", stdout);
		break;
	case ORIGIN_CGROUP:
		fputs("through its cgroup", stdout);
		break;
	default:
		if (!row->sender.who.pid)
			fputs("from a process that nobody noted", stdout);
		break;
	}
	if (!row->sender.who.pid)
		return;
	if (row->origin != ORIGIN_USER)
		fputc(' ', stdout);
	print_sender(story);
}

/* "killed by SIGKILL from pid 4100 (platform, user root, /usr/bin/platform)" */
static void print_cause(struct story *story)
{
	uint32_t code = story->incident.exit_code;

	if (!(code & 0x7f)) {
		printf("ended with exit status %" PRIu32, (code >> 8) & 0xff);
		return;
	}
	printf("killed by %s ", signal__name((int)(code & 0x7f)));
	print_origin(story);
	if (code & 0x80)
		fputs(", core dumped", stdout);
}

static enum colour outcome_colour(const struct control_incident_row *row)
{
	if (row->open)
		return COLOUR_WARN;
	return row->outcome == INCIDENT_CLEARED ? COLOUR_GOOD
	       : row->outcome == INCIDENT_STUCK ? COLOUR_BAD
						: COLOUR_WARN;
}

static void print_head(struct story *story)
{
	const struct control_incident_row *row = &story->incident;

	coloured(story, COLOUR_STRONG, "incident ");
	print__field(stdout, row->id);
	fputs(": ", stdout);
	coloured(story, outcome_colour(row), "%s",
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
	print__field(stdout, story->ctl->context.host.name);
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

static void print_root(struct story *story)
{
	const struct control_incident_row *row = &story->incident;
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
	print__time(stdout, &story->ctl->context.host, row->who.start);
	fputc('\n', stdout);
	label(story, "exe");
	print__field(stdout, row->image.exe);
	fputc('\n', stdout);
	label(story, "user");
	print_user(story, row->image.uid);
	fputc('\n', stdout);
	print_known(story, "cgroup", row->image.cgroup, sizeof(row->image.cgroup));
	print_known(story, "unit", place.unit, sizeof(place.unit));
	print_known(story, "pod", place.pod, sizeof(place.pod));
	snprintf(container, sizeof(container), "%s%s%s", place.runtime, *place.runtime ? " " : "",
		 place.container);
	print_known(story, "container", container, sizeof(container));
}

static void print_death(struct story *story)
{
	label(story, "died");
	print_moment(story, story->died);
	fputc('\n', stdout);
	label(story, "cause");
	print_cause(story);
	fputc('\n', stdout);
}

static void print_signal(const struct story *story, const struct sent_signal *sent)
{
	if (!sent->at)
		return;
	printf(", %s ", signal__name((int)sent->signal));
	print_offset(story, sent->at);
	if (sent->by == BY_KERNEL)
		fputs(" by the kernel", stdout);
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

static enum colour fate_colour(const struct control_survivor_row *row)
{
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

static void print_survivor(struct story *story, const struct control_survivor_row *row)
{
	printf("  %7" PRIu32 "  ", row->who.pid);
	coloured(story, fate_colour(row), "%s", survivor_outcome__name(row->outcome));
	if (row->outcome == SURVIVOR_SPARED && *row->reason) {
		fputs(" (", stdout);
		print__field(stdout, row->reason);
		fputc(')', stdout);
	}
	print_signal(story, &row->first);
	print_signal(story, &row->last);
	if (row->gone) {
		fputs(", gone ", stdout);
		print_offset(story, row->gone);
		fputs(" (", stdout);
		print__end(stdout, row->exit_code);
		fputc(')', stdout);
	}
	fputs(": ", stdout);
	print__command(stdout, &row->image);
	fputc('\n', stdout);
	if (row->outcome != SURVIVOR_STUCK)
		return;
	fputs("         state ", stdout);
	print__field(stdout, row->state);
	fputc('\n', stdout);
	print_stack(row->stack);
}

static void print_outcome(struct story *story)
{
	const struct control_incident_row *row = &story->incident;

	if (row->reaction_ns) {
		label(story, "reaction");
		print__span(stdout, screen_of(story), row->reaction_ns);
		fputs(" from the death to the last first signal\n", stdout);
	}
	if (row->clear_ns) {
		label(story, "clear");
		print__span(stdout, screen_of(story), row->clear_ns);
		fputs(" from the death to the last end\n", stdout);
	}
	label(story, "outcome");
	coloured(story, outcome_colour(row), "%s%s", incident_outcome__name(row->outcome),
		 row->open ? " so far" : "");
	if (!row->open && row->closed) {
		fputs(", closed ", stdout);
		print_moment(story, row->closed);
	}
	fputc('\n', stdout);
}

static void print_story(struct story *story)
{
	story->died = story->incident.died;
	print_head(story);
	print_root(story);
	print_death(story);
	printf("%" PRIu32 " %s%s\n", story->count, story->count == 1 ? "survivor" : "survivors",
	       story->count ? ":" : "");
	for (uint32_t i = 0; i < story->count; i++)
		print_survivor(story, &story->survivors[i]);
	print_outcome(story);
}

static enum exit_status print_story_json(struct story *story)
{
	struct json_context *context = &story->ctl->context;
	struct json_object *incident = json__incident(context, &story->incident);
	int err = 0;

	for (uint32_t i = 0; incident && !err && i < story->count; i++)
		err = json__add_survivor(incident, context, &story->survivors[i]);
	if (incident && !err && print__json(STEAL(incident)) == 0)
		return EXIT_DONE;
	json_object_put(incident);
	complain("out of memory");
	return EXIT_FAILED;
}

enum exit_status cmd__show(struct ctl *ctl)
{
	struct control_query query = { CONTROL_REQUEST(control_query, CONTROL_INCIDENTS) };
	__attribute__((cleanup(clear_story))) struct story story = { .ctl = ctl };
	struct control_end end;
	enum exit_status status;

	text__copy(query.id, sizeof(query.id), ctl->options.id);
	status = client__ask_once(ctl, &query, take_row, &story, &end);
	if (status != EXIT_DONE)
		return status;
	if (!story.incidents)
		complain("no incident %s; see orphanctl incidents", ctl->options.id);
	else if (story.incidents > 1)
		complain("%s is ambiguous: several incidents begin so; write more of the id",
			 ctl->options.id);
	else if (story.count < story.incident.survivors)
		complain("the daemon kept back %" PRIu32 " survivors of the incident; ask again",
			 story.incident.survivors - story.count);
	else if (ctl->options.json)
		return print_story_json(&story);
	else {
		print_story(&story);
		return EXIT_DONE;
	}
	return EXIT_FAILED;
}
