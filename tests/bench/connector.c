// SPDX-License-Identifier: GPL-2.0
/*
 * connector.c - a watcher by netlink's proc connector, as well as one can be written: members are
 * known by their births, so strays too; a pidfd of each is held; oldest first, each is signalled
 * when the root was killed; and who is born after that dies at birth.
 */
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/own.h"
#include "watcher.h"

#define BUFFER (256 << 20) /* what a large family's births and ends need while we are not run */
#define MAX_PIDS (1 << 22) /* the most that Linux has */

/* By pid: of a pid's lives we hear one after the other. */
struct member {
	struct member *root; /* itself for a root; NULL: none of ours */
	int pidfd;	     /* -1: had ended before we heard of its birth, or past our limit */
	bool bare;	     /* past it */
	bool condemned;	     /* a root that was killed */
	TAILQ_ENTRY(member) link;
	TAILQ_HEAD(, member) members; /* of a root */
};

/* Netlink's head, the connector's, and an event, which so stands where it must be copied from. */
#define EVENT_AT (NLMSG_HDRLEN + sizeof(struct cn_msg))

struct message {
	char bytes[EVENT_AT + sizeof(struct proc_event)] __attribute__((aligned(NLMSG_ALIGNTO)));
};

static struct member *all; /* room for every pid; touched only where there is a member */

static void die(const char *what)
{
	fprintf(stderr, "connector: %s: %s\n", what, strerror(errno));
	fflush(NULL);
	_exit(1);
}

static pid_t pid_of(const struct member *member)
{
	return (pid_t)(member - all);
}

/* A root that was killed goes with its last member. */
static void forget(struct member *member)
{
	struct member *root = member->root;

	TAILQ_REMOVE(&root->members, member, link);
	if (member->pidfd >= 0)
		close(member->pidfd);
	member->root = NULL;
	if (root->condemned && TAILQ_EMPTY(&root->members))
		root->root = NULL;
}

static void end_member(const struct member *member)
{
	if (member->pidfd >= 0)
		pidfd_send_signal(member->pidfd, SIGKILL, NULL, 0);
	else if (member->bare)
		kill(pid_of(member), SIGKILL);
}

static void on_fork(const struct fork_proc_event *fork)
{
	struct member *root = all[fork->parent_tgid].root;
	struct member *child = &all[fork->child_tgid];

	if (!root || fork->child_pid != fork->child_tgid)
		return;
	child->root = root;
	child->pidfd = pidfd_open(fork->child_tgid, 0);
	child->bare = child->pidfd < 0 && errno == EMFILE;
	TAILQ_INSERT_TAIL(&root->members, child, link);
	printf("%d %d 1\n", pid_of(root), fork->child_tgid);
	if (root->condemned)
		end_member(child);
}

static void on_name(const struct comm_proc_event *comm)
{
	struct member *root = &all[comm->process_tgid];

	if (root->root || strcmp(comm->comm, WATCHED_NAME) != 0)
		return;
	root->root = root;
	root->condemned = false;
	root->pidfd = -1;
	TAILQ_INIT(&root->members);
}

static void on_root_exit(struct member *root, const struct exit_proc_event *exit)
{
	struct member *member;

	root->condemned = (exit->exit_code & 0x7f) == SIGKILL;
	if (root->condemned) {
		TAILQ_FOREACH(member, &root->members, link)
			end_member(member);
		return;
	}
	while ((member = TAILQ_FIRST(&root->members)))
		forget(member);
	root->root = NULL;
}

static void on_exit_event(const struct exit_proc_event *exit)
{
	struct member *member = &all[exit->process_tgid];

	if (!member->root || exit->process_pid != exit->process_tgid)
		return;
	if (member->root == member) {
		on_root_exit(member, exit);
		return;
	}
	printf("%d %d -1\n", pid_of(member->root), exit->process_tgid);
	forget(member);
}

static void on_message(const struct message *message)
{
	struct proc_event event;

	memcpy(&event, message->bytes + EVENT_AT, sizeof(event));
	switch (event.what) {
	case PROC_EVENT_FORK:
		on_fork(&event.event_data.fork);
		break;
	case PROC_EVENT_COMM:
		on_name(&event.event_data.comm);
		break;
	case PROC_EVENT_EXIT:
		on_exit_event(&event.event_data.exit);
		break;
	default:
		break;
	}
}

/* A socket in the group to which the kernel tells; -1: none. */
static int join_group(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	autoclose int fd = socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)))
		return -1;
	return STEAL_FD(fd);
}

bool connector__is_there(void)
{
	autoclose int fd = join_group();

	return fd >= 0;
}

static int subscribe(void)
{
	enum proc_cn_mcast_op op = PROC_CN_MCAST_LISTEN;
	struct message request = {};
	struct nlmsghdr *head = (struct nlmsghdr *)request.bytes;
	struct cn_msg *cn = NLMSG_DATA(head);
	int size = BUFFER;
	int fd = join_group();

	if (fd < 0)
		die("no proc connector");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	*head = (struct nlmsghdr){ .nlmsg_len = NLMSG_LENGTH(sizeof(*cn) + sizeof(op)),
				   .nlmsg_type = NLMSG_DONE };
	cn->id = (struct cb_id){ CN_IDX_PROC, CN_VAL_PROC };
	cn->len = sizeof(op);
	memcpy(cn->data, &op, sizeof(op));
	if (send(fd, head, head->nlmsg_len, 0) < 0)
		die("can't listen");
	return fd;
}

/* What was told is written out when there is nothing to be heard. */
static ssize_t receive(int fd, struct message *message)
{
	ssize_t n = recv(fd, message, sizeof(*message), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN) {
		fflush(stdout);
		n = recv(fd, message, sizeof(*message), 0);
	}
	return n;
}

void watcher__connect(void)
{
	struct rlimit limit;
	struct message message;
	int fd = subscribe();

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	all = calloc(MAX_PIDS, sizeof(*all));
	if (!all)
		die("no memory");
	for (;;) {
		if (receive(fd, &message) >= 0)
			on_message(&message);
		else if (errno != EINTR)
			die("lost events");
	}
}
