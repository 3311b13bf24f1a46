// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "report/report_parts.h"

static const char *in_xml(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

static const char *in_dot(char c)
{
	switch (c) {
	case '\\':
		return "\\\\";
	case '"':
		return "\\\"";
	/* graphviz would read an entity */
	case '&':
		return "&amp;";
	default:
		return NULL;
	}
}

static ssize_t write_escaped(FILE *to, const char *bytes, size_t size, const char *(*escape)(char))
{
	size_t from = 0;

	for (size_t i = 0; i < size; i++) {
		const char *instead = escape(bytes[i]);

		if (!instead)
			continue;
		fwrite(bytes + from, 1, i - from, to);
		fputs(instead, to);
		from = i + 1;
	}
	fwrite(bytes + from, 1, size - from, to);
	return ferror(to) ? 0 : (ssize_t)size;
}

static ssize_t write_xml(void *to, const char *bytes, size_t size)
{
	return write_escaped(to, bytes, size, in_xml);
}

static ssize_t write_dot(void *to, const char *bytes, size_t size)
{
	return write_escaped(to, bytes, size, in_dot);
}

static FILE *open_escape(FILE *to, cookie_write_function_t *write)
{
	FILE *stream = fopencookie(to, "w", (cookie_io_functions_t){ .write = write });

	if (stream)
		setvbuf(stream, NULL, _IONBF, 0);
	return stream;
}

FILE *escape__xml(FILE *to)
{
	return open_escape(to, write_xml);
}

FILE *escape__dot(FILE *to)
{
	return open_escape(to, write_dot);
}
