// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "model/json.h"
#include "report/words.h"

uint32_t words__code_point(const char *character, size_t width)
{
	static const unsigned char first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = (unsigned char)character[0] & first[width];

	for (size_t i = 1; i < width; i++)
		code = code << 6 | ((unsigned char)character[i] & 0x3f);
	return code;
}

bool words__is_order(uint32_t code)
{
	static const struct {
		uint32_t from;
		uint32_t to;
	} orders[] = {
		{ 0x00, 0x1f },	    { 0x7f, 0x9f }, /* some terminals heed the upper ones too */
		{ 0x61c, 0x61c },   { 0x200e, 0x200f }, { 0x2028, 0x202e }, { 0x2066, 0x2069 },
		{ 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0xfffe, 0xffff }, /* no text at all */
	};

	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		if (code >= orders[i].from && code <= orders[i].to)
			return true;
	}
	return false;
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

		if (!width || words__is_order(words__code_point(bytes + i, width)))
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

void print__lines(FILE *to, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		print__safe(to, text, len);
		text += len;
		if (*text)
			fputc(*text++, to);
	}
}

/* Behind a whole character, with dots for the rest. */
static void cut(char *text, size_t len)
{
	static const char dots[] = "...";

	if (strlen(text) <= len)
		return;
	len -= sizeof(dots) - 1;
	while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	memcpy(text + len, dots, sizeof(dots));
}

char *words__command(const struct control_image *image, size_t len)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	bool failed;

	if (!stream)
		return NULL;
	print__command(stream, image);
	failed = ferror(stream);
	if (fclose(stream) || failed) {
		free(text);
		return NULL;
	}
	cut(text, len);
	return text;
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
