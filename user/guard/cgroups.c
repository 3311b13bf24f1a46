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

#define ALONE "/sys/fs/cgroup"
#define BESIDE_V1 "/sys/fs/cgroup/unified"

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* NULL: it is nowhere. */
static const char *mount_of(struct cgroups *cgroups)
{
	if (!cgroups->mount && is_cgroup2(ALONE))
		cgroups->mount = ALONE;
	else if (!cgroups->mount && is_cgroup2(BESIDE_V1))
		cgroups->mount = BESIDE_V1;
	return cgroups->mount;
}

bool cgroups__are_unified(struct cgroups *cgroups)
{
	const char *mount = mount_of(cgroups);

	return mount && strcmp(mount, ALONE) == 0;
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

static void read_path(const char *mount, uint64_t id, char *path, size_t size)
{
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

const char *cgroups__path(struct cgroups *cgroups, uint64_t id)
{
	size_t slot = id % CGROUPS_KNOWN;
	char *path = cgroups->known[slot].path;

	if (cgroups->known[slot].id != id) {
		cgroups->known[slot].id = id;
		read_path(mount_of(cgroups), id, path, sizeof(cgroups->known[slot].path));
	}
	return path;
}
