// SPDX-License-Identifier: GPL-2.0
/* band.c - the processes of a play as the test knows them: by pidfds. */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"
#include "parts.h"

#define PATIENCE 15

/* The clock ticks of its start, 0: no such process. */
static uint64_t start_of(pid_t pid)
{
	autofclose FILE *file = NULL;
	char path[64], text[1024];
	const char *rest;
	uint64_t start;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file || !fgets(text, sizeof(text), file))
		return 0;
	rest = strrchr(text, ')');
	if (!rest || sscanf(rest,
			    ") %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			    "%*s %*s %*s %lu",
			    &start) != 1)
		return 0;
	return start;
}

/* The pidfd first, then the look at who it is. */
static int open_one(const struct one *one)
{
	int fd = (int)syscall(SYS_pidfd_open, one->pid, 0);

	if (fd >= 0 && start_of(one->pid) != one->start) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool has(const struct band *band, const struct ledger_entry *entry)
{
	for (size_t i = 0; i < band->n; i++) {
		if (band->one[i].pid == (pid_t)entry->pid && band->one[i].start == entry->start)
			return true;
	}
	return false;
}

static void add(struct band *band, const struct ledger_entry *entry)
{
	struct one *one;

	band->one = realloc(band->one, (band->n + 1) * sizeof(*band->one));
	if (!band->one)
		abort();
	one = &band->one[band->n++];
	*one = (struct one){
		.pid = (pid_t)entry->pid,
		.ppid = (pid_t)entry->ppid,
		.start = entry->start,
	};
	one->fd = open_one(one);
}

/* A process may have told a role twice, once in each of its images. */
static void gather(const struct rig *rig, const char *role, struct band *band)
{
	uint32_t used = atomic_load(&rig->ledger->used);

	if (used > LEDGER_ENTRIES)
		cr_assert_fail("the ledger is full");
	for (uint32_t i = 0; i < used; i++) {
		const struct ledger_entry *entry = &rig->ledger->entry[i];

		if (atomic_load(&entry->ready) && strcmp(entry->role, role) == 0 &&
		    !has(band, entry))
			add(band, entry);
	}
}

static struct band *new_band(struct rig *rig)
{
	struct band *band = calloc(1, sizeof(*band));

	band->next = rig->bands;
	rig->bands = band;
	return band;
}

const struct band *rig__meet(struct rig *rig, const char *role, size_t n)
{
	struct patience patience = rig__patience(PATIENCE);
	struct band *band = new_band(rig);

	for (gather(rig, role, band); band->n < n; gather(rig, role, band)) {
		if (!rig__retry(&patience))
			cr_assert_fail("%zu processes told the role %s, %zu were to", band->n, role,
				       n);
	}
	cr_assert_eq(band->n, n, "%zu processes told the role %s, %zu were to", band->n, role, n);
	return band;
}

const struct band *rig__everyone(struct rig *rig)
{
	struct band *band = new_band(rig);

	gather(rig, "", band);
	return band;
}

pid_t rig__pid(struct rig *rig, const char *role)
{
	return rig__meet(rig, role, 1)->one[0].pid;
}

bool rig__all_live(const struct band *band)
{
	for (size_t i = 0; i < band->n; i++) {
		struct pollfd ended = { .fd = band->one[i].fd, .events = POLLIN };

		if (ended.fd < 0 || poll(&ended, 1, 0) != 0)
			return false;
	}
	return true;
}

static bool is_gone(const struct one *one, struct patience *patience)
{
	struct pollfd ended = { .fd = one->fd, .events = POLLIN };

	while (one->fd >= 0 && poll(&ended, 1, 20) <= 0) {
		if (!rig__retry(patience))
			return false;
	}
	return true;
}

bool rig__all_gone(const struct band *band)
{
	struct patience patience = rig__patience(PATIENCE);

	for (size_t i = 0; i < band->n; i++) {
		if (!is_gone(&band->one[i], &patience))
			return false;
	}
	return true;
}

int rig__status(const struct one *one)
{
	struct patience patience = rig__patience(PATIENCE);
	int status;

	if (!is_gone(one, &patience))
		cr_assert_fail("process %d goes on", one->pid);
	/* It may have ended while its parent was only about to: then it falls to us a little later.
	 */
	while (waitpid(one->pid, &status, 0) != one->pid) {
		if (errno != ECHILD || !rig__retry(&patience))
			cr_assert_fail("process %d did not fall to the test: %s", one->pid,
				       strerror(errno));
	}
	return status;
}

bool rig__proc(pid_t pid, const char *key, char *value, size_t size)
{
	autofclose FILE *file = NULL;
	size_t len = strlen(key);
	char line[512];

	snprintf(line, sizeof(line), "/proc/%d/status", pid);
	file = fopen(line, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, len) == 0 && line[len] == ':') {
			line[strcspn(line, "\n")] = '\0';
			text__copy(value, size, line + len + 2);
			return true;
		}
	}
	return false;
}

void rig__free_bands(struct rig *rig)
{
	while (rig->bands) {
		struct band *band = rig->bands;

		rig->bands = band->next;
		for (size_t i = 0; i < band->n; i++) {
			if (band->one[i].fd >= 0)
				close(band->one[i].fd);
		}
		free(band->one);
		free(band);
	}
}
