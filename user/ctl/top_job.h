/* SPDX-License-Identifier: GPL-2.0 */
/*
 * top_job.h - a command of orphanctl, run beside top: what it prints is what is shown. A daemon
 * that takes its time holds nobody up.
 */
#ifndef ORPHAND_TOP_JOB_H
#define ORPHAND_TOP_JOB_H

#include <sys/types.h>

#include "ctl/ctl.h"

struct job {
	pid_t pid; /* 0: none runs */
	int fd;	   /* what it prints, both streams */
	char *text;
	size_t len;
	size_t room;
	enum exit_status status; /* once it has ended */
};

/* number or id is what stands behind the command's name. 0 or a negative errno. */
int job__start(struct job *job, const struct ctl *ctl, const char *command, uint32_t number,
	       const char *id);

/* Takes what it has printed; true when it has ended, and text is whole and ends with a NUL. */
bool job__take(struct job *job);

/* Ends it, and forgets what it printed. */
void job__stop(struct job *job);

#endif
