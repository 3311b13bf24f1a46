// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/text.h"
#include "ctl/ctl.h"
#include "model/filter.h"
#include "model/policy.h"

struct parser {
	struct options *options;
	char **argv;
	uint64_t now;
	char *why;
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct parser *parser,
							const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(parser->why, WHY_LEN, format, args);
	va_end(args);
	return -EINVAL;
}

/* ---- values */

static bool has_control(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	}
	return false;
}

/* Digits alone: strtoul would take a sign and a blank. */
static int parse_number(const char *text, uint32_t max, uint32_t *number)
{
	uint64_t n = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		n = n * 10 + (uint64_t)(*text - '0');
		if (n > max)
			return -EINVAL;
	}
	*number = (uint32_t)n;
	return n ? 0 : -EINVAL;
}

static int take_help(struct parser *parser, const char *value)
{
	(void)value;
	parser->options->help = true;
	return 0;
}

static int take_version(struct parser *parser, const char *value)
{
	(void)value;
	parser->options->version = true;
	return 0;
}

static int take_json(struct parser *parser, const char *value)
{
	(void)value;
	parser->options->json = true;
	return 0;
}

static int take_follow(struct parser *parser, const char *value)
{
	(void)value;
	parser->options->follow = true;
	return 0;
}

static int check_socket(const struct parser *parser, const char *from, const char *path)
{
	size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (!*path)
		return refuse(parser, "%s '' is no path; write one such as %s", from,
			      CONTROL_SOCKET);
	if (strlen(path) > most)
		return refuse(parser,
			      "%s is too long a path for a socket; write one of at most %zu bytes",
			      from, most);
	return 0;
}

static int take_socket(struct parser *parser, const char *value)
{
	parser->options->socket = value;
	return check_socket(parser, "--socket", value);
}

static int take_name(struct parser *parser, const char *value)
{
	if (has_control(value))
		return refuse(parser, "--name has control characters; write a plain one");
	if (!text__copy(parser->options->name, sizeof(parser->options->name), value))
		return refuse(parser, "--name is too long; write one of at most %d bytes",
			      NAME_LEN - 1);
	return 0;
}

static int take_on(struct parser *parser, const char *value)
{
	uint16_t *on = &parser->options->policy.on;
	char bad[32];

	/* the first one stands in place of the default */
	if (!(parser->options->given & TAKES(ON)))
		*on = 0;
	if (policy__parse_on(value, on, bad, sizeof(bad)))
		return refuse(parser,
			      "--on '%.80s' is no cause; write some of "
			      "kill,signal,crash,oom,error,exit",
			      bad);
	return 0;
}

static int take_signal(struct parser *parser, const char *value)
{
	int signal = signal__parse(value);

	if (signal < 0)
		return refuse(parser, "--signal '%.80s' is no signal; write TERM, INT, KILL",
			      value);
	parser->options->policy.signal = (uint16_t)signal;
	return 0;
}

static int take_grace(struct parser *parser, const char *value)
{
	uint64_t ns;

	if (clock__parse_duration(value, &ns))
		return refuse(parser, "--grace '%.80s' is no duration; write 500ms, 5s, 2m", value);
	parser->options->policy.grace = ns;
	return 0;
}

static int take_scope(struct parser *parser, const char *value)
{
	if (policy__parse_scope(value, &parser->options->policy.flags))
		return refuse(parser, "--scope '%.80s' is no scope; write root or any", value);
	return 0;
}

static int take_when(struct parser *parser, const char *option, const char *value, uint64_t *to)
{
	if (clock__parse_when(value, parser->now, to))
		return refuse(parser,
			      "--%s '%.80s' is no time; write 5m (ago) or 2026-11-22T12:00:00Z",
			      option, value);
	return 0;
}

static int take_since(struct parser *parser, const char *value)
{
	return take_when(parser, "since", value, &parser->options->since);
}

static int take_until(struct parser *parser, const char *value)
{
	return take_when(parser, "until", value, &parser->options->until);
}

static int take_at(struct parser *parser, const char *value)
{
	return take_when(parser, "at", value, &parser->options->at);
}

static int take_tree(struct parser *parser, const char *value)
{
	if (parse_number(value, UINT32_MAX, &parser->options->tree))
		return refuse(parser, "--tree '%.80s' is no tree; write its number", value);
	return 0;
}

static int take_type(struct parser *parser, const char *value)
{
	for (const char *at = value;; at++) {
		size_t len = strcspn(at, ",");
		int type = json__event_type(at, len);

		if (type < 0)
			return refuse(parser,
				      "--type '%.*s' is no type of event; write some of them, as "
				      "process.exited,root.died",
				      (int)(len > 80 ? 80 : len), at);
		parser->options->types |= 1U << type;
		at += len;
		if (!*at)
			return 0;
	}
}

static int take_text(struct parser *parser, const char *option, const char *value, char *to)
{
	if (!*value || !text__copy(to, FILTER_LEN, value))
		return refuse(parser, "--%s wants a text of at most %d bytes", option,
			      FILTER_LEN - 1);
	return 0;
}

static int take_root(struct parser *parser, const char *value)
{
	return take_text(parser, "root", value, parser->options->root);
}

static int take_sender(struct parser *parser, const char *value)
{
	return take_text(parser, "sender", value, parser->options->sender);
}

static int take_cgroup(struct parser *parser, const char *value)
{
	return take_text(parser, "cgroup", value, parser->options->cgroup);
}

static int take_user(struct parser *parser, const char *value)
{
	const struct passwd *user = getpwnam(value);

	if (user)
		parser->options->uid = user->pw_uid;
	else if (strcmp(value, "0") != 0 && parse_number(value, UINT32_MAX, &parser->options->uid))
		return refuse(parser, "--user '%.80s' is no user here; write a name or a uid",
			      value);
	return 0;
}

static int take_rule(struct parser *parser, const char *value)
{
	if (!*value || has_control(value) ||
	    !text__copy(parser->options->rule, sizeof(parser->options->rule), value))
		return refuse(parser,
			      "--rule '%.*s' can't be a rule's name; see the RULE column of "
			      "orphanctl incidents",
			      NAME_LEN, value);
	return 0;
}

static int take_outcome(struct parser *parser, const char *value)
{
	if (filter__outcome(value) < 0)
		return refuse(parser,
			      "--outcome '%.80s' is no outcome; write cleared, stuck, spared, "
			      "observed or braked",
			      value);
	text__copy(parser->options->outcome, sizeof(parser->options->outcome), value);
	return 0;
}

static int take_limit(struct parser *parser, const char *value)
{
	if (parse_number(value, UINT32_MAX, &parser->options->limit))
		return refuse(parser, "--limit '%.80s' is no count; write a number from 1", value);
	return 0;
}

static int take_store(struct parser *parser, const char *value)
{
	if (!*value)
		return refuse(parser, "--store '' is no file; write one such as "
				      "/var/lib/orphand/incidents.db");
	parser->options->store = value;
	return 0;
}

static int take_file(const struct parser *parser, const char *name, const char *value,
		     const char **file)
{
	if (!*value)
		return refuse(parser, "--%s '' is no file; write one, or - for standard output",
			      name);
	*file = value;
	return 0;
}

static int take_html(struct parser *parser, const char *value)
{
	return take_file(parser, "html", value, &parser->options->html);
}

static int take_svg(struct parser *parser, const char *value)
{
	return take_file(parser, "svg", value, &parser->options->svg);
}

static int take_dot(struct parser *parser, const char *value)
{
	return take_file(parser, "dot", value, &parser->options->dot);
}

static const struct {
	const char *name;
	const char *value; /* its name in the help; NULL: takes none */
	const char *help;
	int (*take)(struct parser *parser, const char *value);
} table[OPTIONS] = {
	[OPTION_HELP] = { "help", NULL, "this text", take_help },
	[OPTION_VERSION] = { "version", NULL, "the version", take_version },
	[OPTION_JSON] = { "json", NULL, "print JSON, one object a line", take_json },
	[OPTION_SOCKET] = { "socket", "PATH", "the daemon's socket", take_socket },
	[OPTION_NAME] = { "name", "N", "the tree's name in lists and incidents", take_name },
	[OPTION_ON] = { "on", "CAUSE,...",
			"what ends ask for action: kill (default), signal, crash, oom, error, exit",
			take_on },
	[OPTION_SIGNAL] = { "signal", "SIG", "the first signal to survivors (default: KILL)",
			    take_signal },
	[OPTION_GRACE] = { "grace", "DUR",
			   "the time from the first signal to KILL (default: 5s, with KILL none)",
			   take_grace },
	[OPTION_SCOPE] = { "scope", "root|any", "whose death counts: the root's, or any member's",
			   take_scope },
	[OPTION_FOLLOW] = { "follow", NULL, "go on with what happens from now on", take_follow },
	[OPTION_SINCE] = { "since", "WHEN", "nothing older: RFC 3339, or 5m for five minutes ago",
			   take_since },
	[OPTION_RULE] = { "rule", "NAME", "only of this rule", take_rule },
	[OPTION_OUTCOME] = { "outcome", "O", "only cleared, stuck, spared, observed or braked",
			     take_outcome },
	[OPTION_LIMIT] = { "limit", "N", "only the newest so many", take_limit },
	[OPTION_UNTIL] = { "until", "WHEN", "nothing newer", take_until },
	[OPTION_TYPE] = { "type", "TYPE,...", "only such events: process.exited,root.died",
			  take_type },
	[OPTION_TREE] = { "tree", "TREE", "only of this tree", take_tree },
	[OPTION_ROOT] = { "root", "PID|GLOB", "only with this root, by its pid, path or name",
			  take_root },
	[OPTION_SENDER] = { "sender", "PID|GLOB", "only with this sender of the signal",
			    take_sender },
	[OPTION_USER] = { "user", "USER", "only roots of this user", take_user },
	[OPTION_CGROUP] = { "cgroup", "GLOB", "only roots in such a control group", take_cgroup },
	[OPTION_AT] = { "at", "WHEN", "as it was then", take_at },
	[OPTION_STORE] = { "store", "FILE", "this store, and no daemon", take_store },
	[OPTION_HTML] = { "html", "FILE", "write one self-contained page", take_html },
	[OPTION_SVG] = { "svg", "FILE", "write the timeline as a picture", take_svg },
	[OPTION_DOT] = { "dot", "FILE", "write the tree, for graphviz", take_dot },
};

const char *options__name(enum option option)
{
	return table[option].name;
}

const char *options__value(enum option option)
{
	return table[option].value;
}

const char *options__synopsis(enum option option)
{
	static _Thread_local char text[40];

	snprintf(text, sizeof(text), "--%s%s%s", table[option].name, table[option].value ? " " : "",
		 table[option].value ? table[option].value : "");
	return text;
}

const char *options__help(enum option option)
{
	return table[option].help;
}

/* ---- the line */

/* Where to read about it: "orphanctl --help", "orphanctl track --help". */
static const char *manual(const struct parser *parser)
{
	static _Thread_local char text[40];
	const struct command *command = parser->options->command;

	snprintf(text, sizeof(text), "orphanctl %s%s--help", command ? command->name : "",
		 command ? " " : "");
	return text;
}

/* Whole names only: an abbreviation that works today would be another option's tomorrow. */
static int find_option(const struct parser *parser, const char *word)
{
	const struct command *command = parser->options->command;
	uint32_t takes = TAKES_ALWAYS | (command ? command->takes : 0);
	size_t len = strcspn(word, "=");

	if (strcmp(word, "-h") == 0)
		return OPTION_HELP;
	if (strncmp(word, "--", 2) != 0)
		return -ENOENT;
	for (int i = 0; i < OPTIONS; i++) {
		if (takes & (1U << i) && strlen(table[i].name) == len - 2 &&
		    strncmp(table[i].name, word + 2, len - 2) == 0)
			return i;
	}
	return -ENOENT;
}

/* The option at argv, and its value: behind a '=', or the next word. */
static int take_option(struct parser *parser)
{
	const char *word = *parser->argv++;
	const char *value = strchr(word, '=');
	int option = find_option(parser, word);
	int err;

	if (option < 0)
		return refuse(parser, "unknown option '%.80s'; see %s", word, manual(parser));
	if (value)
		value++;
	if (value && !table[option].value)
		return refuse(parser, "--%s takes no value; write it alone", table[option].name);
	if (!value && table[option].value) {
		value = *parser->argv;
		if (!value)
			return refuse(parser, "--%s wants a value; write --%s %s",
				      table[option].name, table[option].name, table[option].value);
		parser->argv++;
	}
	err = table[option].take(parser, value);
	parser->options->given |= 1U << option;
	return err;
}

static bool is_option(const char *word)
{
	return word && word[0] == '-' && word[1];
}

static int take_incident(const struct parser *parser, const char *word)
{
	size_t len = strlen(word);

	if (!len || len >= INCIDENT_ID_LEN ||
	    strspn(word, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != len)
		return refuse(parser,
			      "'%.80s' is no incident's id; see the first column of orphanctl "
			      "incidents",
			      word);
	text__copy(parser->options->id, sizeof(parser->options->id), word);
	return 0;
}

static int take_operand(struct parser *parser, const char *word)
{
	struct options *options = parser->options;

	switch (options->command->operand) {
	case OPERAND_PID:
		if (parse_number(word, INT32_MAX, &options->number))
			return refuse(parser, "'%.80s' is no pid; write a number from 1", word);
		return 0;
	case OPERAND_TARGET:
		if (parse_number(word, UINT32_MAX, &options->number))
			return refuse(parser,
				      "'%.80s' is no tree and no pid; write a number from 1, see "
				      "orphanctl list",
				      word);
		return 0;
	case OPERAND_INCIDENT:
		return take_incident(parser, word);
	case OPERAND_FILE:
		options->file = word;
		return *word ? 0 : refuse(parser, "'' is no file; write -, or a file's name");
	case OPERAND_SHELL:
		options->shell = word;
		if (!completion__knows(word))
			return refuse(parser, "'%.80s' is no shell; write bash, zsh or fish", word);
		return 0;
	default:
		return refuse(parser, "'%.80s' is too much for %s; see %s", word,
			      options->command->name, manual(parser));
	}
}

static int take_command(struct parser *parser)
{
	const char *word = *parser->argv++;

	parser->options->command = command__find(word);
	if (!parser->options->command)
		return refuse(parser, "'%.80s' is no command; see orphanctl --help", word);
	return 0;
}

/* What stands behind the command, in any order. A program's own options begin at the program. */
static int take_rest(struct parser *parser)
{
	const struct command *command = parser->options->command;
	bool options_end = false;
	int operands = 0, err = 0;

	while (!err && *parser->argv) {
		if (!options_end && strcmp(*parser->argv, "--") == 0) {
			options_end = true;
			parser->argv++;
		} else if (!options_end && is_option(*parser->argv)) {
			err = take_option(parser);
		} else if (command->operand == OPERAND_COMMAND) {
			parser->options->argv = parser->argv;
			return 0;
		} else if (operands++) {
			err = refuse(parser, "'%.80s' is too much for %s; see %s", *parser->argv,
				     command->name, manual(parser));
		} else {
			err = take_operand(parser, *parser->argv++);
		}
	}
	if (err || parser->options->help || parser->options->version)
		return err;
	if (command->operand != OPERAND_NONE && !operands)
		return refuse(parser, "%s wants more; write orphanctl %s %s", command->name,
			      command->name, command->synopsis);
	return 0;
}

static void settle_policy(struct options *options)
{
	if (!(options->given & TAKES(GRACE)) && options->policy.signal != SIGKILL)
		options->policy.grace = POLICY_DEFAULT_GRACE;
}

int options__parse(struct options *options, char **argv, uint64_t now, const char *socket,
		   char why[WHY_LEN])
{
	struct parser parser = { .options = options, .argv = argv, .now = now, .why = why };
	int err = 0;

	*options = (struct options){ .policy = policy__default() };
	while (!err && is_option(*parser.argv))
		err = take_option(&parser);
	if (err)
		return err;
	if (!*parser.argv) {
		if (options->help || options->version)
			return 0;
		return refuse(&parser, "no command given; see orphanctl --help");
	}
	err = take_command(&parser);
	if (!err)
		err = take_rest(&parser);
	if (err)
		return err;
	if (options->store && !options->at && options->command->operand == OPERAND_TARGET)
		return refuse(&parser, "a store tells what was: write --at WHEN, too");
	if (options->store && options->follow)
		return refuse(&parser,
			      "a store tells what was; --follow asks the daemon: leave one of "
			      "the two out");
	if (options->command->operand == OPERAND_FILE && !options->store)
		return refuse(&parser, "%s wants --store FILE, the store to put the rows into",
			      options->command->name);
	settle_policy(options);
	if (options->socket)
		return 0;
	options->socket = socket && *socket ? socket : CONTROL_SOCKET;
	return check_socket(&parser, "ORPHAND_SOCKET", options->socket);
}
