/* SPDX-License-Identifier: GPL-2.0 */
/*
 * job.h - a job that a platform starts: a family that the actor (tests/actor) plays, whom it must
 * lose when it is ended, and the innocents beside it.
 *
 * Whoever is of the job carries its mark in the environment, which no setsid, fork or death of a
 * parent takes away: so nobody is missed when we look whether the job is gone.
 */
#ifndef BENCH_JOB_H
#define BENCH_JOB_H

#include <stdbool.h>
#include <sys/types.h>

#include "../actor/ledger.h"

#define CROWD 16
#define JOB_WORDS 64
#define JOB_KEEP 4
#define JOB_PATH 128

/* Known by their pidfds. */
struct crowd {
	unsigned count;
	pid_t pid[CROWD];
	int pidfd[CROWD];
};

enum beside {
	BESIDE_NOBODY = 0,
	BESIDE_NEIGHBOUR, /* started beside the root: its process group, session and cgroup */
	BESIDE_VISITOR,	  /* has entered the root's cgroup and PID namespace */
	BESIDE_HEIR,	  /* has the pid of a member that has ended */
};

/* Its root tells "root" when it begins and "ready" when all are there, the others "member"; "early"
 * are those who end once gate 1 is open. */
struct awkward {
	const char *name;
	const char *about;
	const char *play; /* words as the actor has them; see job.c for those with an @ */
	unsigned members; /* besides the root */
	unsigned early;
	unsigned births; /* of breeders, after which the kill comes */
	enum beside beside;
};

struct job {
	const struct awkward *family;
	const char *actor;		 /* the program */
	pid_t keep[JOB_KEEP];		 /* children of ours that are none of it, 0: none */
	char *words[JOB_WORDS];		 /* the job's command, as anybody may start it */
	char mark[48], path[JOB_PATH];	 /* of the ledger */
	char text[1024];		 /* what the words are cut from */
	char ledger_word[JOB_PATH + 32]; /* for the environment */
	struct ledger *ledger;		 /* NULL: none */
	pid_t child;			 /* what the platform started and kills; 0: none */
	int child_fd;			 /* -1: none */
	pid_t root;			 /* the job's first process, which may be the child */
	struct crowd members, early, innocents;
};

#define autojob __attribute__((cleanup(job__clear)))

/* How a process of ours comes to life. */
struct start {
	const char *cgroup; /* NULL: ours */
	pid_t group;	    /* 0: one of its own, -1: a session of its own */
	pid_t number;	    /* the pid that it shall have, 0: any */
};

/* Of job, family, actor and keep are given: makes its ledger and its words. */
int job__prepare(struct job *job);
/* Starts prefix and then the job's words as a child, which gets the kill. */
int job__start(struct job *job, const char *const *prefix, const struct start *start);
/* The root has told that it is there; then that all are; each is met. */
int job__meet_root(struct job *job);
int job__meet_all(struct job *job);
int job__open_gate(struct job *job);
/* The innocents of the family. */
int job__start_innocents(struct job *job);

bool job__all_live(const struct job *job);
/* Waits for its end: whether somebody of it lives on. */
int job__await_end(struct job *job, bool *escaped);
/* After that: whether an innocent has been hurt, whose end may come a moment later. */
int job__await_hurt(const struct job *job, bool *hurt);
/* Ends whoever is left of it and of the innocents. Harmless when it never began. */
void job__clear(struct job *job);

/* The child of a command that takes no time: its exit status, 128 and more for a signal, or -1. */
int job__run(const char *const *words);
pid_t job__spawn(const char *const *words, const struct start *start, int *pidfd);

#endif
