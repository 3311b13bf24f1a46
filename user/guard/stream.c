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
#include "guard/stream.h"
#include "guard/tracker.h"
#include "recorder/recorder.h"

#define LAST_WORDS_MS 2000

/* Then the ring is looked at again: nobody's end waits for the recorder. */
#define ROWS_A_TURN 64

struct stream {
	int fd;
	pid_t keeper;
	uint32_t recorder; /* 0: not known yet */
	sd_event_source *io, *word, *turn;
	unsigned rows; /* of this turn */
	uint64_t next_event;
	uint64_t next_death;
	int64_t realtime; /* as the recorder was told */
	bool told_host;
	bool full;		    /* until the socket takes more */
	struct fate *fate;	    /* the next survivor of the incident that is being sent */
	bool in_incident;	    /* the first of journal.unsent is being sent */
	uint64_t incidents_dropped; /* as it began with that */
	uint64_t dropped;
};

/* ---- one row */

/* False: not now. */
static bool send_row(struct stream *stream, void *row, enum control_type type, size_t size)
{
	if (stream->rows == 0)
		return false;
	stream->rows--;
	*(struct control_head *)row =
		(struct control_head){ CONTROL_VERSION, (uint16_t)type, (uint32_t)size };
	if (send(stream->fd, row, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	stream->full = true;
	sd_event_source_set_io_events(stream->io, EPOLLOUT);
	return false;
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

static bool is_wanted(const struct guard *guard, enum event_type type)
{
	if (guard->config.events == STORE_TREES)
		return true;
	return guard->config.events == STORE_INCIDENTS && type >= EVENT_ROOT_DIED &&
	       type != EVENT_TREE_ENDED;
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

/* Whether all is sent. */
static bool send_all(struct guard *guard, unsigned rows)
{
	guard->stream->rows = rows;
	return send_host(guard, guard->stream) && send_incidents(guard) && send_deaths(guard) &&
	       send_events(guard);
}

static int on_turn(sd_event_source *source, void *data)
{
	struct guard *guard = data;

	if (send_all(guard, ROWS_A_TURN) || guard->stream->full)
		return 0;
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

void stream__push(struct guard *guard)
{
	if (guard->stream && !guard->stream->full)
		sd_event_source_set_enabled(guard->stream->turn, SD_EVENT_ONESHOT);
}

/* ---- its life */

static int on_room(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct guard *guard = data;

	(void)fd;
	(void)events;
	guard->stream->full = false;
	sd_event_source_set_io_events(source, 0);
	stream__push(guard);
	return 0;
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
	if (stream->recorder) {
		struct incident *incident;

		stream->next_event = 1;
		stream->next_death = 1;
		TAILQ_FOREACH(incident, &guard->journal.incidents, all)
			journal__unsent(&guard->journal, incident);
	}
	stream->recorder = (uint32_t)pid;
	proc = family__proc_of_pid(guard->family, stream->recorder);
	if (proc) /* the daemon is a member of some tree itself */
		tracker__spare(guard, proc);
	stream__push(guard);
	return 0;
}

static int listen_to(struct guard *guard, struct stream *stream, int word)
{
	int err = sd_event_add_io(guard->loop, &stream->io, stream->fd, 0, on_room, guard);

	if (err >= 0)
		err = sd_event_add_io(guard->loop, &stream->word, word, EPOLLIN, on_word, guard);
	if (err >= 0)
		err = sd_event_add_defer(guard->loop, &stream->turn, on_turn, guard);
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
	const struct recorder_settings settings = {
		.folder = guard->config.state_dir,
		.keep = guard->config.keep,
		.most = guard->config.most,
	};
	struct stream *stream = calloc(1, sizeof(*stream));
	int word = -1, err;

	if (!stream)
		return;
	stream->next_event = 1;
	stream->next_death = 1;
	stream->keeper = keeper__start(&settings, &stream->fd, &word);
	err = stream->keeper < 0 ? stream->keeper : listen_to(guard, stream, word);
	if (err < 0) {
		log_error("no recorder can be started (%s): nothing is stored", strerror(-err));
		free(stream);
		return;
	}
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
