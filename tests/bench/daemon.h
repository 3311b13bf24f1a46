/* SPDX-License-Identifier: GPL-2.0 */
/* daemon.h - the orphand under test, with folders and pins of its own. */
#ifndef BENCH_DAEMON_H
#define BENCH_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define DAEMON_PATH 96

struct daemon {
	const char *program;
	bool no_reflex;		  /* set before the start */
	const char *yaml;	  /* further text of the config, set before the start; NULL: none */
	pid_t pid;		  /* 0: none */
	char folder[DAEMON_PATH]; /* empty: none */
	char pins[DAEMON_PATH];
	char config[DAEMON_PATH];
	char socket[DAEMON_PATH];
	char log[DAEMON_PATH];
};

#define autodaemon __attribute__((cleanup(daemon__stop)))

/* Returns when the control socket answers: everything is attached then. */
int daemon__start(struct daemon *daemon, const char *program);
/* Ends it and leaves no trace. Harmless when it never began. */
void daemon__stop(struct daemon *daemon);

/* Its program of that name: a descriptor; -1 having said why. */
int daemon__open_program(const struct daemon *daemon, const char *name);

/* SIGHUP with further text in the config: returns once it has been read, and how long that took, in
 * ns. */
int daemon__reload(const struct daemon *daemon, const char *yaml, uint64_t *ns);

/* Events that the daemon has lost. */
int daemon__lost(const struct daemon *daemon, uint64_t *lost);

/* Newborns that were entered as members. */
int daemon__entered(const struct daemon *daemon, uint64_t *entered);

/* What it takes, and the maps that it holds, whose memory Linux 6.4 and later tell true. */
struct usage {
	uint64_t resident;     /* bytes of its own: the maps that it reads are not */
	uint64_t maps;	       /* bytes */
	uint64_t slot;	       /* of these, for each member there can be, from the start */
	uint64_t cpu;	       /* ns, of the guard */
	uint64_t switches;     /* how often it went to sleep */
	uint64_t recorder_cpu; /* ns */
	uint64_t recorder_switches;
};

int daemon__usage(const struct daemon *daemon, struct usage *usage);

/* Waits until it follows so many processes, and says so. */
int daemon__await_processes(const struct daemon *daemon, uint64_t count);

/* The number behind a name in a file of /proc; 0: none. */
uint64_t proc__number(const char *path, const char *name);

/* In the process that is to be a root, as orphanctl run does it: 0 or a negative errno, silent. */
int daemon__track_me(const struct daemon *daemon);
/* Waits until the tree of that root has so many members; 0: until there is no such tree. */
int daemon__await_members(const struct daemon *daemon, pid_t root, uint32_t members);

#endif
