/* SPDX-License-Identifier: GPL-2.0 */
/* methods.h - the ways to end a family, each told by what it does before, at and after. */
#ifndef BENCH_METHODS_H
#define BENCH_METHODS_H

#include "daemon.h"
#include "family.h"
#include "watcher.h"

enum {
	METHOD_ORPHAND = 0,
	METHOD_PLAIN,
	METHOD_CGROUP,
	METHOD_PIDNS,
	METHOD_GROUP,
	METHOD_PDEATHSIG,
	METHOD_BWRAP,
	METHOD_UNSHARE,
	METHOD_POLLER,
	METHOD_CONNECTOR,
	METHOD_BPFTRACE,
	METHODS
};

/* What the methods need, made once for a benchmark. */
struct stage {
	struct daemon daemon;
	struct daemon plain;	      /* without the reflex */
	struct watcher watcher;	      /* of the turn */
	const char *missing[METHODS]; /* why it is not to be had here; NULL: it is */
	char cgroup[256];	      /* empty: no cgroup v2 with cgroup.kill here */
	int cgroup_fd;		      /* its folder */
	int kill_fd;		      /* its cgroup.kill */
};

#define autostage __attribute__((cleanup(stage__close)))

struct method {
	const char *name;
	const char *probe;     /* a shell's command that fails where its tool can't run; or NULL */
	const char *unreached; /* why it can't end strays; NULL: it can */
	unsigned max_rounds;   /* when no number is asked for, 0: as all: it takes its time */
	/* Each may be NULL: before the root is born; once the family stands; when all are reaped. */
	int (*prepare)(struct stage *stage, struct birth *birth);
	int (*settle)(struct stage *stage, const struct family *family);
	int (*kill)(struct stage *stage, const struct family *family);
	int (*clear)(struct stage *stage, pid_t root);
};

extern const struct method methods[METHODS];

/* Those not asked for (bits of methods[]) are missing; cgroup.kill, the measure, never is. */
int stage__open(struct stage *stage, const char *program, unsigned asked);
void stage__close(struct stage *stage);

#endif
