/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rig.h - a real orphand of a test's own, real families under it, and the control socket.
 *
 * A test starts a rig, plays families (tests/actor), does something to them, and waits for what
 * must come of it. Every wait is for a condition and has a deadline. When the test ends, in order
 * or by a failed assertion, by a crash or by a time-out, a janitor removes every trace.
 */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <orphand/control.h>

#define NOBODY 65534 /* another user */

#define ON(kind) (1U << CAUSE_##kind)

/* What orphanctl run asks for when nothing is said. */
#define ON_KILL (&(const struct policy){ .on = ON(KILL), .signal = SIGKILL })

/* POLICY(.on = ON(KILL), .signal = SIGTERM, .grace = 5 * NS_PER_SEC) */
#define POLICY(...) (&(const struct policy){ __VA_ARGS__ })

struct rig;

struct rig_options {
	const char *yaml;	 /* further text of the config */
	const char *argument[4]; /* further arguments */
	const char *ring, *stuck;
	unsigned processes, trees;
	bool no_reflex; /* the guard does all */
	bool bare;	/* no daemon: a test of the actors themselves */
	unsigned life;	/* seconds that an actor may live, 0: 60 */
};

/* rig__start(.ring = "4K"); ready when the control socket answers. */
struct rig *rig__start_with(const struct rig_options *options);
#define rig__start(...) rig__start_with(&(const struct rig_options){ __VA_ARGS__ })

/* Stops the daemon in order, ends every actor, and fails the test when anything is left. */
void rig__stop(struct rig *rig);

static inline void rig__stop_own(struct rig **rig)
{
	rig__stop(*rig);
}

#define autorig __attribute__((cleanup(rig__stop_own)))

/* ---- the daemon */

pid_t rig__daemon(const struct rig *rig);
void rig__daemon_start(struct rig *rig);
void rig__daemon_stop(struct rig *rig); /* SIGTERM; it must exit 0 */
void rig__daemon_kill(struct rig *rig); /* SIGKILL */

/* Runs orphand with this rig's config and the arguments (NULL last) to its end: its exit status,
 * and what it wrote. */
int rig__orphand(struct rig *rig, char *text, size_t size, const char *const *arguments);
bool rig__log_has(const struct rig *rig, const char *text);
size_t rig__log_count(const struct rig *rig, const char *text); /* lines that have it */
void rig__await_log(const struct rig *rig, const char *text);
const char *rig__folder(const struct rig *rig);
const char *rig__pins(const struct rig *rig);
const char *rig__socket(const struct rig *rig);
const char *rig__program(const struct rig *rig); /* orphand itself */

/* The next start is of a build with the same layout and other BPF code. */
void rig__upgrade(struct rig *rig);

/* Stopped, it hears and does nothing; both return when it is so. */
void rig__daemon_halt(struct rig *rig);
void rig__daemon_resume(struct rig *rig);

/* Further text at the end of the config, for the next start or SIGHUP. */
__attribute__((format(printf, 2, 3))) void rig__configure(struct rig *rig, const char *yaml, ...);

/* A copy of the actor in the rig's folder: the path of a program that no other test runs. */
const char *rig__own_program(struct rig *rig);

/* Runs it: another program at first, so that a rule's comes by exec. */
pid_t rig__run_program(struct rig *rig, const char *play);

/* Entries of a pinned map, "members"; they are there before any record tells of them. */
size_t rig__entries(const struct rig *rig, const char *map);
void rig__await_entries(const struct rig *rig, const char *map, size_t entries);
/* Whether the programs ask the map of members about that pid. */
bool rig__is_marked(const struct rig *rig, pid_t pid);
/* Has the map say that it is of that tree, as no birth may have it: for the daemon to come. */
void rig__enter(const struct rig *rig, struct ident who, struct ident root);

/* ---- families (the words of a play: tests/actor/verbs.c) */

/* A watched one, begun as orphanctl run does it. */
__attribute__((format(printf, 3, 4))) pid_t rig__run(struct rig *rig, const struct policy *policy,
						     const char *play, ...);

/* One that nobody watches yet. */
__attribute__((format(printf, 2, 3))) pid_t rig__spawn(struct rig *rig, const char *play, ...);

/* The cast of the play before is forgotten, the gates are shut: the next row of a table. Those of
 * it who live must have nothing more to say. */
void rig__next_play(struct rig *rig);

void rig__open_gate(struct rig *rig, unsigned gate);
uint32_t rig__beats(const struct rig *rig); /* births of breeders so far */
void rig__await_births(struct rig *rig, uint32_t more);

/* Waits for the end of a child of the test: its status, as wait(2) has it. */
int rig__join(pid_t pid);

/* Processes that told a role, each with a pidfd taken while it was proven to be that one. */
struct one {
	pid_t pid;
	pid_t ppid;
	uint64_t start; /* clock ticks */
	int fd;		/* -1: it had ended when it was met */
};

struct band {
	struct band *next;
	size_t n;
	struct one *one;
};

const struct band *rig__meet(struct rig *rig, const char *role, size_t n);
const struct band *rig__everyone(struct rig *rig); /* who has reported a birth so far */
pid_t rig__pid(struct rig *rig, const char *role); /* of the only one */

bool rig__all_live(const struct band *band);
bool rig__all_gone(const struct band *band); /* waits for it */
/* How a process ended that fell to the test when its parent died; waits for it. */
int rig__status(const struct one *one);
/* A line of /proc/PID/status ("State"), false: no such process. */
bool rig__proc(pid_t pid, const char *key, char *value, size_t size);
size_t rig__marked(const struct rig *rig); /* living actors of this rig, by their environment */

/* A new control group of this test that has the file: of a v1 hierarchy with that controller, or
 * of v2 (NULL). Its path; false: there is none to be had. */
bool rig__make_group(const struct rig *rig, const char *controller, const char *file, char *path,
		     size_t size);
bool rig__write(const char *folder, const char *file, const char *text);

/* ---- the control socket */

struct answer {
	int status; /* of the END; -ECONNRESET: hung up on, -ECONNREFUSED: nobody there */
	uint32_t tree;
	char text[TEXT_LEN];
	size_t n;
	struct control_head **row;
};

/* Whose requests the next ones are. */
void rig__be(struct rig *rig, uid_t uid);

struct answer *rig__ask(struct rig *rig, const void *request, size_t size);
void answer__free(struct answer *answer);

/* A socket connected to the daemon, and one packet's answer read from such a one. */
int rig__connect(struct rig *rig);
struct answer *rig__read(int socket);

/* 0 or the tree, or a negative errno, whose text rig__why() tells. */
int rig__track(struct rig *rig, pid_t pid, const struct policy *policy, const char *name);
int rig__untrack(struct rig *rig, pid_t pid);
int rig__spare(struct rig *rig, pid_t pid);
int rig__arm(struct rig *rig, bool arm); /* or disarm */
const char *rig__why(const struct rig *rig);

/* The row of the tree whose root this is, and of the member; false: there is none. */
bool rig__tree_of(struct rig *rig, pid_t root, struct control_tree_row *row);
bool rig__member(struct rig *rig, pid_t root, pid_t pid, struct control_proc_row *row);
struct answer *rig__list(struct rig *rig);
struct answer *rig__members(struct rig *rig, pid_t root);

uint64_t rig__counter(struct rig *rig, const char *name);
void rig__await_counter(struct rig *rig, const char *name, uint64_t value);

/* Waits for an event of a process; every event so far counts. */
struct control_event_row rig__await_event(struct rig *rig, enum event_type type, pid_t pid);

/* Waits until the tree has that many members. */
void rig__await_members(struct rig *rig, pid_t root, uint32_t members);

struct incident {
	struct incident *next;
	struct control_incident_row row;
	size_t n;
	struct control_survivor_row *survivor;
};

/* The newest incident of a root's death, once it is closed. */
const struct incident *rig__closed(struct rig *rig, pid_t root);

/* As it stands, NULL when there is none; never waits. */
const struct incident *rig__incident(struct rig *rig, pid_t root);
const struct incident *rig__await_incident(struct rig *rig, pid_t root);
size_t rig__incidents(struct rig *rig, pid_t root);
const struct control_survivor_row *incident__survivor(const struct incident *incident, pid_t pid);

/* How many survivors went so (enum survivor_outcome). */
size_t incident__count(const struct incident *incident, uint32_t outcome);

/* ---- time */

/* Seconds, longer where the machine is emulated. */
unsigned rig__seconds(unsigned seconds);

struct patience {
	uint64_t end;
	long nap; /* ns */
};

struct patience rig__patience(unsigned seconds);

/* Pauses for a moment; false when patience is at an end. */
bool rig__retry(struct patience *patience);

#endif
