// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "actor.h"

static char **words;
static int count;
static char self[PATH_MAX]; /* exec's name for it; by /proc/self/exe its comm would be "exe" */
static char *args_start, *args_end;

void play__die(const char *format, ...)
{
	va_list args;

	dprintf(STDERR_FILENO, "actor: ");
	va_start(args, format);
	vdprintf(STDERR_FILENO, format, args);
	va_end(args);
	dprintf(STDERR_FILENO, "\n");
	_exit(99);
}

/* The words are copied: an actor may write over its own argv. */
static void begin(int argc, char **argv)
{
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		play__die("/proc/self/exe: %m");
	args_start = argv[0];
	args_end = argv[argc - 1] + strlen(argv[argc - 1]);
	words = calloc((size_t)argc + 1, sizeof(*words));
	if (!words)
		play__die("no memory");
	for (int i = 1; i < argc; i++)
		words[count++] = strdup(argv[i]);
}

/* The environment lies behind argv and keeps its mark. */
void play__rename(const char *name)
{
	size_t size = (size_t)(args_end - args_start);

	prctl(PR_SET_NAME, name);
	memset(args_start, '\0', size);
	memcpy(args_start, name, strnlen(name, size));
}

const char *play__word(int at)
{
	if (at >= count)
		play__die("the play ends too soon");
	return words[at];
}

long play__count(int *at)
{
	const char *word = play__word(*at);
	char *end;
	long n;

	if (strcmp(word, "{") == 0)
		return 1;
	errno = 0;
	n = strtol(word, &end, 10);
	if (errno || *end)
		play__die("%s: neither a number nor {", word);
	++*at;
	return n;
}

int play__close(int at)
{
	int depth = 0;

	if (strcmp(play__word(at), "{") != 0)
		play__die("%s: a { was awaited", play__word(at));
	for (;; at++) {
		const char *word = play__word(at);

		depth += strcmp(word, "{") == 0;
		depth -= strcmp(word, "}") == 0;
		if (depth == 0)
			return at;
	}
}

char **play__argv(int from, int to)
{
	char **argv = calloc((size_t)(to - from) + 2, sizeof(*argv));
	int n = 0;

	if (!argv)
		play__die("no memory");
	argv[n++] = self;
	for (int i = from; i < to; i++)
		argv[n++] = words[i];
	return argv;
}

void play__perform(int from, int to)
{
	while (from < to)
		from = verb__do(from);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	ledger__open();
	birth__arm();
	ledger__report("");
	play__perform(0, count);
	return 0;
}
