// SPDX-License-Identifier: GPL-2.0
/* cmd_state.c - how the daemon itself is: stats and doctor. */
#include <inttypes.h>
#include <string.h>

#include <json-c/json.h>

#include "base/own.h"
#include "base/text.h"
#include "ctl/client.h"

struct report {
	struct ctl *ctl;
	struct table table;
	struct json_object *counters; /* stats --json: one object of all */
};

static void clear_report(struct report *report)
{
	table__clear(&report->table);
	json_object_put(report->counters);
}

static enum exit_status no_memory(void)
{
	complain("out of memory");
	return EXIT_FAILED;
}

/* ---- stats */

static bool is_latency(const char *name)
{
	size_t len = strlen(name);

	return len > 3 && strcmp(name + len - 3, "_ns") == 0;
}

static enum verdict keep_counter(struct report *report, const struct control_counter_row *row)
{
	struct json_object *name = json__text(row->name, sizeof(row->name));
	struct json_object *value = json_object_new_uint64(row->value);
	enum verdict verdict = ROW_NO_MEMORY;

	if (name && value &&
	    json_object_object_add(report->counters, json_object_get_string(name), value) == 0) {
		value = NULL;
		verdict = ROW_TAKEN;
	}
	json_object_put(name);
	json_object_put(value);
	return verdict;
}

static enum verdict take_counter(void *data, const struct control_head *head)
{
	const struct control_counter_row *row = (const struct control_counter_row *)head;
	struct report *report = data;
	struct table *table = &report->table;

	if (head->type != CONTROL_COUNTER_ROW)
		return ROW_STRANGE;
	if (report->ctl->options.json)
		return keep_counter(report, row);
	print__field(table__cell(table, COLOUR_PLAIN), row->name);
	if (report->ctl->screen.terminal && is_latency(row->name))
		print__span(table__cell(table, COLOUR_PLAIN), &report->ctl->screen, row->value);
	else
		fprintf(table__cell(table, COLOUR_PLAIN), "%llu", (unsigned long long)row->value);
	return ROW_TAKEN;
}

enum exit_status cmd__stats(struct ctl *ctl)
{
	static const struct column columns[] = { { NULL, false }, { NULL, true } };
	struct control_target target = { CONTROL_REQUEST(control_target, CONTROL_STATS) };
	__attribute__((cleanup(clear_report))) struct report report = { .ctl = ctl };
	struct control_end end;
	enum exit_status status;

	report.counters = json_object_new_object();
	if (!report.counters || table__begin(&report.table, columns, 2))
		return no_memory();
	status = client__ask_once(ctl, &target, take_counter, &report, &end);
	if (status != EXIT_DONE)
		return status;
	if (ctl->options.json)
		return print__json(STEAL(report.counters)) ? no_memory() : EXIT_DONE;
	return table__print(&report.table, &ctl->screen) ? no_memory() : EXIT_DONE;
}

/* ---- doctor */

static enum verdict take_finding(void *data, const struct control_head *head)
{
	static const enum colour colours[] = {
		[FINDING_OK] = COLOUR_GOOD,
		[FINDING_GAP] = COLOUR_WARN,
		[FINDING_WRONG] = COLOUR_BAD,
	};
	const struct control_finding_row *row = (const struct control_finding_row *)head;
	struct report *report = data;
	struct table *table = &report->table;

	if (head->type != CONTROL_FINDING_ROW || row->level > FINDING_WRONG)
		return ROW_STRANGE;
	if (report->ctl->options.json)
		return print__json(json__finding(row)) ? ROW_NO_MEMORY : ROW_TAKEN;
	fputs(json__finding_level(row->level), table__cell(table, colours[row->level]));
	print__field(table__cell(table, COLOUR_STRONG), row->name);
	print__field(table__cell(table, COLOUR_PLAIN), row->text);
	return ROW_TAKEN;
}

enum exit_status cmd__doctor(struct ctl *ctl)
{
	static const struct column columns[] = { { NULL, false },
						 { NULL, false },
						 { NULL, false } };
	struct control_target target = { CONTROL_REQUEST(control_target, CONTROL_DOCTOR) };
	__attribute__((cleanup(clear_report))) struct report report = { .ctl = ctl };
	struct control_end end;
	enum exit_status status;

	if (table__begin(&report.table, columns, 3))
		return no_memory();
	/* what a gap costs has to be read to its end */
	report.table.whole = true;
	status = client__ask_once(ctl, &target, take_finding, &report, &end);
	if (status != EXIT_DONE || ctl->options.json)
		return status;
	return table__print(&report.table, &ctl->screen) ? no_memory() : EXIT_DONE;
}
