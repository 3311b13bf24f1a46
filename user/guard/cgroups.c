// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/own.h"
#include "base/text.h"
#include "guard/cgroups.h"

/* FILEID_KERNFS of include/linux/exportfs.h: a handle is the id (since Linux 5.5). */
#define HANDLE_KERNFS 0xfe

struct kernfs_handle {
	struct file_handle head;
	uint64_t id;
};

/* Where the unified hierarchy lies: alone, or beside those of v1. */
static const char *mount_point(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct statfs fs;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (statfs(places[i], &fs) == 0 && (unsigned long)fs.f_type == CGROUP2_SUPER_MAGIC)
			return places[i];
	}
	return NULL;
}

static int open_group(const char *mount, uint64_t id)
{
	autoclose int fd = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct kernfs_handle handle = {
		.head = { .handle_bytes = sizeof(id), .handle_type = HANDLE_KERNFS },
	};

	memcpy(handle.head.f_handle, &id, sizeof(id));
	return fd < 0 ? fd : open_by_handle_at(fd, &handle.head, O_PATH | O_CLOEXEC);
}

void cgroups__path(uint64_t id, char *path, size_t size)
{
	const char *mount = mount_point();
	autoclose int fd = mount && id ? open_group(mount, id) : -1;
	char link[64], whole[4096];
	ssize_t n;

	*path = '\0';
	if (fd < 0)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, whole, sizeof(whole) - 1);
	if (n <= 0 || strncmp(whole, mount, strlen(mount)) != 0)
		return;
	whole[n] = '\0';
	text__copy(path, size, whole + strlen(mount));
}
