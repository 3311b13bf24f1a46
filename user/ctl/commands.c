// SPDX-License-Identifier: GPL-2.0
/* commands.c - the table of the commands, and the help that comes from it. */
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"

#define TAKES_FILTER                                                                               \
	(TAKES(SINCE) | TAKES(UNTIL) | TAKES(RULE) | TAKES(OUTCOME) | TAKES(LIMIT) | TAKES(ROOT) | \
	 TAKES(SENDER) | TAKES(USER) | TAKES(CGROUP) | TAKES(STORE))

const struct command commands[] = {
	{ "run", "[OPTION...] -- CMD [ARG...]",
	  "have this very process watched, then exec CMD in its place", cmd__run, OPERAND_COMMAND,
	  TAKES_POLICY },
	{ "track", "PID [OPTION...]", "watch a running process and all that is under it",
	  cmd__track, OPERAND_PID, TAKES_POLICY },
	{ "untrack", "PID|TREE", "stop watching; signal nobody", cmd__untrack, OPERAND_TARGET, 0 },
	{ "spare", "PID", "leave this process, and what it starts from now on, alone", cmd__spare,
	  OPERAND_PID, 0 },
	{ "list", "", "the trees: id, rule, root, age, members", cmd__list, OPERAND_NONE, 0 },
	{ "tree", "TREE|PID [--at WHEN] [--store FILE]",
	  "one tree, drawn as a tree; as it stood then, from the events", cmd__tree, OPERAND_TARGET,
	  TAKES(AT) | TAKES(STORE) },
	{ "events", "[--follow] [OPTION...]", "what happened, a line each", cmd__events,
	  OPERAND_NONE,
	  TAKES(FOLLOW) | TAKES(SINCE) | TAKES(UNTIL) | TAKES(TYPE) | TAKES(TREE) | TAKES(LIMIT) |
		  TAKES(STORE) },
	{ "incidents", "[OPTION...]", "who died, why, and what became of the survivors",
	  cmd__incidents, OPERAND_NONE, TAKES_FILTER },
	{ "show", "INCIDENT [--html FILE | --svg FILE | --dot FILE] [--store FILE]",
	  "one incident's story; the beginning of its id is enough", cmd__show, OPERAND_INCIDENT,
	  TAKES(HTML) | TAKES(SVG) | TAKES(DOT) | TAKES(STORE) },
	{ "why", "PID [--at WHEN] [--store FILE]",
	  "how that process died, who sent the signal, and what it left behind", cmd__why,
	  OPERAND_PID, TAKES(AT) | TAKES(STORE) },
	{ "stats", "", "counters, latencies, map fill, losses", cmd__stats, OPERAND_NONE, 0 },
	{ "doctor", "", "what this kernel offers, what is missing, and what each gap costs",
	  cmd__doctor, OPERAND_NONE, 0 },
	{ "export", "[--since WHEN] [--store FILE]", "what happened, as lines to send to somebody",
	  cmd__export, OPERAND_NONE, TAKES(SINCE) | TAKES(STORE) },
	{ "import", "FILE --store FILE", "put such lines (-: from standard input) into a store",
	  cmd__import, OPERAND_FILE, TAKES(STORE) },
	{ "arm", "", "close the brake: survivors are signalled", cmd__arm, OPERAND_NONE, 0 },
	{ "disarm", "", "open the brake: nobody is signalled", cmd__disarm, OPERAND_NONE, 0 },
	{ "top", "", "a live full-screen view; ? there tells its keys", cmd__top, OPERAND_NONE, 0 },
	{ "completion", "bash|zsh|fish", NULL, cmd__completion, OPERAND_SHELL, 0 },
};

const size_t command_count = sizeof(commands) / sizeof(*commands);

const struct command *command__find(const char *name)
{
	for (size_t i = 0; i < command_count; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static void help_options(FILE *to, uint32_t takes)
{
	for (unsigned i = 0; i < OPTIONS; i++) {
		if (takes & (1U << i))
			fprintf(to, "  %-18s %s\n", options__synopsis(i), options__help(i));
	}
}

static void help_command(FILE *to, const struct command *command)
{
	fprintf(to, "usage: orphanctl [--socket PATH] [--json] %s%s%s\n%s\n", command->name,
		*command->synopsis ? " " : "", command->synopsis,
		command->help ? command->help : "print a script by which that shell completes");
	if (command->takes)
		fputs("options:\n", to);
	help_options(to, command->takes);
}

/* The help stands behind what is short, and under what is long. */
static void help_line(FILE *to, const struct command *command)
{
	char usage[80];

	snprintf(usage, sizeof(usage), "%s%s%s", command->name, *command->synopsis ? " " : "",
		 command->synopsis);
	if (strlen(usage) > 18)
		fprintf(to, "  %s\n  %-18s %s\n", usage, "", command->help);
	else
		fprintf(to, "  %-18s %s\n", usage, command->help);
}

void command__help(FILE *to, const struct command *command)
{
	if (command) {
		help_command(to, command);
		return;
	}
	fputs("usage: orphanctl [--socket PATH] [--json] COMMAND\ncommands:\n", to);
	for (size_t i = 0; i < command_count; i++) {
		if (commands[i].help)
			help_line(to, &commands[i]);
	}
	fputs("options:\n", to);
	help_options(to, TAKES(SOCKET) | TAKES(JSON) | TAKES(HELP) | TAKES(VERSION));
	fputs("options of run and track:\n", to);
	help_options(to, TAKES_POLICY);
	fputs("DUR is 500ms, 5s, 2m; WHEN is RFC 3339 or a DUR ago. "
	      "ORPHAND_SOCKET stands for --socket.\n"
	      "Exit: 0 done, 1 failed or not found, 2 bad usage, 3 no daemon at the socket.\n",
	      to);
}
