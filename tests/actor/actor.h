/* SPDX-License-Identifier: GPL-2.0 */
/*
 * actor.h - plays families of processes. The command line is the play: words, with blocks in
 * braces of their own, done one after the other; a process that comes to its block's end exits 0.
 * The words are listed in verbs.c.
 */
#ifndef TESTS_ACTOR_H
#define TESTS_ACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ledger.h"

extern struct ledger *ledger;

/* ledger.c: maps the test's ledger, or one of its own when there is none. */
void ledger__open(void);

/* Tells pid, parent and start under a role; "" is the entry of a birth. */
void ledger__report(const char *role);

uint32_t ledger__count(const char *role);
bool ledger__is_over(void);

/* Until the word is another than seen, or for a moment: ask again. */
void ledger__doze(_Atomic uint32_t *word, uint32_t seen);

/* play.c: does the words from..to-1. */
void play__perform(int from, int to);
const char *play__word(int at);

/* The count that may stand before a block, which is 1 unless said; at moves behind it. */
long play__count(int *at);

/* at: a "{"; its "}". */
int play__close(int at);

/* The words of a block as an argument vector: the actor's path first, a NULL last. */
char **play__argv(int from, int to);

/* Another name, for comm and for argv. */
void play__rename(const char *name);

__attribute__((noreturn, format(printf, 1, 2))) void play__die(const char *format, ...);

/* verbs.c: does the verb at the index, and returns the index of the next. */
int verb__do(int at);

/* births.c: a new process is armed and reported before it goes on. */
void birth__arm(void);

/* Blocks until the parent that this process was born to is gone. */
void birth__await_orphaned(void);

int birth__fork(int at);
int birth__vfork(int at);
int birth__clone3(int at);
int birth__reborn(int at);
int birth__sibling(int at);
int birth__namespaces(int at);
int birth__thread(int at);
__attribute__((noreturn)) void birth__comet(void);
__attribute__((noreturn)) void birth__storm(void);

#endif
