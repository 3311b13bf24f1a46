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

/* ---- texts */

static bool is_control(const char *character, size_t width)
{
	const unsigned char *s = (const unsigned char *)character;

	/* U+0080 to U+009F too: some terminals heed them */
	return width == 1 ? s[0] < 0x20 || s[0] == 0x7f : width == 2 && s[0] == 0xc2 && s[1] < 0xa0;
}

static void put_escaped(FILE *to, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] == '\n')
			fputs("\\n", to);
		else if (bytes[i] == '\t')
			fputs("\\t", to);
		else
			fprintf(to, "\\x%02x", (unsigned char)bytes[i]);
	}
}

void print__safe(FILE *to, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t width = json__utf8(bytes + i, len - i);

		if (!width || is_control(bytes + i, width))
			put_escaped(to, bytes + i, width ? width : 1);
		else
			fwrite(bytes + i, 1, width, to);
		i += width ? width : 1;
	}
}

static bool wants_quotes(const char *arg, size_t len)
{
	if (!len)
		return true;
	for (size_t i = 0; i < len; i++) {
		if (arg[i] == ' ' || strchr("\"'\\$`&|;<>()*?[]#~!{}", arg[i]))
			return true;
	}
	return false;
}

static void print_argument(FILE *to, const char *arg, size_t len)
{
	if (!wants_quotes(arg, len)) {
		print__safe(to, arg, len);
		return;
	}
	fputc('\'', to);
	for (size_t i = 0; i < len;) {
		const char *quote = memchr(arg + i, '\'', len - i);
		size_t part = quote ? (size_t)(quote - arg) - i : len - i;

		print__safe(to, arg + i, part);
		if (quote)
			fputs("'\\''", to);
		i += part + (quote != NULL);
	}
	fputc('\'', to);
}

void print__command(FILE *to, const struct control_image *image)
{
	size_t len = json__args_len(image);

	for (size_t at = 0; at < len;) {
		size_t one = strnlen(image->args + at, len - at);

		if (at)
			fputc(' ', to);
		print_argument(to, image->args + at, one);
		at += one + 1;
	}
	if (len)
		return;
	if (*image->exe) {
		print__field(to, image->exe);
	} else {
		fputc('[', to);
		print__field(to, image->comm);
		fputc(']', to);
	}
}

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

void print__end(FILE *to, uint32_t exit_code)
{
	if (exit_code & 0x7f)
		fprintf(to, "%s%s", signal__name((int)(exit_code & 0x7f)),
			exit_code & 0x80 ? ", core dumped" : "");
	else
		fprintf(to, "exit status %" PRIu32, (exit_code >> 8) & 0xff);
}

void print__time(FILE *to, const struct control_host *host, uint64_t at)
{
	char text[CLOCK_TEXT_LEN];

	clock__format(text, json__realtime(host, at));
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
