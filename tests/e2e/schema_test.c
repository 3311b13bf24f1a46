// SPDX-License-Identifier: GPL-2.0
/* schema_test.c - what orphanctl --json prints is what docs/schema says, for every outcome and
 * every event that a daemon can be brought to. */
#include <criterion/criterion.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "user.h"

TestSuite(schema, .timeout = 120);

#define ON_ALL                                                                           \
	POLICY(.on = ON(KILL) | ON(SIGNAL) | ON(CRASH) | ON(OOM) | ON(ERROR) | ON(EXIT), \
	       .signal = SIGKILL)
#define GENTLE(ns) POLICY(.on = ON(KILL), .signal = SIGTERM, .grace = (ns))

/* What the command prints goes to the end of the file; it is more than fits a struct said. */
static void collect(struct rig *rig, const char *command, const char *path)
{
	char line[PATH_MAX + 512];

	snprintf(line, sizeof(line), "%s/orphanctl --socket %s --json %s >>%s", user__build(),
		 rig__socket(rig), command, path);
	said__done(user__run(rig, "/bin/sh", "-c", line));
}

struct lines {
	char incidents[128], events[128];
};

static struct lines lines_of(const struct rig *rig)
{
	struct lines lines;

	snprintf(lines.incidents, sizeof(lines.incidents), "%s/incidents", rig__folder(rig));
	snprintf(lines.events, sizeof(lines.events), "%s/events", rig__folder(rig));
	return lines;
}

static void collect_both(struct rig *rig, const struct lines *lines)
{
	collect(rig, "incidents", lines->incidents);
	collect(rig, "events", lines->events);
}

/* ---- families */

static void end_each_way(struct rig *rig)
{
	static const char *const ends[] = { "sleep", "raise TERM", "cores 0 segv", "exit 3",
					    "exit 0" };

	for (size_t i = 0; i < COUNT(ends); i++) {
		pid_t root;

		rig__next_play(rig);
		root = rig__run(rig, ON_ALL,
				"fork { as stray sleep } await stray 1 as root gate 1 %s", ends[i]);
		rig__meet(rig, "root", 1);
		rig__open_gate(rig, 1);
		if (i == 0)
			kill(root, SIGKILL);
		rig__join(root);
		cr_assert_eq(rig__closed(rig, root)->row.outcome, INCIDENT_CLEARED, "%s", ends[i]);
	}
}

static void end_gently(struct rig *rig)
{
	pid_t root;

	rig__next_play(rig);
	root = rig__run(rig, GENTLE(300 * NS_PER_MS),
			"fork { as plain sleep } fork { ignore TERM as deaf sleep } sleep");
	rig__meet(rig, "plain", 1);
	rig__meet(rig, "deaf", 1);
	kill(root, SIGKILL);
	rig__closed(rig, root);
}

/* One that is born in grace ends by itself; until then the incident is open. */
static void end_by_itself(struct rig *rig, const struct lines *lines)
{
	pid_t root;

	rig__next_play(rig);
	root = rig__run(rig, GENTLE(3600 * NS_PER_SEC),
			"fork { heed TERM { fork { as helper gate 1 exit 3 } reap exit 4 } as "
			"stray sleep } sleep");
	rig__meet(rig, "stray", 1);
	kill(root, SIGKILL);
	rig__meet(rig, "helper", 1);
	rig__await_incident(rig, root);
	collect(rig, "incidents", lines->incidents);
	rig__open_gate(rig, 1);
	rig__closed(rig, root);
}

static void spare_one(struct rig *rig)
{
	pid_t root;

	rig__next_play(rig);
	root = rig__run(rig, ON_KILL, "fork { as stray sleep } sleep");
	rig__meet(rig, "stray", 1);
	cr_assert_eq(rig__spare(rig, rig__pid(rig, "stray")), 0);
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->row.outcome, INCIDENT_SPARED);
}

/* A tracer holds one at the last step before its end. False: this kernel's does not. */
static bool hold_one(struct rig *rig, const struct lines *lines)
{
	const struct band *held;
	pid_t root, pid;
	int status;
	bool stuck;

	rig__next_play(rig);
	root = rig__run(rig, ON_KILL, "fork { as held sleep } as root sleep");
	held = rig__meet(rig, "held", 1);
	pid = held->one[0].pid;
	rig__meet(rig, "root", 1);
	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXIT))
		return false;
	kill(root, SIGKILL);
	cr_assert_eq(waitpid(pid, &status, __WALL), pid);
	stuck = rig__closed(rig, root)->row.outcome == INCIDENT_STUCK;
	collect(rig, "incidents", lines->incidents);
	ptrace(PTRACE_CONT, pid, 0, 0);
	cr_assert(rig__all_gone(held));
	return stuck;
}

static void lose_events(struct rig *rig)
{
	pid_t root;

	rig__next_play(rig);
	root = rig__run(rig, ON_KILL,
			"as root gate 1 fork 200 { exit 0 } reap fork 3 { as stray sleep } sleep");
	rig__meet(rig, "root", 1);
	rig__daemon_halt(rig);
	rig__open_gate(rig, 1);
	rig__meet(rig, "stray", 3);
	rig__daemon_resume(rig);
	rig__await_event(rig, EVENT_EVENTS_LOST, 0);
	kill(root, SIGKILL);
	rig__closed(rig, root);
}

/* It died while nobody looked: its incident is told from what the kernel kept. */
static void die_unseen(struct rig *rig)
{
	pid_t root;

	rig__next_play(rig);
	root = rig__run(rig, ON_KILL, "fork { as stray sleep } as root sleep");
	rig__meet(rig, "stray", 1);
	rig__meet(rig, "root", 1);
	rig__daemon_kill(rig);
	kill(root, SIGKILL);
	rig__daemon_start(rig);
	cr_assert(rig__closed(rig, root)->row.reconstructed);
}

static void open_brake(struct rig *rig)
{
	pid_t root;

	rig__next_play(rig);
	root = rig__run(rig, ON_KILL, "fork 7 { as stray sleep } as root sleep");
	rig__meet(rig, "stray", 7);
	rig__meet(rig, "root", 1);
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->row.outcome, INCIDENT_BRAKED);
}

static void observe(const struct lines *lines)
{
	autorig struct rig *rig = rig__start(.argument = { "--observe" });
	pid_t root = rig__run(rig, ON_KILL, "fork { as stray sleep } as root sleep");

	rig__meet(rig, "stray", 1);
	rig__meet(rig, "root", 1);
	kill(root, SIGKILL);
	cr_assert_eq(rig__closed(rig, root)->row.outcome, INCIDENT_OBSERVED);
	collect_both(rig, lines);
}

/* ---- and what is said of them */

static void validate(struct rig *rig, const char *schema, const char *path,
		     const char *const *values)
{
	char script[PATH_MAX + 40], file[PATH_MAX + 40];
	const char *words[16] = { "/usr/bin/python3", script, file, path };
	const struct said *said;

	snprintf(script, sizeof(script), "%s/../tests/e2e/validate.py", user__build());
	snprintf(file, sizeof(file), "%s/../docs/schema/%s.schema.json", user__build(), schema);
	for (size_t i = 0; values[i]; i++)
		words[4 + i] = values[i];
	said = user__run_as(rig, 0, words);
	cr_expect_eq(said->status, 0, "%s", said->err);
}

Test(schema, says_what_is_printed)
{
	autorig struct rig *rig = rig__start(.ring = "4K", .stuck = "1s",
					     .yaml = "brake: { survivors_per_incident: 6 }\n");
	struct lines lines = lines_of(rig);
	bool stuck;

	observe(&lines);
	end_each_way(rig);
	end_gently(rig);
	end_by_itself(rig, &lines);
	spare_one(rig);
	stuck = hold_one(rig, &lines);
	lose_events(rig);
	collect(rig, "events", lines.events);
	die_unseen(rig);
	open_brake(rig);
	collect_both(rig, &lines);
	validate(
		rig, "incident", lines.incidents,
		WORDS(stuck ? "outcome=cleared,stuck,spared,observed,braked"
			    : "outcome=cleared,spared,observed,braked",
		      stuck ? "survivors/outcome=killed,terminated,exited,spared,stuck,observed,pending"
			    : "survivors/outcome=killed,terminated,exited,spared,observed,pending",
		      "state=open,closed", "observed=True,False", "reconstructed=True,False",
		      "cause/kind=kill,signal,crash,error,exit", "cause/origin=user,self,kernel",
		      "survivors/signals/signal=SIGTERM,SIGKILL"));
	validate(rig, "event", lines.events,
		 WORDS("event.name=orphand.tree.tracked,orphand.process.forked,"
		       "orphand.process.executed,orphand.process.exited,orphand.root.died,"
		       "orphand.incident.opened,orphand.survivor.signalled,orphand.survivor.gone,"
		       "orphand.incident.closed,orphand.tree.ended,orphand.brake.opened,"
		       "orphand.events.lost",
		       "orphand.outcome=cleared,spared,observed,braked,killed,terminated,exited"));
}

/* That it would not take anything. */
Test(schema, refuses_what_is_another)
{
	autorig struct rig *rig = rig__start();
	struct lines lines = lines_of(rig);
	autofclose FILE *file = fopen(lines.events, "we");
	char script[PATH_MAX + 40], schema[PATH_MAX + 40];
	const struct said *said;

	snprintf(script, sizeof(script), "%s/../tests/e2e/validate.py", user__build());
	snprintf(schema, sizeof(schema), "%s/../docs/schema/event.schema.json", user__build());
	fputs("{\"event.name\":\"orphand.brake.opened\",\"time\":\"2026-11-25T09:50:31.446912455Z\","
	      "\"orphand.seq\":1,\"colour\":\"red\"}\n",
	      file);
	fflush(file);
	said = user__run(rig, "/usr/bin/python3", script, schema, lines.events);
	cr_expect_neq(said->status, 0);
	cr_expect(strstr(said->err, "colour"), "%s", said->err);
}
