// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "base/own.h"
#include "guard/pins.h"

#define BPFFS "/sys/fs/bpf"
#define LINKS_PREFIX "links_"
#define PIN_PATH_LEN 256

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

/* Two that start at once must not mount one over the other, and hide its pins: who comes second
 * waits, and looks again. */
static void mount_bpffs(char *error, size_t size)
{
	autoclose int fd = open(BPFFS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || is_bpffs(BPFFS))
		return;
	flock(fd, LOCK_EX);
	if (!is_bpffs(BPFFS) &&
	    mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		snprintf(error, size, "can't mount bpffs on " BPFFS ": %s", strerror(errno));
}

static int make_folder(const char *dir, char *error, size_t size)
{
	bool made;

	mount_bpffs(error, size);
	made = mkdir(dir, 0700) == 0;
	if (!made && errno != EEXIST) {
		int err = -errno;

		snprintf(error, size, "can't make %s: %s", dir, strerror(-err));
		return err;
	}
	if (is_bpffs(dir))
		return 0;
	if (made)
		rmdir(dir);
	snprintf(error, size, "%s is not in a bpf file system; mount one: mount -t bpf bpf " BPFFS,
		 dir);
	return -ENOTSUP;
}

int pins__lock(const char *dir, char *error, size_t size)
{
	autoclose int fd = -1;
	int err = make_folder(dir, error, size);

	if (err)
		return err;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		snprintf(error, size, "can't open %s: %s", dir, strerror(-err));
		return err;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		snprintf(error, size,
			 "another orphand has the pins at %s; stop it, or give this one "
			 "a pin_dir of its own",
			 dir);
		return -EBUSY;
	}
	return STEAL_FD(fd);
}

static void remove_files(const char *dir)
{
	autoclosedir DIR *d = opendir(dir);
	const struct dirent *entry;

	while (d && (entry = readdir(d))) {
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(d), entry->d_name, 0);
	}
}

void pins__remove_links(const char *dir, const char *keep)
{
	autoclosedir DIR *d = opendir(dir);
	const struct dirent *entry;
	char path[PIN_PATH_LEN];

	while (d && (entry = readdir(d))) {
		if (strncmp(entry->d_name, LINKS_PREFIX, strlen(LINKS_PREFIX)) != 0)
			continue;
		if (keep && strcmp(entry->d_name, keep) == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%.64s", dir, entry->d_name);
		remove_files(path);
		rmdir(path);
	}
}

void pins__new_links(const char *dir, char *name, size_t size)
{
	char path[PIN_PATH_LEN];
	struct stat st;
	unsigned n = 0;

	do {
		snprintf(name, size, LINKS_PREFIX "%u", n++);
		snprintf(path, sizeof(path), "%s/%s", dir, name);
	} while (stat(path, &st) == 0);
}

int pins__remove(const char *dir)
{
	/* Links first: no program shall find its maps gone. */
	pins__remove_links(dir, NULL);
	remove_files(dir);
	if (rmdir(dir) && errno != ENOENT)
		return -errno;
	return 0;
}
