// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", LOG_ERR },
	[LOG_LEVEL_WARN] = { "warn", LOG_WARNING },
	[LOG_LEVEL_INFO] = { "info", LOG_INFO },
	[LOG_LEVEL_DEBUG] = { "debug", LOG_DEBUG },
};

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static enum log_level limit = LOG_LEVEL_INFO;
static bool to_journal;
static int journal = -1; /* its native socket, for entries */
static uint64_t dropped;

static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long device, inode;
	struct stat st;

	/* NOLINTNEXTLINE(cert-err34-c): a number that does not fit matches no inode */
	if (!stream || sscanf(stream, "%lu:%lu", &device, &inode) != 2 || fstat(STDERR_FILENO, &st))
		return false;
	return st.st_dev == device && st.st_ino == inode;
}

static int connect_journal(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

void log__set_level(enum log_level level)
{
	limit = level;
	to_journal = stderr_is_journal();
	if (to_journal && journal < 0)
		journal = connect_journal();
}

int log__parse_level(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		if (strcmp(levels[i].name, name) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

bool log__on(enum log_level level)
{
	return level <= limit;
}

uint64_t log__dropped(void)
{
	return dropped;
}

/* Whatever standard error is: a pipe that is ready takes PIPE_BUF bytes, which is more than a line;
 * a socket is asked not to wait. */
static void put(const char *text, size_t size)
{
	struct pollfd poll_fd = { .fd = STDERR_FILENO, .events = POLLOUT };
	ssize_t n = send(STDERR_FILENO, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno == ENOTSOCK)
		n = poll(&poll_fd, 1, 0) == 1 ? write(STDERR_FILENO, text, size) : -1;
	dropped += n < 0;
}

/* What a process calls itself may hold anything: a line of it would pass for one of ours. */
static void clean(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
	}
}

static void put_line(enum log_level level, const char *message)
{
	char line[1200];
	int n;

	if (to_journal)
		n = snprintf(line, sizeof(line), "<%d>%s\n", levels[level].priority, message);
	else
		n = snprintf(line, sizeof(line), "orphand: %s%s%s\n",
			     level == LOG_LEVEL_INFO ? "" : levels[level].name,
			     level == LOG_LEVEL_INFO ? "" : ": ", message);
	if (n > 0 && (size_t)n < sizeof(line))
		put(line, (size_t)n);
}

void log__write(enum log_level level, const char *format, ...)
{
	char message[1024];
	va_list args;
	int n;

	if (!log__on(level))
		return;
	va_start(args, format);
	n = vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (n < 0)
		return;
	clean(message);
	put_line(level, message);
}

void log__entry(enum log_level level, const char *id, const char *fields, char *message)
{
	char entry[4096];
	int n;

	if (!log__on(level))
		return;
	clean(message);
	if (journal < 0) {
		put_line(level, message);
		return;
	}
	n = snprintf(entry, sizeof(entry),
		     "MESSAGE=%s\nPRIORITY=%d\nMESSAGE_ID=%s\nSYSLOG_IDENTIFIER=orphand\n%s",
		     message, levels[level].priority, id, fields);
	if (n < 0 || (size_t)n >= sizeof(entry) ||
	    send(journal, entry, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		dropped++;
}
