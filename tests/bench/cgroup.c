// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <mntent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "bench.h"
#include "cgroup.h"
#include "family.h"

#define PATIENCE (20 * NS_PER_SEC)

bool cgroup__mount(char *path, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const struct mntent *mount;
	bool found = false;

	while (!found && mounts && (mount = getmntent(mounts)))
		found = strcmp(mount->mnt_type, "cgroup2") == 0 &&
			text__copy(path, size, mount->mnt_dir);
	if (mounts)
		endmntent(mounts);
	return found;
}

bool cgroup__of(pid_t pid, char *path, size_t size)
{
	autofclose FILE *file = NULL;
	char line[512], mount[200];

	snprintf(line, sizeof(line), "/proc/%d/cgroup", pid);
	file = fopen(line, "re");
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::", 3) != 0 || !cgroup__mount(mount, sizeof(mount)))
			continue;
		return snprintf(path, size, "%s%s", mount, line + 3) < (int)size;
	}
	return false;
}

int cgroup__remove(const char *path)
{
	uint64_t end = bench__now() + PATIENCE;

	while (rmdir(path) && errno != ENOENT) {
		if (errno != EBUSY || bench__now() > end)
			return bench__fail("can't remove %s: %s", path, strerror(errno));
		if (bench__pause(NS_PER_MS))
			return -1;
	}
	return 0;
}
