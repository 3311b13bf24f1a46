// SPDX-License-Identifier: GPL-2.0
/*
 * verbs.c - the words of a play. N is a number that may be left out before a block (1), ROLE any
 * word, SIG a signal as kill(1) has it.
 *
 * fork N { }		children, by fork(2)
 * clone3 N { }		children, by clone3(2)
 * vfork { }		one, by vfork(2); the parent goes on when it has exited or exec'd
 * sibling N { }	children of the own parent (CLONE_PARENT)
 * reborn PID { }	a child that has this pid
 * namespaces LIST { }	a child in new namespaces: pid,user,mnt
 * thread N { }		threads, which do the block and end
 * leave		ends this thread only, were it the leader
 * exec { }		becomes a new image of the actor, which plays the block
 * become { PATH ... }	becomes another program
 * comet, storm		breeders: see births.c
 *
 * as ROLE		tells the test that it is there; the test waits for it
 * await ROLE N		until N processes have told this role
 * gate N		until the test has opened gate N
 * orphaned		until the parent is gone
 * reap			until all children are gone
 * undertake { }	does the block as a subreaper, then reaps whoever falls to it, for ever
 *
 * setsid		a session of its own
 * close		no descriptor
 * name WORD		another name, comm and argv
 * uid N		another user
 * ignore SIG		does not hear it
 * handle SIG CODE	exits with CODE when it comes
 * dawdle SIG MS	exits 0, MS after it came
 * heed SIG { }		does the block when it comes, then exits 0
 * stop			SIGSTOP to itself
 * sleep, spin		for ever, for ever and busy
 * nap MS		for MS
 * exit CODE, raise SIG	ends
 * segv, pipe		ends by a fault, by writing to a pipe that nobody reads
 * cores N		RLIMIT_CORE: 0 or as much as may be, in the ledger's folder
 * kill ROLE SIG	sends a signal to all that told this role
 * join PATH		enters a cgroup: writes itself to PATH/cgroup.procs
 * hog			takes memory until somebody ends it
 * forever { }		until the test stops the breeders
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actor.h"
#include "base/text.h"

static int number(int at)
{
	int n = (int)play__count(&at);

	return n;
}

static int signal_at(int at)
{
	int n = signal__parse(play__word(at));

	if (n < 0)
		play__die("%s: no signal", play__word(at));
	return n;
}

/* Also in handlers of signals: both calls are safe there. */
static void nap(long ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	/* NOLINTNEXTLINE(bugprone-signal-handler,cert-sig30-c) */
	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

static int do_exec(int at)
{
	int close = play__close(at);

	char **argv = play__argv(at + 1, close);

	execv(argv[0], argv);
	play__die("exec: %m");
}

static int do_become(int at)
{
	char **argv = play__argv(at + 1, play__close(at));

	execv(argv[1], argv + 1);
	play__die("%s: %m", argv[1]);
}

static int do_leave(int at)
{
	(void)at;
	syscall(SYS_exit, 0);
	play__die("still here");
}

static int do_comet(int at)
{
	(void)at;
	birth__comet();
}

static int do_storm(int at)
{
	(void)at;
	birth__storm();
}

static int do_as(int at)
{
	ledger__report(play__word(at));
	return at + 1;
}

static int do_await(int at)
{
	uint32_t n = (uint32_t)number(at + 1);
	uint32_t seen = atomic_load(&ledger->used);

	while (ledger__count(play__word(at)) < n) {
		ledger__doze(&ledger->used, seen);
		seen = atomic_load(&ledger->used);
	}
	return at + 2;
}

static int do_gate(int at)
{
	uint32_t n = (uint32_t)number(at);
	uint32_t open;

	while ((open = atomic_load(&ledger->gate)) < n)
		ledger__doze(&ledger->gate, open);
	return at + 1;
}

static int do_orphaned(int at)
{
	birth__await_orphaned();
	return at;
}

static int do_reap(int at)
{
	while (wait(NULL) > 0 || errno == EINTR)
		;
	return at;
}

static int do_undertake(int at)
{
	int close = play__close(at);

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	play__perform(at + 1, close);
	while (!ledger__is_over()) {
		while (wait(NULL) > 0 || errno == EINTR)
			;
		nap(1);
	}
	return do_reap(close + 1);
}

static int do_setsid(int at)
{
	if (setsid() < 0)
		play__die("setsid: %m");
	return at;
}

static int do_close(int at)
{
	if (syscall(SYS_close_range, 0, ~0U, 0) == 0)
		return at;
	for (int fd = 0; fd < 1024; fd++)
		close(fd);
	return at;
}

static int do_name(int at)
{
	play__rename(play__word(at));
	return at + 1;
}

static int do_uid(int at)
{
	uid_t uid = (uid_t)number(at);

	if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		play__die("setresuid: %m");
	return at + 1;
}

static int do_ignore(int at)
{
	signal(signal_at(at), SIG_IGN);
	return at + 1;
}

static volatile sig_atomic_t last_code, last_nap;

static void on_signal(int sig)
{
	(void)sig;
	if (last_nap)
		nap(last_nap);
	_exit(last_code);
}

static int do_handle(int at)
{
	last_code = number(at + 1);
	last_nap = 0;
	signal(signal_at(at), on_signal);
	return at + 2;
}

static int do_dawdle(int at)
{
	last_code = 0;
	last_nap = number(at + 1);
	signal(signal_at(at), on_signal);
	return at + 2;
}

static int heed_from, heed_to;

static void on_heeded(int sig)
{
	(void)sig;
	/* It comes while the play waits for it, never in the midst of a call that it could hurt.
	 * NOLINTNEXTLINE(bugprone-signal-handler,cert-sig30-c) */
	play__perform(heed_from, heed_to);
	_exit(0);
}

static int do_heed(int at)
{
	heed_from = at + 2;
	heed_to = play__close(at + 1);
	signal(signal_at(at), on_heeded);
	return heed_to + 1;
}

static int do_pipe(int at)
{
	int ends[2];

	(void)at;
	signal(SIGPIPE, SIG_DFL);
	if (pipe(ends) || close(ends[0]) || write(ends[1], "", 1) != 1)
		play__die("pipe: %m");
	play__die("still here");
}

static int do_stop(int at)
{
	kill(getpid(), SIGSTOP);
	return at;
}

static int do_sleep(int at)
{
	while (pause() < 0)
		;
	return at;
}

static int do_spin(int at)
{
	(void)at;
	while (!atomic_load(&ledger->stop))
		;
	_exit(0);
}

static int do_nap(int at)
{
	nap(number(at));
	return at + 1;
}

static int do_exit(int at)
{
	_exit(number(at));
}

static int do_raise(int at)
{
	int sig = signal_at(at);

	if (sig != SIGKILL && sig != SIGSTOP)
		signal(sig, SIG_DFL);
	kill(getpid(), sig);
	nap(1000); /* another thread may have taken it */
	play__die("still here");
}

/* A real fault: a write where nothing may be written. A sanitizer's handler would take it. */
static int do_segv(int at)
{
	volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)at;
	signal(SIGSEGV, SIG_DFL);
	*page = 1;
	play__die("still here");
}

static int do_cores(int at)
{
	const char *path = getenv(LEDGER_ENV);
	struct rlimit limit;
	char folder[256];

	getrlimit(RLIMIT_CORE, &limit);
	limit.rlim_cur = strcmp(play__word(at), "0") == 0 ? 0 : limit.rlim_max;
	setrlimit(RLIMIT_CORE, &limit);
	text__copy(folder, sizeof(folder), path ? path : "/");
	*strrchr(folder, '/') = '\0';
	if (chdir(*folder ? folder : "/"))
		play__die("%s: %m", folder);
	return at + 1;
}

static int do_kill(int at)
{
	const char *role = play__word(at);
	int sig = signal_at(at + 1);
	uint32_t used = atomic_load(&ledger->used);

	for (uint32_t i = 0; i < used && i < LEDGER_ENTRIES; i++) {
		const struct ledger_entry *entry = &ledger->entry[i];

		if (atomic_load(&entry->ready) && strcmp(entry->role, role) == 0 &&
		    kill((pid_t)entry->pid, sig))
			play__die("kill: %m");
	}
	return at + 2;
}

static int do_join(int at)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", play__word(at));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		play__die("%s: %m", path);
	close(fd);
	return at + 1;
}

static int do_hog(int at)
{
	const size_t size = 1 << 20;

	for (;;) {
		void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				    -1, 0);

		if (memory == MAP_FAILED)
			return at;
		memset(memory, 1, size);
	}
}

static int do_forever(int at)
{
	int close = play__close(at);

	while (!ledger__is_over())
		play__perform(at + 1, close);
	return close + 1;
}

static const struct {
	const char *word;
	int (*act)(int at);
} verbs[] = {
	{ "fork", birth__fork },
	{ "vfork", birth__vfork },
	{ "clone3", birth__clone3 },
	{ "sibling", birth__sibling },
	{ "reborn", birth__reborn },
	{ "namespaces", birth__namespaces },
	{ "thread", birth__thread },
	{ "leave", do_leave },
	{ "exec", do_exec },
	{ "become", do_become },
	{ "comet", do_comet },
	{ "storm", do_storm },
	{ "as", do_as },
	{ "await", do_await },
	{ "gate", do_gate },
	{ "orphaned", do_orphaned },
	{ "reap", do_reap },
	{ "undertake", do_undertake },
	{ "setsid", do_setsid },
	{ "close", do_close },
	{ "name", do_name },
	{ "uid", do_uid },
	{ "ignore", do_ignore },
	{ "handle", do_handle },
	{ "dawdle", do_dawdle },
	{ "heed", do_heed },
	{ "pipe", do_pipe },
	{ "stop", do_stop },
	{ "sleep", do_sleep },
	{ "spin", do_spin },
	{ "nap", do_nap },
	{ "exit", do_exit },
	{ "raise", do_raise },
	{ "segv", do_segv },
	{ "cores", do_cores },
	{ "kill", do_kill },
	{ "join", do_join },
	{ "hog", do_hog },
	{ "forever", do_forever },
};

int verb__do(int at)
{
	const char *word = play__word(at);

	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (strcmp(verbs[i].word, word) == 0)
			return verbs[i].act(at + 1);
	}
	play__die("%s: no such word", word);
}
