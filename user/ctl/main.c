// SPDX-License-Identifier: GPL-2.0
/* main.c - orphanctl: control, live views and forensics of orphand. */
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/ctl.h"

/* Whether it was its reader that standard output lost: "| head" is no failure. */
static bool reader_is_gone(void)
{
	struct pollfd fd = { .fd = STDOUT_FILENO };

	return errno == EPIPE || (poll(&fd, 1, 0) == 1 && fd.revents & (POLLERR | POLLHUP));
}

/* What was printed has to have arrived. */
static enum exit_status flush(enum exit_status status)
{
	bool failed = ferror(stdout);

	errno = 0;
	failed |= fflush(stdout) != 0;
	if (!failed || reader_is_gone())
		return status;
	complain("cannot write to standard output%s%s", errno ? ": " : "",
		 errno ? strerror(errno) : "");
	return EXIT_FAILED;
}

static enum exit_status dispatch(struct ctl *ctl)
{
	const struct options *options = &ctl->options;
	enum exit_status status = EXIT_DONE;

	/* CMD has to find its signals as the caller left them. */
	if (options->help || options->version || options->command->operand != OPERAND_COMMAND)
		signal(SIGPIPE, SIG_IGN);
	if (options->version)
		puts("orphanctl " ORPHAND_VERSION);
	else if (options->help)
		command__help(stdout, options->command);
	else
		status = options->command->run(ctl);
	return flush(status);
}

int main(int argc, char **argv)
{
	struct ctl ctl = { .context.user = users__name };
	char why[WHY_LEN];
	enum exit_status status;

	ctl.context.data = &ctl.users;
	setlocale(LC_CTYPE, "");
	if (options__parse(&ctl.options, argv + (argc > 0), clock__realtime(),
			   getenv("ORPHAND_SOCKET"), why)) {
		complain("%s", why);
		return EXIT_USAGE;
	}
	ctl.screen = screen__look();
	status = dispatch(&ctl);
	users__clear(&ctl.users);
	return (int)status;
}
