/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ledger.h - what the actors of a test and the test share: a file that all of them have mapped, so
 * that a process which has closed every descriptor can still say that it is there.
 */
#ifndef TESTS_LEDGER_H
#define TESTS_LEDGER_H

#include <stdatomic.h>
#include <stdint.h>

/* The ledger's path, and the mark that every process of a test carries in its environment. */
#define LEDGER_ENV "ORPHAND_TEST_LEDGER"
#define MARK_ENV "ORPHAND_TEST"

#define LEDGER_ENTRIES 16384
#define ROLE_LEN 20

/* Written once, by the process itself; ready comes last. Pids are those of the /proc in sight,
 * the host's also from within a PID namespace. */
struct ledger_entry {
	_Atomic uint32_t ready;
	uint32_t pid;
	uint32_t ppid;
	uint64_t start;	     /* clock ticks since boot, as /proc/PID/stat has it */
	char role[ROLE_LEN]; /* empty: its birth */
};

struct ledger {
	_Atomic uint32_t stop;	/* breeders end */
	_Atomic uint32_t gate;	/* the highest gate that is open */
	_Atomic uint32_t beats; /* births of breeders, who make no entries */
	_Atomic uint32_t used;	/* entries taken, perhaps not ready yet; past the last: lost */
	uint32_t life;		/* seconds that any process of the test may live */
	uint32_t zero;
	uint64_t end; /* ns of CLOCK_MONOTONIC at which breeders end */
	struct ledger_entry entry[LEDGER_ENTRIES];
};

#endif
