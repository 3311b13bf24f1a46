// SPDX-License-Identifier: GPL-2.0
/* keeper.c - starts the recorder, as somebody else, and another when it dies. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "recorder/door.h"
#include "recorder/recorder.h"

#define NOBODY 65534

/* Between two starts: doubled each time, unless the last one lived for long. */
#define PAUSE_LEAST 100U  /* ms */
#define PAUSE_MOST 30000U /* ms */
#define LIVED_LONG (60 * NS_PER_SEC)

/* Between two tries to listen: doubled each time. Who lets go of a port may take a moment. */
#define LISTEN_LEAST (100 * NS_PER_MS)
#define LISTEN_SAID NS_PER_SEC
#define LISTEN_MOST (20 * NS_PER_SEC)

struct keeper {
	const struct recorder_settings *settings;
	struct recorder_ends ends; /* the recorder's */
	int word;
	uid_t uid;
	gid_t gid;
	int door;     /* our end; the recorder's is in ends */
	int listener; /* -1: not yet */
	uint64_t listen_pause, listen_next;
};

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* What the daemon holds is none of theirs: rings, maps, pins. */
static void close_all_but(int *fds, size_t count)
{
	int from = STDERR_FILENO + 1;

	qsort(fds, count, sizeof(*fds), compare_fds);
	for (size_t i = 0; i < count; i++) {
		if (fds[i] > from)
			syscall(SYS_close_range, from, fds[i] - 1, 0);
		from = fds[i] + 1;
	}
	syscall(SYS_close_range, from, ~0U, 0);
}

/* It may hold what is nobody's business; the recorder needs nothing of it. */
static void wipe_environment(void)
{
	char **last = environ;

	if (!environ || !*environ)
		return;
	while (last[1])
		last++;
	explicit_bzero(environ[0], (size_t)(*last + strlen(*last) - environ[0]));
	environ[0] = NULL;
}

static void reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigaddset(&none, SIGCHLD); /* is waited for */
	/* The stream's end tells when to go; a terminal's Ctrl-C must not cut it short. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void who_records(uid_t *uid, gid_t *gid)
{
	const struct passwd *user = getpwnam(RECORDER_USER);

	*uid = user ? user->pw_uid : NOBODY;
	*gid = user ? user->pw_gid : NOBODY;
}

/* The folder is the recorder's, and nobody else's to read but root's. */
static void make_folder(const char *folder, uid_t uid, gid_t gid)
{
	struct stat st;

	if (mkdir(folder, 0750) && errno != EEXIST)
		log_warn("can't make %s: %s", folder, strerror(errno));
	if (stat(folder, &st) == 0 && st.st_uid != uid && chown(folder, uid, gid))
		log_warn("%s can't be the recorder's: %s", folder, strerror(errno));
}

static void become(uid_t uid, gid_t gid)
{
	static const char score[] = "0";
	autoclose int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	/* It may be killed: all it holds is told again. */
	if (fd >= 0 && write(fd, score, sizeof(score) - 1) < 0)
		log_debug("oom_score_adj: %s", strerror(errno));
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid)) {
		log_error("the recorder can't become another user: %s", strerror(errno));
		_exit(1);
	}
	prctl(PR_SET_DUMPABLE, 0);
}

/* ---- the feed's socket */

static void fail_to_listen(struct keeper *keeper, int err)
{
	char address[ADDRESS_TEXT_LEN];

	address__format(&keeper->settings->feed, address, sizeof(address));
	keeper->listen_next = clock__boottime() + keeper->listen_pause;
	if (keeper->listen_pause < LISTEN_SAID && keeper->listen_pause * 2 >= LISTEN_SAID)
		log_error(
			"no feed: can't listen at %s (%s); it is tried again, another place is named by feed: "
			"{ listen: } in the config",
			address, strerror(-err));
	if (keeper->listen_pause < LISTEN_MOST)
		keeper->listen_pause *= 2;
}

static void say_where(const struct keeper *keeper)
{
	struct address address = keeper->settings->feed;
	char text[ADDRESS_TEXT_LEN];

	if (address.kind == ADDRESS_INET) /* the port may have been the kernel's choice */
		getsockname(keeper->listener, &address.any, &address.len);
	address__format(&address, text, sizeof(text));
	log_info("the feed is at %s", text);
}

static void try_to_listen(struct keeper *keeper)
{
	int listener;

	if (keeper->settings->feed.kind == ADDRESS_OFF || keeper->listener >= 0 ||
	    clock__boottime() < keeper->listen_next)
		return;
	listener = door__open(&keeper->settings->feed, keeper->gid);
	if (listener < 0) {
		fail_to_listen(keeper, listener);
		return;
	}
	keeper->listener = listener;
	say_where(keeper);
	door__hand(keeper->door, listener);
}

/* ---- the recorder */

/* What waits at the socket meanwhile finds the next recorder. */
static void make_door(struct keeper *keeper)
{
	int ends[2] = { -1, -1 };

	if (keeper->door >= 0)
		close(keeper->door);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		log_error("no feed: %s", strerror(errno));
	keeper->door = ends[0];
	keeper->ends.door = ends[1];
	if (keeper->listener >= 0)
		door__hand(keeper->door, keeper->listener);
}

static pid_t start_recorder(struct keeper *keeper)
{
	pid_t pid;

	make_door(keeper);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NAME, "orphand-store");
		close(keeper->word);
		close(keeper->door);
		if (keeper->listener >= 0)
			close(keeper->listener);
		become(keeper->uid, keeper->gid);
		recorder__run(keeper->settings, &keeper->ends);
	}
	close(keeper->ends.door);
	return pid;
}

/* Until the child ends, or it is time to try to listen once more. */
static void wait_a_while(const struct keeper *keeper)
{
	uint64_t now = clock__boottime();
	uint64_t wait = keeper->listen_next > now ? keeper->listen_next - now : 1;
	struct timespec most = { .tv_sec = (time_t)(wait / NS_PER_SEC),
				 .tv_nsec = (long)(wait % NS_PER_SEC) };
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigtimedwait(&child, NULL, &most);
}

/* Whether it ended in order: then the stream has ended, too. */
static bool await_end(struct keeper *keeper, pid_t pid)
{
	int status;

	for (;;) {
		bool listening = keeper->settings->feed.kind == ADDRESS_OFF ||
				 keeper->listener >= 0;
		pid_t ended = waitpid(pid, &status, listening ? 0 : WNOHANG);

		if (ended == pid)
			break;
		if (ended < 0 && errno != EINTR)
			return false;
		if (ended == 0)
			wait_a_while(keeper);
		try_to_listen(keeper);
	}
	if (status)
		log_warn("the recorder died (wait status %#x); another is started", status);
	return status == 0;
}

__attribute__((noreturn)) static void keep(struct keeper *keeper)
{
	int fds[] = { keeper->ends.rows, keeper->word, keeper->ends.bell[0], keeper->ends.bell[1] };
	unsigned pause = PAUSE_LEAST;

	prctl(PR_SET_NAME, "orphand-keeper");
	reset_signals();
	wipe_environment();
	close_all_but(fds, sizeof(fds) / sizeof(*fds));
	who_records(&keeper->uid, &keeper->gid);
	make_folder(keeper->settings->folder, keeper->uid, keeper->gid);
	try_to_listen(keeper);
	for (;;) {
		uint64_t begun = clock__boottime();
		pid_t pid = start_recorder(keeper);

		if (pid > 0 && write(keeper->word, &pid, sizeof(pid)) < 0)
			log_debug("nobody listens: %s", strerror(errno));
		if (pid > 0 && await_end(keeper, pid)) {
			door__close(&keeper->settings->feed, keeper->listener);
			_exit(0);
		}
		if (clock__boottime() - begun > LIVED_LONG)
			pause = PAUSE_LEAST;
		usleep(pause * 1000);
		pause = pause * 2 < PAUSE_MOST ? pause * 2 : PAUSE_MOST;
	}
}

struct ends {
	int stream[2], words[2]; /* the guard's, the keeper's */
	int bell[BELLS];	 /* of both */
};

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_ends(struct ends *ends)
{
	for (int i = 0; i < 2; i++) {
		close_one(&ends->stream[i]);
		close_one(&ends->words[i]);
	}
	for (int i = 0; i < BELLS; i++)
		close_one(&ends->bell[i]);
}

static int make_ends(struct ends *ends)
{
	*ends = (struct ends){ { -1, -1 }, { -1, -1 }, { -1, -1 } };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends->stream) ||
	    pipe2(ends->words, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	for (int i = 0; i < BELLS; i++) {
		ends->bell[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (ends->bell[i] < 0)
			return -errno;
	}
	return 0;
}

pid_t keeper__start(const struct recorder_settings *settings, struct recorder_link *link)
{
	struct ends ends;
	struct keeper keeper = {
		.settings = settings, .door = -1, .listener = -1, .listen_pause = LISTEN_LEAST
	};
	int err = make_ends(&ends);
	pid_t pid = err ? err : fork();

	if (pid == 0) {
		keeper.ends = (struct recorder_ends){ .rows = ends.stream[1] };
		memcpy(keeper.ends.bell, ends.bell, sizeof(ends.bell));
		keeper.word = ends.words[1];
		keep(&keeper); /* closes the guard's ends */
	}
	if (pid < 0) {
		err = err ? err : -errno;
		close_ends(&ends);
		return err;
	}
	close(ends.stream[1]);
	close(ends.words[1]);
	*link = (struct recorder_link){ .rows = ends.stream[0], .word = ends.words[0] };
	memcpy(link->bell, ends.bell, sizeof(ends.bell));
	/* A second's worth of a large family, should the recorder be at its disk. */
	setsockopt(link->rows, SOL_SOCKET, SO_SNDBUF, &(int){ 4 << 20 }, sizeof(int));
	return pid;
}
