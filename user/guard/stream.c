// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "guard/client.h"
#include "guard/coroner.h"
#include "guard/numbers.h"
#include "guard/ring.h"
#include "guard/stream.h"
#include "guard/tracker.h"
#include "recorder/recorder.h"

#define LAST_WORDS_MS 2000

/* Then the ring is looked at again: nobody's end waits for the recorder. */
#define ROWS_A_TURN 64

#define RINGS_A_SECOND 100

/* What is sent wakes the recorder, and both take the CPU from those who are to end: rows wait for
 * so long, or until they are too many. */
#define HOLD (50 * NS_PER_MS)
#define HELD_EVENTS (JOURNAL_EVENTS / 4)

struct stream {
	struct address feed;
	int fd;
	pid_t keeper;
	uint32_t recorder; /* 0: not known yet */
	sd_event_source *io, *word, *turn, *bell[BELLS];
	unsigned rows;		    /* of this turn */
	char packet[STREAM_PACKET]; /* rows yet to be sent, one behind the other */
	size_t packed;		    /* bytes of it */
	uint64_t next_event;
	uint64_t next_death;
	int64_t realtime; /* as the recorder was told */
	bool told_host;
	bool full;		    /* until the socket takes more */
	struct fate *fate;	    /* the next survivor of the incident that is being sent */
	bool in_incident;	    /* the first of journal.unsent is being sent */
	uint64_t incidents_dropped; /* as it began with that */
	uint64_t dropped;
	/* what the recorder has asked for */
	bool rung[BELLS];
	struct numbers *numbers; /* being sent */
	size_t next_row;	 /* of them */
	bool in_trees;		 /* being sent, from the newest to the oldest */
	uint32_t last_tree;	 /* that was sent */
};

/* ---- one row */

/* A call for each row would cost the guard more than to make it. False: not now. */
static bool send_packet(struct stream *stream)
{
	if (!stream->packed)
		return true;
	if (send(stream->fd, stream->packet, stream->packed, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
		stream->packed = 0;
		return true;
	}
	stream->full = true;
	sd_event_source_set_io_events(stream->io, EPOLLOUT);
	return false;
}

/* False: not now. */
static bool send_row(struct stream *stream, void *row, enum control_type type, size_t size)
{
	if (stream->rows == 0)
		return false;
	if (stream->packed + size > sizeof(stream->packet) && !send_packet(stream))
		return false;
	stream->rows--;
	*(struct control_head *)row =
		(struct control_head){ CONTROL_VERSION, (uint16_t)type, (uint32_t)size };
	memcpy(stream->packet + stream->packed, row, size);
	stream->packed += size;
	return true;
}

static bool send_host(struct guard *guard, struct stream *stream)
{
	struct control_host row;

	if (stream->told_host && stream->realtime == guard__realtime(guard))
		return true;
	row = answer__host(guard);
	stream->told_host = send_row(stream, &row, CONTROL_HOST_ROW, sizeof(row));
	stream->realtime = row.realtime;
	return stream->told_host;
}

/* ---- incidents */

static bool send_fates(struct stream *stream)
{
	while (stream->fate) {
		struct control_survivor_row row = {};

		fate__fill(stream->fate, &row);
		if (!send_row(stream, &row, CONTROL_SURVIVOR_ROW, sizeof(row)))
			return false;
		stream->fate = TAILQ_NEXT(stream->fate, of_incident);
	}
	return true;
}

static bool send_incident(struct guard *guard, struct incident *incident)
{
	struct stream *stream = guard->stream;
	struct control_incident_row row = {};

	/* The one that was being sent may have left the journal. */
	if (stream->incidents_dropped != guard->journal.unsent_dropped)
		stream->in_incident = false;
	stream->incidents_dropped = guard->journal.unsent_dropped;
	if (!stream->in_incident) {
		incident__fill(incident, &row);
		if (!send_row(stream, &row, CONTROL_INCIDENT_ROW, sizeof(row)))
			return false;
		stream->in_incident = true;
		stream->fate = TAILQ_FIRST(&incident->fates);
	}
	if (!send_fates(stream))
		return false;
	journal__sent(&guard->journal, incident);
	stream->in_incident = false;
	return true;
}

static bool send_incidents(struct guard *guard)
{
	struct incident *incident;

	while ((incident = TAILQ_FIRST(&guard->journal.unsent))) {
		if (!send_incident(guard, incident))
			return false;
	}
	return true;
}

void stream__changed(struct guard *guard, struct incident *incident)
{
	struct stream *stream = guard->stream;

	if (!stream)
		return;
	/* Half of it was sent: what is known now is sent from its beginning. */
	if (stream->in_incident && incident == TAILQ_FIRST(&guard->journal.unsent))
		stream->in_incident = false;
	journal__unsent(&guard->journal, incident);
}

/* ---- events */

/* Which types of events are stored, a bit for each. */
static uint32_t stored_events(enum store_events events)
{
	const uint32_t all = (1U << EVENT_TYPES) - 1;
	const uint32_t trees = 1U << EVENT_TREE_TRACKED | 1U << EVENT_PROCESS_FORKED |
			       1U << EVENT_PROCESS_EXECUTED | 1U << EVENT_PROCESS_EXITED |
			       1U << EVENT_TREE_ENDED;

	if (events == STORE_NONE)
		return 0;
	return events == STORE_TREES ? all : all & ~trees;
}

/* The feed tells all of them, whatever is stored. */
static bool is_wanted(const struct guard *guard, enum event_type type)
{
	return guard->stream->feed.kind != ADDRESS_OFF ||
	       stored_events(guard->config.events) & 1U << type;
}

static bool send_events(struct guard *guard)
{
	struct stream *stream = guard->stream;
	const struct journal *journal = &guard->journal;

	if (stream->next_event < journal__first(journal)) {
		stream->dropped += journal__first(journal) - stream->next_event;
		stream->next_event = journal__first(journal);
	}
	for (; stream->next_event <= journal->last; stream->next_event++) {
		const struct event *event = journal__event(journal, stream->next_event);
		struct control_event_row row = {};

		if (!is_wanted(guard, event->type))
			continue;
		event__fill(event, &row);
		if (!send_row(stream, &row, CONTROL_EVENT_ROW, sizeof(row)))
			return false;
	}
	return true;
}

static bool send_deaths(struct guard *guard)
{
	struct stream *stream = guard->stream;
	uint64_t first = coroner__first(guard);

	if (stream->next_death < first) {
		stream->dropped += first - stream->next_death;
		stream->next_death = first;
	}
	for (; stream->next_death <= coroner__last(guard); stream->next_death++) {
		struct control_death_row row = {};

		obituary__fill(coroner__obituary(guard, stream->next_death), &row);
		if (!send_row(stream, &row, CONTROL_DEATH_ROW, sizeof(row)))
			return false;
	}
	return true;
}

/* ---- what the recorder asks for, when its clients ask it */

static bool send_end(struct stream *stream, enum bell bell)
{
	struct control_end row = { .tree = bell };

	return send_row(stream, &row, CONTROL_END, sizeof(row));
}

static bool send_histograms(struct stream *stream)
{
	static const enum metric metrics[] = { METRIC_REACTION, METRIC_CLEAR };
	struct numbers *numbers = stream->numbers;

	for (; stream->next_row < numbers->count + 2; stream->next_row++) {
		size_t which = stream->next_row - numbers->count;
		struct control_histogram_row row = { .metric = metrics[which],
						     .histogram = numbers->histogram[which] };

		if (!send_row(stream, &row, CONTROL_HISTOGRAM_ROW, sizeof(row)))
			return false;
	}
	return true;
}

static bool send_numbers(struct guard *guard)
{
	struct stream *stream = guard->stream;

	if (!stream->numbers && stream->rung[BELL_NUMBERS]) {
		stream->rung[BELL_NUMBERS] = false;
		stream->numbers = numbers__take(guard);
		stream->next_row = 0;
	}
	if (!stream->numbers)
		return true;
	for (; stream->next_row < stream->numbers->count; stream->next_row++) {
		struct control_metric_row *row = &stream->numbers->rows[stream->next_row];

		if (!send_row(stream, row, CONTROL_METRIC_ROW, sizeof(*row)))
			return false;
	}
	if (!send_histograms(stream) || !send_end(stream, BELL_NUMBERS))
		return false;
	numbers__free(stream->numbers);
	stream->numbers = NULL;
	return true;
}

/* Where the last turn left off. Trees come and go meanwhile: newer ones have higher numbers, and
 * stand before the older. */
static const struct tree *next_tree(const struct guard *guard)
{
	const struct stream *stream = guard->stream;
	const struct tree *tree = family__tree_of_id(guard->family, stream->last_tree);

	if (tree)
		return LIST_NEXT(tree, all);
	tree = family__first_tree(guard->family);
	while (tree && tree->id >= stream->last_tree)
		tree = LIST_NEXT(tree, all);
	return tree;
}

static bool send_trees(struct guard *guard)
{
	struct stream *stream = guard->stream;
	const struct tree *tree;

	if (!stream->in_trees && stream->rung[BELL_TREES]) {
		stream->rung[BELL_TREES] = false;
		stream->in_trees = true;
		stream->last_tree = UINT32_MAX;
	}
	if (!stream->in_trees)
		return true;
	for (tree = next_tree(guard); tree; tree = LIST_NEXT(tree, all)) {
		struct control_tree_row row = answer__tree(tree);

		if (!send_row(stream, &row, CONTROL_TREE_ROW, sizeof(row)))
			return false;
		stream->last_tree = tree->id;
	}
	stream->in_trees = !send_end(stream, BELL_TREES);
	return !stream->in_trees;
}

static void forget_questions(struct stream *stream)
{
	numbers__free(stream->numbers);
	stream->numbers = NULL;
	stream->in_trees = false;
}

/* Whether all is sent. */
static bool send_all(struct guard *guard, unsigned rows)
{
	struct stream *stream = guard->stream;
	bool all;

	stream->rows = rows;
	all = send_host(guard, stream) && send_incidents(guard) && send_deaths(guard) &&
	      send_events(guard) && send_numbers(guard) && send_trees(guard);
	return send_packet(stream) && all;
}

static int take_turn(struct stream *stream, uint64_t wait)
{
	sd_event_source_set_time_relative(stream->turn, wait / NS_PER_US);
	return sd_event_source_set_enabled(stream->turn, SD_EVENT_ONESHOT);
}

static int on_turn(sd_event_source *source, uint64_t usec, void *data)
{
	struct guard *guard = data;

	(void)source;
	(void)usec;
	if (send_all(guard, ROWS_A_TURN) || guard->stream->full)
		return 0;
	return take_turn(guard->stream, 0);
}

void stream__push(struct guard *guard)
{
	struct stream *stream = guard->stream;
	bool incident = !LIST_EMPTY(&guard->journal.running);
	int waits = SD_EVENT_OFF;

	if (!stream || stream->full)
		return;
	/* When all are sent, the next is one past the last. */
	if (!incident || guard->journal.last + 1 - stream->next_event >= HELD_EVENTS)
		take_turn(stream, 0);
	else if (sd_event_source_get_enabled(stream->turn, &waits) == 0)
		take_turn(stream, HOLD);
}

/* ---- its life */

static int on_room(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct guard *guard = data;

	(void)fd;
	(void)events;
	guard->stream->full = false;
	sd_event_source_set_io_events(source, 0);
	return take_turn(guard->stream, 0);
}

static int on_bell(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct guard *guard = data;
	struct stream *stream = guard->stream;
	uint64_t rings;

	(void)events;
	if (read(fd, &rings, sizeof(rings)) != sizeof(rings))
		return 0;
	ring__read(guard);
	stream->rung[source == stream->bell[BELL_NUMBERS] ? BELL_NUMBERS : BELL_TREES] = true;
	return take_turn(stream, 0);
}

/* Another recorder: what the one before it had not stored is told again, and all is stored once. */
static int on_word(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct guard *guard = data;
	struct stream *stream = guard->stream;
	struct proc *proc;
	pid_t pid;

	(void)events;
	if (read(fd, &pid, sizeof(pid)) != sizeof(pid)) {
		log_warn("nobody keeps the recorder any more: nothing is stored until a restart");
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	}
	stream->told_host = false;
	stream->in_incident = false;
	forget_questions(stream);
	if (stream->recorder) {
		struct incident *incident;

		stream->packed = 0;
		stream->next_event = journal__first(&guard->journal);
		stream->next_death = coroner__first(guard);
		TAILQ_FOREACH(incident, &guard->journal.incidents, all)
			journal__unsent(&guard->journal, incident);
	}
	stream->recorder = (uint32_t)pid;
	kernel__spare_pid(guard->kernel, stream->recorder);
	proc = family__proc_of_pid(guard->family, stream->recorder);
	if (proc) /* the daemon is a member of some tree itself */
		tracker__spare(guard, proc);
	return take_turn(stream, 0);
}

/* However often a recorder gone mad rings, it is heard now and then. */
static int listen_to_bells(struct guard *guard, struct stream *stream, const int bells[BELLS])
{
	int err = 0;

	for (int i = 0; err >= 0 && i < BELLS; i++) {
		err = sd_event_add_io(guard->loop, &stream->bell[i], bells[i], EPOLLIN, on_bell,
				      guard);
		if (err < 0)
			return err;
		sd_event_source_set_io_fd_own(stream->bell[i], true);
		sd_event_source_set_priority(stream->bell[i], SD_EVENT_PRIORITY_IDLE);
		err = sd_event_source_set_ratelimit(stream->bell[i], NS_PER_SEC / NS_PER_US,
						    RINGS_A_SECOND);
	}
	return err;
}

static int listen_to(struct guard *guard, struct stream *stream, const struct recorder_link *link)
{
	int err = sd_event_add_io(guard->loop, &stream->io, stream->fd, 0, on_room, guard);

	if (err >= 0)
		err = sd_event_add_io(guard->loop, &stream->word, link->word, EPOLLIN, on_word,
				      guard);
	if (err >= 0)
		err = listen_to_bells(guard, stream, link->bell);
	if (err >= 0)
		err = sd_event_add_time(guard->loop, &stream->turn, CLOCK_MONOTONIC, 0, 1, on_turn,
					guard);
	if (err < 0)
		return err;
	sd_event_source_set_priority(stream->turn, SD_EVENT_PRIORITY_IDLE);
	sd_event_source_set_priority(stream->io, SD_EVENT_PRIORITY_IDLE);
	sd_event_source_set_priority(stream->word, SD_EVENT_PRIORITY_IDLE);
	sd_event_source_set_io_fd_own(stream->word, true);
	return 0;
}

void stream__start(struct guard *guard)
{
	struct recorder_settings settings = {
		.folder = guard->config.state_dir,
		.keep = guard->config.keep,
		.most = guard->config.most,
		.stored = stored_events(guard->config.events),
		.token = guard->config.token,
	};
	struct stream *stream = calloc(1, sizeof(*stream));
	struct recorder_link link;
	int err;

	if (!stream)
		return;
	address__parse(guard->config.feed, &stream->feed); /* the config's reader has tried it */
	settings.feed = stream->feed;
	stream->next_event = journal__first(&guard->journal);
	stream->next_death = coroner__first(guard);
	stream->keeper = keeper__start(&settings, &link);
	stream->fd = link.rows;
	err = stream->keeper < 0 ? stream->keeper : listen_to(guard, stream, &link);
	if (err < 0) {
		log_error("no recorder can be started (%s): nothing is stored", strerror(-err));
		free(stream);
		return;
	}
	kernel__spare_pid(guard->kernel, (uint32_t)stream->keeper);
	guard->stream = stream;
}

void stream__stop(struct guard *guard)
{
	struct stream *stream = guard->stream;
	autoclose int keeper = -1;
	struct pollfd end;

	if (!stream)
		return;
	stream->full = false;
	send_all(guard, UINT32_MAX);
	keeper = pidfd_open(stream->keeper, 0);
	sd_event_source_disable_unref(stream->io);
	sd_event_source_disable_unref(stream->word);
	sd_event_source_disable_unref(stream->turn);
	for (int i = 0; i < BELLS; i++)
		sd_event_source_disable_unref(stream->bell[i]);
	forget_questions(stream);
	close(stream->fd);
	end = (struct pollfd){ .fd = keeper, .events = POLLIN };
	if (keeper >= 0)
		poll(&end, 1, LAST_WORDS_MS);
	free(stream);
	guard->stream = NULL;
}

bool stream__is_own(const struct guard *guard, uint32_t pid)
{
	const struct stream *stream = guard->stream;

	return stream && (pid == (uint32_t)stream->keeper || pid == stream->recorder);
}

uint64_t stream__dropped(const struct guard *guard)
{
	return guard->stream ? guard->stream->dropped + guard->journal.unsent_dropped : 0;
}
