// SPDX-License-Identifier: GPL-2.0
/* redact_test.c - a secret on a command line is in nothing that orphand tells or keeps. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/own.h"
#include "user.h"

TestSuite(redact_e2e, .timeout = 60);

#define SECRET "hunter2x"
#define RULE                                                   \
	"watch:\n"                                             \
	"  - name: by-its-secret\n"                            \
	"    match: { args: [\"*--password " SECRET "*\"] }\n" \
	"    on: [kill]\n"

static bool holds(const char *path, const char *text)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *bytes;
	bool found;

	cr_assert(fd >= 0 && fstat(fd, &st) == 0, "%s", path);
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return false;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	cr_assert_neq(bytes, MAP_FAILED, "%s", path);
	found = memmem(bytes, (size_t)st.st_size, text, strlen(text));
	munmap(bytes, (size_t)st.st_size);
	return found;
}

/* Whether a file of the folder (the store with its log) has the text in its bytes. */
static bool folder_holds(const char *folder, const char *text)
{
	autoclosedir DIR *dir = opendir(folder);
	const struct dirent *entry;
	bool found = false;

	cr_assert(dir, "%s", folder);
	while ((entry = readdir(dir))) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (*entry->d_name != '.')
			found |= holds(path, text);
	}
	return found;
}

static void see_none(struct rig *rig, const char *const *words)
{
	const struct said *said = user__run_as(rig, 0, words);

	said__done(said);
	cr_expect_null(strstr(said->out, SECRET), "%s: %s", words[1], said->out);
}

/* A family whose command lines hold it in all the ways there are; its root. */
static pid_t run_family(struct rig *rig, const char *secret, unsigned line)
{
	char script[512];
	pid_t root;

	snprintf(script, sizeof(script),
		 "DB_PASSWORD=%s sh -c 'exec sleep 59 #' --token=%s & "
		 "sh -c 'sleep 59; :' x 'Authorization: Bearer %s' "
		 "'postgres://bob:%s@host/db' & echo $$; wait",
		 secret, secret, secret, secret);
	root = user__begin(rig, "orphanctl", "run", "--name", "secrets", "--", "/bin/sh", "-c",
			   script, "run", "--password", secret);
	user__pid(line);
	return root;
}

static void await_store(const char *path, const char *sql)
{
	struct patience patience = rig__patience(DEADLINE);
	int found = 0;

	do {
		sqlite3_stmt *statement = NULL;
		sqlite3 *db = NULL;

		if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
		    sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
		    sqlite3_step(statement) == SQLITE_ROW)
			found = sqlite3_column_int(statement, 0);
		sqlite3_finalize(statement);
		sqlite3_close(db);
	} while (!found && rig__retry(&patience));
	cr_assert(found, "%s", sql);
}

Test(redact_e2e, a_secret_is_in_nothing_that_is_told_or_kept)
{
	autorig struct rig *rig = rig__start(.argument = { "--log-level", "debug" });
	char state[128], store[160], log[128], pid[16];
	autojson struct json_object *incident = NULL;
	pid_t root = run_family(rig, SECRET, 0);
	const char *id;

	rig__await_members(rig, root, 4);
	snprintf(pid, sizeof(pid), "%d", root);
	see_none(rig, WORDS("orphanctl", "list"));
	see_none(rig, WORDS("orphanctl", "--json", "list"));
	see_none(rig, WORDS("orphanctl", "tree", pid));
	see_none(rig, WORDS("orphanctl", "--json", "tree", pid));
	user__kill(root);
	incident = user__closed(rig, root);
	cr_expect_str_eq(json__string(incident, "root.args.0"), "/bin/sh");
	cr_expect_str_eq(json__string(incident, "root.args.4"), "--password");
	cr_expect_str_eq(json__string(incident, "root.args.5"), "[redacted]");
	id = json__string(incident, "id");
	see_none(rig, WORDS("orphanctl", "incidents"));
	see_none(rig, WORDS("orphanctl", "--json", "incidents"));
	see_none(rig, WORDS("orphanctl", "show", id));
	see_none(rig, WORDS("orphanctl", "--json", "show", id));
	see_none(rig, WORDS("orphanctl", "events"));
	see_none(rig, WORDS("orphanctl", "--json", "events"));

	snprintf(state, sizeof(state), "%s/state", rig__folder(rig));
	snprintf(store, sizeof(store), "%s/incidents.db", state);
	await_store(store, "SELECT count(*) FROM event WHERE type = 8");
	cr_expect(folder_holds(state, "[redacted]"), "it is there without its secrets");
	cr_expect_not(folder_holds(state, SECRET));
	snprintf(log, sizeof(log), "%s/orphand.log", rig__folder(rig));
	cr_expect(holds(log, "incident"));
	cr_expect_not(holds(log, SECRET));
}

Test(redact_e2e, survives_the_daemon)
{
	autorig struct rig *rig = rig__start();
	autojson struct json_object *incident = NULL;
	pid_t root = run_family(rig, SECRET, 0);

	rig__await_members(rig, root, 4);
	rig__daemon_kill(rig);
	rig__daemon_start(rig);
	see_none(rig, WORDS("orphanctl", "--json", "list"));
	rig__daemon_kill(rig);
	user__kill(root);
	rig__daemon_start(rig);
	incident = user__closed(rig, root);
	cr_expect_str_eq(json__string(incident, "root.args.5"), "[redacted]",
			 "from the pinned map");
	see_none(rig, WORDS("orphanctl", "--json", "incidents"));
}

Test(redact_e2e, rules_match_what_is_hidden)
{
	autorig struct rig *rig = rig__start(.yaml = RULE);
	autojson struct json_object *tree = NULL;
	pid_t root = user__begin(rig, "/bin/sh", "-c", "echo $$; sleep 59; :", "run", "--password",
				 SECRET);
	struct patience patience = rig__patience(DEADLINE);

	user__pid(0);
	while (!(tree = user__tree(rig, 0, root)))
		cr_assert(rig__retry(&patience));
	cr_expect_str_eq(json__string(tree, "rule"), "by-its-secret");
	cr_expect_str_eq(json__string(tree, "root.args.5"), "[redacted]");
}

static void see_argument(struct rig *rig, pid_t root, const char *path, const char *text)
{
	struct patience patience = rig__patience(DEADLINE);
	bool same;

	do {
		autojson struct json_object *tree = user__tree(rig, 0, root);

		same = tree && strcmp(json__string(tree, path), text) == 0;
	} while (!same && rig__retry(&patience));
	cr_expect(same, "%s of %d is not %s", path, root, text);
}

Test(redact_e2e, another_list_holds_from_its_reload_on)
{
	static const char *const program[] = {
		"orphanctl",	    "run", "--", "/bin/sh", "-c", "echo $$; sleep 59; :", "run",
		"--colour=" SECRET, NULL
	};
	autorig struct rig *rig = rig__start();
	pid_t before = user__begin_as(rig, 0, program), after;

	user__pid(0);
	see_argument(rig, before, "root.args.4", "--colour=" SECRET);
	rig__configure(rig, "store: { redact: [colour] }\n");
	kill(rig__daemon(rig), SIGHUP);
	see_argument(rig, before, "root.args.4", "--colour=[redacted]");
	after = user__begin_as(rig, 0, program);
	user__pid(1);
	see_argument(rig, after, "root.args.4", "--colour=[redacted]");
}
