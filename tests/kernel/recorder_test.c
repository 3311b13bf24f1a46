// SPDX-License-Identifier: GPL-2.0
/* recorder_test.c - what happened is in the store, once, whatever becomes of whom. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/own.h"
#include "rig.h"

TestSuite(recorder, .timeout = 60);

static const char *store_of(const struct rig *rig)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/state/incidents.db", rig__folder(rig));
	return path;
}

/* A number that the store answers with; -1: it does not. */
static long ask(const struct rig *rig, const char *sql)
{
	sqlite3_stmt *statement;
	sqlite3 *db = NULL;
	long number = -1;

	if (sqlite3_open_v2(store_of(rig), &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
	    sqlite3_busy_timeout(db, 2000) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK) {
		if (sqlite3_step(statement) == SQLITE_ROW)
			number = (long)sqlite3_column_int64(statement, 0);
		sqlite3_finalize(statement);
	}
	sqlite3_close(db);
	return number;
}

static void await(const struct rig *rig, const char *sql, long number)
{
	struct patience patience = rig__patience(15);

	while (ask(rig, sql) != number)
		cr_assert(rig__retry(&patience), "%s: %ld, not %ld", sql, ask(rig, sql), number);
}

static const struct incident *end_family(struct rig *rig, unsigned strays)
{
	pid_t root;

	rig__next_play(rig);
	root = rig__run(rig, ON_KILL, "fork %u { as stray sleep } as root sleep", strays);
	rig__meet(rig, "root", 1);
	rig__meet(rig, "stray", strays);
	kill(root, SIGKILL);
	return rig__closed(rig, root);
}

/* A child of the daemon or of its child, by its name. */
static pid_t process_of(pid_t parent, const char *name)
{
	struct patience patience = rig__patience(15);

	do {
		autoclosedir DIR *dir = opendir("/proc");
		const struct dirent *entry;

		while (dir && (entry = readdir(dir))) {
			pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
			char value[64];

			if (pid > 0 && rig__proc(pid, "Name", value, sizeof(value)) &&
			    strcmp(value, name) == 0 &&
			    rig__proc(pid, "PPid", value, sizeof(value)) &&
			    strtol(value, NULL, 10) == parent)
				return pid;
		}
	} while (rig__retry(&patience));
	cr_assert_fail("there is no %s under %d", name, parent);
	return 0;
}

static pid_t recorder_of(struct rig *rig)
{
	return process_of(process_of(rig__daemon(rig), "orphand-keeper"), "orphand-store");
}

Test(recorder, keeps_incidents_survivors_and_events)
{
	autorig struct rig *rig = rig__start();
	const struct incident *incident = end_family(rig, 3);
	char sql[256];

	await(rig, "SELECT count(*) FROM incident WHERE open = 0", 1);
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM incident WHERE id = '%s' AND pid = %u",
		 incident->row.id, incident->row.who.pid);
	cr_expect_eq(ask(rig, sql), 1);
	cr_expect_eq(ask(rig, "SELECT count(*) FROM survivor WHERE outcome = 0"), 3);
	await(rig, "SELECT count(*) FROM event WHERE type = 8", 1); /* incident.closed */
	cr_expect_eq(ask(rig, "SELECT max(seq) - min(seq) + 1 - count(*) FROM event"), 0,
		     "every event is there");
	cr_expect_eq(ask(rig, "SELECT count(*) FROM event WHERE image IS NULL"), 0);
}

Test(recorder, keeps_as_much_as_is_asked_for)
{
	autorig struct rig *rig = rig__start(.yaml = "store: { events: incidents }\n");

	end_family(rig, 2);
	await(rig, "SELECT count(*) FROM event WHERE type = 8", 1);
	cr_expect_eq(ask(rig, "SELECT count(*) FROM event WHERE type IN (1, 2, 3)"), 0,
		     "no fork, exec or exit");
}

/* ---- what it may */

Test(recorder, is_nobody_in_particular)
{
	autorig struct rig *rig = rig__start();
	pid_t recorder = recorder_of(rig);
	struct patience patience = rig__patience(15);
	char value[128];
	struct stat st;

	while (rig__proc(recorder, "Seccomp", value, sizeof(value)) && strcmp(value, "2") != 0)
		cr_assert(rig__retry(&patience), "it is not confined");
	cr_assert(rig__proc(recorder, "Uid", value, sizeof(value)));
	cr_expect_neq(atoi(value), 0, "%s", value);
	cr_assert(rig__proc(recorder, "Groups", value, sizeof(value)));
	cr_expect_eq(strspn(value, " \t"), strlen(value), "%s", value);
	cr_assert(rig__proc(recorder, "CapPrm", value, sizeof(value)));
	cr_expect_eq(strtoull(value, NULL, 16), 0, "%s", value);
	cr_assert(rig__proc(recorder, "NoNewPrivs", value, sizeof(value)));
	cr_expect_str_eq(value, "1");
	await(rig, "SELECT count(*) FROM host", 1);
	cr_assert_eq(stat(store_of(rig), &st), 0);
	cr_expect_eq(st.st_mode & 07, 0, "nobody else reads it: %o", st.st_mode);
}

/* ---- deaths */

Test(recorder, another_takes_its_place_and_nothing_is_missing_or_there_twice)
{
	autorig struct rig *rig = rig__start();

	for (int round = 0; round < 3; round++) {
		end_family(rig, 2);
		kill(recorder_of(rig), SIGKILL);
		end_family(rig, 1);
	}
	await(rig, "SELECT count(*) FROM incident WHERE open = 0", 6);
	await(rig, "SELECT count(*) FROM survivor WHERE outcome = 0", 9);
	await(rig, "SELECT count(*) FROM event WHERE type = 8", 6);
	await(rig, "SELECT max(seq) - min(seq) + 1 - count(*) FROM event", 0);
	cr_expect_eq(ask(rig, "SELECT count(*) FROM pragma_integrity_check "
			      "WHERE integrity_check != 'ok'"),
		     0);
	cr_expect(rig__log_has(rig, "the recorder died"));
}

/* At any moment: it is whole each time, and all of it in the end. */
Test(recorder, killed_at_any_moment_breaks_nothing)
{
	autorig struct rig *rig = rig__start(.life = 55);
	unsigned seed = 1;
	pid_t root;

	root = rig__run(rig, ON_KILL, "fork { storm } as root sleep");
	rig__meet(rig, "root", 1);
	/* Few: each new one is waited for longer. */
	for (int round = 0; round < 6; round++) {
		struct patience moment = { 0, 1000L * (1 + rand_r(&seed) % 20000) };

		rig__await_births(rig, 20);
		rig__retry(&moment); /* a random while */
		kill(recorder_of(rig), SIGKILL);
		await(rig,
		      "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check != 'ok'",
		      0);
	}
	kill(root, SIGKILL);
	rig__closed(rig, root);
	await(rig, "SELECT count(*) FROM incident WHERE open = 0", 1);
	await(rig,
	      "SELECT count(*) FROM incident i WHERE survivors = "
	      "(SELECT count(*) FROM survivor WHERE incident = i.id)",
	      1);
}

/* The guard's end is the recorder's, when it has stored what it was sent. */
Test(recorder, ends_with_the_guard)
{
	autorig struct rig *rig = rig__start();
	struct patience patience = rig__patience(15);
	pid_t recorder;

	end_family(rig, 1);
	await(rig, "SELECT count(*) FROM incident WHERE open = 0", 1);
	recorder = recorder_of(rig);
	rig__daemon_kill(rig);
	while (kill(recorder, 0) == 0)
		cr_assert(rig__retry(&patience), "it lives on");
	rig__daemon_start(rig);
	end_family(rig, 1);
	await(rig, "SELECT count(*) FROM incident WHERE open = 0", 2);
	cr_expect_eq(ask(rig, "SELECT count(*) FROM host"), 2, "of two daemons");
}

Test(recorder, a_clean_stop_loses_nothing)
{
	autorig struct rig *rig = rig__start();

	end_family(rig, 5);
	rig__daemon_stop(rig);
	cr_expect_eq(ask(rig, "SELECT count(*) FROM incident WHERE open = 0"), 1);
	cr_expect_eq(ask(rig, "SELECT count(*) FROM survivor"), 5);
	cr_expect_eq(ask(rig, "SELECT max(seq) - min(seq) + 1 - count(*) FROM event"), 0);
	rig__daemon_start(rig);
}

/* ---- trouble with the file */

static void spoil(const struct rig *rig)
{
	autoclose int fd = open(store_of(rig), O_WRONLY | O_TRUNC | O_CLOEXEC);

	cr_assert_eq(write(fd, "no store, but a text that is long enough", 40), 40);
}

static size_t put_aside(const struct rig *rig)
{
	char path[128];
	autoclosedir DIR *dir = NULL;
	const struct dirent *entry;
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/state", rig__folder(rig));
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		n += strncmp(entry->d_name, "incidents.db.broken-", 20) == 0;
	return n;
}

Test(recorder, a_broken_file_is_put_aside)
{
	autorig struct rig *rig = rig__start();

	end_family(rig, 1);
	rig__daemon_stop(rig);
	spoil(rig);
	rig__daemon_start(rig);
	end_family(rig, 2);
	await(rig, "SELECT count(*) FROM incident WHERE open = 0", 1);
	cr_expect_geq(put_aside(rig), 1);
	cr_expect(rig__log_has(rig, "the store was broken: it lies at "));
}

/* The guard serves all the same, and what happened is stored when it can be. */
Test(recorder, what_can_not_be_stored_is_stored_later)
{
	autorig struct rig *rig = rig__start(.bare = true);
	char folder[128];

	snprintf(folder, sizeof(folder), "%s/state", rig__folder(rig));
	cr_assert_eq(mkdir(folder, 0755), 0);
	snprintf(folder, sizeof(folder), "%s/state/incidents.db", rig__folder(rig));
	cr_assert_eq(mkdir(folder, 0755), 0); /* in the place of the file */
	rig__daemon_start(rig);
	cr_assert_eq(end_family(rig, 2)->row.outcome, INCIDENT_CLEARED);
	rig__await_log(rig, "kept in memory");
	cr_assert_eq(rmdir(folder), 0);
	await(rig, "SELECT count(*) FROM incident WHERE open = 0", 1);
	await(rig, "SELECT count(*) FROM survivor", 2);
	await(rig, "SELECT max(seq) - min(seq) + 1 - count(*) FROM event", 0);
}

/* A recorder that takes nothing costs nobody his end. */
Test(recorder, a_halted_one_is_not_waited_for)
{
	autorig struct rig *rig = rig__start();
	pid_t recorder = recorder_of(rig);

	kill(recorder, SIGSTOP);
	for (int round = 0; round < 3; round++)
		cr_assert_eq(end_family(rig, 100)->row.outcome, INCIDENT_CLEARED);
	kill(recorder, SIGCONT);
	await(rig, "SELECT count(*) FROM incident WHERE open = 0", 3);
	await(rig, "SELECT count(*) FROM survivor", 300);
}
