// SPDX-License-Identifier: GPL-2.0
/* daemon_test.c - orphand's own life: its config, its start, its stop, and what it leaves. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "user.h"

TestSuite(daemon, .timeout = 60);

static const char *config_of(const struct rig *rig)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/orphand.yaml", rig__folder(rig));
	return path;
}

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* A root with one child that sleeps: the root's pid, and the child's pidfd. */
static pid_t start_family(struct rig *rig, unsigned line, int *sleeper)
{
	pid_t root = user__begin(rig, "orphanctl", "run", "--name", "family", "--", "/bin/sh", "-c",
				 "sleep 80 & echo $!; wait");

	*sleeper = user__hold(user__pid(line));
	return root;
}

/* ---- --check */

static void see_check(const struct said *said)
{
	size_t lines = 0;

	said__done(said);
	for (const char *line = said->out; *line; line = strchr(line, '\n') + 1) {
		cr_assert_not_null(strchr(line, '\n'), "%s", said->out);
		cr_expect(strncmp(line, "ok ", 3) == 0 || strncmp(line, "gap ", 4) == 0, "%s",
			  line);
		lines++;
	}
	cr_expect_geq(lines, 5, "%s", said->out);
	cr_expect(strstr(said->out, "config"), "%s", said->out);
	cr_expect(strstr(said->out, "pin_dir"), "%s", said->out);
}

Test(daemon, check_tells_a_line_for_each_and_leaves_nothing)
{
	autorig struct rig *rig = rig__start(.bare = true);

	see_check(user__run(rig, "orphand", "--config", config_of(rig), "--check"));
	cr_assert_not(is_there(rig__pins(rig)));
	cr_assert_not(is_there(rig__socket(rig)));
}

Test(daemon, check_prints_the_rules_as_understood)
{
	autorig struct rig *rig = rig__start(
			.bare = true,
			.yaml = "watch:\n  - name: jobs\n    match: { exe: [/bin/a, /bin/b], user: root }\n"
				"    on: [kill, oom]\n    signal: TERM\n    spare: [detached]\n");
	const struct said *said = user__run(rig, "orphand", "--config", config_of(rig), "--check");

	see_check(said);
	cr_expect(strstr(said->out, "jobs                   match exe /bin/a|/bin/b, user root; "
				    "on kill,oom; scope root; SIGTERM, SIGKILL after 5s; spare "
				    "detached\n"),
		  "%s", said->out);
}

Test(daemon, check_does_not_disturb_one_that_runs)
{
	autorig struct rig *rig = rig__start();
	autoclose int sleeper = -1;
	pid_t root = start_family(rig, 0, &sleeper);

	see_check(user__run(rig, "orphand", "--config", config_of(rig), "--check"));
	user__kill(root);
	user__await_gone(sleeper);
}

/* ---- the config */

static void write_config(const struct rig *rig, const char *text)
{
	autoclose int fd = open(config_of(rig), O_WRONLY | O_TRUNC | O_CLOEXEC);

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

Test(daemon, a_bad_config_is_named_with_its_place)
{
	static const struct {
		const char *text, *place, *word;
	} configs[] = {
		{ "daemon:\n  observe: maybe\n", ":2:12: ", "'maybe'" },
		{ "daemon:\n  obsrve: true\n", ":2:3: ", "did you mean 'observe'?" },
		{ "limits: { ring: 5000 }\n", ":1:17: ", "power of 2" },
		{ "nonsense: {}\n", ":1:1: ", "'nonsense'" },
		{ "daemon: {\n", ":2:1: ", "" },
		{ "daemon:\n\tobserve: true\n", ":2:1: ", "" },
		{ "daemon: { observe: true }\ndaemon: { observe: false }\n",
		  ":2:1: ", "second time" },
		{ "just words\n", ":1:1: ", "daemon" },
	};
	autorig struct rig *rig = rig__start(.bare = true);
	char place[160];

	for (size_t i = 0; i < COUNT(configs); i++) {
		write_config(rig, configs[i].text);
		snprintf(place, sizeof(place), "%s%s", config_of(rig), configs[i].place);
		said__failed(user__run(rig, "orphand", "--config", config_of(rig)), 2, place);
		said__failed(user__run(rig, "orphand", "--config", config_of(rig), "--check"), 2,
			     configs[i].word);
	}
	cr_assert_not(is_there(rig__pins(rig)));
	/* with an empty one --unpin would take the host's own daemon's pins: back to ours */
	snprintf(place, sizeof(place), "daemon: { pin_dir: %s }\n", rig__pins(rig));
	write_config(rig, place);
}

/* ---- one of a kind */

Test(daemon, a_second_one_on_the_same_pins_is_refused)
{
	autorig struct rig *rig = rig__start();
	autoclose int sleeper = -1;
	pid_t root = start_family(rig, 0, &sleeper);

	said__failed(user__run(rig, "orphand", "--config", config_of(rig)), 1, rig__pins(rig));
	said__failed(user__run(rig, "orphand", "--config", config_of(rig), "--unpin"), 1,
		     rig__pins(rig));
	cr_assert(is_there(rig__pins(rig)));
	/* the first has not noticed */
	user__kill(root);
	user__await_gone(sleeper);
}

/* ---- its stop */

static void stop_by(int sig)
{
	autorig struct rig *rig = rig__start();
	pid_t daemon = rig__daemon(rig);
	autoclose int held = user__hold(daemon);

	cr_assert(is_there(rig__pins(rig)));
	kill(daemon, sig);
	user__await_gone(held);
	rig__daemon_stop(rig); /* reaps it: it must have exited 0 */
	cr_expect_not(is_there(rig__pins(rig)), "with no tree watched no pin is left");
	cr_expect_not(is_there(rig__socket(rig)));
	said__failed(user__ctl(rig, "list"), 3, rig__socket(rig));
}

Test(daemon, sigterm_stops_it_and_nothing_is_left)
{
	stop_by(SIGTERM);
}

Test(daemon, sigint_stops_it_as_well)
{
	stop_by(SIGINT);
}

Test(daemon, sighup_does_not_stop_it)
{
	autorig struct rig *rig = rig__start();
	struct patience patience = rig__patience(DEADLINE);

	kill(rig__daemon(rig), SIGHUP);
	while (!rig__log_has(rig, "reload"))
		cr_assert(rig__retry(&patience), "it did not say that it reloads");
	said__done(user__ctl(rig, "list"));
}

Test(daemon, trees_outlive_it_and_the_next_goes_on)
{
	autorig struct rig *rig = rig__start(.no_reflex = true); /* it needs no daemon */
	autoclose int sleeper = -1;
	pid_t root = start_family(rig, 0, &sleeper);
	autojson struct json_object *tree = user__tree(rig, 0, root), *again = NULL;
	autojson struct json_object *incident = NULL;

	rig__daemon_stop(rig);
	cr_assert(is_there(rig__pins(rig)), "the kernel goes on following");
	cr_assert(user__lives(sleeper), "a stop signals nobody");
	user__kill(root);
	cr_assert(user__lives(sleeper), "nobody is there to end it");
	rig__daemon_start(rig);
	user__await_gone(sleeper);
	incident = user__closed(rig, root);
	cr_expect(json__bool(incident, "reconstructed"));
	cr_expect_str_eq(json__string(incident, "rule"), "family");
	cr_expect_eq(json__int(incident, "tree"), json__int(tree, "id"));
	cr_expect_eq(json__int(incident, "cause.sender.pid"), getpid());
	again = user__tree(rig, 0, root);
	cr_expect_null(again);
	rig__daemon_stop(rig);
	cr_expect_not(is_there(rig__pins(rig)));
}

/* ---- --unpin */

Test(daemon, unpin_removes_every_trace)
{
	autorig struct rig *rig = rig__start();
	autoclose int sleeper = -1;
	pid_t root = start_family(rig, 0, &sleeper);
	autojson struct json_object *list = NULL;

	rig__daemon_stop(rig);
	cr_assert(is_there(rig__pins(rig)));
	said__done(user__run(rig, "orphand", "--config", config_of(rig), "--unpin"));
	cr_assert_not(is_there(rig__pins(rig)));
	/* where nothing is, nothing is to be removed */
	said__done(user__run(rig, "orphand", "--config", config_of(rig), "--unpin"));
	cr_assert_not(is_there(rig__pins(rig)));
	/* the family is its own master */
	rig__daemon_start(rig);
	list = user__json(rig, "list");
	cr_assert_eq(json_object_array_length(list), 0);
	user__kill(root);
	cr_assert(user__lives(sleeper));
}

/* ---- --observe */

Test(daemon, observe_signals_nobody)
{
	autorig struct rig *rig = rig__start(.argument = { "--observe" });
	autoclose int sleeper = -1;
	pid_t root = start_family(rig, 0, &sleeper);
	autojson struct json_object *incident = NULL;

	user__kill(root);
	incident = user__closed(rig, root);
	cr_expect(json__bool(incident, "observed"));
	cr_expect_str_eq(json__string(incident, "outcome"), "observed");
	cr_expect_eq(json__length(incident, "survivors"), 1);
	cr_expect_str_eq(json__string(incident, "survivors.0.outcome"), "observed");
	cr_expect_eq(json__length(incident, "survivors.0.signals"), 0);
	json__is_null(incident, "survivors.0.gone");
	json__is_null(incident, "survivors.0.exit_signal");
	cr_expect_eq(json__int(incident, "reaction_ns"), 0);
	cr_expect(user__lives(sleeper));
}

/* ---- the brake by hand */

Test(daemon, disarmed_it_signals_nobody_and_armed_it_does_again)
{
	autorig struct rig *rig = rig__start();
	autoclose int spared = -1, ended = -1;
	pid_t first = start_family(rig, 0, &spared), second;
	autojson struct json_object *incident = NULL;

	said__done(user__ctl(rig, "disarm"));
	user__kill(first);
	incident = user__closed(rig, first);
	cr_expect_str_eq(json__string(incident, "outcome"), "braked");
	said__done(user__ctl(rig, "arm"));
	second = start_family(rig, 1, &ended);
	user__kill(second);
	user__await_gone(ended);
	cr_expect(user__lives(spared));
}
