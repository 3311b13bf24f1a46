/* SPDX-License-Identifier: GPL-2.0 */
/*
 * user.h - the two programs as somebody at a shell runs them: by their command lines, and judged
 * by what they print and how they exit. Everything is a child of the test under a rig, whose
 * janitor ends what is left of it.
 */
#ifndef TESTS_USER_H
#define TESTS_USER_H

#include <stdbool.h>
#include <sys/types.h>

#include <json-c/json.h>

#include "../kernel/rig.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Seconds, for whatever must come. */
#define DEADLINE 20

/* What one program said, and its status as wait(2) has it. */
struct said {
	int status;
	char out[65536];
	char err[4096];
};

/* "orphanctl" (with this rig's socket) and "orphand" are those of the build, all else is a path.
 * A NULL ends the words. Runs to its end; the answer lives until the next call. */
const struct said *user__run_as(struct rig *rig, uid_t uid, const char *const *words);

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

#define user__run(rig, ...) user__run_as(rig, 0, WORDS(__VA_ARGS__))
#define user__ctl(rig, ...) user__run(rig, "orphanctl", __VA_ARGS__)

/* Begins it, and goes on: its pid. What it and all under it print can be read by user__line(). */
pid_t user__begin_as(struct rig *rig, uid_t uid, const char *const *words);

#define user__begin(rig, ...) user__begin_as(rig, 0, WORDS(__VA_ARGS__))

/* Waits for the n-th line (from 0) that has been printed since the rig began. */
const char *user__line(unsigned n);
pid_t user__pid(unsigned n); /* that is a pid */

/* Exited with that status, and nothing on standard error. */
void said__done(const struct said *said);

/* Exited with that status, nothing on standard output, and on standard error one line that has
 * the word in it. */
void said__failed(const struct said *said, int status, const char *word);

/* Where the build is; an absolute path. */
const char *user__build(void);

/* A TCP port of this machine's own addresses that nobody has just now. */
unsigned user__free_port(void);

/* ---- processes */

/* A pidfd of a living process. */
int user__hold(pid_t pid);
bool user__lives(int pidfd);
void user__await_gone(int pidfd);

/* Waits for a child of that process with that name (comm): its pid. */
pid_t user__child(pid_t parent, const char *name);

void user__kill(pid_t root); /* SIGKILL to a child of the test, and reaps it */

/* ---- JSON, one object a line */

/* An array of the objects that orphanctl --json printed. The caller puts it. */
struct json_object *user__json_as(struct rig *rig, uid_t uid, const char *const *words);

#define user__json(rig, ...) user__json_as(rig, 0, WORDS("orphanctl", "--json", __VA_ARGS__))

/* "root.args.0": whatever stands there, of that type; fails the test when it is not there. */
struct json_object *json__at(struct json_object *object, const char *path, enum json_type type);
const char *json__string(struct json_object *object, const char *path);
int64_t json__int(struct json_object *object, const char *path);
bool json__bool(struct json_object *object, const char *path);
void json__is_null(struct json_object *object, const char *path);
size_t json__length(struct json_object *object, const char *path);

/* Waits for the incident of that root's death to be closed. The caller puts it. */
struct json_object *user__closed(struct rig *rig, pid_t root);

/* The survivor with that pid. */
struct json_object *json__survivor(struct json_object *incident, pid_t pid);

/* The tree with that root, NULL when there is none. The caller puts it. */
struct json_object *user__tree(struct rig *rig, uid_t uid, pid_t root);

static inline void json__put_own(struct json_object **object)
{
	json_object_put(*object);
}

#define autojson __attribute__((cleanup(json__put_own)))

#endif
