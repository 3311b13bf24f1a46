// SPDX-License-Identifier: GPL-2.0
/* recorder.c - rows of the stream into the store, a transaction for each fifth of a second, and to
 * the feed. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <seccomp.h>

#include "base/clock.h"
#include "base/jail.h"
#include "base/log.h"
#include "model/rows.h"
#include "recorder/door.h"
#include "recorder/feed.h"
#include "recorder/held.h"
#include "recorder/recorder.h"
#include "store/store.h"

/* With the guard's own pauses (user/guard/ring.c and stream.c), 200 ms: what may be lost with the
 * host. */
#define BATCH_NS (150 * NS_PER_MS)
#define BATCH_ROWS 5000
#define RETRY_NS NS_PER_SEC
#define TRIM_NS (10 * NS_PER_SEC)

struct recorder {
	const struct recorder_settings *settings;
	struct recorder_ends ends;
	struct feed *feed; /* NULL: there is none */
	char path[512];
	struct store *store;
	struct held held;
	uint64_t not_before; /* the next try, after a failure */
	uint64_t next_trim;
	bool failing;
	bool ended;
	uint64_t dropped; /* rows, before those that held counts */
	/* As of what is stored; a batch that fails begins there again. */
	struct control_host host;
	struct store_place place;
	_Alignas(union row) char packet[STREAM_PACKET]; /* as it came in */
};

/* ---- the store */

static void put_aside(const struct recorder *recorder)
{
	static const char *const parts[] = { "", "-wal", "-shm" };
	time_t now = time(NULL);
	char date[32], from[600], to[640];
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &utc);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		snprintf(from, sizeof(from), "%s%s", recorder->path, parts[i]);
		snprintf(to, sizeof(to), "%s.broken-%s%s", recorder->path, date, parts[i]);
		if (rename(from, to) == 0 && i == 0)
			log_warn("the store was broken: it lies at %s now, and a new one is begun",
				 to);
	}
}

static int open_store(struct recorder *recorder)
{
	char error[256];
	int err;

	if (recorder->store)
		return 0;
	err = store__create(&recorder->store, recorder->path, error, sizeof(error));
	if (err && !recorder->failing)
		log_error("%s; what happens is kept in memory, as far as that goes", error);
	return err;
}

static int put_row(struct recorder *recorder, const struct control_head *head,
		   struct control_host *host, struct store_place *place)
{
	switch (head->type) {
	case CONTROL_HOST_ROW:
		memcpy(host, head, sizeof(*host));
		return store__put_host(recorder->store, host);
	case CONTROL_DEATH_ROW:
		return store__put_death(recorder->store, (const struct control_death_row *)head);
	case CONTROL_EVENT_ROW:
		return store__put_event(recorder->store, (const struct control_event_row *)head);
	case CONTROL_INCIDENT_ROW:
		return store__put_incident(recorder->store,
					   (const struct control_incident_row *)head, place);
	case CONTROL_SURVIVOR_ROW:
		return store__put_survivor(recorder->store,
					   (const struct control_survivor_row *)head, place);
	default:
		return 0;
	}
}

static int store_held(struct recorder *recorder)
{
	struct control_host host = recorder->host;
	struct store_place place = recorder->place;
	const struct packet *packet;
	int err = open_store(recorder);

	if (!err)
		err = store__begin(recorder->store);
	/* Whose the rows are may have been told in a batch before. */
	if (!err && host.head.size)
		err = store__put_host(recorder->store, &host);
	STAILQ_FOREACH(packet, &recorder->held.packets, next)
	{
		if (err)
			break;
		err = put_row(recorder, (const struct control_head *)packet->bytes, &host, &place);
	}
	if (recorder->store) {
		int committed = store__commit(recorder->store);

		err = err ? err : committed;
	}
	if (!err) {
		recorder->host = host;
		recorder->place = place;
	}
	return err;
}

/* ---- batches */

static void fail(struct recorder *recorder, int err)
{
	if (!recorder->failing)
		log_error("%s: %s; it is tried again, the newest is kept in memory", recorder->path,
			  err == -ENOSPC    ? "the disk is full"
			  : err == -EBADMSG ? "the store is broken"
					    : strerror(-err));
	recorder->failing = true;
	if (recorder->feed)
		feed__store_fails(recorder->feed, true);
	store__close(recorder->store);
	recorder->store = NULL;
	if (err == -EBADMSG)
		put_aside(recorder);
	recorder->not_before = clock__boottime() + RETRY_NS;
}

static void commit(struct recorder *recorder)
{
	int err = store_held(recorder);

	if (err) {
		fail(recorder, err);
		return;
	}
	if (recorder->failing)
		log_info("%s: the store takes what happens again; %llu rows were dropped meanwhile",
			 recorder->path, (unsigned long long)recorder->held.dropped);
	recorder->failing = false;
	recorder->dropped += recorder->held.dropped;
	if (recorder->feed)
		feed__store_fails(recorder->feed, false);
	held__clear(&recorder->held);
}

/* ---- for the feed */

struct store *recorder__store(struct recorder *recorder)
{
	if (recorder->held.rows && clock__boottime() >= recorder->not_before)
		commit(recorder);
	return recorder->store;
}

uint64_t recorder__store_bytes(const struct recorder *recorder)
{
	uint64_t bytes = 0;
	char path[600];
	struct stat st;

	if (stat(recorder->path, &st) == 0)
		bytes += (uint64_t)st.st_size;
	snprintf(path, sizeof(path), "%s-wal", recorder->path);
	if (stat(path, &st) == 0)
		bytes += (uint64_t)st.st_size;
	return bytes;
}

uint64_t recorder__dropped(const struct recorder *recorder)
{
	return recorder->dropped + recorder->held.dropped;
}

/* The listening socket, when the keeper has got it. */
static void look_at_door(struct recorder *recorder)
{
	int listener = door__take(recorder->ends.door), err;

	if (listener < 0 && (listener == -EAGAIN || listener == -EINTR))
		return;
	close(recorder->ends.door);
	recorder->ends.door = -1;
	if (listener < 0)
		return;
	err = feed__open(recorder->feed, listener);
	if (err)
		log_error("no feed: the server can't be started: %s", strerror(-err));
}

/* ---- the loop */

static bool is_stored(const struct recorder *recorder, const union row *row)
{
	switch (row->head.type) {
	case CONTROL_EVENT_ROW:
		return recorder->settings->stored >> row->event.type & 1;
	case CONTROL_HOST_ROW:
	case CONTROL_INCIDENT_ROW:
	case CONTROL_SURVIVOR_ROW:
	case CONTROL_DEATH_ROW:
		return true;
	default:
		return false;
	}
}

static void take(struct recorder *recorder, const union row *row, size_t size)
{
	if (is_stored(recorder, row))
		held__add(&recorder->held, row, size);
	if (recorder->feed)
		feed__row(recorder->feed, &row->head);
}

/* Bytes; 0: the guard is gone. */
static ssize_t receive_packet(struct recorder *recorder)
{
	ssize_t size =
		recv(recorder->ends.rows, recorder->packet, sizeof(recorder->packet), MSG_DONTWAIT);
	const union row *row;

	if (size < 0)
		return -errno;
	for (size_t at = 0; at + sizeof(row->head) <= (size_t)size; at += row->head.size) {
		row = (const union row *)(recorder->packet + at);
		if (row->head.size > (size_t)size - at ||
		    !row__is_well_formed(&row->head, row->head.size))
			break;
		take(recorder, row, row->head.size);
	}
	return size;
}

/* What there is, up to a batch. */
static void receive(struct recorder *recorder)
{
	while (!recorder->ended && (recorder->held.rows < BATCH_ROWS || recorder->failing)) {
		ssize_t size = receive_packet(recorder);

		if (size == -EAGAIN)
			return;
		if (size <= 0 && size != -EINTR)
			recorder->ended = true;
	}
}

static bool is_due(const struct recorder *recorder, uint64_t now)
{
	if (!recorder->held.rows || now < recorder->not_before)
		return false;
	return recorder->ended || recorder->held.rows >= BATCH_ROWS ||
	       now - recorder->held.since >= BATCH_NS;
}

static int patience(const struct recorder *recorder, uint64_t now)
{
	uint64_t wake = recorder->next_trim;

	if (recorder->held.rows) {
		wake = recorder->held.since + BATCH_NS;
		if (recorder->not_before > wake)
			wake = recorder->not_before;
	}
	return wake > now ? (int)((wake - now) / NS_PER_MS) + 1 : 0;
}

static void trim(struct recorder *recorder, uint64_t now)
{
	const struct recorder_settings *settings = recorder->settings;
	int more;

	if (now < recorder->next_trim || !recorder->store)
		return;
	more = store__trim(recorder->store, clock__realtime() - settings->keep, settings->most);
	if (more < 0)
		fail(recorder, more);
	recorder->next_trim = now + (more > 0 ? BATCH_NS : TRIM_NS);
}

static void turn(struct recorder *recorder)
{
	struct pollfd fds[] = {
		{ .fd = recorder->ends.rows, .events = POLLIN },
		{ .fd = recorder->feed ? recorder->ends.door : -1, .events = POLLIN },
		{ .fd = recorder->feed ? feed__fd(recorder->feed) : -1, .events = POLLIN },
	};
	uint64_t now = clock__boottime();
	int wait = patience(recorder, now);

	if (recorder->feed)
		wait = feed__patience(recorder->feed, now, wait);
	poll(fds, sizeof(fds) / sizeof(*fds), wait);
	receive(recorder);
	if (fds[1].revents)
		look_at_door(recorder);
	if (recorder->feed)
		feed__turn(recorder->feed);
	now = clock__boottime();
	if (is_due(recorder, now))
		commit(recorder);
	trim(recorder, now);
}

/* SQLite's, the allocator's, the log's, and the server's: it accepts, and asks nobody for a socket.
 */
static const struct jail_call calls[] = {
	{ SCMP_SYS(sigaltstack), JAIL_ANY },   { SCMP_SYS(eventfd2), JAIL_ANY },
	{ SCMP_SYS(read), JAIL_ANY },	       { SCMP_SYS(pread64), JAIL_ANY },
	{ SCMP_SYS(write), JAIL_ANY },	       { SCMP_SYS(pwrite64), JAIL_ANY },
	{ SCMP_SYS(recvfrom), JAIL_ANY },      { SCMP_SYS(sendto), JAIL_ANY },
	{ SCMP_SYS(open), JAIL_ANY },	       { SCMP_SYS(openat), JAIL_ANY },
	{ SCMP_SYS(close), JAIL_ANY },	       { SCMP_SYS(stat), JAIL_ANY },
	{ SCMP_SYS(lstat), JAIL_ANY },	       { SCMP_SYS(fstat), JAIL_ANY },
	{ SCMP_SYS(newfstatat), JAIL_ANY },    { SCMP_SYS(access), JAIL_ANY },
	{ SCMP_SYS(faccessat), JAIL_ANY },     { SCMP_SYS(faccessat2), JAIL_ANY },
	{ SCMP_SYS(readlink), JAIL_ANY },      { SCMP_SYS(getcwd), JAIL_ANY },
	{ SCMP_SYS(lseek), JAIL_ANY },	       { SCMP_SYS(fcntl), JAIL_ANY },
	{ SCMP_SYS(fsync), JAIL_ANY },	       { SCMP_SYS(fdatasync), JAIL_ANY },
	{ SCMP_SYS(ftruncate), JAIL_ANY },     { SCMP_SYS(fallocate), JAIL_ANY },
	{ SCMP_SYS(fchmod), JAIL_ANY },	       { SCMP_SYS(fchown), JAIL_ANY },
	{ SCMP_SYS(unlink), JAIL_ANY },	       { SCMP_SYS(rename), JAIL_ANY },
	{ SCMP_SYS(mmap), JAIL_ANY },	       { SCMP_SYS(munmap), JAIL_ANY },
	{ SCMP_SYS(mremap), JAIL_ANY },	       { SCMP_SYS(mprotect), JAIL_ANY },
	{ SCMP_SYS(madvise), JAIL_ANY },       { SCMP_SYS(brk), JAIL_ANY },
	{ SCMP_SYS(poll), JAIL_ANY },	       { SCMP_SYS(ppoll), JAIL_ANY },
	{ SCMP_SYS(nanosleep), JAIL_ANY },     { SCMP_SYS(clock_nanosleep), JAIL_ANY },
	{ SCMP_SYS(clock_gettime), JAIL_ANY }, { SCMP_SYS(gettimeofday), JAIL_ANY },
	{ SCMP_SYS(time), JAIL_ANY },	       { SCMP_SYS(getpid), JAIL_ANY },
	{ SCMP_SYS(geteuid), JAIL_ANY },       { SCMP_SYS(getrandom), JAIL_ANY },
	{ SCMP_SYS(futex), JAIL_ANY },	       { SCMP_SYS(rt_sigreturn), JAIL_ANY },
	{ SCMP_SYS(rt_sigaction), JAIL_ANY },  { SCMP_SYS(rt_sigprocmask), JAIL_ANY },
	{ SCMP_SYS(uname), JAIL_ANY },	       { SCMP_SYS(sysinfo), JAIL_ANY },
	{ SCMP_SYS(exit), JAIL_ANY },	       { SCMP_SYS(exit_group), JAIL_ANY },
	{ SCMP_SYS(accept4), JAIL_ANY },       { SCMP_SYS(recvmsg), JAIL_ANY },
	{ SCMP_SYS(sendmsg), JAIL_ANY },       { SCMP_SYS(shutdown), JAIL_ANY },
	{ SCMP_SYS(setsockopt), JAIL_ANY },    { SCMP_SYS(getsockopt), JAIL_ANY },
	{ SCMP_SYS(getsockname), JAIL_ANY },   { SCMP_SYS(epoll_create1), JAIL_ANY },
	{ SCMP_SYS(epoll_ctl), JAIL_ANY },     { SCMP_SYS(epoll_wait), JAIL_ANY },
	{ SCMP_SYS(epoll_pwait), JAIL_ANY },
};

void recorder__run(const struct recorder_settings *settings, const struct recorder_ends *ends)
{
	struct recorder recorder = { .settings = settings, .ends = *ends };
	int err;

	umask(0027);
	err = jail__lock(calls, sizeof(calls) / sizeof(*calls));
	if (err) {
		log_error("the recorder can't be confined: %s", strerror(-err));
		_exit(1);
	}
	held__init(&recorder.held);
	snprintf(recorder.path, sizeof(recorder.path), "%s/" STORE_NAME, settings->folder);
	open_store(&recorder);
	if (settings->feed.kind != ADDRESS_OFF)
		recorder.feed = feed__new(&recorder, settings, ends->bell);
	while (!recorder.ended)
		turn(&recorder);
	recorder.not_before = 0;
	if (recorder.held.rows)
		commit(&recorder);
	store__close(recorder.store);
	_exit(0);
}
