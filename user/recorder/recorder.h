/* SPDX-License-Identifier: GPL-2.0 */
/*
 * recorder.h - orphand's unprivileged half: keeps what the guard tells in a store. It runs as a
 * user of its own, with no capability and a filter of system calls, and talks to nobody.
 */
#ifndef ORPHAND_RECORDER_H
#define ORPHAND_RECORDER_H

#include <stdint.h>
#include <sys/types.h>

#define RECORDER_USER "orphand" /* where there is none: nobody */
#define STORE_NAME "incidents.db"

struct recorder_settings {
	const char *folder; /* of the store */
	uint64_t keep;	    /* ns */
	uint64_t most;	    /* bytes */
};

/*
 * Forks the keeper, which starts a recorder and another whenever one dies, later each time. rows:
 * the guard's end of the stream, of whole control records, never blocking. word: readable when a
 * recorder has been started, as a pid_t: whatever it is to know is to be sent again. The keeper's
 * pid, or a negative errno. When the guard's end is closed, the recorder stores what it has and
 * both end.
 */
pid_t keeper__start(const struct recorder_settings *settings, int *rows, int *word);

/* The recorder itself; ends when the stream does. */
__attribute__((noreturn)) void recorder__run(const struct recorder_settings *settings, int rows);

#endif
