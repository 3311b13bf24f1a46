// SPDX-License-Identifier: GPL-2.0
/* cmd_incidents.c - incidents: a table, or whole as JSON. */
#include <inttypes.h>
#include <string.h>

#include <json-c/json.h>

#include "base/own.h"
#include "base/text.h"
#include "ctl/client.h"
#include "model/incident.h"
#include "model/policy.h"

/* The incident whose survivors are coming in. */
struct list {
	struct ctl *ctl;
	struct table table;
	struct json_object *open; /* with --json */
	uint32_t awaited;
};

static void clear_list(struct list *list)
{
	table__clear(&list->table);
	json_object_put(list->open);
}

static void add_incident(struct list *list, const struct control_incident_row *row)
{
	const struct screen *screen = &list->ctl->screen;
	struct table *table = &list->table;

	print__field(table__cell(table, COLOUR_STRONG), row->id);
	print__when(table__cell(table, COLOUR_PLAIN), screen, &list->ctl->context.host,
		    row->opened);
	print__field(table__cell(table, COLOUR_PLAIN), row->rule);
	fprintf(table__cell(table, COLOUR_PLAIN), "%" PRIu32, row->who.pid);
	print__cause(table__cell(table, COLOUR_PLAIN), row);
	fputs(row->open ? "open" : incident_outcome__name(row->outcome),
	      table__cell(table, colour__of_outcome(row)));
	fprintf(table__cell(table, COLOUR_PLAIN), "%" PRIu32, row->survivors);
	print__latency(table__cell(table, COLOUR_PLAIN), screen, row->reaction_ns);
	print__latency(table__cell(table, COLOUR_PLAIN), screen, row->clear_ns);
	print__command(table__cell(table, COLOUR_PLAIN), &row->image);
}

static enum verdict print_if_whole(struct list *list)
{
	if (!list->open || list->awaited)
		return ROW_TAKEN;
	return print__json(STEAL(list->open)) ? ROW_NO_MEMORY : ROW_TAKEN;
}

static enum verdict take_incident(struct list *list, const struct control_incident_row *row)
{
	if (list->awaited)
		return ROW_STRANGE;
	list->awaited = row->survivors;
	if (!list->ctl->options.json) {
		add_incident(list, row);
		return ROW_TAKEN;
	}
	list->open = json__incident(&list->ctl->context, row);
	return list->open ? print_if_whole(list) : ROW_NO_MEMORY;
}

static enum verdict take_survivor(struct list *list, const struct control_survivor_row *row)
{
	if (!list->awaited)
		return ROW_STRANGE;
	list->awaited--;
	if (list->open && json__add_survivor(list->open, &list->ctl->context, row))
		return ROW_NO_MEMORY;
	return print_if_whole(list);
}

static enum verdict take_row(void *data, const struct control_head *head)
{
	if (head->type == CONTROL_INCIDENT_ROW)
		return take_incident(data, (const struct control_incident_row *)head);
	if (head->type == CONTROL_SURVIVOR_ROW)
		return take_survivor(data, (const struct control_survivor_row *)head);
	return ROW_STRANGE;
}

static enum exit_status ask(struct list *list)
{
	const struct options *options = &list->ctl->options;
	struct control_query query = {
		CONTROL_REQUEST(control_query, CONTROL_INCIDENTS),
		.since = options->since,
		.until = options->until,
		.limit = options->limit,
		.by_user = options->given & TAKES(USER) ? 1 : 0,
		.uid = options->uid,
	};
	struct control_end end;
	enum exit_status status;

	text__copy(query.rule, sizeof(query.rule), options->rule);
	text__copy(query.outcome, sizeof(query.outcome), options->outcome);
	text__copy(query.root, sizeof(query.root), options->root);
	text__copy(query.sender, sizeof(query.sender), options->sender);
	text__copy(query.cgroup, sizeof(query.cgroup), options->cgroup);
	status = client__ask_once(list->ctl, &query, take_row, list, &end);
	if (status == EXIT_DONE && list->awaited && !ferror(stdout)) {
		complain("the daemon kept back %" PRIu32
			 " survivors of the last incident; ask again",
			 list->awaited);
		return EXIT_FAILED;
	}
	return status;
}

enum exit_status cmd__incidents(struct ctl *ctl)
{
	const struct column columns[] = {
		{ "INCIDENT", false }, { "OPENED", true },   { "RULE", false },
		{ "ROOT", true },      { "CAUSE", false },   { "OUTCOME", false },
		{ "SURVIVORS", true }, { "REACTION", true }, { "CLEAR", true },
		{ "COMMAND", false },
	};
	__attribute__((cleanup(clear_list))) struct list list = { .ctl = ctl };
	enum exit_status status;

	if (table__begin(&list.table, columns, sizeof(columns) / sizeof(*columns))) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	status = ask(&list);
	if (status != EXIT_DONE || ctl->options.json)
		return status;
	if (table__print(&list.table, &ctl->screen)) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}
