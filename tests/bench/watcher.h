/* SPDX-License-Identifier: GPL-2.0 */
/*
 * watcher.h - what else people let watch their processes, started anew for each family: it would be
 * in the way of the others' turns. Each writes a line "ROOT PID 1" for whom it has learnt of, and
 * those that hear of ends "ROOT PID -1".
 */
#ifndef BENCH_WATCHER_H
#define BENCH_WATCHER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* The name of the roots that are to be watched. */
#define WATCHED_NAME "bench-root"

struct watcher {
	pid_t pid;     /* 0: none */
	int in;	       /* its standard input */
	FILE *out;     /* what it has written */
	pid_t root;    /* whose lines count, 0: any */
	unsigned born; /* as told so far */
	unsigned gone;
	bool ends_with_us; /* when its standard input does: it is not killed */
};

/* run: does not return but when it fails. It inherits our table of files, with standard input and
 * output its own. */
int watcher__start(struct watcher *watcher, void (*run)(void));
/* Returns once it has told of a fork and an end of ours: it sees what happens. */
int watcher__await_sight(struct watcher *watcher);
/* Returns once it has written that word, as those do who hear of BENCH_PROGRAM. */
int watcher__await_word(struct watcher *watcher, const char *word);
/* Returns once it has told of so many births under that root. */
int watcher__await_born(struct watcher *watcher, pid_t root, unsigned born);
/* Tells it a root by its standard input. */
int watcher__tell(const struct watcher *watcher, pid_t root);
/* Harmless when it never began. */
void watcher__stop(struct watcher *watcher);
#define autowatcher __attribute__((cleanup(watcher__stop)))

/* The watchers: to be run. */
void watcher__poll(void);    /* python3-psutil, each 100 ms */
void watcher__connect(void); /* netlink's proc connector */
bool connector__is_there(void);
void watcher__trace(void); /* a bpftrace script */

#endif
