/* SPDX-License-Identifier: GPL-2.0 */
/* procfs.h - what only /proc tells. Nothing here is asked between a death and its last signal. */
#ifndef ORPHAND_PROCFS_H
#define ORPHAND_PROCFS_H

#include <stdbool.h>
#include <stddef.h>

#include "model/image.h"

/* Whether ORPHAND_SPARE=1 stands in its environment; COOKIE_UNKNOWN: it can't be read. */
enum image_cookie procfs__cookie(uint32_t pid);

/* The leader of its session, 0 when it is gone. */
uint32_t procfs__session(uint32_t pid);

/* What a process runs, NULL when it is gone or without memory. The caller makes sure afterwards
 * that it was the one it meant. fallback_exe: where the link can't be read, may be NULL. */
struct image *procfs__image(const struct redactor *redactor, uint32_t pid,
			    const char *fallback_exe);

/* The target of /proc/PID/exe, or "". */
void procfs__exe(uint32_t pid, char *exe, size_t size);

/* The line of /proc/PID/cgroup that names the unified hierarchy's folder, else the first that is
 * not "/", or "". */
void procfs__cgroup(uint32_t pid, char *cgroup, size_t size);

/* Whether /proc/PID is that very process, to the clock tick that /proc rounds its start to. */
bool procfs__is(struct ident id);

/* Its state as /proc/PID/stat has it ('T': stopped), 0 when it is gone. */
char procfs__state(uint32_t pid);

/* Its state as /proc/PID/status has it: "D (disk sleep)"; "" when it is gone. */
void procfs__state_text(uint32_t pid, char *state, size_t size);

/* Whether uid could signal it with kill(2): it is its real or saved one. */
bool procfs__belongs_to(uint32_t pid, uint32_t uid);

/* Whether it certainly has no child, by whichever thread. false: it has, or can't be known. */
bool procfs__is_childless(uint32_t pid);

/* Its parent's pid, 0 when there is none or it is gone. */
uint32_t procfs__parent(uint32_t pid);

/* Inode of its PID namespace, 0 when it is gone. */
uint32_t procfs__pid_ns(uint32_t pid);

/* The first line of a file without its newline, "" when it can't be read. */
void procfs__line(const char *path, char *line, size_t size);

#endif
