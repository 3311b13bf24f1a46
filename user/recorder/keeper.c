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
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "recorder/recorder.h"

#define NOBODY 65534

/* Between two starts: doubled each time, unless the last one lived for long. */
#define PAUSE_LEAST 100U  /* ms */
#define PAUSE_MOST 30000U /* ms */
#define LIVED_LONG (60 * NS_PER_SEC)

/* What the daemon holds is none of theirs: rings, maps, pins. */
static void close_all_but(int first, int second)
{
	int low = first < second ? first : second, high = first < second ? second : first;

	syscall(SYS_close_range, STDERR_FILENO + 1, low - 1, 0);
	syscall(SYS_close_range, low + 1, high - 1, 0);
	syscall(SYS_close_range, high + 1, ~0U, 0);
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

static pid_t start_recorder(const struct recorder_settings *settings, int rows, int word, uid_t uid,
			    gid_t gid)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_NAME, "orphand-store");
	close(word);
	become(uid, gid);
	recorder__run(settings, rows);
}

/* Whether it ended in order: then the stream has ended, too. */
static bool await_end(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return false;
	}
	if (status)
		log_warn("the recorder died (wait status %#x); another is started", status);
	return status == 0;
}

__attribute__((noreturn)) static void keep(const struct recorder_settings *settings, int rows,
					   int word)
{
	unsigned pause = PAUSE_LEAST;
	uid_t uid;
	gid_t gid;

	prctl(PR_SET_NAME, "orphand-keeper");
	reset_signals();
	wipe_environment();
	close_all_but(rows, word);
	who_records(&uid, &gid);
	make_folder(settings->folder, uid, gid);
	for (;;) {
		uint64_t begun = clock__boottime();
		pid_t pid = start_recorder(settings, rows, word, uid, gid);

		if (pid > 0 && write(word, &pid, sizeof(pid)) < 0)
			log_debug("nobody listens: %s", strerror(errno));
		if (pid > 0 && await_end(pid))
			_exit(0);
		if (clock__boottime() - begun > LIVED_LONG)
			pause = PAUSE_LEAST;
		usleep(pause * 1000);
		pause = pause * 2 < PAUSE_MOST ? pause * 2 : PAUSE_MOST;
	}
}

pid_t keeper__start(const struct recorder_settings *settings, int *rows, int *word)
{
	int stream[2], words[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, stream))
		return -errno;
	if (pipe2(words, O_CLOEXEC | O_NONBLOCK)) {
		int err = -errno;

		close(stream[0]);
		close(stream[1]);
		return err;
	}
	pid = fork();
	if (pid == 0)
		keep(settings, stream[1], words[1]); /* closes the guard's ends */
	if (pid < 0)
		pid = -errno;
	close(stream[1]);
	close(words[1]);
	*rows = stream[0];
	*word = words[0];
	if (pid < 0) {
		close(stream[0]);
		close(words[0]);
		return pid;
	}
	/* A second's worth of a large family, should the recorder be at its disk. */
	setsockopt(*rows, SOL_SOCKET, SO_SNDBUF, &(int){ 4 << 20 }, sizeof(int));
	return pid;
}
