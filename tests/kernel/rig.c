// SPDX-License-Identifier: GPL-2.0
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "parts.h"

#define PATIENCE 15 /* seconds, for whatever must come */
#define LIFE 60	    /* seconds that an actor may live */

static struct rig *rigs; /* those not stopped yet */

/* ---- time */

unsigned rig__seconds(unsigned seconds)
{
	const char *vm = getenv("ORPHAND_VM");

	return vm && strcmp(vm, "1") == 0 ? seconds * 6 : seconds;
}

struct patience rig__patience(unsigned seconds)
{
	return (struct patience){
		.end = clock__boottime() + rig__seconds(seconds) * NS_PER_SEC,
		.nap = 500 * (long)NS_PER_US,
	};
}

bool rig__retry(struct patience *patience)
{
	struct timespec moment = { .tv_nsec = patience->nap };

	if (clock__boottime() > patience->end)
		return false;
	nanosleep(&moment, NULL);
	if (patience->nap < 20 * (long)NS_PER_MS)
		patience->nap += patience->nap / 2;
	return true;
}

/* ---- what there is to run */

static void find_programs(struct rig *rig)
{
	const char *build = getenv("ORPHAND_BUILD");
	char self[2048] = "";

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		cr_assert_fail("/proc/self/exe: %s", strerror(errno));
	*strrchr(self, '/') = '\0';
	snprintf(rig->actor, sizeof(rig->actor), "%s/actor", self);
	*strrchr(self, '/') = '\0';
	snprintf(rig->program, sizeof(rig->program), "%s/orphand", build ? build : self);
}

static void name_paths(struct rig *rig)
{
	const char *run = getenv(RUN_ENV);

	snprintf(rig->folder, sizeof(rig->folder), RIG_FOLDER "%s-XXXXXX", run ? run : "0");
	if (!mkdtemp(rig->folder) || chmod(rig->folder, 0755))
		cr_assert_fail("%s: %s", rig->folder, strerror(errno));
	snprintf(rig->pins, sizeof(rig->pins), RIG_PINS "%s", rig->folder + strlen(RIG_FOLDER));
	snprintf(rig->mark, sizeof(rig->mark), MARK_ENV "=%s", rig->folder);
	snprintf(rig->config, sizeof(rig->config), "%s/orphand.yaml", rig->folder);
	snprintf(rig->socket, sizeof(rig->socket), "%s/run/control.sock", rig->folder);
	snprintf(rig->log, sizeof(rig->log), "%s/orphand.log", rig->folder);
	snprintf(rig->actors, sizeof(rig->actors), "%s/actors.log", rig->folder);
	snprintf(rig->ledger_path, sizeof(rig->ledger_path), "%s/ledger", rig->folder);
}

static void write_config(const struct rig *rig, const struct rig_options *options)
{
	autofclose FILE *file = fopen(rig->config, "wxe");

	if (!file)
		cr_assert_fail("%s: %s", rig->config, strerror(errno));
	fprintf(file, "daemon:\n  runtime_dir: %s/run\n  state_dir: %s/state\n  pin_dir: %s\n",
		rig->folder, rig->folder, rig->pins);
	if (options->no_reflex)
		fputs("  reflex: off\n", file);
	fprintf(file, "limits:\n  processes: %u\n  trees: %u\n  ring: %s\n  stuck: %s\n",
		options->processes ? options->processes : 16384,
		options->trees ? options->trees : 1024, options->ring ? options->ring : "1M",
		options->stuck ? options->stuck : "60s");
	if (!options->yaml || !strstr(options->yaml, "feed:"))
		fputs("feed: { listen: off }\n", file); /* many run side by side */
	if (options->yaml)
		fputs(options->yaml, file);
}

/* Other users write in it, too. */
static void open_ledger(struct rig *rig, const struct rig_options *options)
{
	autoclose int fd = open(rig->ledger_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	struct timespec now;

	if (fd < 0 || fchmod(fd, 0666) || ftruncate(fd, sizeof(*rig->ledger)))
		cr_assert_fail("%s: %s", rig->ledger_path, strerror(errno));
	rig->ledger = mmap(NULL, sizeof(*rig->ledger), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (rig->ledger == MAP_FAILED)
		cr_assert_fail("mmap: %s", strerror(errno));
	clock_gettime(CLOCK_MONOTONIC, &now);
	rig->ledger->life = rig__seconds(options->life ? options->life : LIFE);
	rig->ledger->end = ((uint64_t)now.tv_sec + rig->ledger->life) * NS_PER_SEC;
}

/* ---- children */

static void open_as(int fd, const char *path, int flags)
{
	int opened = open(path, flags, 0644);

	if (opened >= 0 && opened != fd) {
		dup2(opened, fd);
		close(opened);
	}
}

void child__prepare(const struct rig *rig, const char *log)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setrlimit(RLIMIT_NOFILE, &rig->files);
	open_as(STDIN_FILENO, "/dev/null", O_RDONLY);
	open_as(STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND);
	dup2(STDOUT_FILENO, STDERR_FILENO);
}

static bool is_passed_on(const char *variable)
{
	static const char *const never[] = { "NOTIFY_SOCKET=",	"WATCHDOG_",	   "LISTEN_",
					     "JOURNAL_STREAM=", "ORPHAND_SOCKET=", "BXFI_",
					     MARK_ENV "=",	LEDGER_ENV "=" };

	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
		if (strncmp(variable, never[i], strlen(never[i])) == 0)
			return false;
	}
	return true;
}

void child__exec(const struct rig *rig, const char *path, char *const argv[])
{
	char ledger_env[128];
	size_t n = 0;
	char **env;

	for (char **variable = environ; *variable; variable++)
		n++;
	env = calloc(n + 3, sizeof(*env));
	n = 0;
	snprintf(ledger_env, sizeof(ledger_env), LEDGER_ENV "=%s", rig->ledger_path);
	env[n++] = (char *)rig->mark;
	env[n++] = ledger_env;
	for (char **variable = environ; *variable; variable++) {
		if (is_passed_on(*variable))
			env[n++] = *variable;
	}
	prctl(PR_SET_PDEATHSIG, path == rig->program ? SIGTERM : 0);
	child__close_all_but(-1);
	execve(path, argv, env);
	dprintf(STDERR_FILENO, "%s: %s\n", path, strerror(errno));
	_exit(127);
}

void child__close_all_but(int keep)
{
	if (keep < 0 && syscall(SYS_close_range, 3, ~0U, 0) == 0)
		return;
	if (keep >= 3 && (keep == 3 || syscall(SYS_close_range, 3, keep - 1, 0) == 0) &&
	    syscall(SYS_close_range, keep + 1, ~0U, 0) == 0)
		return;
	for (int fd = 3; fd < 65536; fd++) {
		if (fd != keep)
			close(fd);
	}
}

bool child__await_end(pid_t pid)
{
	autoclose int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct patience patience = rig__patience(PATIENCE);

	if (fd < 0)
		return errno == ESRCH;
	while (poll(&poll_fd, 1, 100) <= 0) {
		if (!rig__retry(&patience))
			return false;
	}
	return true;
}

int rig__join(pid_t pid)
{
	int status;

	if (!child__await_end(pid))
		cr_assert_fail("process %d goes on", pid);
	if (waitpid(pid, &status, __WALL) != pid)
		cr_assert_fail("process %d is no child: %s", pid, strerror(errno));
	return status;
}

/* ---- the daemon */

static bool is_ready(struct rig *rig)
{
	struct answer *answer = rig__list(rig);
	bool ready = answer->status == 0;

	answer__free(answer);
	return ready;
}

void rig__daemon_start(struct rig *rig)
{
	struct patience patience = rig__patience(20);
	char *argv[8] = { rig->program, (char *)"--config", rig->config };

	for (size_t i = 0; i < 4 && rig->argument[i]; i++)
		argv[3 + i] = (char *)rig->argument[i];
	rig->daemon = fork();
	if (rig->daemon == 0) {
		child__prepare(rig, rig->log);
		child__exec(rig, rig->program, argv);
	}
	while (!is_ready(rig)) {
		int status;

		if (waitpid(rig->daemon, &status, WNOHANG) == rig->daemon) {
			rig->daemon = 0;
			cr_assert_fail("orphand did not start: wait status %#x, its log is below",
				       (unsigned)status);
		}
		if (!rig__retry(&patience))
			cr_assert_fail("orphand does not answer at %s", rig->socket);
	}
}

static int end_daemon(struct rig *rig, int sig)
{
	pid_t pid = rig->daemon;

	rig->daemon = 0;
	kill(pid, sig);
	return rig__join(pid);
}

void rig__daemon_stop(struct rig *rig)
{
	int status = end_daemon(rig, SIGTERM);

	if (status)
		cr_assert_fail("orphand was stopped, and ended with wait status %#x",
			       (unsigned)status);
}

void rig__daemon_kill(struct rig *rig)
{
	end_daemon(rig, SIGKILL);
}

pid_t rig__daemon(const struct rig *rig)
{
	return rig->daemon;
}

int rig__orphand(struct rig *rig, char *text, size_t size, const char *const *arguments)
{
	char *argv[8] = { rig->program, (char *)"--config", rig->config };
	char path[96];
	FILE *file;
	pid_t pid;
	int status;

	for (size_t i = 0; i < 4 && arguments[i]; i++)
		argv[3 + i] = (char *)arguments[i];
	snprintf(path, sizeof(path), "%s/once.log", rig->folder);
	unlink(path);
	pid = fork();
	if (pid == 0) {
		child__prepare(rig, path);
		child__exec(rig, rig->program, argv);
	}
	status = rig__join(pid);
	file = fopen(path, "re");
	text[file ? fread(text, 1, size - 1, file) : 0] = '\0';
	if (file)
		fclose(file);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool rig__log_has(const struct rig *rig, const char *text)
{
	return rig__log_count(rig, text) > 0;
}

size_t rig__log_count(const struct rig *rig, const char *text)
{
	autofclose FILE *file = fopen(rig->log, "re");
	char line[1200];
	size_t n = 0;

	while (file && fgets(line, sizeof(line), file))
		n += strstr(line, text) != NULL;
	return n;
}

void rig__await_log(const struct rig *rig, const char *text)
{
	struct patience patience = rig__patience(PATIENCE);

	while (!rig__log_has(rig, text)) {
		if (!rig__retry(&patience))
			cr_assert_fail("the log does not say: %s", text);
	}
}

static void await_state(pid_t pid, bool stopped)
{
	struct patience patience = rig__patience(PATIENCE);
	char state[32] = "";

	while (!rig__proc(pid, "State", state, sizeof(state)) || (*state == 'T') != stopped) {
		if (!rig__retry(&patience))
			cr_assert_fail("orphand is in state %s", state);
	}
}

void rig__daemon_halt(struct rig *rig)
{
	kill(rig->daemon, SIGSTOP);
	await_state(rig->daemon, true);
}

void rig__daemon_resume(struct rig *rig)
{
	kill(rig->daemon, SIGCONT);
	await_state(rig->daemon, false);
}

void rig__configure(struct rig *rig, const char *yaml, ...)
{
	autofclose FILE *file = fopen(rig->config, "ae");
	va_list args;

	if (!file)
		cr_assert_fail("%s: %s", rig->config, strerror(errno));
	va_start(args, yaml);
	vfprintf(file, yaml, args);
	va_end(args);
}

const char *rig__folder(const struct rig *rig)
{
	return rig->folder;
}

const char *rig__pins(const struct rig *rig)
{
	return rig->pins;
}

const char *rig__socket(const struct rig *rig)
{
	return rig->socket;
}

const char *rig__program(const struct rig *rig)
{
	return rig->program;
}

void rig__upgrade(struct rig *rig)
{
	int folder = (int)(strrchr(rig->actor, '/') - rig->actor);

	snprintf(rig->program, sizeof(rig->program), "%.*s/orphand-next", folder, rig->actor);
}

/* ---- from beginning to end */

/* A failed assertion ends the test's process by way of exit(): wait for the janitor there, so that
 * what it says stands by the test. */
static void at_failure(void)
{
	for (struct rig *rig = rigs; rig; rig = rig->next) {
		if (rig->janitor) {
			close(rig->to_janitor);
			waitpid(rig->janitor, NULL, 0);
			rig->janitor = 0;
		}
	}
}

/* A pidfd for each of a thousand survivors takes more descriptors than usual. */
static void prepare_test(struct rig *rig)
{
	struct rlimit most;

	getrlimit(RLIMIT_NOFILE, &rig->files);
	most = rig->files;
	most.rlim_cur = most.rlim_max < 65536 ? most.rlim_max : 65536;
	setrlimit(RLIMIT_NOFILE, &most);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (!rigs)
		atexit(at_failure);
}

struct rig *rig__start_with(const struct rig_options *options)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	prepare_test(rig);
	find_programs(rig);
	name_paths(rig);
	memcpy(rig->argument, options->argument, sizeof(rig->argument));
	open_ledger(rig, options);
	janitor__start(rig);
	rig->next = rigs;
	rigs = rig;
	write_config(rig, options);
	if (!options->bare)
		rig__daemon_start(rig);
	return rig;
}

static void forget(struct rig *rig)
{
	struct rig **link = &rigs;

	while (*link != rig)
		link = &(*link)->next;
	*link = rig->next;
	rig__free_bands(rig);
	rig__free_incidents(rig);
	munmap(rig->ledger, sizeof(*rig->ledger));
	free(rig);
}

void rig__stop(struct rig *rig)
{
	bool clean;

	if (!rig)
		return;
	if (rig->daemon)
		rig__daemon_stop(rig);
	clean = janitor__finish(rig);
	forget(rig);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	cr_assert(clean, "the test left something behind");
}

/* ---- plays */

#define WORDS 256

static size_t split(char *text, char **argv)
{
	char *rest = NULL;
	size_t n = 0;

	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (n + 1 >= WORDS)
			abort();
		argv[n++] = word;
	}
	argv[n] = NULL;
	return n;
}

/* In the child: have this very process watched, as orphanctl run does. */
static void be_tracked(const struct rig *rig, const struct policy *policy)
{
	struct control_track track = {
		.head = { CONTROL_VERSION, CONTROL_TRACK, sizeof(track) },
		.policy = *policy,
	};
	int fd = client__connect(rig->socket, geteuid());
	struct answer *answer;

	if (fd < 0 || send(fd, &track, sizeof(track), MSG_NOSIGNAL) != sizeof(track)) {
		dprintf(STDERR_FILENO, "track: %s\n", strerror(errno));
		_exit(126);
	}
	answer = rig__read(fd);
	if (answer->status) {
		dprintf(STDERR_FILENO, "track: %d %s\n", answer->status, answer->text);
		_exit(126);
	}
	answer__free(answer);
}

static void copy_program(const char *source, const char *target)
{
	autoclose int from = open(source, O_RDONLY | O_CLOEXEC);
	int to = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	struct stat st;

	if (from < 0 || to < 0 || fstat(from, &st) || fchmod(to, 0755))
		cr_assert_fail("%s: %s", target, strerror(errno));
	while (sendfile(to, from, NULL, (size_t)st.st_size) > 0)
		;
	close(to);
}

/* Another user may not be able to reach the place of the build. */
static void bring_actor(struct rig *rig)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/actor", rig->folder);
	if (!rig->uid || strcmp(rig->actor, path) == 0)
		return;
	copy_program(rig->actor, path);
	text__copy(rig->actor, sizeof(rig->actor), path);
}

const char *rig__own_program(struct rig *rig)
{
	if (!*rig->own_program) {
		snprintf(rig->own_program, sizeof(rig->own_program), "%s/program", rig->folder);
		copy_program(rig->actor, rig->own_program);
	}
	return rig->own_program;
}

pid_t rig__run_program(struct rig *rig, const char *play)
{
	return rig__spawn(rig, "become { %s %s }", rig__own_program(rig), play);
}

static pid_t begin(struct rig *rig, const struct policy *policy, char *play)
{
	char *argv[WORDS + 1] = { rig->actor };
	pid_t pid;

	bring_actor(rig);
	split(play, argv + 1);
	pid = fork();
	if (pid < 0)
		cr_assert_fail("fork: %s", strerror(errno));
	if (pid > 0)
		return pid;
	child__prepare(rig, rig->actors);
	if (rig->uid &&
	    (setresgid(rig->uid, rig->uid, rig->uid) || setresuid(rig->uid, rig->uid, rig->uid)))
		_exit(125);
	if (policy)
		be_tracked(rig, policy);
	child__exec(rig, rig->actor, argv);
}

pid_t rig__run(struct rig *rig, const struct policy *policy, const char *play, ...)
{
	autofree char *text = NULL;
	va_list args;
	pid_t pid;

	va_start(args, play);
	if (vasprintf(&text, play, args) < 0)
		abort();
	va_end(args);
	pid = begin(rig, policy, text);
	return pid;
}

pid_t rig__spawn(struct rig *rig, const char *play, ...)
{
	autofree char *text = NULL;
	va_list args;
	pid_t pid;

	va_start(args, play);
	if (vasprintf(&text, play, args) < 0)
		abort();
	va_end(args);
	pid = begin(rig, NULL, text);
	return pid;
}

void rig__next_play(struct rig *rig)
{
	uint32_t used = atomic_load(&rig->ledger->used);

	for (uint32_t i = 0; i < used && i < LEDGER_ENTRIES; i++)
		memset(&rig->ledger->entry[i], 0, sizeof(rig->ledger->entry[i]));
	atomic_store(&rig->ledger->used, 0);
	atomic_store(&rig->ledger->gate, 0);
}

void rig__open_gate(struct rig *rig, unsigned gate)
{
	atomic_store(&rig->ledger->gate, gate);
	syscall(SYS_futex, &rig->ledger->gate, 1 /* FUTEX_WAKE */, INT32_MAX, NULL, NULL, 0);
}

uint32_t rig__beats(const struct rig *rig)
{
	return atomic_load(&rig->ledger->beats);
}

void rig__await_births(struct rig *rig, uint32_t more)
{
	struct patience patience = rig__patience(PATIENCE);
	uint32_t enough = rig__beats(rig) + more;

	while (rig__beats(rig) < enough) {
		if (!rig__retry(&patience))
			cr_assert_fail("%u births, %u expected", rig__beats(rig), enough);
	}
}

size_t rig__marked(const struct rig *rig)
{
	return janitor__marked(rig->mark, 0);
}
