// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"
#include "guard/config_reader.h"

#define LARGEST_FILE (1 << 20)

/* watch, rule, spare, match, parent and its list are deepest. */
#define DEEPEST 16

static bool is_control(char byte)
{
	return (unsigned char)byte < ' ' || byte == 0x7f;
}

bool has_control(const char *text)
{
	while (*text && !is_control(*text))
		text++;
	return *text;
}

int reader__complain(struct reader *reader, yaml_mark_t mark, const char *format, ...)
{
	va_list args;
	int n = snprintf(reader->error, reader->size, "%s:%zu:%zu: ", reader->path, mark.line + 1,
			 mark.column + 1);

	if (n < 0 || (size_t)n >= reader->size)
		return -EINVAL;
	va_start(args, format);
	vsnprintf(reader->error + n, reader->size - (size_t)n, format, args);
	va_end(args);
	/* One line, whatever the file's words hold. */
	for (char *at = reader->error + n; *at; at++) {
		if (is_control(*at))
			*at = '?';
	}
	return -EINVAL;
}

int reader__no_memory(struct reader *reader)
{
	snprintf(reader->error, reader->size, "%s: no memory to read it", reader->path);
	return -ENOMEM;
}

static int complain_no_yaml(struct reader *reader, const yaml_parser_t *parser)
{
	if (parser->error == YAML_MEMORY_ERROR)
		return reader__no_memory(reader);
	return reader__complain(reader, parser->problem_mark, "%s",
				parser->problem ? parser->problem : "no YAML");
}

/* How many letters must change to make one word of the other, for "did you mean". */
static size_t distance(const char *a, const char *b)
{
	size_t row[64], len = strlen(b);

	if (len >= 64)
		return 64;
	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (; *a; a++) {
		size_t corner = row[0]++;

		for (size_t j = 1; j <= len; j++) {
			size_t best = corner + (*a != b[j - 1]);

			corner = row[j];
			if (corner + 1 < best)
				best = corner + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[len];
}

/* The nearest of the words, "" when none is near. */
static const char *nearest(const char *word, const char *const *words, size_t count)
{
	const char *best = "";
	size_t least = 3;

	for (size_t i = 0; i < count; i++) {
		size_t far = distance(word, words[i]);

		if (far < least) {
			least = far;
			best = words[i];
		}
	}
	return best;
}

int reader__unknown(struct reader *reader, int key, const char *where, const char *word,
		    const char *const *words, size_t count)
{
	const char *near = nearest(word, words, count);

	return reader__complain(reader, yaml_document_get_node(&reader->document, key)->start_mark,
				"unknown key '%.60s'%s%s%s%s%s", word, where ? " in " : "",
				where ? where : "", *near ? "; did you mean '" : "", near,
				*near ? "'?" : "");
}

int reader__switch(struct reader *reader, yaml_node_t *node, const char *key, const char *text,
		   bool *on)
{
	*on = strcmp(text, "on") == 0;
	if (*on || strcmp(text, "off") == 0)
		return 0;
	return reader__complain(reader, node->start_mark, "%s is on or off, not '%.60s'", key,
				text);
}

/* A scalar's text; complains of one that has more behind a NUL, which would go unseen. */
const char *reader__word(struct reader *reader, yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;

	if (strlen(text) == node->data.scalar.length)
		return text;
	reader__complain(reader, node->start_mark, "'%.60s' has a NUL in it", text);
	return NULL;
}

/* The text of a mapping's key; complains of one that is no plain word or stands there twice. */
const char *reader__key(struct reader *reader, yaml_node_t *map, yaml_node_pair_t *pair)
{
	yaml_node_t *node = yaml_document_get_node(&reader->document, pair->key);
	const char *text;

	if (node->type != YAML_SCALAR_NODE) {
		reader__complain(reader, node->start_mark, "a key is a plain word");
		return NULL;
	}
	text = reader__word(reader, node);
	for (yaml_node_pair_t *other = map->data.mapping.pairs.start; text && other < pair;
	     other++) {
		yaml_node_t *before = yaml_document_get_node(&reader->document, other->key);

		if (strcmp((const char *)before->data.scalar.value, text) == 0) {
			reader__complain(reader, node->start_mark,
					 "'%.60s' stands here a second time", text);
			return NULL;
		}
	}
	return text;
}

/* ---- a file */

/* Before anything is built of it: the loader takes minutes over brackets in brackets, and stops
 * in silence behind the first document. */
static int look_at(struct reader *reader, const yaml_event_t *event, int *depth, int *documents)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++*documents > 1)
			return reader__complain(reader, event->start_mark,
						"a second document; the file is one");
		break;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		if (++*depth > DEEPEST)
			return reader__complain(reader, event->start_mark,
						"nested deeper than %d levels", DEEPEST);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		--*depth;
		break;
	default:
		break;
	}
	return 0;
}

static int look_over(struct reader *reader, FILE *file)
{
	int err = 0, depth = 0, documents = 0;
	yaml_parser_t parser;
	yaml_event_t event;
	bool end = false;

	if (!yaml_parser_initialize(&parser))
		return complain_no_yaml(reader, &parser);
	yaml_parser_set_input_file(&parser, file);
	while (!err && !end) {
		if (!yaml_parser_parse(&parser, &event)) {
			err = complain_no_yaml(reader, &parser);
			break;
		}
		err = look_at(reader, &event, &depth, &documents);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	rewind(file);
	return err;
}

static int read_document(struct reader *reader, FILE *file, int (*read_root)(struct reader *reader))
{
	yaml_parser_t parser;
	int err = look_over(reader, file);

	if (err)
		return err;
	if (!yaml_parser_initialize(&parser))
		return complain_no_yaml(reader, &parser);
	yaml_parser_set_input_file(&parser, file);
	if (yaml_parser_load(&parser, &reader->document)) {
		err = read_root(reader);
		if (err == -ENOMEM)
			reader__no_memory(reader);
		yaml_document_delete(&reader->document);
	} else {
		err = complain_no_yaml(reader, &parser);
	}
	yaml_parser_delete(&parser);
	return err;
}

static int tell_errno(struct reader *reader)
{
	int err = -errno;

	snprintf(reader->error, reader->size, "%s: %s", reader->path, strerror(-err));
	return err;
}

int reader__file(struct reader *reader, int (*read_root)(struct reader *reader))
{
	autofclose FILE *file = NULL;
	struct stat st;

	if (stat(reader->path, &st))
		return tell_errno(reader);
	/* Before it is opened: a fifo would wait for its writer. */
	if (!S_ISREG(st.st_mode) || st.st_size > LARGEST_FILE) {
		snprintf(reader->error, reader->size, "%s: %s", reader->path,
			 S_ISREG(st.st_mode) ? "larger than 1 MiB, hardly a config"
					     : "not a plain file");
		return -EINVAL;
	}
	file = fopen(reader->path, "re");
	if (!file)
		return tell_errno(reader);
	return read_document(reader, file, read_root);
}
