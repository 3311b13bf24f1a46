/* SPDX-License-Identifier: GPL-2.0 */
/* config_reader.h - a YAML file as a tree of nodes, and one line about what is wrong with it, with
 * its place. libyaml's document keeps line and column of every node. */
#ifndef ORPHAND_CONFIG_READER_H
#define ORPHAND_CONFIG_READER_H

#include <stdbool.h>
#include <stddef.h>

#include <yaml.h>

struct config;

struct reader {
	const char *path;
	char *error; /* the one line */
	size_t size;
	yaml_document_t document;
	struct config *config;
	bool rules_only; /* a file of rules.d */
};

/* Reads the file and hands it to read_root. 0, the errno of reading it, -EINVAL when it is none
 * that can be meant, -ENOMEM, or what read_root returned. */
int reader__file(struct reader *reader, int (*read_root)(struct reader *reader));

/* Each puts the line together, with the place, and returns -EINVAL. */
__attribute__((format(printf, 3, 4))) int reader__complain(struct reader *reader, yaml_mark_t mark,
							   const char *format, ...);
/* where: in what; NULL: at the top. Names the nearest of the words there are. */
int reader__no_memory(struct reader *reader); /* -ENOMEM */
int reader__unknown(struct reader *reader, int key, const char *where, const char *word,
		    const char *const *words, size_t count);

/* A scalar's text; NULL, having complained, of one that has more behind a NUL, which would go
 * unseen. */
const char *reader__word(struct reader *reader, yaml_node_t *node);

/* The text of a mapping's key; NULL, having complained, of one that is no plain word or stands
 * there twice. */
const char *reader__key(struct reader *reader, yaml_node_t *map, yaml_node_pair_t *pair);

bool has_control(const char *text);

/* on or off. 0, or -EINVAL having complained. */
int reader__switch(struct reader *reader, yaml_node_t *node, const char *key, const char *text,
		   bool *on);

/* The rules of a list (config_rules.c), added to the config's. 0, -EINVAL having complained, or
 * -ENOMEM. */
int reader__rules(struct reader *reader, yaml_node_t *list);

#endif
