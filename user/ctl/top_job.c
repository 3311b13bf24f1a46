// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"
#include "ctl/top_job.h"

/* As if it had been called in a terminal, with the colours of one; top reads them back. */
__attribute__((noreturn)) static void play(struct ctl ctl, const char *command, uint32_t number,
					   const char *id, int out)
{
	sigset_t none;
	int status;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int sig = 1; sig < NSIG; sig++) {
		if (sig != SIGPIPE)
			signal(sig, SIG_DFL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	stderr = fdopen(STDERR_FILENO, "w");
	ctl.options = (struct options){
		.command = command__find(command),
		.socket = ctl.options.socket,
		.number = number,
	};
	text__copy(ctl.options.id, sizeof(ctl.options.id), id);
	ctl.screen.colour = true;
	status = (int)ctl.options.command->run(&ctl);
	fflush(stdout);
	fflush(stderr);
	_exit(status);
}

int job__start(struct job *job, const struct ctl *ctl, const char *command, uint32_t number,
	       const char *id)
{
	int ends[2];

	job__stop(job);
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	job->pid = fork();
	if (job->pid == 0)
		play(*ctl, command, number, id, ends[1]);
	close(ends[1]);
	if (job->pid < 0) {
		int err = -errno;

		job->pid = 0;
		close(ends[0]);
		return err;
	}
	job->fd = ends[0];
	fcntl(job->fd, F_SETFL, O_NONBLOCK);
	return 0;
}

static bool make_room(struct job *job)
{
	size_t room = job->room ? job->room * 2 : 1UL << 16;
	char *more;

	if (job->room - job->len > 1)
		return true;
	more = realloc(job->text, room);
	if (!more)
		return false;
	job->text = more;
	job->room = room;
	return true;
}

static void end(struct job *job, bool kill_it)
{
	int status;

	if (kill_it)
		kill(job->pid, SIGKILL);
	while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
		;
	job->status = WIFEXITED(status) ? (enum exit_status)WEXITSTATUS(status) : EXIT_FAILED;
	job->pid = 0;
	close(STEAL_FD(job->fd));
}

bool job__take(struct job *job)
{
	ssize_t n = -1;

	while (job->pid && make_room(job)) {
		n = read(job->fd, job->text + job->len, job->room - job->len - 1);
		if (n <= 0)
			break;
		job->len += (size_t)n;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (job->pid)
		end(job, n != 0);
	if (job->text)
		job->text[job->len] = '\0';
	return true;
}

void job__stop(struct job *job)
{
	if (job->pid)
		end(job, true);
	free(job->text);
	*job = (struct job){ .fd = -1 };
}
