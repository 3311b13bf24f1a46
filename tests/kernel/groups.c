// SPDX-License-Identifier: GPL-2.0
/* groups.c - control groups of a test. The janitor thaws and removes them. */
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "parts.h"

bool rig__write(const char *folder, const char *file, const char *text)
{
	size_t len = strlen(text);
	autoclose int fd = -1;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, text, len) == (ssize_t)len;
}

static bool is_of(const struct mntent *mount, const char *controller)
{
	if (!controller)
		return strcmp(mount->mnt_type, "cgroup2") == 0;
	return strcmp(mount->mnt_type, "cgroup") == 0 && hasmntopt(mount, controller);
}

static bool make_at(const struct rig *rig, const char *mount, const char *file, char *path,
		    size_t size)
{
	char probe[512];

	snprintf(path, size, "%s/%s", mount, strrchr(rig->folder, '/') + 1);
	if (mkdir(path, 0755) && errno != EEXIST)
		return false;
	snprintf(probe, sizeof(probe), "%s/%s", path, file);
	if (access(probe, W_OK) == 0)
		return true;
	rmdir(path);
	return false;
}

bool rig__make_group(const struct rig *rig, const char *controller, const char *file, char *path,
		     size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const struct mntent *mount;
	bool made = false;

	while (!made && mounts && (mount = getmntent(mounts)))
		made = is_of(mount, controller) && make_at(rig, mount->mnt_dir, file, path, size);
	if (mounts)
		endmntent(mounts);
	return made;
}
