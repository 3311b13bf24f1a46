// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "model/json.h"
#include "recorder/sse.h"
#include "store/store.h"

#define RING_SLOTS 65536U
#define RING_BYTES (32UL << 20)

#define HEARTBEAT (15 * NS_PER_SEC)
#define STALL_S 60 /* a client that takes nothing at all */

/* Who was cut off by another's end comes back soon: the ring is kept for it. */
#define WARM (30 * NS_PER_SEC)

/* What is read of the store for one client, and in one turn: the guard's rows come in between. */
#define PAGE_ROWS 500
#define PAGES_NS (20 * NS_PER_MS)

#define BLOCK 16384

/* One event as all clients get it. */
struct frame {
	uint64_t seq;
	uint64_t at;
	uint32_t type;
	uint32_t tree;
	char rule[NAME_LEN];
	size_t len;
	char text[];
};

LIST_HEAD(client_list, sse_client);

struct sse {
	struct recorder *recorder;
	struct users *users;
	struct control_host host; /* of the events in the ring */
	struct frame *ring[RING_SLOTS];
	uint64_t first, end; /* of what is in it: slots are these modulo its size */
	size_t bytes;
	struct client_list clients;
	unsigned count;
	uint64_t dropped;
	uint64_t news;	      /* the end as the clients were woken for it */
	uint64_t warm_until;  /* boottime; kept without a client, too */
	uint64_t pages_until; /* of this turn */
	bool more_pages;      /* were asked for */
};

struct sse_client {
	LIST_ENTRY(sse_client) all;
	struct sse *sse;
	struct MHD_Connection *connection;
	struct query filter;
	uint64_t since;	 /* boottime: older events are none of its */
	uint64_t cursor; /* in the ring */
	size_t offset;	 /* of that frame, what is sent of it */
	uint64_t next;	 /* the sequence number that should come next; 0: any */
	bool replaying;	 /* from the store, up to where the ring begins */
	bool asleep;
	bool doomed;
	uint64_t spoke; /* when something was sent */
	bool beats;	/* a heartbeat is due */
	/* its own text, before all that is in the ring */
	char *own;
	size_t own_len, own_sent;
};

/* ---- frames */

static struct frame *make_frame(const struct sse *sse, const struct control_host *host,
				const struct control_event_row *row)
{
	const struct json_context context = { .host = *host,
					      .user = users__name,
					      .data = sse->users };
	struct json_object *object = json__event(&context, row);
	const char *text = json_object_to_json_string_ext(
		object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	size_t room = object && text ? strlen(text) + 128 : 0;
	struct frame *frame = room ? malloc(sizeof(*frame) + room) : NULL;

	if (frame) {
		*frame = (struct frame){
			.seq = row->seq, .at = row->at, .type = row->type, .tree = row->tree
		};
		text__copy(frame->rule, sizeof(frame->rule), row->name);
		frame->len = (size_t)snprintf(
			frame->text, room, "id: %" PRIu64 "\nevent: %s\ndata: %s\n\n",
			(uint64_t)row->seq, json__event_name(row->type), text);
	}
	json_object_put(object);
	return frame;
}

static struct frame **slot(struct sse *sse, uint64_t at)
{
	return &sse->ring[at % RING_SLOTS];
}

static void drop_first(struct sse *sse)
{
	struct frame **frame = slot(sse, sse->first++);

	sse->bytes -= (*frame)->len;
	free(*frame);
	*frame = NULL;
}

static void clear_ring(struct sse *sse)
{
	while (sse->first < sse->end)
		drop_first(sse);
}

void sse__event(struct sse *sse, const struct control_host *host,
		const struct control_event_row *row)
{
	struct frame *frame;

	if (!sse->count && clock__boottime() > sse->warm_until) {
		clear_ring(sse); /* the store has it for who comes later */
		return;
	}
	sse->host = *host;
	frame = make_frame(sse, host, row);
	if (!frame)
		return; /* the gap in the numbers is told */
	if (sse->end - sse->first == RING_SLOTS)
		drop_first(sse);
	*slot(sse, sse->end++) = frame;
	sse->bytes += frame->len;
	while (sse->bytes > RING_BYTES)
		drop_first(sse);
}

/* ---- a client */

/* Until the first that it gets. */
static bool is_too_old(const struct sse_client *client, const struct frame *frame)
{
	return !client->next && frame->at < client->since;
}

static bool is_wanted(const struct sse_client *client, const struct frame *frame)
{
	const struct query *filter = &client->filter;

	return !is_too_old(client, frame) &&
	       (!filter->types || filter->types & 1U << frame->type) &&
	       (!filter->tree || filter->tree == frame->tree) &&
	       (!(filter->given & PARAMETER_RULE) || strcmp(filter->rule, frame->rule) == 0);
}

static bool add_text(char **text, size_t len, const char *more, size_t more_len)
{
	char *longer = realloc(*text, len + more_len);

	if (!longer)
		return false;
	*text = longer;
	memcpy(longer + len, more, more_len);
	return true;
}

static void say(struct sse_client *client, const char *text, size_t len)
{
	if (client->own_sent == client->own_len)
		client->own_sent = client->own_len = 0;
	if (add_text(&client->own, client->own_len, text, len))
		client->own_len += len;
	else
		client->doomed = true; /* it would miss something without being told */
}

/* Whether the daemon began between the two: its numbers are times. */
static bool is_restart(const struct control_host *host, uint64_t first, uint64_t seq)
{
	uint64_t begun = json__realtime(host, host->begun) / NS_PER_US;

	return first <= begun && begun <= seq;
}

/* Numbers were left out: what they told, if anything, is lost to this client. */
static void say_gap(struct sse_client *client, const struct control_host *host, uint64_t seq)
{
	char text[224];
	int len = snprintf(text, sizeof(text),
			   "event: orphand.feed.gap\ndata: {\"event.name\":\"orphand.feed.gap\","
			   "\"orphand.gap.first\":%" PRIu64 ",\"orphand.gap.last\":%" PRIu64
			   ",\"orphand.gap.restart\":%s}\n\n",
			   client->next, seq - 1,
			   is_restart(host, client->next, seq) ? "true" : "false");

	say(client, text, (size_t)len);
}

/* False: it has had this one. */
static bool follows(struct sse_client *client, const struct control_host *host, uint64_t seq)
{
	if (client->next && seq < client->next)
		return false;
	if (client->next && seq > client->next)
		say_gap(client, host, seq);
	client->next = seq + 1;
	return true;
}

/* ---- from the store */

struct replay {
	struct sse_client *client;
	struct control_host host;
	uint64_t end; /* the ring has it from there on; 0: it is empty */
	uint32_t rows;
};

static int replay_row(void *context, const struct control_head *head)
{
	const struct control_event_row *row = (const struct control_event_row *)head;
	struct replay *replay = context;
	struct sse_client *client = replay->client;
	autofree struct frame *frame = NULL;

	if (head->type == CONTROL_HOST_ROW) {
		memcpy(&replay->host, head, sizeof(replay->host));
		return 0;
	}
	if (replay->end && row->seq >= replay->end)
		return 1;
	replay->rows++;
	if (!follows(client, &replay->host, row->seq))
		return 0;
	frame = make_frame(client->sse, &replay->host, row);
	if (!frame)
		return -ENOMEM;
	if (is_wanted(client, frame))
		say(client, frame->text, frame->len);
	return 0;
}

static uint64_t ring_begins(struct sse_client *client)
{
	struct sse *sse = client->sse;

	return client->cursor < sse->end ? (*slot(sse, client->cursor))->seq : 0;
}

/* Another page; what the store lacks, or all of it when there is none, will show as a gap. */
static void read_page(struct sse_client *client)
{
	struct replay replay = { .client = client, .end = ring_begins(client) };
	struct store *store = recorder__store(client->sse->recorder);
	int err = -EIO;

	if (store)
		err = store__events_from(store, client->next, PAGE_ROWS, replay_row, &replay);
	if (err < 0 || !replay.rows)
		client->replaying = false;
}

/* ---- what the server sends */

static size_t send_own(struct sse_client *client, char *to, size_t room)
{
	size_t left = client->own_len - client->own_sent;
	size_t len = left < room ? left : room;

	if (len)
		memcpy(to, client->own + client->own_sent, len);
	client->own_sent += len;
	if (client->own_sent == client->own_len && client->own) {
		free(client->own);
		client->own = NULL;
		client->own_len = client->own_sent = 0;
	}
	return len;
}

/* The next frame that it has yet to get, or the rest of one; NULL: none, or a gap to be told first.
 */
static struct frame *next_frame(struct sse_client *client)
{
	struct sse *sse = client->sse;

	for (; client->cursor < sse->end; client->cursor++) {
		struct frame *frame = *slot(sse, client->cursor);

		if (client->offset)
			return frame;
		if (is_too_old(client, frame) || !follows(client, &sse->host, frame->seq))
			continue;
		if (is_wanted(client, frame))
			return frame;
	}
	return NULL;
}

static size_t send_ring(struct sse_client *client, char *to, size_t room)
{
	size_t sent = 0;
	struct frame *frame;

	while (sent < room && (frame = next_frame(client))) {
		size_t left = frame->len - client->offset;
		size_t len = left < room - sent ? left : room - sent;

		if (client->own_len && !client->offset) {
			client->next = frame->seq; /* behind the gap that is told first */
			break;
		}
		memcpy(to + sent, frame->text + client->offset, len);
		sent += len;
		client->offset += len;
		if (client->offset < frame->len)
			break;
		client->offset = 0;
		client->cursor++;
	}
	return sent;
}

static bool may_read_page(struct sse *sse)
{
	bool may = clock__boottime() < sse->pages_until;

	sse->more_pages |= !may;
	return may;
}

static const char heartbeat[] = ": still here\n\n";

static ssize_t on_room(void *cls, uint64_t pos, char *to, size_t room)
{
	struct sse_client *client = cls;
	struct sse *sse = client->sse;
	size_t sent = 0;

	(void)pos;
	if (client->doomed || client->cursor < sse->first)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	while (!sent) {
		sent = send_own(client, to, room);
		if (!sent && client->replaying) {
			if (!may_read_page(sse))
				break;
			read_page(client);
			continue;
		}
		if (!sent)
			sent = send_ring(client, to, room);
		if (!sent && !client->own_len)
			break;
	}
	if (!sent && client->beats && room >= sizeof(heartbeat)) {
		sent = sizeof(heartbeat) - 1;
		memcpy(to, heartbeat, sent);
	}
	if (sent) {
		client->beats = false;
		client->spoke = clock__boottime();
		return (ssize_t)sent;
	}
	client->asleep = true;
	MHD_suspend_connection(client->connection);
	return 0;
}

static void on_end(void *cls)
{
	struct sse_client *client = cls;
	struct sse *sse = client->sse;

	LIST_REMOVE(client, all);
	sse->count--;
	sse->warm_until = clock__boottime() + WARM;
	free(client->own);
	free(client);
}

/* Numbers are times, too: one from the future was never given to anybody. */
static bool is_possible(uint64_t seq)
{
	return seq <= clock__realtime() / NS_PER_US;
}

static void place(struct sse_client *client, const struct query *query)
{
	static const char hello[] = "retry: 2000\n: events of orphand\n\n";
	static const char unknown[] =
		"event: orphand.feed.gap\ndata: {\"event.name\":\"orphand.feed.gap\"}\n\n";

	say(client, hello, sizeof(hello) - 1);
	if (!(query->given & PARAMETER_AFTER)) {
		client->since = clock__boottime();
	} else if (is_possible(query->after)) {
		client->next = query->after + 1;
		client->replaying = true;
	} else {
		client->since = clock__boottime();
		say(client, unknown, sizeof(unknown) - 1);
	}
}

/* What the ring still has need not be read from the store. */
static void rewind_in_ring(struct sse_client *client)
{
	struct sse *sse = client->sse;
	uint64_t low = sse->first, high = sse->end;

	if (!client->replaying || low == high)
		return;
	client->cursor = low;
	if ((*slot(sse, low))->seq > client->next)
		return;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if ((*slot(sse, middle))->seq < client->next)
			low = middle + 1;
		else
			high = middle;
	}
	client->cursor = low;
	client->replaying = false;
}

struct MHD_Response *sse__begin(struct sse *sse, struct MHD_Connection *connection,
				const struct query *query)
{
	struct sse_client *client = calloc(1, sizeof(*client));
	struct MHD_Response *response;

	if (!client)
		return NULL;
	client->sse = sse;
	client->connection = connection;
	client->filter = *query;
	client->cursor = sse->end;
	place(client, query);
	LIST_INSERT_HEAD(&sse->clients, client, all);
	sse->count++;
	rewind_in_ring(client);
	response =
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_room, client, on_end);
	if (!response)
		on_end(client);
	MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, STALL_S);
	return response;
}

/* ---- turns */

static void drop_client(struct sse_client *client)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(client->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (client->doomed)
		return;
	client->doomed = true;
	client->sse->dropped++;
	if (info)
		shutdown(info->connect_fd, SHUT_RDWR);
}

static bool has_news(struct sse_client *client)
{
	struct sse *sse = client->sse;

	if (client->replaying || client->own_len || client->doomed)
		return true;
	for (uint64_t at = client->cursor; at < sse->end; at++) {
		if (is_wanted(client, *slot(sse, at)))
			return true;
	}
	/* Nothing for it; a gap is told with the next event that is. */
	while (client->cursor < sse->end) {
		struct frame *frame = *slot(sse, client->cursor++);

		if (!is_too_old(client, frame))
			follows(client, &sse->host, frame->seq);
	}
	return client->own_len;
}

void sse__turn(struct sse *sse, uint64_t now)
{
	bool news = sse->news != sse->end || sse->more_pages;
	struct sse_client *client;

	sse->news = sse->end;
	sse->pages_until = now + PAGES_NS;
	sse->more_pages = false;
	LIST_FOREACH(client, &sse->clients, all) {
		if (client->cursor < sse->first)
			drop_client(client);
		if (!client->asleep)
			continue;
		if (now - client->spoke >= HEARTBEAT && !client->own_len)
			client->beats = true;
		if (client->beats || client->own_len || client->doomed ||
		    (news && has_news(client))) {
			client->asleep = false;
			MHD_resume_connection(client->connection);
		}
	}
}

uint64_t sse__due(const struct sse *sse)
{
	const struct sse_client *client;
	uint64_t due = UINT64_MAX;

	if (sse->more_pages)
		return 0;
	LIST_FOREACH(client, &sse->clients, all) {
		if (client->asleep && client->spoke + HEARTBEAT < due)
			due = client->spoke + HEARTBEAT;
	}
	return due;
}

struct sse *sse__new(struct recorder *recorder, struct users *users)
{
	struct sse *sse = calloc(1, sizeof(*sse));

	if (!sse)
		return NULL;
	sse->recorder = recorder;
	sse->users = users;
	sse->warm_until = clock__boottime() + WARM;
	LIST_INIT(&sse->clients);
	return sse;
}

void sse__end(struct sse *sse)
{
	struct sse_client *client;

	LIST_FOREACH(client, &sse->clients, all) {
		client->doomed = true;
		if (client->asleep)
			MHD_resume_connection(client->connection);
		client->asleep = false;
	}
}

void sse__free(struct sse *sse)
{
	clear_ring(sse);
	free(sse);
}

unsigned sse__clients(const struct sse *sse)
{
	return sse->count;
}

uint64_t sse__dropped(const struct sse *sse)
{
	return sse->dropped;
}
