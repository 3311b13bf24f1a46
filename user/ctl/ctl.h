/* SPDX-License-Identifier: GPL-2.0 */
/* ctl.h - what the commands of orphanctl have in common. */
#ifndef ORPHAND_CTL_H
#define ORPHAND_CTL_H

#include "ctl/options.h"
#include "ctl/print.h"
#include "base/users.h"
#include "model/json.h"

/* Exit statuses: the contract's, and no others. */
enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED,
	EXIT_USAGE,
	EXIT_NO_DAEMON,
};

struct ctl {
	struct options options;
	struct screen screen;
	struct users users;
	/* whose HOST row turns the times of the rows behind it into those of the day */
	struct json_context context;
};

typedef enum exit_status command_fn(struct ctl *ctl);

struct command {
	const char *name;
	const char *synopsis;
	const char *help; /* NULL: a packager's, of which the help says nothing */
	command_fn *run;
	enum operand operand;
	uint32_t takes; /* bits: 1 << enum option, beside those that every command takes */
};

extern const struct command commands[];
extern const size_t command_count;

const struct command *command__find(const char *name);

/* Of one command, or with NULL of all. */
void command__help(FILE *to, const struct command *command);

command_fn cmd__run, cmd__track, cmd__untrack, cmd__spare, cmd__arm, cmd__disarm, cmd__list,
	cmd__tree, cmd__events, cmd__incidents, cmd__show, cmd__why, cmd__stats, cmd__doctor,
	cmd__export, cmd__import, cmd__top, cmd__completion;

/* A shell for which cmd__completion prints a script. */
bool completion__knows(const char *shell);

#endif
