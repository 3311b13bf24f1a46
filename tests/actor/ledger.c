// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "actor.h"

#define DEFAULT_LIFE 60

struct ledger *ledger;

static uint64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void ledger__open(void)
{
	const char *path = getenv(LEDGER_ENV);
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	int flags = MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0);

	if (path && fd < 0)
		play__die("%s: %m", path);
	ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, flags, fd, 0);
	if (ledger == MAP_FAILED)
		play__die("mmap: %m");
	if (fd >= 0) {
		close(fd);
	} else {
		ledger->life = DEFAULT_LIFE;
		ledger->end = monotonic() + DEFAULT_LIFE * 1000000000ULL;
	}
}

/* /proc speaks of the pids of the namespace it was mounted in, which is the test's. */
static void identify(struct ledger_entry *entry)
{
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	char text[1024];
	const char *rest;
	ssize_t n;

	if (fd < 0)
		play__die("/proc/self/stat: %m");
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	rest = strrchr(text, ')');
	if (!rest || sscanf(text, "%u", &entry->pid) != 1 ||
	    sscanf(rest,
		   ") %*c %u %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
		   "%*s %lu",
		   &entry->ppid, &entry->start) != 2)
		play__die("/proc/self/stat: not understood");
}

static void wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

void ledger__report(const char *role)
{
	uint32_t place = atomic_fetch_add(&ledger->used, 1);
	struct ledger_entry *entry;

	if (place >= LEDGER_ENTRIES)
		return;
	entry = &ledger->entry[place];
	identify(entry);
	strncpy(entry->role, role, ROLE_LEN - 1);
	atomic_store(&entry->ready, 1);
	wake(&ledger->used);
}

uint32_t ledger__count(const char *role)
{
	uint32_t used = atomic_load(&ledger->used);
	uint32_t count = 0;

	for (uint32_t i = 0; i < used && i < LEDGER_ENTRIES; i++)
		count += atomic_load(&ledger->entry[i].ready) &&
			 strcmp(ledger->entry[i].role, role) == 0;
	return count;
}

bool ledger__is_over(void)
{
	return atomic_load(&ledger->stop) || monotonic() > ledger->end;
}

void ledger__doze(_Atomic uint32_t *word, uint32_t seen)
{
	const struct timespec moment = { .tv_nsec = 20 * 1000000L };

	syscall(SYS_futex, word, FUTEX_WAIT, seen, &moment, NULL, 0);
}
