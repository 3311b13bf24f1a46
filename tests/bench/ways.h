/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ways.h - the ways to see that nobody of a job is left, each told by how the platform starts
 * the job and by what it does to end it. Unless said, that is a SIGKILL to its direct child.
 */
#ifndef BENCH_WAYS_H
#define BENCH_WAYS_H

#include <stdio.h>

#include "daemon.h"
#include "job.h"

#define WAYS 14
#define WAY_PREFIX 12

/* What they need, made once for a benchmark. */
struct tools {
	struct daemon daemon, plain; /* with and without the reflex */
	char ctl[DAEMON_PATH * 4];   /* orphanctl */
	char cgroup[256];	     /* of the job */
	char folder[DAEMON_PATH];    /* supervisord's; empty: none */
	char config[DAEMON_PATH + 32], script[DAEMON_PATH + 32];
	pid_t supervisor; /* 0: none */
	pid_t python;
	FILE *ask, *answer; /* to and from it */
	char unit[64];	    /* of systemd, in this round */
	bool offers[WAYS];
};

#define autotools __attribute__((cleanup(tools__close)))

struct way {
	const char *name;
	const char *about; /* what the platform starts, and does at the end */
	const char *prefix[WAY_PREFIX];
	/* Each may be NULL. Whether this host has what it takes; true where a prefix is enough. */
	bool (*probe)(struct tools *tools);
	int (*start)(struct tools *tools, const struct way *way, struct job *job);
	int (*settle)(struct tools *tools, struct job *job); /* it has seen whom it can see */
	int (*end)(struct tools *tools, struct job *job);
	int (*clear)(struct tools *tools);
};

extern const struct way ways[WAYS];

/* Of the wanted ways (bits), those that this host has. */
int tools__open(struct tools *tools, const char *program, unsigned wanted);
void tools__close(struct tools *tools);

int way__start(struct tools *tools, const struct way *way, struct job *job);
int way__settle(struct tools *tools, const struct way *way, struct job *job);
int way__end(struct tools *tools, const struct way *way, struct job *job);
int way__clear(struct tools *tools, const struct way *way);

#endif
