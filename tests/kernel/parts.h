/* SPDX-License-Identifier: GPL-2.0 */
/* parts.h - what the rig's own files know of each other. */
#ifndef TESTS_PARTS_H
#define TESTS_PARTS_H

#include <sys/resource.h>

#include "../actor/ledger.h"
#include "rig.h"

/* Sets the folders of this run's rigs apart from those of another. */
#define RUN_ENV "ORPHAND_TEST_RUN"

#define RIG_FOLDER "/tmp/orphand-test-"
#define RIG_PINS "/sys/fs/bpf/orphand-test-"

struct rig {
	struct rig *next;
	char folder[64];
	char pins[64];
	char mark[80]; /* MARK_ENV=folder */
	char config[96], socket[96], log[96], actors[96], ledger_path[96];
	char program[4096], actor[4096], own_program[96];
	const char *argument[4];
	struct ledger *ledger;
	int to_janitor;
	pid_t janitor;
	pid_t daemon; /* 0: none */
	uid_t uid;
	struct rlimit files; /* as the test was given them */
	char why[TEXT_LEN];
	struct band *bands;
	struct incident *shown;
};

/* janitor.c */
void janitor__start(struct rig *rig);

/* True when it found nothing to mend. */
bool janitor__finish(struct rig *rig);
size_t janitor__marked(const char *mark, int sig);

/* A directory and all in it; true when it is gone. */
bool janitor__remove(const char *path);

/* child.c: everything a child of the test must be before it execs. */
void child__prepare(const struct rig *rig, const char *log);
__attribute__((noreturn)) void child__exec(const struct rig *rig, const char *path,
					   char *const argv[]);

/* Closes every descriptor from 3 up, except one. */
void child__close_all_but(int keep);

/* Waits for the end of a process; false when it goes on. */
bool child__await_end(pid_t pid);

/* client.c */
int client__connect(const char *socket, uid_t uid);

void rig__free_bands(struct rig *rig);
void rig__free_incidents(struct rig *rig);

#endif
