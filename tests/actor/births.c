// SPDX-License-Identifier: GPL-2.0
/* births.c - every way in which a process or a thread comes to be. */
#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actor.h"

#define THREAD_STACK (64 * 1024)
#define STORM_BROOD 8

/* Noted before each birth: the child may be an orphan by the time it can ask. */
static pid_t born_to;

/* Alarms are not inherited: each generation arms its own. The timer behind it serves where the
 * alarm can't, in a process that is stopped; SIGKILL can't be held off. */
void birth__arm(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
	struct itimerspec life = { .it_value.tv_sec = ledger->life + 5 };
	sigset_t alarms;
	timer_t timer;

	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &alarms, NULL);
	signal(SIGALRM, SIG_DFL);
	alarm(ledger->life);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0)
		timer_settime(timer, 0, &life, NULL);
}

void birth__await_orphaned(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	while (getppid() == born_to)
		nanosleep(&moment, NULL);
}

__attribute__((noreturn)) static void be_born(int from, int to)
{
	birth__arm();
	ledger__report("");
	play__perform(from, to);
	_exit(0);
}

static pid_t clone_with(unsigned long flags)
{
	return (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
}

static pid_t clone3_at(const pid_t *pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)pid,
		.set_tid_size = pid ? 1 : 0,
	};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static pid_t birth_fork(const void *how)
{
	(void)how;
	return fork();
}

static pid_t birth_clone(const void *how)
{
	return clone_with(*(const unsigned long *)how);
}

static pid_t birth_clone3(const void *how)
{
	return clone3_at(how);
}

/* N times, or once: a child that does the block. Returns the index behind it. */
static int bear(int at, long n, pid_t (*birth)(const void *how), const void *how)
{
	int close = play__close(at);

	for (long i = 0; i < n; i++) {
		pid_t pid = birth(how);

		if (pid < 0)
			play__die("no child: %m");
		if (pid == 0)
			be_born(at + 1, close);
	}
	return close + 1;
}

int birth__fork(int at)
{
	long n = play__count(&at);

	born_to = getpid();
	return bear(at, n, birth_fork, NULL);
}

int birth__vfork(int at)
{
	int close = play__close(at);
	pid_t pid;

	born_to = getpid();
	pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): the point of it */
	if (pid == 0)
		be_born(at + 1, close);
	if (pid < 0)
		play__die("vfork: %m");
	return close + 1;
}

int birth__clone3(int at)
{
	long n = play__count(&at);

	born_to = getpid();
	return bear(at, n, birth_clone3, NULL);
}

int birth__reborn(int at)
{
	pid_t pid = (pid_t)play__count(&at);

	born_to = getpid();
	return bear(at, 1, birth_clone3, &pid);
}

int birth__sibling(int at)
{
	const unsigned long flags = CLONE_PARENT;
	long n = play__count(&at);

	born_to = getppid();
	return bear(at, n, birth_clone, &flags);
}

/* A child in a new PID namespace sees no parent (0), whether it lives or not. */
int birth__namespaces(int at)
{
	const char *list = play__word(at);
	unsigned long flags = 0;

	if (strstr(list, "pid"))
		flags |= CLONE_NEWPID;
	if (strstr(list, "user"))
		flags |= CLONE_NEWUSER;
	if (strstr(list, "mnt"))
		flags |= CLONE_NEWNS;
	born_to = getpid();
	return bear(at + 1, 1, birth_clone, &flags);
}

static void *be_thread(void *arg)
{
	int at = (int)(intptr_t)arg;

	play__perform(at + 1, play__close(at));
	return NULL;
}

int birth__thread(int at)
{
	long n = play__count(&at);
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	for (long i = 0; i < n; i++) {
		errno = pthread_create(&thread, &attr, be_thread, (void *)(intptr_t)at);
		if (errno)
			play__die("pthread_create: %m");
	}
	pthread_attr_destroy(&attr);
	return play__close(at) + 1;
}

/* Each link forks the next and is gone, in a session of its own: nothing of it can be met twice. */
void birth__comet(void)
{
	while (!ledger__is_over()) {
		setsid();
		atomic_fetch_add(&ledger->beats, 1);
		if (clone_with(0) != 0)
			_exit(0);
		alarm(ledger->life);
	}
	_exit(0);
}

static bool breed(void)
{
	pid_t pid = clone_with(0);

	if (pid != 0)
		return pid > 0;
	alarm(ledger->life);
	atomic_fetch_add(&ledger->beats, 1);
	if (getpid() % 4 == 0) { /* a grandchild, too, without a parent soon */
		setsid();
		if (clone_with(0) == 0) {
			alarm(ledger->life);
			sched_yield();
		}
	}
	_exit(0);
}

/* Short-lived children without a pause, never more than a few at a time. */
void birth__storm(void)
{
	int brood = 0;

	while (!ledger__is_over()) {
		brood += breed();
		while (brood > 0 && waitpid(-1, NULL, brood < STORM_BROOD ? WNOHANG : 0) > 0)
			brood--;
	}
	_exit(0);
}
