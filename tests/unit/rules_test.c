// SPDX-License-Identifier: GPL-2.0
/* rules_test.c - which programs a rule asks for, and what the kernel side is told to look for. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "model/rules.h"

TestSuite(rules, .timeout = 30);

static struct image *image_of(const char *exe, const char *args, size_t len)
{
	return image__new(NULL, 0, 0, "comm", exe, args, len, "");
}

#define IMAGE(exe, args) image_of(exe, args, sizeof(args))

static struct rule *add(struct rules *rules, const char *name, const char *exe, const char *args)
{
	struct rule *rule = rules__add(rules);

	strcpy(rule->name, name); // NOLINT: a test's own short names
	if (exe)
		globs__add(&rule->match.keys[MATCH_EXE], exe);
	if (args)
		globs__add(&rule->match.keys[MATCH_ARGS], args);
	return rule;
}

static bool matches(const char *exe_glob, const char *args_glob, struct image *image)
{
	struct rules rules = {};
	bool matched;

	add(&rules, "one", exe_glob, args_glob);
	matched = rules__match(&rules, image, NULL) != NULL;
	rules__free(&rules);
	image__put(image);
	return matched;
}

Test(rules, match_the_path_of_the_program)
{
	cr_expect(matches("/usr/bin/python3*", NULL, IMAGE("/usr/bin/python3.11", "python3")));
	cr_expect(matches("/opt/*/job", NULL, IMAGE("/opt/a/b/job", "job")));
	cr_expect_not(matches("/usr/bin/python3", NULL, IMAGE("/usr/bin/python3.11", "python3")));
	cr_expect_not(matches("python3*", NULL, IMAGE("/usr/bin/python3.11", "python3")));
}

Test(rules, match_the_command_line_joined_by_blanks)
{
	cr_expect(matches(NULL, "*job.py --fast*", IMAGE("/x", "python3\0job.py\0--fast\0now")));
	cr_expect(matches(NULL, "python3 job.py", IMAGE("/x", "python3\0job.py")));
	cr_expect(matches(NULL, "", IMAGE("/x", "")));
	cr_expect_not(matches(NULL, "*job.py", IMAGE("/x", "python3\0job.py\0x")));
}

Test(rules, every_key_must_match_and_any_glob_of_it_may)
{
	struct rules rules = {};
	struct rule *rule = add(&rules, "two", "/bin/a", "*x*");
	struct image *a = IMAGE("/bin/a", "a\0x"), *b = IMAGE("/bin/b", "b\0x"),
		     *c = IMAGE("/bin/b", "b\0y");

	globs__add(&rule->match.keys[MATCH_EXE], "/bin/b");
	cr_expect_not_null(rules__match(&rules, a, NULL));
	cr_expect_not_null(rules__match(&rules, b, NULL));
	cr_expect_null(rules__match(&rules, c, NULL));
	image__put(a);
	image__put(b);
	image__put(c);
	rules__free(&rules);
}

Test(rules, the_first_that_matches_wins)
{
	struct rules rules = {};
	struct image *image = IMAGE("/bin/a", "a");

	add(&rules, "none", "/bin/b", NULL);
	add(&rules, "first", "/bin/*", NULL);
	add(&rules, "second", "/bin/a", NULL);
	cr_expect_str_eq(rules__match(&rules, image, NULL)->name, "first");
	cr_expect_not_null(rules__find(&rules, "second"));
	cr_expect_null(rules__find(&rules, "third"));
	image__put(image);
	rules__free(&rules);
}

static void collect(void *context, const char *prefix, size_t len)
{
	strncat(context, prefix, len);
	strcat(context, "|"); // NOLINT: a test's own short texts
}

Test(rules, tell_the_kernel_what_paths_begin_with)
{
	struct rules rules = {};
	char all[128] = "";

	add(&rules, "a", "/usr/bin/python3*", NULL);
	globs__add(&rules.at[0]->match.keys[MATCH_EXE], "/opt/[ab]/x");
	add(&rules, "b", NULL, "*x*"); /* any program */
	rules__each_prefix(&rules, collect, all);
	cr_expect_str_eq(all, "/usr/bin/python3|/opt/||");
	rules__free(&rules);
}

/* ---- the other keys */

static struct image *image_in(const char *cgroup)
{
	return image__new(NULL, 1000, 100, "python3", "/usr/bin/python3.11", "python3\0job.py", 15,
			  cgroup);
}

static bool fits_one(enum match_key key, const char *glob, struct image *image)
{
	struct match match = {};
	bool fits;

	globs__add(&match.keys[key], glob);
	ids__add(&match.users, 1000);
	ids__add(&match.groups, 7);
	fits = match__fits(&match, image, NULL);
	match__free(&match);
	image__put(image);
	return fits;
}

Test(rules, match_name_user_group_cgroup_and_container)
{
	static const char docker[] =
		"/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

	cr_expect(fits_one(MATCH_COMM, "pyth*", image_in("/")));
	cr_expect_not(fits_one(MATCH_COMM, "/usr/bin/pyth*", image_in("/")));
	cr_expect(fits_one(MATCH_USER, "jobs", image_in("/")), "uid 1000 is one of the name's");
	cr_expect_not(fits_one(MATCH_GROUP, "jobs", image_in("/")), "gid 100 is none");
	cr_expect(fits_one(MATCH_CGROUP, "/jobs.slice/*", image_in("/jobs.slice/a/b")));
	cr_expect_not(fits_one(MATCH_CGROUP, "/jobs.slice/*", image_in("/other/jobs.slice/a")));
	cr_expect(fits_one(MATCH_CONTAINER, "*", image_in(docker)));
	cr_expect(fits_one(MATCH_CONTAINER, "0123*", image_in(docker)));
	cr_expect_not(fits_one(MATCH_CONTAINER, "1123*", image_in(docker)));
	cr_expect_not(fits_one(MATCH_CONTAINER, "*", image_in("/jobs.slice")), "in no container");
}

Test(rules, match_the_parent)
{
	struct image *child = IMAGE("/bin/sh", "sh"), *right = IMAGE("/usr/sbin/sshd", "sshd"),
		     *wrong = IMAGE("/bin/sh", "sh");
	struct match match = {};

	globs__add(&match.keys[MATCH_EXE], "/bin/sh");
	globs__add(&match__parent(&match)->keys[MATCH_EXE], "*/sshd");
	cr_expect(match__fits(&match, child, right));
	cr_expect_not(match__fits(&match, child, wrong));
	cr_expect_not(match__fits(&match, child, NULL), "what nobody knows does not match");
	match__free(&match);
	image__put(child);
	image__put(right);
	image__put(wrong);
}

Test(rules, an_empty_match_is_known)
{
	struct match match = {};

	cr_expect(match__is_empty(&match));
	match__parent(&match);
	cr_expect(match__is_empty(&match), "a parent of whom nothing is asked");
	globs__add(&match.parent->keys[MATCH_COMM], "x");
	cr_expect_not(match__is_empty(&match));
	match__free(&match);
}

Test(rules, spare_what_fits_an_entry)
{
	struct rules rules = {};
	struct rule *rule = add(&rules, "r", "/bin/*", NULL);
	struct image *tmux = IMAGE("/usr/bin/tmux", "tmux"), *sh = IMAGE("/bin/sh", "sh");

	cr_expect_not(rule__has_spares(rule));
	globs__add(&rule__add_spare(rule)->keys[MATCH_EXE], "*/screen");
	globs__add(&rule__add_spare(rule)->keys[MATCH_EXE], "*/tmux");
	cr_expect(rule__has_spares(rule));
	cr_expect(rule__spares(rule, tmux, NULL));
	cr_expect_not(rule__spares(rule, sh, NULL));
	image__put(tmux);
	image__put(sh);
	rules__free(&rules);
}

Test(rules, say_why_and_what)
{
	struct rules rules = {};
	struct rule *rule = add(&rules, "r", "/bin/a", "*x*");
	struct image *image = IMAGE("/bin/b", "b\0x"), *parent = IMAGE("/sbin/init", "init");
	char why[MATCHED_LEN], *text;

	globs__add(&rule->match.keys[MATCH_EXE], "/bin/b*");
	globs__add(&match__parent(&rule->match)->keys[MATCH_EXE], "*/init");
	globs__add(&rule__add_spare(rule)->keys[MATCH_COMM], "tmux*");
	rule->spare_words = SPARE_DETACHED | SPARE_COOKIE;
	rule->policy =
		(struct policy){ 5000000000, 1 << CAUSE_KILL | 1 << CAUSE_OOM, 15, TREE_ANY };
	rule->limit = 10;
	rule->reflex = false;
	cr_assert_eq(rules__match(&rules, image, parent), rule);
	rule__why(rule, image, parent, why, sizeof(why));
	cr_expect_str_eq(why, "exe /bin/b*, args *x*, parent exe */init");
	text = rule__format(rule);
	cr_expect_str_eq(text, "match exe /bin/a|/bin/b*, args *x*, parent (exe */init); "
			       "on kill,oom; scope any; SIGTERM, SIGKILL after 5s; "
			       "spare (comm tmux*), detached, cookie; limit 10 survivors; "
			       "reflex off");
	free(text);
	image__put(image);
	image__put(parent);
	rules__free(&rules);
}

/* A tree keeps its rule when a reload takes it away. */
Test(rules, live_as_long_as_somebody_holds_them)
{
	struct rules rules = {};
	struct rule *rule = rule__ref(add(&rules, "kept", "/bin/a", NULL));

	rules__free(&rules);
	cr_expect_str_eq(rule->name, "kept");
	rule__put(rule);
}
