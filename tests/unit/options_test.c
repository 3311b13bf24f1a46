// SPDX-License-Identifier: GPL-2.0
/* options_test.c - the command line of orphanctl. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "ctl/ctl.h"
#include "model/policy.h"

#define NOW (1000 * NS_PER_SEC)

/* The words of one command line, a NULL behind them. */
#define LINE(...) ((char **)(const char *const[]){ __VA_ARGS__, NULL })

static char why[WHY_LEN];

static struct options parse(char **line)
{
	struct options options;

	cr_assert_eq(options__parse(&options, line, NOW, NULL, why), 0, "%s", why);
	return options;
}

static void refuse(char **line, const char *part)
{
	struct options options;

	cr_assert_eq(options__parse(&options, line, NOW, NULL, why), -EINVAL, "%s", line[0]);
	cr_assert(strstr(why, part), "'%s' does not say '%s'", why, part);
	cr_assert_null(strchr(why, '\n'));
}

Test(options, socket_and_json_stand_on_either_side)
{
	struct options before = parse(LINE("--socket", "/a", "--json", "list"));
	struct options behind = parse(LINE("list", "--json", "--socket=/a"));

	cr_assert(before.json && behind.json);
	cr_assert_str_eq(before.socket, "/a");
	cr_assert_str_eq(behind.socket, "/a");
	cr_assert_str_eq(behind.command->name, "list");
}

Test(options, socket_comes_from_option_then_environment_then_default)
{
	struct options options;

	cr_assert_eq(options__parse(&options, LINE("list"), NOW, "/env", why), 0);
	cr_assert_str_eq(options.socket, "/env");
	cr_assert_eq(options__parse(&options, LINE("--socket", "/a", "list"), NOW, "/env", why), 0);
	cr_assert_str_eq(options.socket, "/a");
	cr_assert_eq(options__parse(&options, LINE("list"), NOW, "", why), 0);
	cr_assert_str_eq(options.socket, CONTROL_SOCKET);
}

Test(options, socket_has_to_fit_an_address)
{
	char longest[108], longer[109];
	struct options options;

	memset(longest, 'a', sizeof(longest));
	memset(longer, 'a', sizeof(longer));
	longest[sizeof(longest) - 1] = longer[sizeof(longer) - 1] = '\0';
	parse(LINE("--socket", longest, "list"));
	refuse(LINE("--socket", longer, "list"), "--socket");
	refuse(LINE("--socket", "", "list"), "--socket");
	cr_assert_eq(options__parse(&options, LINE("list"), NOW, longer, why), -EINVAL);
	cr_assert(strstr(why, "ORPHAND_SOCKET"));
}

Test(options, run_takes_its_options_before_the_program)
{
	struct options options = parse(LINE("run", "--name", "n", "--on", "kill,error", "--signal",
					    "TERM", "--grace", "1500ms", "--scope", "any", "--",
					    "prog", "--json", "--", "-x"));

	cr_assert_str_eq(options.name, "n");
	cr_assert_eq(options.policy.on, 1 << CAUSE_KILL | 1 << CAUSE_ERROR);
	cr_assert_eq(options.policy.signal, SIGTERM);
	cr_assert_eq(options.policy.grace, 1500 * NS_PER_MS);
	cr_assert_eq(options.policy.flags, TREE_ANY);
	cr_assert_not(options.json);
	cr_assert_str_eq(options.argv[0], "prog");
	cr_assert_str_eq(options.argv[1], "--json");
	cr_assert_str_eq(options.argv[2], "--");
	cr_assert_str_eq(options.argv[3], "-x");
	cr_assert_null(options.argv[4]);
}

Test(options, policy_has_defaults)
{
	struct options options = parse(LINE("run", "--", "prog"));

	cr_assert_eq(options.policy.on, 1 << CAUSE_KILL);
	cr_assert_eq(options.policy.signal, SIGKILL);
	cr_assert_eq(options.policy.grace, 0);
	cr_assert_eq(options.policy.flags, 0);
	cr_assert_str_eq(options.name, "");
}

Test(options, gentle_signal_has_grace_unless_said)
{
	cr_assert_eq(parse(LINE("track", "7", "--signal", "TERM")).policy.grace,
		     POLICY_DEFAULT_GRACE);
	cr_assert_eq(parse(LINE("track", "7", "--signal", "TERM", "--grace", "0")).policy.grace, 0);
	cr_assert_eq(parse(LINE("track", "7", "--signal", "SIGKILL")).policy.grace, 0);
}

Test(options, on_given_twice_adds_up)
{
	struct options options = parse(LINE("track", "7", "--on", "oom", "--on", "exit"));

	cr_assert_eq(options.policy.on, 1 << CAUSE_OOM | 1 << CAUSE_EXIT);
}

Test(options, bad_policies_are_named)
{
	refuse(LINE("track", "7", "--on", "kill,bad"), "'bad'");
	refuse(LINE("track", "7", "--on", ""), "--on");
	refuse(LINE("track", "7", "--signal", "FOO"), "--signal 'FOO'");
	refuse(LINE("track", "7", "--grace", "5x"),
	       "--grace '5x' is no duration; write 500ms, 5s, 2m");
	refuse(LINE("track", "7", "--scope", "all"), "--scope 'all'");
	refuse(LINE("track", "7", "--name", "a\nb"), "--name");
}

Test(options, name_has_to_fit)
{
	char longest[NAME_LEN], longer[NAME_LEN + 1];

	memset(longest, 'n', sizeof(longest));
	memset(longer, 'n', sizeof(longer));
	longest[NAME_LEN - 1] = longer[NAME_LEN] = '\0';
	cr_assert_str_eq(parse(LINE("track", "7", "--name", longest)).name, longest);
	refuse(LINE("track", "7", "--name", longer), "--name");
}

Test(options, pids_are_plain_numbers)
{
	static const char *const bad[] = { "abc", "-1", "0", "99999999999", "1x",
					   " 1",  "+1", "",  "2147483648" };

	cr_assert_eq(parse(LINE("track", "1")).number, 1);
	cr_assert_eq(parse(LINE("spare", "--", "4194304")).number, 4194304);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		refuse(LINE("track", bad[i]), bad[i]);
		refuse(LINE("spare", bad[i]), bad[i]);
	}
}

Test(options, targets_are_trees_or_pids)
{
	cr_assert_eq(parse(LINE("tree", "4294967295")).number, UINT32_MAX);
	cr_assert_eq(parse(LINE("untrack", "17", "--json")).number, 17);
	refuse(LINE("tree", "4294967296"), "4294967296");
	refuse(LINE("untrack", "0"), "'0'");
	refuse(LINE("untrack"), "untrack");
	refuse(LINE("tree", "1", "2"), "'2'");
}

Test(options, since_is_a_time_or_a_span)
{
	cr_assert_eq(parse(LINE("events", "--since", "5s")).since, 995 * NS_PER_SEC);
	cr_assert_eq(parse(LINE("events", "--since", "1970-01-01T00:00:07Z")).since,
		     7 * NS_PER_SEC);
	cr_assert(parse(LINE("events", "--follow")).follow);
	refuse(LINE("events", "--since", "yesterday"), "--since 'yesterday'");
}

Test(options, incidents_are_filtered)
{
	struct options options = parse(LINE("incidents", "--rule", "r", "--outcome", "stuck",
					    "--limit", "3", "--since=1s"));

	cr_assert_str_eq(options.rule, "r");
	cr_assert_str_eq(options.outcome, "stuck");
	cr_assert_eq(options.limit, 3);
	cr_assert_eq(options.since, 999 * NS_PER_SEC);
	refuse(LINE("incidents", "--outcome", "pending"), "--outcome 'pending'");
	refuse(LINE("incidents", "--limit", "0"), "--limit '0'");
	refuse(LINE("incidents", "--limit"), "--limit wants a value");
	refuse(LINE("incidents", "--rule", ""), "--rule");
}

Test(options, incident_ids_are_letters_and_digits)
{
	cr_assert_str_eq(parse(LINE("show", "01JD")).id, "01JD");
	refuse(LINE("show", ""), "''");
	refuse(LINE("show", "01/../JD"), "01/../JD");
	refuse(LINE("show", "01234567890123456789012345678901"), "is no incident's id");
}

Test(options, unknown_things_are_refused)
{
	refuse(LINE("fly", "5"), "'fly'");
	refuse(LINE("list", "--html", "f"), "'--html'");
	refuse(LINE("list", "--store", "f"), "'--store'");
	refuse(LINE("list", "--follow"), "'--follow'");
	refuse(LINE("list", "--js"), "'--js'");
	refuse(LINE("list", "--json=1"), "--json");
	refuse(LINE("--name", "n", "run", "--", "prog"), "'--name'");
	refuse(LINE("list", "more"), "'more'");
	refuse(LINE("run", "--"), "run");
	refuse(LINE("--"), "'--'");
	refuse((char *[]){ NULL }, "no command");
}

Test(options, show_writes_as_many_files_as_are_named)
{
	struct options options =
		parse(LINE("show", "01JD", "--html", "-", "--svg=a.svg", "--dot", "./-"));

	cr_expect_str_eq(options.html, "-");
	cr_expect_str_eq(options.svg, "a.svg");
	cr_expect_str_eq(options.dot, "./-");
	cr_expect_null(parse(LINE("show", "01JD")).html);
	refuse(LINE("show", "01JD", "--html", ""), "--html ''");
	refuse(LINE("show", "01JD", "--svg", ""), "--svg ''");
	refuse(LINE("show", "01JD", "--dot"), "--dot wants a value");
}

Test(options, help_and_version_need_nothing_else)
{
	cr_assert(parse(LINE("--help")).help);
	cr_assert(parse(LINE("--version")).version);
	cr_assert(parse(LINE("track", "--help")).help);
	cr_assert_str_eq(parse(LINE("run", "--help")).command->name, "run");
}

Test(options, every_option_has_help)
{
	for (unsigned i = 0; i < OPTIONS; i++) {
		cr_assert_not_null(options__help(i));
		cr_assert_eq(strncmp(options__synopsis(i), "--", 2), 0);
	}
}
