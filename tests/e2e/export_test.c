// SPDX-License-Identifier: GPL-2.0
/* export_test.c - what happened, sent to somebody: there every command tells the same. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "user.h"

TestSuite(export, .timeout = 120);

static const char *in_folder(const struct rig *rig, const char *name)
{
	static char paths[8][160];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", rig__folder(rig), name);
	return path;
}

static const char *store_of(const struct rig *rig)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/state/incidents.db", rig__folder(rig));
	return path;
}

/* What orphanctl prints goes into that file of the rig's folder; it is more than fits a struct
 * said. */
static const char *keep(struct rig *rig, const char *name, const char *command)
{
	const char *path = in_folder(rig, name);
	char line[PATH_MAX + 512];

	snprintf(line, sizeof(line), "%s/orphanctl --socket %s %s >%s", user__build(),
		 rig__socket(rig), command, path);
	said__done(user__run(rig, "/bin/sh", "-c", line));
	return path;
}

/* Of a store. */
static const char *keep_store(struct rig *rig, const char *name)
{
	char command[192];

	snprintf(command, sizeof(command), "export --store %s", store_of(rig));
	return keep(rig, name, command);
}

/* A family with an argument that is no UTF-8, ended; its incident is stored when this returns. */
static void end_family(struct rig *rig, unsigned line)
{
	pid_t root = user__begin(rig, "orphanctl", "run", "--name", "job", "--", "/bin/sh", "-c",
				 "sleep 59 & sleep 59 & echo $$; wait", "a\xff\"\\", "");
	struct patience patience = rig__patience(DEADLINE);
	char closed[64];

	user__pid(line);
	rig__await_members(rig, root, 3);
	user__kill(root);
	json_object_put(user__closed(rig, root));
	snprintf(closed, sizeof(closed), "\"process.pid\":%d", root);
	for (bool stored = false; !stored;) {
		const struct said *said =
			user__ctl(rig, "--json", "events", "--store", store_of(rig));
		const char *at = WIFEXITED(said->status) ? said->out : "";

		while (!stored && (at = strstr(at, "orphand.incident.closed"))) {
			const char *end = strchr(at, '\n');

			stored = memmem(at, (size_t)(end - at), closed, strlen(closed)) != NULL;
			at = end;
		}
		cr_assert(stored || rig__retry(&patience), "it is not stored");
	}
}

static char *copy_of(const struct said *said)
{
	said__done(said);
	return strdup(said->out);
}

/* The command's answer is the same from both stores; times are absolute, as this is no terminal. */
static void see_same(struct rig *rig, const char *other, const char *const *words)
{
	const char *line[12] = { "orphanctl" };
	autofree char *before = NULL;
	size_t n = 1;

	while (words[n - 1]) {
		line[n] = words[n - 1];
		n++;
	}
	line[n++] = "--store";
	line[n] = store_of(rig);
	before = copy_of(user__run_as(rig, 0, line));
	cr_expect_gt(strlen(before), 0, "%s", words[0]);
	line[n] = other;
	cr_expect_str_eq(copy_of(user__run_as(rig, 0, line)), before, "%s", words[0]);
}

static const char *id_of(struct rig *rig)
{
	static char id[INCIDENT_ID_LEN];
	autojson struct json_object *list = user__json(rig, "incidents", "--store", store_of(rig));

	snprintf(id, sizeof(id), "%s", json__string(list, "0.id"));
	return id;
}

Test(export, every_command_tells_the_same_from_the_store_it_came_into)
{
	autorig struct rig *rig = rig__start();
	const char *other = in_folder(rig, "other.db"), *lines, *id;
	struct stat st;

	end_family(rig, 0);
	end_family(rig, 1);
	rig__daemon_stop(rig);
	lines = keep_store(rig, "lines");
	said__done(user__ctl(rig, "import", lines, "--store", other));
	cr_assert_eq(stat(other, &st), 0);
	cr_expect_eq(st.st_mode & 077, 0, "its owner's alone: %o", st.st_mode);
	id = id_of(rig);
	see_same(rig, other, WORDS("incidents"));
	see_same(rig, other, WORDS("--json", "incidents"));
	see_same(rig, other, WORDS("show", id));
	see_same(rig, other, WORDS("--json", "show", id));
	see_same(rig, other, WORDS("events"));
	see_same(rig, other, WORDS("--json", "events"));
	see_same(rig, other, WORDS("export"));
	said__done(user__ctl(rig, "import", lines, "--store", other));
	see_same(rig, other, WORDS("export"));
	rig__daemon_start(rig);
}

Test(export, of_a_daemon_that_runs)
{
	autorig struct rig *rig = rig__start();
	const char *other = in_folder(rig, "other.db"), *lines;

	end_family(rig, 0);
	lines = keep(rig, "lines", "export");
	said__done(user__ctl(rig, "import", lines, "--store", other));
	see_same(rig, other, WORDS("--json", "incidents"));
	see_same(rig, other, WORDS("--json", "show", id_of(rig)));
	see_same(rig, other, WORDS("--json", "events"));
}

Test(export, through_a_pipe_and_no_older_than_asked)
{
	autorig struct rig *rig = rig__start();
	char line[512];

	end_family(rig, 0);
	said__done(user__ctl(rig, "export", "--since", "1ms", "--store", store_of(rig)));
	cr_expect_str_empty(user__ctl(rig, "export", "--since", "1ms")->out);
	snprintf(line, sizeof(line),
		 "%s/orphanctl export --since 1h --store %s | %s/orphanctl import - --store %s",
		 user__build(), store_of(rig), user__build(), in_folder(rig, "other.db"));
	said__done(user__run(rig, "/bin/sh", "-c", line));
	see_same(rig, in_folder(rig, "other.db"), WORDS("--json", "incidents"));
}

Test(export, what_is_wrong_is_named_and_leaves_nothing)
{
	autorig struct rig *rig = rig__start(.bare = true);
	const char *bad = in_folder(rig, "bad"), *other = in_folder(rig, "other.db");
	autofclose FILE *file = fopen(bad, "we");
	char place[160];

	fputs("{\"table\":\"host\",\"boot_id\":\"b\"}\n{\"table\":\"nothing\"}\n", file);
	fflush(file);
	snprintf(place, sizeof(place), "%s:2: ", bad);
	said__failed(user__ctl(rig, "import", bad, "--store", other), 1, place);
	cr_expect_eq(access(other, F_OK), -1, "no store that nothing came into");
	said__failed(user__ctl(rig, "import", "/nonexistent", "--store", other), 1, "/nonexistent");
	said__failed(user__ctl(rig, "import", rig__folder(rig), "--store", other), 1,
		     rig__folder(rig));
	said__failed(user__ctl(rig, "import", bad, "--store", "/proc/x.db"), 1, "/proc/x.db");
	said__failed(user__ctl(rig, "import", bad, "--store", bad), 1, "not a store");
	said__failed(user__ctl(rig, "export", "--store", bad), 1, "not a store");
	said__failed(user__ctl(rig, "export"), 3, "no daemon");
	said__failed(user__ctl(rig, "import", bad), 2, "--store");
	said__failed(user__ctl(rig, "import", "--store", other), 2, "import");
	said__failed(user__ctl(rig, "import", "", "--store", other), 2, "''");
	said__failed(user__ctl(rig, "export", bad), 2, bad);
}
