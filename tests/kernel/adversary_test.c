// SPDX-License-Identifier: GPL-2.0
/*
 * adversary_test.c - another user who wants to have somebody else's process signalled, to see it,
 * or to stop the daemon. Root's own family is watched all the while; afterwards the daemon must be
 * the same, answer, have let go of what was taken from it, and still end that family's orphans.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"
#include "rig.h"

TestSuite(adversary, .timeout = 60);

#define ATTACKER_LIFE 50 /* seconds */

struct victim {
	struct rig *rig;
	pid_t daemon, root;
	const struct band *stray;
	size_t descriptors;
};

static size_t descriptors_of(pid_t pid)
{
	char path[64];
	autoclosedir DIR *dir = NULL;
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && readdir(dir))
		n++;
	return n;
}

/* It has dealt with all there is; one that turns in vain never sleeps. */
static void see_at_rest(pid_t daemon)
{
	struct patience patience = rig__patience(20);
	char state[32];

	for (int asleep = 0; asleep < 10;) {
		cr_assert(rig__retry(&patience), "the daemon finds no rest");
		if (rig__proc(daemon, "State", state, sizeof(state)) && *state == 'S')
			asleep++;
		else
			asleep = 0;
	}
}

static struct victim begin(struct rig *rig)
{
	struct victim victim = { .rig = rig, .daemon = rig__daemon(rig) };

	victim.root = rig__run(rig, ON_KILL, "fork { as stray sleep } as root sleep");
	rig__meet(rig, "root", 1);
	victim.stray = rig__meet(rig, "stray", 1);
	rig__await_members(rig, victim.root, 2);
	see_at_rest(victim.daemon); /* none of our own connections is counted */
	victim.descriptors = descriptors_of(victim.daemon);
	return victim;
}

static void see_unharmed(const struct victim *victim)
{
	struct patience patience = rig__patience(20);
	struct rig *rig = victim->rig;

	rig__be(rig, 0);
	cr_assert_eq(kill(victim->daemon, 0), 0, "the daemon is gone");
	rig__await_members(rig, victim->root, 2);
	cr_assert(rig__all_live(victim->stray));
	cr_assert_eq(rig__counter(rig, "signals_sent"), 0);
	while (descriptors_of(victim->daemon) > victim->descriptors)
		cr_assert(rig__retry(&patience), "%zu descriptors, %zu before",
			  descriptors_of(victim->daemon), victim->descriptors);
	kill(victim->root, SIGKILL);
	cr_assert_eq(rig__closed(rig, victim->root)->n, 1);
	cr_assert(rig__all_gone(victim->stray));
}

/* ---- attackers: processes of their own, as another user */

static int dial(const struct rig *rig)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	text__copy(address.sun_path, sizeof(address.sun_path), rig__socket(rig));
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

typedef void (*attack_fn)(const struct victim *victim);

static pid_t attack_as(uid_t uid, const struct victim *victim, attack_fn fn)
{
	struct rlimit files = { 16384, 16384 };
	pid_t pid = fork();

	if (pid)
		return pid;
	alarm(rig__seconds(ATTACKER_LIFE));
	signal(SIGPIPE, SIG_IGN);
	setrlimit(RLIMIT_NOFILE, &files);
	if (setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		_exit(2);
	fn(victim);
	_exit(0);
}

static pid_t attack(const struct victim *victim, attack_fn fn)
{
	return attack_as(NOBODY, victim, fn);
}

static void attack_at_once(const struct victim *victim, attack_fn fn, unsigned attackers)
{
	pid_t pids[8];

	for (unsigned i = 0; i < attackers; i++)
		pids[i] = attack(victim, fn);
	for (unsigned i = 0; i < attackers; i++)
		cr_expect_eq(rig__join(pids[i]), 0, "an attacker did not get to its end");
}

static struct control_target target(enum control_type type, pid_t pid)
{
	return (struct control_target){
		.head = { CONTROL_VERSION, (__u16)type, sizeof(struct control_target) },
		.pid = (__u32)pid,
	};
}

/* ---- by every command */

static int ask(struct rig *rig, const void *request, size_t size)
{
	struct answer *answer = rig__ask(rig, request, size);
	int status = answer->status;

	answer__free(answer);
	return status;
}

static void see_denied(struct rig *rig, enum control_type type, pid_t pid, uint32_t tree)
{
	struct control_target request = target(type, pid);

	request.tree = tree;
	cr_expect_lt(ask(rig, &request, sizeof(request)), 0, "type %d", type);
}

static size_t rows(struct rig *rig, const struct control_query *query)
{
	struct answer *answer = rig__ask(rig, query, sizeof(*query));
	size_t n = 0;

	for (size_t i = 0; i < answer->n; i++)
		n += answer->row[i]->type != CONTROL_HOST_ROW;
	answer__free(answer);
	return n;
}

Test(adversary, no_command_reaches_anothers_processes)
{
	autorig struct rig *rig = rig__start();
	struct victim victim = begin(rig);
	struct control_query query = {
		.head = { CONTROL_VERSION, CONTROL_EVENTS, sizeof(query) },
	};
	struct control_tree_row tree;
	struct answer *list;

	cr_assert(rig__tree_of(rig, victim.root, &tree));
	rig__be(rig, NOBODY);
	for (int i = 0; i < 2; i++) {
		pid_t pid = i ? victim.stray->one[0].pid : victim.root;

		see_denied(rig, CONTROL_UNTRACK, pid, 0);
		see_denied(rig, CONTROL_SPARE, pid, 0);
		see_denied(rig, CONTROL_TREE, pid, 0);
		cr_expect_eq(rig__track(rig, pid, ON_KILL, "mine"), -EPERM);
	}
	see_denied(rig, CONTROL_UNTRACK, 0, tree.id);
	see_denied(rig, CONTROL_TREE, 0, tree.id);
	see_denied(rig, CONTROL_ARM, 0, 0);
	see_denied(rig, CONTROL_DISARM, 0, 0);
	cr_expect_eq(rig__track(rig, victim.daemon, ON_KILL, "it"), -EPERM);
	cr_expect_eq(rig__track(rig, 1, ON_KILL, "init"), -EPERM);
	cr_expect_lt(rig__track(rig, 2, ON_KILL, "kthreadd"), 0);
	list = rig__list(rig);
	cr_expect_eq(list->n, 1, "the host, and no tree");
	answer__free(list);
	cr_expect_eq(rows(rig, &query), 0, "no event");
	query.head.type = CONTROL_INCIDENTS;
	cr_expect_eq(rows(rig, &query), 0);
	rig__be(rig, 0);
	cr_expect_eq(rig__counter(rig, "armed"), 1);
	see_unharmed(&victim);
}

Test(adversary, nothing_is_watched_without_sense)
{
	static const struct {
		struct policy policy;
		const char *name;
	} requests[] = {
		{ { .on = 0, .signal = SIGKILL }, "no cause" },
		{ { .on = ON(KILL) | 1U << CAUSE_KINDS, .signal = SIGKILL }, "unknown cause" },
		{ { .on = ON(KILL), .signal = 0 }, "no signal" },
		{ { .on = ON(KILL), .signal = 65 }, "no such signal" },
		{ { .on = ON(KILL), .signal = 0xffff }, "nor such" },
		{ { .on = ON(KILL), .signal = SIGTERM, .grace = UINT64_MAX }, "for ever" },
		{ { .on = ON(KILL), .signal = SIGKILL, .flags = ~0U }, "every flag" },
		{ { .on = ON(KILL), .signal = SIGKILL, .flags = TREE_RULE }, "as if by a rule" },
		{ { .on = ON(KILL), .signal = SIGKILL }, "a\nnewline" },
		{ { .on = ON(KILL), .signal = SIGKILL }, "\033[2J" },
		{ { .on = ON(KILL), .signal = SIGKILL }, "\177" },
	};
	autorig struct rig *rig = rig__start();
	struct victim victim = begin(rig);
	pid_t mine;

	rig__be(rig, NOBODY);
	mine = rig__spawn(rig, "as mine sleep");
	rig__meet(rig, "mine", 1);
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		cr_expect_eq(rig__track(rig, mine, &requests[i].policy, requests[i].name), -EINVAL,
			     "%s", requests[i].name);
	see_unharmed(&victim);
}

/* What a process calls itself begins no line of the log. */
Test(adversary, no_name_forges_a_line_of_the_log)
{
	autorig struct rig *rig = rig__start();
	struct victim victim = begin(rig);
	pid_t mine;

	rig__be(rig, NOBODY);
	mine = rig__run(rig, ON_KILL, "name a\nforged as mine sleep");
	rig__meet(rig, "mine", 1);
	kill(mine, SIGKILL);
	rig__closed(rig, mine);
	cr_expect(rig__log_has(rig, "(a?forged)"));
	see_unharmed(&victim);
}

/* A dead root's incident is nobody else's to see, by no query. */
Test(adversary, no_query_finds_anothers_incident)
{
	autorig struct rig *rig = rig__start();
	struct victim victim = begin(rig);
	struct control_query query = {
		.head = { CONTROL_VERSION, CONTROL_INCIDENTS, sizeof(query) },
	};

	kill(victim.root, SIGKILL);
	text__copy(query.id, sizeof(query.id), rig__closed(rig, victim.root)->row.id);
	cr_expect_eq(rows(rig, &query), 2, "root sees it, with its survivor");
	rig__be(rig, NOBODY);
	cr_expect_eq(rows(rig, &query), 0);
	query.id[4] = '\0';
	cr_expect_eq(rows(rig, &query), 0);
	*query.id = '\0';
	text__copy(query.outcome, sizeof(query.outcome), "cleared");
	cr_expect_eq(rows(rig, &query), 0);
}

/* ---- by what is no request */

static void send_rubbish(const struct victim *victim)
{
	unsigned seed = (unsigned)getpid();

	for (int i = 0; i < 300; i++) {
		autoclose int fd = dial(victim->rig);
		union {
			struct control_head head;
			char bytes[2048];
		} packet;
		size_t size = (size_t)rand_r(&seed) % sizeof(packet);

		for (size_t k = 0; k < sizeof(packet.bytes); k++)
			packet.bytes[k] = (char)rand_r(&seed);
		if (i % 2) { /* every type, the answers' too, with a true head */
			packet.head = (struct control_head){ CONTROL_VERSION, (__u16)(i / 2 % 80),
							     (__u32)size };
		}
		if (fd >= 0)
			send(fd, &packet, size, MSG_DONTWAIT);
	}
}

Test(adversary, rubbish_does_no_harm)
{
	autorig struct rig *rig = rig__start();
	struct victim victim = begin(rig);

	attack_at_once(&victim, send_rubbish, 2);
	see_unharmed(&victim);
}

/* ---- by connections */

static void open_ten_thousand(const struct victim *victim)
{
	for (int i = 0; i < 2500; i++)
		dial(victim->rig); /* and never a word; closed by the end */
}

Test(adversary, ten_thousand_connections)
{
	autorig struct rig *rig = rig__start();
	struct victim victim = begin(rig);

	attack_at_once(&victim, open_ten_thousand, 4);
	see_unharmed(&victim);
}

static void hold_connections(const struct victim *victim)
{
	for (int i = 0; i < 200; i++)
		dial(victim->rig);
	pause();
}

static void see_served(struct rig *rig, uid_t uid)
{
	struct answer *answer;

	rig__be(rig, uid);
	answer = rig__list(rig);
	cr_expect_eq(answer->status, 0, "uid %u gets %d", uid, answer->status);
	answer__free(answer);
}

/* They are held while others ask. */
Test(adversary, idle_connections_keep_nobody_out)
{
	autorig struct rig *rig = rig__start();
	struct victim victim = begin(rig);
	pid_t holder = attack(&victim, hold_connections);
	struct patience patience = rig__patience(20);

	while (descriptors_of(victim.daemon) < victim.descriptors + 64)
		cr_assert(rig__retry(&patience), "it holds none");
	see_served(rig, 1234);
	see_served(rig, NOBODY);
	see_served(rig, 0);
	cr_expect_leq(descriptors_of(victim.daemon), victim.descriptors + 66, "64 of a user");
	kill(holder, SIGKILL);
	rig__join(holder);
	see_unharmed(&victim);
}

/* By one who has many uids, as in a user namespace. */
Test(adversary, idle_connections_of_many_uids_keep_nobody_out)
{
	autorig struct rig *rig = rig__start();
	struct victim victim = begin(rig);
	struct patience patience = rig__patience(20);
	pid_t holders[8];

	for (size_t i = 0; i < 8; i++)
		holders[i] = attack_as(NOBODY - 1 - (uid_t)i, &victim, hold_connections);
	while (descriptors_of(victim.daemon) < victim.descriptors + 440)
		cr_assert(rig__retry(&patience), "they hold too few");
	see_served(rig, 1234);
	see_served(rig, NOBODY);
	see_served(rig, 0);
	for (size_t i = 0; i < 8; i++) {
		kill(holders[i], SIGKILL);
		rig__join(holders[i]);
	}
	see_unharmed(&victim);
}

static void half_close(const struct victim *victim)
{
	struct control_target list = target(CONTROL_LIST, 0);
	int fds[50];

	for (int i = 0; i < 50; i++) {
		fds[i] = dial(victim->rig);
		if (fds[i] < 0)
			continue;
		send(fds[i], &list, sizeof(list), MSG_DONTWAIT);
		shutdown(fds[i], i % 2 ? SHUT_WR : SHUT_RD);
	}
}

Test(adversary, half_closed_connections_are_let_go)
{
	autorig struct rig *rig = rig__start();
	struct victim victim = begin(rig);

	attack_at_once(&victim, half_close, 4);
	see_unharmed(&victim);
}

/* ---- by asking and not reading */

static void ask_and_never_read(const struct victim *victim)
{
	struct control_query follow = {
		.head = { CONTROL_VERSION, CONTROL_EVENTS, sizeof(follow) },
		.follow = 1,
	};
	struct control_target list = target(CONTROL_LIST, 0);

	for (int i = 0; i < 20; i++) {
		int fd = dial(victim->rig);

		if (fd < 0)
			continue;
		for (int k = 0; k < 2000; k++) {
			if (send(fd, &list, sizeof(list), MSG_DONTWAIT) < 0)
				break;
		}
		send(fd, &follow, sizeof(follow), MSG_DONTWAIT);
	}
}

Test(adversary, who_never_reads_is_not_waited_for)
{
	autorig struct rig *rig = rig__start();
	struct victim victim = begin(rig);

	attack_at_once(&victim, ask_and_never_read, 4);
	see_unharmed(&victim);
}

static unsigned long resident(pid_t pid)
{
	char value[64];

	return rig__proc(pid, "VmRSS", value, sizeof(value)) ? strtoul(value, NULL, 10) : 0;
}

static void hold_large_answers(const struct victim *victim)
{
	ask_and_never_read(victim);
	pause();
}

/* A user with many trees whose answers pile up: the daemon's memory has an end. */
Test(adversary, unread_answers_take_little_memory)
{
	autorig struct rig *rig = rig__start();
	struct victim victim = begin(rig);
	struct patience patience = rig__patience(2);
	unsigned long before, after;
	const struct band *mine;
	pid_t holder;

	rig__spawn(rig, "uid %d fork 100 { as mine sleep } sleep", NOBODY);
	mine = rig__meet(rig, "mine", 100);
	rig__be(rig, NOBODY);
	for (size_t i = 0; i < 100; i++)
		cr_assert_gt(rig__track(rig, mine->one[i].pid, ON_KILL, "m"), 0, "%s",
			     rig__why(rig));
	rig__be(rig, 0);
	before = resident(victim.daemon);
	holder = attack(&victim, hold_large_answers);
	do { /* for as long as it takes to fill whatever there is */
		after = resident(victim.daemon);
		cr_assert_lt(after, before + 24 * 1024, "%lu kB, %lu kB before", after, before);
	} while (rig__retry(&patience));
	kill(holder, SIGKILL);
	rig__join(holder);
	see_unharmed(&victim);
}

static void ask_too_much(const struct victim *victim)
{
	struct control_query events = {
		.head = { CONTROL_VERSION, CONTROL_EVENTS, sizeof(events) },
	};
	struct timeval limit = { .tv_usec = 100000 };

	for (int i = 0; i < 8; i++) {
		int fd = dial(victim->rig);

		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		while (send(fd, &events, sizeof(events), 0) > 0)
			; /* until the daemon takes no more of them */
		if (i % 2)
			shutdown(fd, SHUT_WR);
	}
	close(STDERR_FILENO); /* a sign */
	pause();
}

static void await_closed(pid_t pid, int fd)
{
	struct patience patience = rig__patience(20);
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	while (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		cr_assert(rig__retry(&patience), "the attacker does not get there");
}

/* More requests lie before the daemon, and the answers behind it are not taken: it does nothing. */
Test(adversary, unread_answers_cost_no_time)
{
	autorig struct rig *rig = rig__start();
	struct victim victim = begin(rig);
	pid_t holder;

	rig__be(rig, NOBODY);
	rig__run(rig, ON_KILL, "fork 100 { as mine sleep } sleep");
	rig__meet(rig, "mine", 100);
	rig__be(rig, 0);
	holder = attack(&victim, ask_too_much);
	await_closed(holder, STDERR_FILENO);
	see_at_rest(victim.daemon);
	kill(holder, SIGKILL);
	rig__join(holder);
	see_unharmed(&victim);
}

/* ---- by a flood */

static void flood(const struct victim *victim)
{
	struct control_target list = target(CONTROL_LIST, 0);
	char rest[8192];
	int fd = dial(victim->rig);

	while (fd >= 0) {
		if (send(fd, &list, sizeof(list), 0) < 0)
			break;
		while (recv(fd, rest, sizeof(rest), MSG_DONTWAIT) > 0)
			;
	}
	pause();
}

Test(adversary, a_flood_saves_nobodys_orphans)
{
	autorig struct rig *rig = rig__start();
	struct victim victim = begin(rig);
	pid_t flooders[4];

	for (size_t i = 0; i < 4; i++)
		flooders[i] = attack(&victim, flood);
	see_unharmed(&(struct victim){ victim.rig, victim.daemon, victim.root, victim.stray,
				       victim.descriptors + 4 });
	for (size_t i = 0; i < 4; i++) {
		kill(flooders[i], SIGKILL);
		rig__join(flooders[i]);
	}
}

/* ---- by descriptors */

static bool send_with(int fd, void *bytes, size_t size, const int *fds, size_t count)
{
	struct iovec vector = { bytes, size };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(64 * sizeof(int))];
	} control = {
		.head = { CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS },
	};
	struct msghdr message = { .msg_iov = &vector,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = CMSG_SPACE(count * sizeof(int)) };

	memcpy(CMSG_DATA(&control.head), fds, count * sizeof(int));
	return sendmsg(fd, &message, MSG_NOSIGNAL) >= 0;
}

static void pass_descriptors(const struct victim *victim)
{
	struct control_target list = target(CONTROL_LIST, 0);
	int fds[64];

	for (int i = 0; i < 64; i++)
		fds[i] = STDERR_FILENO;
	for (int i = 0; i < 20; i++)
		send_with(dial(victim->rig), &list, sizeof(list), fds, 64);
	pause();
}

/* Those that come with a request go at once; the connections are held. */
Test(adversary, passed_descriptors_do_not_stay)
{
	autorig struct rig *rig = rig__start();
	struct victim victim = begin(rig);
	pid_t holder = attack(&victim, pass_descriptors);
	struct patience patience = rig__patience(20);

	/* One of the test's own may have been counted before. */
	while (descriptors_of(victim.daemon) < victim.descriptors + 19)
		cr_assert(rig__retry(&patience), "not all are there");
	rig__await_members(rig, victim.root, 2); /* and are answered */
	cr_expect_leq(descriptors_of(victim.daemon), victim.descriptors + 21);
	kill(holder, SIGKILL);
	rig__join(holder);
	see_unharmed(&victim);
}

/* A socket whose last close waits: for what the other end never reads. */
static int lingering_socket(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct linger linger = { .l_onoff = 1, .l_linger = ATTACKER_LIFE };
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	static const char bytes[65536];

	if (bind(listener, (struct sockaddr *)&address, len) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &len) ||
	    connect(fd, (struct sockaddr *)&address, len))
		_exit(3);
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	return fd;
}

/* With a request, where the daemon reads; or behind more requests than it will read. */
static void pass_lingering(const struct victim *victim)
{
	struct control_target list = target(CONTROL_LIST, 0);

	for (int i = 0; i < 20; i++) {
		int fd = dial(victim->rig), passed = lingering_socket();

		if (i % 2)
			send(fd, &list, 1, MSG_NOSIGNAL); /* it hangs up on that */
		if (send_with(fd, &list, sizeof(list), &passed,
			      1)) /* since Linux 6.16 it is refused */
			close(passed);
	}
	close(STDERR_FILENO);
	pause();
}

static bool can_refuse_descriptors(void)
{
	autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int none = 0;

	return setsockopt(fd, SOL_SOCKET, 83, &none, sizeof(none)) == 0; /* SO_PASSRIGHTS */
}

Test(adversary, a_passed_descriptor_holds_up_nothing)
{
	autorig struct rig *rig = rig__start();
	struct victim victim = begin(rig);
	pid_t holder;

	if (!can_refuse_descriptors())
		cr_skip_test("only Linux 6.16 can refuse passed descriptors");
	rig__daemon_halt(rig); /* so that it will be the last who has them */
	holder = attack(&victim, pass_lingering);
	await_closed(holder, STDERR_FILENO);
	rig__daemon_resume(rig);
	see_unharmed(&(struct victim){ victim.rig, victim.daemon, victim.root, victim.stray,
				       victim.descriptors + 20 });
	kill(holder, SIGKILL);
	rig__join(holder);
}

/* ---- by the pid of one that has connected and is gone */

static void be_one_that_is_gone(const struct victim *victim)
{
	struct control_track track = {
		.head = { CONTROL_VERSION, CONTROL_TRACK, sizeof(track) },
		.policy = *ON_KILL,
	};
	struct answer *answer;
	int fd, status;
	pid_t gone;

	/* A process of its own, with the descriptors in common: its end leaves the connection. */
	gone = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (gone == 0) {
		fd = dial(victim->rig);
		_exit(fd < 0 ? 0 : fd);
	}
	if (waitpid(gone, &status, 0) != gone || !(fd = WEXITSTATUS(status)))
		_exit(3);
	if (send(fd, &track, sizeof(track), MSG_NOSIGNAL) != sizeof(track))
		_exit(4);
	answer = rig__read(fd);
	_exit(answer->status == -ESRCH ? 0 : 5);
}

Test(adversary, nobody_is_watched_in_place_of_one_that_is_gone)
{
	autorig struct rig *rig = rig__start();
	struct victim victim = begin(rig);
	struct answer *list;

	cr_assert_eq(rig__join(attack(&victim, be_one_that_is_gone)), 0);
	list = rig__list(rig);
	cr_expect_eq(list->n, 2, "the host and the victim's tree");
	answer__free(list);
	see_unharmed(&victim);
}

/* ---- by the brake */

static void die_often(struct rig *rig, unsigned times, unsigned survivors)
{
	for (unsigned i = 0; i < times; i++) {
		pid_t root = rig__run(rig, ON_KILL, "fork %u { sleep } sleep", survivors);

		rig__await_members(rig, root, survivors + 1);
		kill(root, SIGKILL);
		rig__closed(rig, root);
	}
}

/* Past the limits a user's own orphans are let be, and nobody else's. */
static void see_brake_closed(const char *limit, unsigned times, unsigned survivors)
{
	autorig struct rig *rig = rig__start(.yaml = limit);
	struct victim victim = begin(rig);
	const struct incident *last;
	pid_t root;

	rig__be(rig, NOBODY);
	die_often(rig, times, survivors);
	root = rig__run(rig, ON_KILL, "fork %u { as left sleep } sleep", survivors);
	rig__meet(rig, "left", survivors);
	kill(root, SIGKILL);
	last = rig__closed(rig, root);
	cr_expect_eq(last->row.outcome, INCIDENT_BRAKED);
	cr_expect(rig__all_live(rig__meet(rig, "left", survivors)));
	rig__be(rig, 0);
	cr_expect_eq(rig__counter(rig, "armed"), 1);
	kill(victim.root, SIGKILL);
	cr_expect_eq(rig__closed(rig, victim.root)->row.outcome, INCIDENT_CLEARED);
	cr_expect(rig__all_gone(victim.stray));
}

Test(adversary, many_deaths_open_nobodys_brake)
{
	see_brake_closed("brake: { incidents_per_minute: 3 }\n", 3, 1);
}

Test(adversary, many_survivors_open_nobodys_brake)
{
	see_brake_closed("brake: { survivors_per_incident: 4 }\n", 0, 5);
}

/* ---- by a tree around or inside another's */

/* Root's tree below a user's: what is in it is root's alone. */
Test(adversary, a_tree_around_anothers_shows_nothing_of_it)
{
	autorig struct rig *rig = rig__start();
	struct victim victim = begin(rig);
	pid_t mine = rig__spawn(
		rig,
		"fork { as theirs fork { as below sleep } sleep } await below 1 uid %d as mine sleep",
		NOBODY);
	pid_t theirs = rig__pid(rig, "theirs");
	struct answer *members;

	rig__meet(rig, "mine", 1);
	cr_assert_gt(rig__track(rig, theirs, ON_KILL, "theirs"), 0, "%s", rig__why(rig));
	rig__be(rig, NOBODY);
	cr_assert_gt(rig__track(rig, mine, ON_KILL, "mine"), 0, "%s", rig__why(rig));
	members = rig__members(rig, mine);
	cr_expect_eq(members->n, 3, "the host, the tree and its root");
	answer__free(members);
	see_denied(rig, CONTROL_SPARE, theirs, 0);
	see_denied(rig, CONTROL_UNTRACK, theirs, 0);
	kill(mine, SIGKILL);
	rig__be(rig, 0);
	rig__closed(rig, mine);
	rig__await_members(rig, theirs, 2);
	cr_expect(rig__all_live(rig__meet(rig, "below", 1)));
	see_unharmed(&victim);
}

/* A user's tree inside root's: the user can't have root's orphans spared. */
Test(adversary, a_tree_inside_anothers_saves_no_orphan)
{
	autorig struct rig *rig = rig__start();
	struct victim victim = begin(rig);
	pid_t outer =
		rig__run(rig, ON_KILL, "fork { uid %d as mine sleep } as outer sleep", NOBODY);
	pid_t mine = rig__pid(rig, "mine");

	rig__meet(rig, "outer", 1);
	rig__be(rig, NOBODY);
	cr_assert_gt(rig__track(rig, mine, ON_KILL, "mine"), 0, "%s", rig__why(rig));
	cr_expect_eq(rig__spare(rig, mine), -EPERM, "%s", rig__why(rig));
	rig__be(rig, 0);
	kill(outer, SIGKILL);
	cr_expect_eq(rig__closed(rig, outer)->row.outcome, INCIDENT_CLEARED);
	cr_expect(rig__all_gone(rig__meet(rig, "mine", 1)));
	kill(victim.root, SIGKILL);
	cr_expect(rig__all_gone(victim.stray));
}

/* ---- by taking all there is */

Test(adversary, one_user_gets_a_quarter_of_the_trees)
{
	autorig struct rig *rig = rig__start(.trees = 40);
	struct victim victim = begin(rig);
	const struct band *mine;

	rig__spawn(rig, "uid %d fork 11 { as mine sleep } sleep", NOBODY);
	mine = rig__meet(rig, "mine", 11);
	rig__be(rig, NOBODY);
	for (size_t i = 0; i < 10; i++)
		cr_assert_gt(rig__track(rig, mine->one[i].pid, ON_KILL, "m"), 0, "%s",
			     rig__why(rig));
	cr_expect_eq(rig__track(rig, mine->one[10].pid, ON_KILL, "m"), -EDQUOT);
	cr_expect(strstr(rig__why(rig), "limits.trees"), "%s", rig__why(rig));
	see_unharmed(&victim);
}
