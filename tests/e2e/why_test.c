// SPDX-License-Identifier: GPL-2.0
/* why_test.c - how a process ended, and how a family stood: asked of the daemon and of its store,
 * which tell the same. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "user.h"

TestSuite(why, .timeout = 90);

static const char *number(pid_t pid)
{
	static char text[4][16];
	static unsigned n;

	n = (n + 1) % 4;
	snprintf(text[n], sizeof(text[n]), "%d", pid);
	return text[n];
}

static const char *store_of(const struct rig *rig)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/state/incidents.db", rig__folder(rig));
	return path;
}

/* Until the answer has the word: the ring, and then the recorder, are behind by a moment. */
static const struct said *await_word(struct rig *rig, const char *const *words, const char *word)
{
	struct patience patience = rig__patience(DEADLINE);
	const struct said *said;

	do
		said = user__run_as(rig, 0, words);
	while (!strstr(said->out, word) && rig__retry(&patience));
	cr_assert(strstr(said->out, word), "no '%s' in: %s%s", word, said->out, said->err);
	return said;
}

/* What the daemon says, once its store says the same. */
static void see_same(struct rig *rig, const char *const *daemon, const char *const *store)
{
	struct patience patience = rig__patience(DEADLINE);
	char *told = strdup(user__run_as(rig, 0, daemon)->out);
	const struct said *stored;

	do
		stored = user__run_as(rig, 0, store);
	while (strcmp(told, stored->out) != 0 && rig__retry(&patience));
	cr_expect_str_eq(told, stored->out, "%s", stored->err);
	free(told);
}

/* Nobody watches it; who kills it runs a program of its own, and is gone by then. */
Test(why, a_stranger_is_explained)
{
	autorig struct rig *rig = rig__start();
	pid_t victim = user__begin(rig, "/bin/sleep", "600");
	const char *pid = number(victim);
	const struct said *said;
	char start[64];

	said__done(user__run(rig, "/bin/kill", "-9", pid));
	waitpid(victim, NULL, 0);
	said = await_word(rig, WORDS("orphanctl", "why", pid), "killed by SIGKILL");
	snprintf(start, sizeof(start), "pid %s (/bin/sleep 600, user root", pid);
	cr_expect(strstr(said->out, start) == said->out, "%s", said->out);
	cr_expect(strstr(said->out, "(/bin/kill -9"), "%s", said->out);
	cr_expect(strstr(said->out, "child of pid"), "%s", said->out);
	cr_expect(strstr(said->out, "pid 1 ("), "%s", said->out);
	see_same(rig, WORDS("orphanctl", "why", pid),
		 WORDS("orphanctl", "why", pid, "--store", store_of(rig)));
	see_same(rig, WORDS("orphanctl", "--json", "why", pid),
		 WORDS("orphanctl", "--json", "why", pid, "--store", store_of(rig)));
	said__failed(user__ctl(rig, "why", pid, "--at", "1h"), 1, "of that time");
}

Test(why, a_root_its_survivor_and_an_exit_are_explained)
{
	autorig struct rig *rig = rig__start();
	pid_t root = user__begin(rig, "orphanctl", "run", "--", "/bin/sh", "-c",
				 "/bin/sleep 600 & echo $!; /bin/sh -c 'echo $$; exit 7'; wait");
	pid_t survivor = user__pid(0), exited = user__pid(1);
	struct json_object *told;

	await_word(rig, WORDS("orphanctl", "why", number(exited)), "exited with status 7");
	user__kill(root);
	await_word(rig, WORDS("orphanctl", "why", number(survivor)), "as a survivor of incident");
	await_word(rig, WORDS("orphanctl", "why", number(root)), "it left 1 survivor");
	told = user__json(rig, "why", number(root));
	cr_expect_eq(json__int(told, "0.incident.survivors.0.pid"), survivor);
	cr_expect_str_eq(json__string(told, "0.cause.origin"), "user");
	cr_expect_eq(json__int(told, "0.cause.sender.pid"), getpid());
	cr_expect_gt(
		json_object_array_length(json__at(told, "0.cause.sender.parents", json_type_array)),
		0);
	json_object_put(told);
	for (int i = 0; i < 3; i++) {
		const char *pid = number(i == 0 ? root : i == 1 ? survivor : exited);

		see_same(rig, WORDS("orphanctl", "--json", "why", pid),
			 WORDS("orphanctl", "--json", "why", pid, "--store", store_of(rig)));
	}
}

Test(why, the_living_and_the_unknown_are_told_apart)
{
	autorig struct rig *rig = rig__start();

	said__failed(user__ctl(rig, "why", number(getpid())), 1, "it is running");
	said__failed(user__ctl(rig, "why", "4194303"), 1, "is an end known");
	said__failed(user__ctl(rig, "why"), 2, "why wants more");
	said__failed(user__ctl(rig, "why", "0"), 2, "no pid");
	said__failed(user__ctl(rig, "why", "1", "--at", "noon"), 2, "no time");
}

/* ---- filters */

static size_t lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void see_found(struct rig *rig, const char *option, const char *value, bool found)
{
	for (int i = 0; i < 2; i++) {
		const struct said *said = i ? user__ctl(rig, "--json", "incidents", option, value,
							"--store", store_of(rig))
					    : user__ctl(rig, "--json", "incidents", option, value);

		said__done(said);
		cr_expect_eq(lines(said->out), found, "%s %s, store %d: %s", option, value, i,
			     said->out);
	}
}

Test(why, incidents_are_found_by_who_and_when)
{
	autorig struct rig *rig = rig__start();
	pid_t root = user__begin(rig, "orphanctl", "run", "--", "/bin/sh", "-c",
				 "/bin/sleep 600 & echo $!; wait");

	user__pid(0);
	user__kill(root);
	await_word(rig, WORDS("orphanctl", "incidents", "--store", store_of(rig)), "cleared");
	see_found(rig, "--root", number(root), true);
	see_found(rig, "--root", "*/dash", true);
	see_found(rig, "--root", "*/python*", false);
	see_found(rig, "--sender", number(getpid()), true);
	see_found(rig, "--sender", "1", false);
	see_found(rig, "--user", "root", true);
	see_found(rig, "--user", "nobody", false);
	see_found(rig, "--cgroup", "*", true);
	see_found(rig, "--cgroup", "/no/such/*", false);
	see_found(rig, "--until", "0s", true);
	see_found(rig, "--until", "1h", false);
	said__failed(user__ctl(rig, "incidents", "--user", "no-such-user"), 2, "no user");
	said__failed(user__ctl(rig, "events", "--type", "forked"), 2, "no type");
	said__failed(user__ctl(rig, "events", "--tree", "x"), 2, "no tree");
}

Test(why, events_are_found_by_type_and_tree)
{
	autorig struct rig *rig = rig__start();
	pid_t first = user__begin(rig, "orphanctl", "run", "--", "/bin/sleep", "600");
	pid_t second = user__begin(rig, "orphanctl", "run", "--", "/bin/sleep", "600");
	const struct said *said;

	await_word(rig, WORDS("orphanctl", "events", "--type", "tree.tracked"), "tree 2");
	user__kill(first);
	user__kill(second);
	await_word(rig, WORDS("orphanctl", "events", "--tree", "2", "--store", store_of(rig)),
		   "tree.ended");
	said = user__ctl(rig, "events", "--type", "tree.tracked,orphand.root.died");
	cr_expect_eq(lines(said->out), 4, "%s", said->out);
	said = user__ctl(rig, "events", "--type", "root.died", "--tree", "2");
	cr_expect_eq(lines(said->out), 1, "%s", said->out);
	see_same(rig, WORDS("orphanctl", "--json", "events", "--tree", "1"),
		 WORDS("orphanctl", "--json", "events", "--tree", "1", "--store", store_of(rig)));
}

/* ---- the past */

static const char *path_of(const char *program)
{
	static char path[4200];

	snprintf(path, sizeof(path), "%s/%s", user__build(), program);
	return path;
}

static const char *now(void)
{
	static char text[64];
	struct timespec ts;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(text, sizeof(text), "%FT%T", &tm);
	snprintf(text + n, sizeof(text) - n, ".%09ldZ", ts.tv_nsec);
	return text;
}

/* A child that was there then, one that lost its parent, a tree inside: all as they stood. */
Test(why, a_tree_is_drawn_as_it_stood)
{
	autorig struct rig *rig = rig__start();
	const char *orphanctl = path_of("orphanctl");
	pid_t root = user__begin(rig, "orphanctl", "run", "--", "/bin/sh", "-c",
				 "/bin/sleep 601 & (/bin/sleep 602 & exec /bin/sleep 0.1) ; "
				 "\"$0\" --socket \"$1\" run -- /bin/sleep 603 & echo $$; wait",
				 orphanctl, rig__socket(rig));
	char *then;

	cr_assert_eq(user__pid(0), root);
	await_word(rig, WORDS("orphanctl", "tree", "1"), "sleep 603 (root) [tree 2]");
	await_word(rig, WORDS("orphanctl", "events", "--type", "process.exited"), "status 0");
	then = strdup(now());
	user__kill(root);
	await_word(rig, WORDS("orphanctl", "events", "--store", store_of(rig)), "incident.closed");
	for (int i = 0; i < 2; i++) {
		const struct said *said = user__ctl(rig, "tree", i ? number(root) : "1", "--at",
						    then, "--store", store_of(rig));

		said__done(said);
		cr_expect(strstr(said->out, ", 4 members"), "%s", said->out);
		cr_expect(strstr(said->out, "sleep 601"), "%s", said->out);
		cr_expect(strstr(said->out, "sleep 602"), "%s", said->out);
		cr_expect(strstr(said->out, "sleep 603 (root) [tree 2]"), "%s", said->out);
	}
	see_same(rig, WORDS("orphanctl", "tree", "1", "--at", then),
		 WORDS("orphanctl", "tree", "1", "--at", then, "--store", store_of(rig)));
	said__failed(user__ctl(rig, "tree", "1", "--at", "1h"), 1, "of that time");
	said__failed(user__ctl(rig, "tree", "1", "--store", store_of(rig)), 2, "--at");
	free(then);
}

/* ---- what is no store, or can't be read */

static void copy(const char *from, const char *to, off_t most)
{
	autoclose int in = open(from, O_RDONLY | O_CLOEXEC);
	autoclose int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	char bytes[65536];
	ssize_t n;

	while (most > 0 && (n = read(in, bytes, sizeof(bytes))) > 0) {
		n = n > most ? most : n;
		cr_assert_eq(write(out, bytes, (size_t)n), n);
		most -= n;
	}
}

Test(why, what_is_no_store_is_said_in_a_line)
{
	autorig struct rig *rig = rig__start();
	pid_t root = user__begin(rig, "orphanctl", "run", "--", "/bin/sleep", "600");
	char folder[64], half[96], alone[96];
	const struct said *said;

	await_word(rig, WORDS("orphanctl", "events"), "tree.tracked");
	user__kill(root);
	await_word(rig, WORDS("orphanctl", "events", "--store", store_of(rig)), "root.died");
	rig__daemon_stop(rig);
	snprintf(folder, sizeof(folder), "%s/copies", rig__folder(rig));
	snprintf(half, sizeof(half), "%s/half.db", folder);
	snprintf(alone, sizeof(alone), "%s/alone.db", folder);
	cr_assert_eq(mkdir(folder, 0755), 0);
	copy(store_of(rig), half, 9000);
	copy(store_of(rig), alone, 1 << 30);
	said__failed(user__ctl(rig, "why", "1", "--store", half), 1, half);
	said__failed(user__ctl(rig, "why", "1", "--store", folder), 1, "not a plain file");
	said__failed(user__ctl(rig, "why", "1", "--store", "/no/such"), 1, "No such file");
	said__failed(user__ctl(rig, "why", "1", "--store", "/etc/passwd"), 1, "not a store");
	/* Without its log, in a folder that this user can't write to: it is read all the same. */
	cr_assert_eq(chmod(rig__folder(rig), 0755), 0);
	said = user__run_as(rig, NOBODY, WORDS("orphanctl", "events", "--store", alone));
	said__done(said);
	cr_expect(strstr(said->out, "root.died"), "%s", said->out);
	cr_assert_eq(chmod(alone, 0600), 0);
	said__failed(user__run_as(rig, NOBODY, WORDS("orphanctl", "events", "--store", alone)), 1,
		     alone);
}
