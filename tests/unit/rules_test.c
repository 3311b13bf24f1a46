// SPDX-License-Identifier: GPL-2.0
/* rules_test.c - which programs a rule asks for, and what the kernel side is told to look for. */
#include <criterion/criterion.h>
#include <string.h>

#include "model/rules.h"

TestSuite(rules, .timeout = 30);

static struct image *image_of(const char *exe, const char *args, size_t len)
{
	return image__new(0, 0, "comm", exe, args, len, "");
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
