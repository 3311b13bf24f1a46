// SPDX-License-Identifier: GPL-2.0
/* cmd_events.c - what happened, a line each. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "ctl/client.h"
#include "model/incident.h"

static enum colour colour_of(uint32_t type)
{
	switch (type) {
	case EVENT_ROOT_DIED:
	case EVENT_BRAKE_OPENED:
	case EVENT_EVENTS_LOST:
		return COLOUR_BAD;
	case EVENT_INCIDENT_OPENED:
	case EVENT_SURVIVOR_SIGNALLED:
		return COLOUR_WARN;
	case EVENT_SURVIVOR_GONE:
	case EVENT_INCIDENT_CLOSED:
		return COLOUR_GOOD;
	default:
		return COLOUR_PLAIN;
	}
}

/* While one looks on, "ago" would be nothing on every line: the time of the day. */
static void print_time(const struct ctl *ctl, uint64_t at)
{
	const struct control_host *host = &ctl->context.host;
	uint64_t realtime = json__realtime(host, at);
	time_t seconds = (time_t)(realtime / NS_PER_SEC);
	struct tm tm;

	if (!ctl->screen.terminal || !ctl->options.follow) {
		print__when(stdout, &ctl->screen, host, at);
		return;
	}
	if (localtime_r(&seconds, &tm))
		printf("%02d:%02d:%02d.%03u", tm.tm_hour, tm.tm_min, tm.tm_sec,
		       (unsigned)(realtime % NS_PER_SEC / NS_PER_MS));
}

static void print_details(const struct control_event_row *row)
{
	switch (row->type) {
	case EVENT_TREE_TRACKED:
	case EVENT_PROCESS_EXECUTED:
		fputs("  ", stdout);
		print__command(stdout, &row->image);
		break;
	case EVENT_PROCESS_FORKED:
		printf("  from %" PRIu32, row->parent.pid);
		break;
	case EVENT_PROCESS_EXITED:
	case EVENT_ROOT_DIED:
		fputs("  ", stdout);
		print__end(stdout, row->exit_code);
		break;
	case EVENT_SURVIVOR_SIGNALLED:
		printf("  %s", signal__name((int)row->signal));
		break;
	case EVENT_SURVIVOR_GONE:
		printf("  %s: ", survivor_outcome__name(row->outcome));
		print__end(stdout, row->exit_code);
		break;
	case EVENT_INCIDENT_CLOSED:
		printf("  %s", incident_outcome__name(row->outcome));
		break;
	case EVENT_EVENTS_LOST:
		printf("  %" PRIu32 " lost", row->signal);
		break;
	default:
		break;
	}
}

static void print_event(const struct ctl *ctl, const struct control_event_row *row)
{
	const char *name = json__event_name(row->type) + strlen("orphand.");
	enum colour colour = colour_of(row->type);
	const struct screen *screen = &ctl->screen;

	fputs(colour__on(screen, COLOUR_DIM), stdout);
	print_time(ctl, row->at);
	fputs(colour__off(screen, COLOUR_DIM), stdout);
	printf("  %s%-*s%s", colour__on(screen, colour), screen->terminal ? 18 : 0, name,
	       colour__off(screen, colour));
	if (row->tree)
		printf("  tree %" PRIu32, row->tree);
	if (*row->name) {
		fputc(' ', stdout);
		print__field(stdout, row->name);
	}
	if (row->who.pid)
		printf("  pid %" PRIu32, row->who.pid);
	print_details(row);
	if (*row->incident) {
		fputs("  ", stdout);
		print__field(stdout, row->incident);
	}
	fputc('\n', stdout);
}

static enum verdict take_event(void *data, const struct control_head *head)
{
	const struct control_event_row *row = (const struct control_event_row *)head;
	const struct ctl *ctl = data;

	if (head->type != CONTROL_EVENT_ROW || row->type >= EVENT_TYPES)
		return ROW_STRANGE;
	if (!ctl->options.json)
		print_event(ctl, row);
	else if (print__json(json__event(&ctl->context, row)))
		return ROW_NO_MEMORY;
	/* who looks on wants it now */
	if (ctl->options.follow)
		fflush(stdout);
	return ROW_TAKEN;
}

enum exit_status cmd__events(struct ctl *ctl)
{
	struct control_query query = {
		CONTROL_REQUEST(control_query, CONTROL_EVENTS),
		.since = ctl->options.since,
		.until = ctl->options.until,
		.limit = ctl->options.limit,
		.tree = ctl->options.tree,
		.types = ctl->options.types,
		.follow = ctl->options.follow,
	};
	struct control_end end;

	return client__ask_once(ctl, &query, take_event, ctl, &end);
}
