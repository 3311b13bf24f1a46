// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"
#include "recorder/door.h"

#define BACKLOG 512

union one_fd {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr header;
};

static bool somebody_listens(const struct address *address)
{
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, &address->any, address->len) == 0;
}

/* Made for the group from the start; to give it away later would want a capability more. */
static int bind_for_group(int fd, const struct address *address, gid_t group)
{
	mode_t mask = umask(0117);
	gid_t own = getegid();
	int err;

	if (setegid(group))
		log_warn("%s is for root alone: %s", address->un.sun_path, strerror(errno));
	err = bind(fd, &address->any, address->len) ? -errno : 0;
	if (setegid(own))
		log_warn("can't be group %u again: %s", own, strerror(errno));
	umask(mask);
	return err;
}

static int bind_unix(int fd, const struct address *address, gid_t group)
{
	const char *path = address->un.sun_path;
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && !somebody_listens(address))
		unlink(path);
	return bind_for_group(fd, address, group);
}

static int bind_inet(int fd, const struct address *address)
{
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	return bind(fd, &address->any, address->len) ? -errno : 0;
}

int door__open(const struct address *address, gid_t group)
{
	autoclose int fd =
		socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = address->kind == ADDRESS_UNIX ? bind_unix(fd, address, group)
					    : bind_inet(fd, address);
	if (err)
		return err;
	return listen(fd, BACKLOG) ? -errno : STEAL_FD(fd);
}

void door__close(const struct address *address, int listener)
{
	if (listener >= 0 && address->kind == ADDRESS_UNIX)
		unlink(address->un.sun_path);
}

int door__hand(int door, int listener)
{
	union one_fd one = {};
	char text[1] = "";
	struct iovec byte = { .iov_base = text, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &byte,
				  .msg_iovlen = 1,
				  .msg_control = one.bytes,
				  .msg_controllen = sizeof(one.bytes) };

	one.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
				       .cmsg_type = SCM_RIGHTS,
				       .cmsg_len = CMSG_LEN(sizeof(int)) };
	memcpy(CMSG_DATA(&one.header), &listener, sizeof(int));
	return sendmsg(door, &message, MSG_NOSIGNAL) < 0 ? -errno : listener;
}

int door__take(int door)
{
	union one_fd one = {};
	char text[1];
	struct iovec byte = { .iov_base = text, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &byte,
				  .msg_iovlen = 1,
				  .msg_control = one.bytes,
				  .msg_controllen = sizeof(one.bytes) };
	int listener;

	if (recvmsg(door, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
		return -errno;
	if (message.msg_controllen < CMSG_LEN(sizeof(int)) || one.header.cmsg_type != SCM_RIGHTS)
		return -ENOTCONN; /* the keeper is gone */
	memcpy(&listener, CMSG_DATA(&one.header), sizeof(int));
	return listener;
}
