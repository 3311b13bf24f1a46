// SPDX-License-Identifier: GPL-2.0
/* show_test.c - one incident with strays, as text, page and pictures, from the daemon and from its
 * store; each read by who reads such files. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "user.h"

TestSuite(show, .timeout = 60);

/* A child, its child, one whose arguments would be markup, and a stray. Lines: their pids. */
#define FAMILY                                                                    \
	"sh -c 'sleep 80 & wait' & echo $!; "                                     \
	"sh -c 'sleep 81 & wait' '<b>&\"\033[2J\xe2\x80\xae\xff</b>' & echo $!; " \
	"(setsid sh -c 'echo $$; sleep 82 & wait' &); wait"

#define SHELLS 3

struct scene {
	struct rig *rig;
	pid_t root;
	struct json_object *incident;
	const char *id;
	char file[3][160]; /* HTML, SVG, DOT */
};

static struct scene set_scene(struct rig *rig)
{
	static const char *const names[] = { "a.html", "a.svg", "a.dot" };
	struct scene scene = { .rig = rig };

	scene.root = user__begin(rig, "orphanctl", "run", "--name", "show", "--", "/bin/sh", "-c",
				 FAMILY);
	for (unsigned line = 0; line < SHELLS; line++)
		user__child(user__pid(line), "sleep");
	user__kill(scene.root);
	scene.incident = user__closed(rig, scene.root);
	scene.id = json__string(scene.incident, "id");
	for (size_t i = 0; i < 3; i++)
		snprintf(scene.file[i], sizeof(scene.file[i]), "%s/%s", rig__folder(rig), names[i]);
	return scene;
}

static void clear_scene(struct scene *scene)
{
	json_object_put(scene->incident);
}

#define autoscene __attribute__((cleanup(clear_scene)))

static void write_all(const struct scene *scene)
{
	const struct said *said = user__ctl(scene->rig, "show", scene->id, "--html", scene->file[0],
					    "--svg", scene->file[1], "--dot", scene->file[2]);

	said__done(said);
	cr_expect_str_empty(said->out, "what is in files is not told twice");
}

static char *read_file(const char *path)
{
	autofclose FILE *file = fopen(path, "re");
	char *text = calloc(1, 1 << 20);

	cr_assert_not_null(file, "%s: %s", path, strerror(errno));
	cr_assert_lt(fread(text, 1, (1 << 20) - 1, file), (1 << 20) - 1);
	return text;
}

static void see(const char *text, const char *part)
{
	cr_expect(strstr(text, part), "no '%s' in %s", part, text);
}

Test(show, the_family_and_the_timeline_are_told)
{
	autorig struct rig *rig = rig__start();
	autoscene struct scene scene = set_scene(rig);
	const struct said *said;
	char line[80];

	setenv("LC_ALL", "C", 1); /* NOLINT(concurrency-mt-unsafe): one thread */
	said = user__ctl(rig, "show", scene.id);
	said__done(said);
	see(said->out, "\ntimeline, from the death:\n");
	see(said->out, "  +0.000000 s  ");
	see(said->out, ": died: SIGKILL\n");
	see(said->out, ": runs sleep 80\n");
	see(said->out, "incident closed: cleared\n");
	snprintf(line, sizeof(line), "\n  %d died: /bin/sh -c ", scene.root);
	see(said->out, line);
	for (unsigned i = 0; i < SHELLS; i++) {
		snprintf(line, sizeof(line), "- %d killed, SIGKILL +", user__pid(i));
		see(said->out, line);
	}
	snprintf(line, sizeof(line), " %d sh: forked by %d\n", user__pid(0), scene.root);
	see(said->out, line);
	/* one under the other */
	see(said->out, "\n  |  `- ");
	for (const char *at = said->out; *at; at++)
		cr_assert(*at == '\n' || (*at >= ' ' && *at < 0x7f), "%.60s", at);
}

Test(show, a_page_is_well_formed_and_needs_nothing_else)
{
	autorig struct rig *rig = rig__start();
	autoscene struct scene scene = set_scene(rig);
	autofree char *html = NULL;

	write_all(&scene);
	said__done(user__run(rig, "/usr/bin/xmllint", "--noout", scene.file[0]));
	html = read_file(scene.file[0]);
	see(html, scene.id);
	see(html, "&lt;b&gt;&amp;");
	see(html, "prefers-color-scheme");
	see(html, "<svg xmlns=");
	see(html, "Raw JSON");
	cr_expect_null(strstr(html, "<b>&"));
	cr_expect_null(strstr(html, "<script"));
	cr_expect_null(strstr(html, "src="));
	cr_expect_null(strstr(html, "url("));
	cr_expect_null(strstr(html, "@import"));
}

Test(show, pictures_are_read_by_those_who_draw_them)
{
	autorig struct rig *rig = rig__start();
	autoscene struct scene scene = set_scene(rig);
	const struct said *said;
	char pid[24];

	write_all(&scene);
	said__done(user__run(rig, "/usr/bin/xmllint", "--noout", scene.file[1]));
	said = user__run(rig, "/usr/bin/dot", "-Tsvg", scene.file[2]);
	said__done(said);
	for (unsigned line = 0; line < SHELLS; line++) {
		snprintf(pid, sizeof(pid), ">%d ", user__pid(line));
		see(said->out, pid);
	}
}

/* What the daemon tells, and then its store. */
static void see_same(const struct scene *scene, const char *option)
{
	struct patience patience = rig__patience(DEADLINE);
	char store[160];
	autofree char *told = NULL;
	const struct said *said = user__ctl(scene->rig, "show", scene->id, option, "-");

	said__done(said);
	told = strdup(said->out);
	snprintf(store, sizeof(store), "%s/state/incidents.db", rig__folder(scene->rig));
	do
		said = user__ctl(scene->rig, "show", scene->id, "--store", store, option, "-");
	while (strcmp(told, said->out) != 0 && rig__retry(&patience));
	said__done(said);
	cr_expect_str_eq(said->out, told);
}

Test(show, the_store_tells_the_same)
{
	autorig struct rig *rig = rig__start();
	autoscene struct scene scene = set_scene(rig);

	see_same(&scene, "--html");
	see_same(&scene, "--svg");
	see_same(&scene, "--dot");
}

Test(show, what_can_not_be_written_is_told_in_a_line)
{
	autorig struct rig *rig = rig__start();
	autoscene struct scene scene = set_scene(rig);

	said__failed(user__ctl(rig, "show", scene.id, "--html", "/nowhere/a.html"), 1,
		     "cannot write /nowhere/a.html");
	said__failed(user__ctl(rig, "show", scene.id, "--svg", rig__folder(rig)), 1,
		     rig__folder(rig));
	said__failed(user__ctl(rig, "show", scene.id, "--dot", "/dev/full"), 1,
		     "cannot write /dev/full: No space left");
	said__failed(user__ctl(rig, "show", scene.id, "--html", ""), 2, "--html ''");
}
