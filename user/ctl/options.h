/* SPDX-License-Identifier: GPL-2.0 */
/* options.h - the command line of orphanctl, checked whole before anybody is asked anything. */
#ifndef ORPHAND_OPTIONS_H
#define ORPHAND_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <orphand/control.h>

enum option {
	OPTION_HELP = 0,
	OPTION_VERSION,
	OPTION_JSON,
	OPTION_SOCKET,
	OPTION_NAME,
	OPTION_ON,
	OPTION_SIGNAL,
	OPTION_GRACE,
	OPTION_SCOPE,
	OPTION_FOLLOW,
	OPTION_SINCE,
	OPTION_RULE,
	OPTION_OUTCOME,
	OPTION_LIMIT,
	OPTION_STORE,
	OPTION_UNTIL,
	OPTION_TYPE,
	OPTION_TREE,
	OPTION_ROOT,
	OPTION_SENDER,
	OPTION_USER,
	OPTION_CGROUP,
	OPTION_AT,
	OPTION_HTML,
	OPTION_SVG,
	OPTION_DOT,
	OPTIONS,
};

#define TAKES(option) (1U << OPTION_##option)

/* Taken with every command, before and behind its name. */
#define TAKES_ALWAYS (TAKES(HELP) | TAKES(VERSION) | TAKES(JSON) | TAKES(SOCKET))

/* The options that say what is to be done when a root dies. */
#define TAKES_POLICY (TAKES(NAME) | TAKES(ON) | TAKES(SIGNAL) | TAKES(GRACE) | TAKES(SCOPE))

/* What a command wants behind its name. */
enum operand {
	OPERAND_NONE = 0,
	OPERAND_PID,
	OPERAND_TARGET,	  /* a tree's id or a pid */
	OPERAND_INCIDENT, /* an incident's id, or what it begins with */
	OPERAND_COMMAND,  /* a program and its arguments */
	OPERAND_FILE,	  /* "-": standard input */
	OPERAND_SHELL,	  /* bash, zsh or fish */
};

struct command;

struct options {
	const struct command *command; /* NULL: --help or --version alone */
	bool help;
	bool version;
	bool json;
	bool follow;
	const char *socket;
	const char *store; /* a file to ask instead of the daemon; NULL: none */
	uint32_t given;	   /* bits: 1 << enum option */
	/* run, track */
	struct policy policy;
	char name[NAME_LEN];
	char **argv; /* run: the program and its arguments, a NULL behind them */
	/* track, spare, untrack, tree */
	uint32_t number;
	/* events, incidents, show, why */
	uint64_t since;
	uint64_t until;
	uint64_t at; /* 0: not given */
	uint32_t tree;
	uint32_t types; /* bits: 1 << enum event_type */
	uint32_t uid;	/* where USER is given */
	char root[FILTER_LEN];
	char sender[FILTER_LEN];
	char cgroup[FILTER_LEN];
	uint32_t limit;
	char rule[NAME_LEN];
	char outcome[16];
	char id[INCIDENT_ID_LEN];
	/* show: files to write, "-": standard output; NULL: none */
	const char *html;
	const char *svg;
	const char *dot;
	/* import */
	const char *file;
	/* completion */
	const char *shell;
};

/* Room for what is wrong, in one line. */
#define WHY_LEN 512

/* argv without the program's own name, a NULL behind it; now is the time for --since, socket what
 * ORPHAND_SOCKET says or NULL. 0, or -EINVAL and why. */
int options__parse(struct options *options, char **argv, uint64_t now, const char *socket,
		   char why[WHY_LEN]);

/* "grace", "DUR" (NULL when it takes none); "--grace DUR" and what it does, for the help. */
const char *options__name(enum option option);
const char *options__value(enum option option);
const char *options__synopsis(enum option option);
const char *options__help(enum option option);

#endif
