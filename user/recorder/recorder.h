/* SPDX-License-Identifier: GPL-2.0 */
/*
 * recorder.h - orphand's unprivileged half: keeps what the guard tells in a store, and serves the
 * feed. It runs as a user of its own, with no capability and a filter of system calls.
 */
#ifndef ORPHAND_RECORDER_H
#define ORPHAND_RECORDER_H

#include <stdint.h>
#include <sys/types.h>

#include "base/address.h"

#define RECORDER_USER "orphand" /* where there is none: nobody */
#define STORE_NAME "incidents.db"

struct recorder_settings {
	const char *folder; /* of the store */
	uint64_t keep;	    /* ns */
	uint64_t most;	    /* bytes */
	uint32_t stored;    /* which types of events, a bit for each */
	struct address feed;
	const char *token; /* that its clients must show; "": none */
};

/* What the recorder asks for by ringing, and no other way: an END row with the bell's number in
 * tree closes each answer. */
enum bell { BELL_NUMBERS = 0, BELL_TREES, BELLS };

/* What the guard sends at once is packed: control records, one behind the other, in no more bytes
 * than that. */
#define STREAM_PACKET 32768

/* The guard's ends. */
struct recorder_link {
	int rows; /* the stream, of packets, never blocking */
	int word; /* readable when a recorder has been started, as a pid_t */
	int bell[BELLS];
};

/*
 * Forks the keeper, which starts a recorder and another whenever one dies, later each time:
 * whatever that is to know is to be sent again. The keeper's pid, or a negative errno. When the
 * guard's end of the stream is closed, the recorder stores what it has and both end.
 */
pid_t keeper__start(const struct recorder_settings *settings, struct recorder_link *link);

struct recorder_ends {
	int rows;
	int bell[BELLS];
	int door; /* where the feed's listening socket comes through, now or later */
};

/* The recorder itself; ends when the stream does. */
__attribute__((noreturn)) void recorder__run(const struct recorder_settings *settings,
					     const struct recorder_ends *ends);

#endif
