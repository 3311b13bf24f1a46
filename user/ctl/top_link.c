// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "ctl/top_link.h"

/* How often something is asked. What takes long is asked less often: the daemon has better to do. */
#define STATS_NS (1 * NS_PER_SEC)
#define TREES_NS (1 * NS_PER_SEC)
#define TREES_IDLE_NS (5 * NS_PER_SEC)
#define INCIDENTS_NS (30 * NS_PER_SEC)
#define COST 10

#define RETRY_NS (500 * NS_PER_MS)

/* Records taken in one turn: keys have to be heard in between. */
#define MOST_AT_ONCE 2000

/* ---- connections */

static void hang_up(struct link *link)
{
	client__close(&link->asking);
	client__close(&link->following);
	link->question = QUESTIONS;
	trees__drop(&link->trees);
	link->next = (struct numbers){};
}

static void lose(struct link *link, uint64_t now)
{
	hang_up(link);
	link->lost_at = now;
	link->retry_at = now + RETRY_NS;
}

static enum exit_status follow_events(struct link *link)
{
	struct control_query query = {
		CONTROL_REQUEST(control_query, CONTROL_EVENTS),
		.since = clock__realtime(),
		.follow = true,
	};

	return client__send(&link->following, &query);
}

/* Events first, then what there is: what happens in between comes twice rather than never. */
static enum exit_status connect_both(struct link *link, uint64_t now)
{
	const char *path = link->ctl->options.socket;
	enum exit_status status = client__open(&link->following, path);

	if (status == EXIT_DONE)
		status = client__open(&link->asking, path);
	if (status == EXIT_DONE)
		status = follow_events(link);
	if (status != EXIT_DONE) {
		hang_up(link);
		return status;
	}
	/* what comes is waited for in top's own loop */
	link->asking.patient = link->following.patient = true;
	for (int i = 0; i < QUESTIONS; i++)
		link->due[i] = now;
	link->limit = TOP_INCIDENTS / 4;
	link->changed_at = now;
	return EXIT_DONE;
}

enum exit_status link__open(struct link *link, struct ctl *ctl, uint64_t now)
{
	*link = (struct link){
		.ctl = ctl,
		.asking.fd = -1,
		.following.fd = -1,
		.question = QUESTIONS,
	};
	if (incidents__init(&link->incidents)) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	return connect_both(link, now);
}

void link__clear(struct link *link)
{
	if (!link->ctl)
		return;
	hang_up(link);
	trees__clear(&link->trees);
	incidents__clear(&link->incidents);
}

/* ---- questions */

static enum exit_status ask_target(struct link *link, uint16_t type)
{
	struct control_target target = { CONTROL_REQUEST(control_target, type) };

	return client__send(&link->asking, &target);
}

static enum exit_status ask_incidents(struct link *link, uint32_t limit, const char *id)
{
	struct control_query query = {
		CONTROL_REQUEST(control_query, CONTROL_INCIDENTS),
		.limit = limit,
	};

	text__copy(query.id, sizeof(query.id), id);
	return client__send(&link->asking, &query);
}

static enum exit_status ask_about_stale(struct link *link, struct incident_entry *entry)
{
	/* what is told of it from now on makes it stale again */
	entry->stale = false;
	return ask_incidents(link, 1, entry->row.id);
}

static enum exit_status ask(struct link *link, enum question question, uint64_t now)
{
	link->question = question;
	link->asked_at = now;
	switch (question) {
	case QUESTION_STATS:
		return ask_target(link, CONTROL_STATS);
	case QUESTION_TREES:
		return ask_target(link, CONTROL_LIST);
	case QUESTION_INCIDENTS:
		return ask_incidents(link, link->limit, "");
	default:
		return ask_about_stale(link, incidents__stale(&link->incidents));
	}
}

/* The one that is due for the longest time. */
static enum question next_question(const struct link *link, uint64_t now)
{
	enum question found = QUESTIONS;

	for (unsigned i = 0; i < QUESTIONS; i++) {
		uint64_t due = link->due[i];

		if (i == QUESTION_INCIDENT && !incidents__stale(&link->incidents))
			continue;
		if (i == QUESTION_TREES && link->changed_at < link->listed_at)
			due += TREES_IDLE_NS - TREES_NS;
		if (due <= now && (found == QUESTIONS || due < link->due[found]))
			found = i;
	}
	return found;
}

void link__step(struct link *link, uint64_t now)
{
	enum question question;

	if (link->asking.fd < 0) {
		if (now < link->retry_at)
			return;
		link->retry_at = now + RETRY_NS;
		if (connect_both(link, now) == EXIT_DONE)
			link->lost_at = 0;
		return;
	}
	if (link->question != QUESTIONS)
		return;
	question = next_question(link, now);
	if (question != QUESTIONS && ask(link, question, now) != EXIT_DONE)
		lose(link, now);
}

uint64_t link__silence(const struct link *link, uint64_t now)
{
	uint64_t since = link->heard_at > link->asked_at ? link->heard_at : link->asked_at;

	return link->question == QUESTIONS ? 0 : now - since;
}

/* ---- answers */

static void finish_trees(struct link *link, uint64_t now)
{
	if (trees__finish(&link->trees, now))
		complain("out of memory");
	link->listed_at = link->asked_at;
}

/* An answer that does not fit into the daemon's queue is asked for by halves. */
static bool halve(struct link *link, enum question question, int32_t status, uint64_t now)
{
	if (question != QUESTION_INCIDENTS || status != -EMSGSIZE || link->limit <= 1)
		return false;
	link->limit /= 2;
	link->due[question] = now;
	return true;
}

static void take_end(struct link *link, const struct control_end *end, uint64_t now)
{
	static const uint64_t pause[QUESTIONS] = {
		[QUESTION_STATS] = STATS_NS,
		[QUESTION_TREES] = TREES_NS,
		[QUESTION_INCIDENTS] = INCIDENTS_NS,
	};
	enum question question = link->question;
	uint64_t cost = (now - link->asked_at) * COST;

	link->question = QUESTIONS;
	link->due[question] = now + (cost > pause[question] ? cost : pause[question]);
	if (!halve(link, question, end->status, now) && end->status && *end->text)
		complain("%s", end->text);
	if (question == QUESTION_STATS)
		numbers__finish(&link->numbers, &link->next, now);
	else if (question == QUESTION_TREES)
		finish_trees(link, now);
	else
		incidents__settle(&link->incidents);
}

static void take_answer(struct link *link, const union row *row, uint64_t now)
{
	link->heard_at = now;
	switch (row->head.type) {
	case CONTROL_HOST_ROW:
		link->ctl->context.host = row->host;
		break;
	case CONTROL_COUNTER_ROW:
		numbers__add(&link->next, &row->counter);
		break;
	case CONTROL_TREE_ROW:
		if (trees__add(&link->trees, &row->tree))
			complain("out of memory");
		break;
	case CONTROL_INCIDENT_ROW:
		incidents__put(&link->incidents, &row->incident);
		break;
	case CONTROL_END:
		if (link->question != QUESTIONS)
			take_end(link, &row->end, now);
		break;
	default:
		break;
	}
}

/* ---- events */

static void take_event(struct link *link, const union row *row, uint64_t now)
{
	const struct control_event_row *event = &row->event;

	if (row->head.type == CONTROL_HOST_ROW)
		link->ctl->context.host = row->host;
	if (row->head.type != CONTROL_EVENT_ROW)
		return;
	link->changed_at = now;
	if (event->type != EVENT_INCIDENT_OPENED && event->type != EVENT_INCIDENT_CLOSED)
		return;
	incidents__note(&link->incidents, event);
	incidents__sort(&link->incidents, link->incidents.sort);
}

static bool take_from(struct link *link, struct client *client, uint64_t now,
		      void (*take)(struct link *link, const union row *row, uint64_t now))
{
	struct pollfd fd = { .fd = client->fd, .events = POLLIN };
	union row row;
	bool taken = false;

	for (int i = 0; i < MOST_AT_ONCE && client->fd >= 0 && poll(&fd, 1, 0) == 1; i++) {
		if (client__receive(client, &row) != RECEIVED_RECORD) {
			lose(link, now);
			return true;
		}
		take(link, &row, now);
		taken = true;
	}
	return taken;
}

bool link__take(struct link *link, uint64_t now)
{
	bool taken = take_from(link, &link->following, now, take_event);

	return take_from(link, &link->asking, now, take_answer) || taken;
}
