// SPDX-License-Identifier: GPL-2.0
/* options_test.c - the command lines of both programs, good and bad. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "user.h"

TestSuite(options, .timeout = 60);

struct line {
	const char *words[12];
	const char *word; /* what the complaint names */
};

static void refuse(struct rig *rig, const struct line *lines, size_t count)
{
	for (size_t i = 0; i < count; i++)
		said__failed(user__run_as(rig, 0, lines[i].words), 2, lines[i].word);
}

Test(options, bad_ones_of_orphanctl_are_named)
{
	static const struct line lines[] = {
		{ { "orphanctl" }, "command" },
		{ { "orphanctl", "" }, "''" },
		{ { "orphanctl", "frobnicate" }, "frobnicate" },
		{ { "orphanctl", "Run" }, "Run" },
		{ { "orphanctl", "--nonsense", "list" }, "--nonsense" },
		{ { "orphanctl", "-x", "list" }, "-x" },
		{ { "orphanctl", "--js", "list" }, "--js" },
		{ { "orphanctl", "--json=1", "list" }, "--json" },
		{ { "orphanctl", "--socket" }, "--socket" },
		{ { "orphanctl", "--socket", "", "list" }, "--socket" },
		{ { "orphanctl", "list", "extra" }, "extra" },
		{ { "orphanctl", "list", "--follow" }, "--follow" },
		{ { "orphanctl", "list", "--name", "x" }, "--name" },
		{ { "orphanctl", "run" }, "run" },
		{ { "orphanctl", "run", "--" }, "run" },
		{ { "orphanctl", "run", "--nonsense", "--", "true" }, "--nonsense" },
		{ { "orphanctl", "run", "--grace", "soon", "--", "true" }, "soon" },
		{ { "orphanctl", "run", "--grace", "-5s", "--", "true" }, "-5s" },
		{ { "orphanctl", "run", "--grace", "5", "--", "true" }, "'5'" },
		{ { "orphanctl", "run", "--grace", "", "--", "true" }, "--grace" },
		{ { "orphanctl", "run", "--grace" }, "--grace" },
		{ { "orphanctl", "run", "--signal", "NOPE", "--", "true" }, "NOPE" },
		{ { "orphanctl", "run", "--signal", "0", "--", "true" }, "'0'" },
		{ { "orphanctl", "run", "--signal", "65", "--", "true" }, "65" },
		{ { "orphanctl", "run", "--on", "kill,never", "--", "true" }, "never" },
		{ { "orphanctl", "run", "--on", "", "--", "true" }, "--on" },
		{ { "orphanctl", "run", "--scope", "all", "--", "true" }, "all" },
		{ { "orphanctl", "run", "--name", "a\nb", "--", "true" }, "--name" },
		{ { "orphanctl", "run", "--name",
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		    "--", "true" },
		  "--name" },
		{ { "orphanctl", "track" }, "track" },
		{ { "orphanctl", "track", "abc" }, "abc" },
		{ { "orphanctl", "track", "0" }, "'0'" },
		{ { "orphanctl", "track", "-5" }, "-5" },
		{ { "orphanctl", "track", "5x" }, "5x" },
		{ { "orphanctl", "track", " 5" }, "' 5'" },
		{ { "orphanctl", "track", "99999999999" }, "99999999999" },
		{ { "orphanctl", "track", "5", "6" }, "6" },
		{ { "orphanctl", "track", "5", "--grace", "never" }, "never" },
		{ { "orphanctl", "untrack" }, "untrack" },
		{ { "orphanctl", "untrack", "x" }, "'x'" },
		{ { "orphanctl", "spare" }, "spare" },
		{ { "orphanctl", "spare", "1x" }, "1x" },
		{ { "orphanctl", "tree" }, "tree" },
		{ { "orphanctl", "tree", "x" }, "'x'" },
		{ { "orphanctl", "show" }, "show" },
		{ { "orphanctl", "show", "no/id" }, "no/id" },
		{ { "orphanctl", "show", "" }, "''" },
		{ { "orphanctl", "events", "--since", "whenever" }, "whenever" },
		{ { "orphanctl", "events", "--since", "2026-02-30T00:00:00Z" }, "2026-02-30" },
		{ { "orphanctl", "incidents", "--limit", "0" }, "'0'" },
		{ { "orphanctl", "incidents", "--limit", "few" }, "few" },
		{ { "orphanctl", "incidents", "--outcome", "great" }, "great" },
		{ { "orphanctl", "incidents", "--since", "" }, "--since" },
		{ { "orphanctl", "stats", "all" }, "all" },
	};
	/* no daemon about: what is wrong is said before one is looked for */
	autorig struct rig *rig = rig__start(.bare = true);

	refuse(rig, lines, COUNT(lines));
}

Test(options, bad_ones_of_orphand_are_named)
{
	static const struct line lines[] = {
		{ { "orphand", "--nonsense" }, "--nonsense" },
		{ { "orphand", "--observe", "--nonsense" }, "--nonsense" },
		{ { "orphand", "-x" }, "-x" },
		{ { "orphand", "--observe", "-xh" }, "-x" },
		{ { "orphand", "extra" }, "extra" },
		{ { "orphand", "--check", "extra", "more" }, "extra" },
		{ { "orphand", "--", "--observe" }, "--observe" },
		{ { "orphand", "" }, "''" },
		{ { "orphand", "--config" }, "--config" },
		{ { "orphand", "--log-level" }, "--log-level" },
		{ { "orphand", "--log-level", "loud" }, "loud" },
		{ { "orphand", "--log-level", "" }, "--log-level" },
		{ { "orphand", "--observe=1" }, "--observe" },
		{ { "orphand", "--config", "/nonexistent/orphand.yaml" },
		  "/nonexistent/orphand.yaml" },
		{ { "orphand", "--config", "/nonexistent/orphand.yaml", "--check" }, "No such" },
		{ { "orphand", "--config", "/", "--check" }, "not a plain file" },
		{ { "orphand", "--config", "", "--check" }, "No such file" },
	};
	autorig struct rig *rig = rig__start(.bare = true);

	refuse(rig, lines, COUNT(lines));
}

Test(options, help_and_version_are_there)
{
	static const struct line lines[] = {
		{ { "orphand", "--version" }, "orphand 0." },
		{ { "orphand", "--help" }, "--config" },
		{ { "orphand", "-h" }, "--observe" },
		{ { "orphanctl", "--version" }, "orphanctl 0." },
		{ { "orphanctl", "--help" }, "incidents" },
		{ { "orphanctl", "-h" }, "untrack" },
		{ { "orphanctl", "run", "--help" }, "--grace" },
		{ { "orphanctl", "track", "-h" }, "--scope" },
		{ { "orphanctl", "incidents", "--help" }, "--outcome" },
	};
	autorig struct rig *rig = rig__start(.bare = true);

	for (size_t i = 0; i < COUNT(lines); i++) {
		const struct said *said = user__run_as(rig, 0, lines[i].words);

		said__done(said);
		cr_expect(strstr(said->out, lines[i].word), "'%s' does not say '%s'", said->out,
			  lines[i].word);
	}
}

/* Every command of the contract is one, and says which socket nobody answers at. */
Test(options, without_a_daemon_every_command_exits_3)
{
	static const struct line lines[] = {
		{ { "orphanctl", "run", "--", "true" }, "" },
		{ { "orphanctl", "track", "1" }, "" },
		{ { "orphanctl", "untrack", "1" }, "" },
		{ { "orphanctl", "spare", "1" }, "" },
		{ { "orphanctl", "list" }, "" },
		{ { "orphanctl", "--json", "list" }, "" },
		{ { "orphanctl", "tree", "1" }, "" },
		{ { "orphanctl", "events" }, "" },
		{ { "orphanctl", "events", "--follow" }, "" },
		{ { "orphanctl", "incidents" }, "" },
		{ { "orphanctl", "show", "01JD" }, "" },
		{ { "orphanctl", "stats" }, "" },
		{ { "orphanctl", "doctor" }, "" },
		{ { "orphanctl", "arm" }, "" },
		{ { "orphanctl", "disarm" }, "" },
	};
	autorig struct rig *rig = rig__start(.bare = true);

	for (size_t i = 0; i < COUNT(lines); i++)
		said__failed(user__run_as(rig, 0, lines[i].words), 3, rig__socket(rig));
}

Test(options, the_environment_names_the_socket)
{
	autorig struct rig *rig = rig__start();
	const struct said *said;
	char variable[160], program[4200];

	snprintf(variable, sizeof(variable), "ORPHAND_SOCKET=%s", rig__socket(rig));
	snprintf(program, sizeof(program), "%s/orphanctl", user__build());
	said = user__run(rig, "/usr/bin/env", variable, program, "stats");
	said__done(said);
	cr_expect(strstr(said->out, "trees"), "%s", said->out);
	/* and the option stands above it */
	said__failed(user__run(rig, "/usr/bin/env", variable, program, "--socket", "/nonexistent/s",
			       "stats"),
		     3, "/nonexistent/s");
}

/* What is asked for is not there: exit 1, a line, and the daemon goes on. */
Test(options, what_is_not_there_is_told)
{
	static const struct {
		struct line line;
		bool json;
	} lines[] = {
		{ { { "orphanctl", "track", "1" }, "pid 1" }, false },
		{ { { "orphanctl", "track", "2" }, "kernel thread" }, false },
		{ { { "orphanctl", "track", "4194303" }, "4194303" }, false },
		{ { { "orphanctl", "untrack", "4000000000" }, "no such tree" }, false },
		{ { { "orphanctl", "spare", "1" }, "no watched process" }, false },
		{ { { "orphanctl", "tree", "4000000000" }, "no such tree" }, false },
		{ { { "orphanctl", "show", "01ARZ3NDEKTSV4RRFFQ69G5FAV" }, "01ARZ3" }, false },
		{ { { "orphanctl", "--json", "show", "01ARZ3NDEKTSV4RRFFQ69G5FAV" }, "01ARZ3" },
		  true },
	};
	autorig struct rig *rig = rig__start();
	autojson struct json_object *list = NULL;

	for (size_t i = 0; i < COUNT(lines); i++)
		said__failed(user__run_as(rig, 0, lines[i].line.words), 1, lines[i].line.word);
	list = user__json(rig, "list");
	cr_assert_eq(json_object_array_length(list), 0);
}

/* Tables have a head even when they are empty; JSON has no line at all. */
Test(options, an_empty_answer_is_no_failure)
{
	static const char *const commands[] = { "list", "events", "incidents" };
	autorig struct rig *rig = rig__start();

	for (size_t i = 0; i < COUNT(commands); i++) {
		autojson struct json_object *array = user__json(rig, commands[i]);

		cr_expect_eq(json_object_array_length(array), 0, "%s", commands[i]);
		said__done(user__ctl(rig, commands[i]));
	}
}

Test(options, doctor_and_stats_tell_something)
{
	autorig struct rig *rig = rig__start();
	autojson struct json_object *findings = user__json(rig, "doctor");
	const struct said *said;

	cr_assert_gt(json_object_array_length(findings), 0);
	for (size_t i = 0; i < json_object_array_length(findings); i++) {
		struct json_object *finding = json_object_array_get_idx(findings, i);

		cr_expect_neq(*json__string(finding, "name"), '\0');
		cr_expect_neq(*json__string(finding, "text"), '\0');
		cr_expect(strcmp(json__string(finding, "level"), "wrong") != 0, "%s",
			  json__string(finding, "text"));
	}
	said__done(user__ctl(rig, "doctor"));
	said = user__ctl(rig, "stats");
	said__done(said);
	cr_expect(strstr(said->out, "events_lost"), "%s", said->out);
	said__done(user__ctl(rig, "--json", "stats"));
}
