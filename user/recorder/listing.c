// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#include "base/text.h"
#include "model/json.h"
#include "recorder/listing.h"
#include "report/report.h"

#define PLAIN (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

/* A page ends sooner when the incidents in it are large: nobody shall wait for it for long. */
#define SURVIVORS_MOST 5000

/* What store's reading returns when fn has enough. */
#define ENOUGH 1

static void print(FILE *out, struct json_object *object)
{
	fputs(json_object_to_json_string_ext(object, PLAIN), out);
}

/* ---- incidents */

struct gathering {
	struct listing *page;
	struct json_context context;
	struct json_object *incident; /* whose survivors are being read */
	char id[INCIDENT_ID_LEN];
	uint32_t limit;
	uint32_t incidents, survivors; /* so far */
};

static void put_incident(struct gathering *gathering)
{
	FILE *out = gathering->page->out;

	if (!gathering->incident)
		return;
	if (gathering->incidents++)
		fputs(",\n", out);
	print(out, gathering->incident);
	json_object_put(gathering->incident);
	gathering->incident = NULL;
}

static int take_incident(struct gathering *gathering, const struct control_incident_row *row)
{
	put_incident(gathering);
	if (gathering->incidents == gathering->limit || gathering->survivors > SURVIVORS_MOST) {
		text__copy(gathering->page->next, sizeof(gathering->page->next), gathering->id);
		return ENOUGH;
	}
	text__copy(gathering->id, sizeof(gathering->id), row->id);
	gathering->incident = json__incident(&gathering->context, row);
	return gathering->incident ? 0 : -ENOMEM;
}

static int take_row(void *context, const struct control_head *row)
{
	struct gathering *gathering = context;

	switch (row->type) {
	case CONTROL_HOST_ROW:
		memcpy(&gathering->context.host, row, sizeof(gathering->context.host));
		return 0;
	case CONTROL_INCIDENT_ROW:
		return take_incident(gathering, (const struct control_incident_row *)row);
	default:
		gathering->survivors++;
		return json__add_survivor(gathering->incident, &gathering->context,
					  (const struct control_survivor_row *)row);
	}
}

static struct gathering gather(struct listing *page, uint32_t limit)
{
	return (struct gathering){
		.page = page,
		.context = { .user = users__name, .data = page->users },
		.limit = limit,
	};
}

int listing__incidents(struct listing *page, struct store *store, const struct query *query)
{
	struct gathering gathering = gather(page, query->limit ? query->limit : LIMIT_USUAL);
	struct control_query of_store = { .since = query->since };
	int err;

	text__copy(of_store.rule, sizeof(of_store.rule), query->rule);
	text__copy(of_store.outcome, sizeof(of_store.outcome), query->outcome);
	fputs("[", page->out);
	err = store__incidents_before(store, &of_store, query->before, take_row, &gathering);
	if (err >= 0)
		put_incident(&gathering);
	json_object_put(gathering.incident);
	fputs("]\n", page->out);
	return err < 0 ? err : 0;
}

int listing__incident(struct listing *page, struct store *store, const char *id)
{
	struct gathering gathering = gather(page, 1);
	int err = store__incident(store, id, take_row, &gathering);

	if (!err && !gathering.incident)
		return -ENOENT;
	if (!err)
		put_incident(&gathering);
	json_object_put(gathering.incident);
	fputs("\n", page->out);
	return err;
}

/* ---- one incident's page */

struct telling {
	struct report *report;
	struct control_host host;
};

static int take_for_report(void *context, const struct control_head *row)
{
	struct telling *telling = context;

	if (row->type != CONTROL_HOST_ROW)
		return report__take(telling->report, &telling->host, row);
	memcpy(&telling->host, row, sizeof(telling->host));
	return 0;
}

int listing__story(struct listing *page, struct store *store, const char *id)
{
	const struct json_context context = { .user = users__name, .data = page->users };
	autoreport struct report report;
	struct telling telling = { .report = &report };
	struct control_query query;
	int err;

	report__init(&report, &context);
	err = store__incident(store, id, take_for_report, &telling);
	if (err || !report.incidents)
		return err ? err : -ENOENT;
	query = report__events_query(&report);
	err = store__events(store, &query, take_for_report, &telling);
	if (!err)
		err = report__finish(&report);
	return err ? err : report__write_html(&report, page->out);
}

/* ---- trees */

int listing__trees(struct listing *page, const struct picture *picture)
{
	const struct json_context context = { .host = picture->host,
					      .user = users__name,
					      .data = page->users };
	const struct control_tree_row *rows = picture->trees.at;

	fputs("[", page->out);
	for (size_t i = 0; i < picture->trees.count; i++) {
		struct json_object *tree = json__tree(&context, &rows[i]);

		if (!tree)
			return -ENOMEM;
		fputs(i ? ",\n" : "", page->out);
		print(page->out, tree);
		json_object_put(tree);
	}
	fputs("]\n", page->out);
	return 0;
}
