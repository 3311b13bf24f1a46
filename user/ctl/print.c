// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "base/text.h"
#include "ctl/print.h"
#include "model/json.h"

struct screen screen__look(void)
{
	struct screen screen = { .terminal = isatty(STDOUT_FILENO) == 1 };
	const char *no_colour = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	struct winsize size;

	screen.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	screen.colour = screen.terminal && !(no_colour && *no_colour) && term &&
			strcmp(term, "dumb") != 0;
	if (screen.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		screen.width = size.ws_col;
	return screen;
}

void complain(const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fputs("orphanctl: ", stderr);
	print__safe(stderr, line, strlen(line));
	fputc('\n', stderr);
}

static const char *const colours[COLOURS] = {
	[COLOUR_PLAIN] = "",	    [COLOUR_STRONG] = "\033[1m", [COLOUR_DIM] = "\033[2m",
	[COLOUR_GOOD] = "\033[32m", [COLOUR_WARN] = "\033[33m",	 [COLOUR_BAD] = "\033[31m",
};

const char *colour__on(const struct screen *screen, enum colour colour)
{
	return screen->colour ? colours[colour] : "";
}

const char *colour__off(const struct screen *screen, enum colour colour)
{
	return screen->colour && colour != COLOUR_PLAIN ? "\033[0m" : "";
}

enum colour colour__of_outcome(const struct control_incident_row *row)
{
	if (row->open)
		return COLOUR_WARN;
	return row->outcome == INCIDENT_CLEARED ? COLOUR_GOOD
	       : row->outcome == INCIDENT_STUCK ? COLOUR_BAD
						: COLOUR_WARN;
}

/* ---- texts */

void print__span(FILE *to, const struct screen *screen, uint64_t ns)
{
	static const char micro[] = "µs";
	char text[32];
	char *found;

	clock__format_span(text, sizeof(text), ns);
	found = strstr(text, micro);
	if (found && !screen->utf8)
		text__copy(found, sizeof(micro), "us");
	fputs(text, to);
}

void print__when(FILE *to, const struct screen *screen, const struct control_host *host,
		 uint64_t at)
{
	if (!screen->terminal) {
		print__time(to, host, at);
		return;
	}
	print__span(to, screen, host->now > at ? host->now - at : 0);
	fputs(" ago", to);
}

void print__cause(FILE *to, const struct control_incident_row *row)
{
	print__end(to, row->exit_code);
	if (row->kind == CAUSE_OOM)
		fputs(" (out of memory)", to);
	else if (row->sender.who.pid && row->origin != ORIGIN_SELF) {
		fprintf(to, " from %" PRIu32 " ", row->sender.who.pid);
		print__field(to, row->sender.comm);
	}
}

void print__latency(FILE *to, const struct screen *screen, uint64_t ns)
{
	if (ns)
		print__span(to, screen, ns);
	else
		fputc('-', to);
}

int print__json(struct json_object *object)
{
	const char *text = NULL;
	size_t len = 0;

	if (object)
		text = json_object_to_json_string_length(
			object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	if (text) {
		fwrite(text, 1, len, stdout);
		fputc('\n', stdout);
	}
	json_object_put(object);
	return text ? 0 : -ENOMEM;
}
