/* SPDX-License-Identifier: GPL-2.0 */
/* config.h - /etc/orphand/orphand.yaml: what may be said, and its defaults. */
#ifndef ORPHAND_CONFIG_H
#define ORPHAND_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "model/redact.h"
#include "model/rules.h"

#define CONFIG_PATH "/etc/orphand/orphand.yaml"
#define CONFIG_PATH_LEN 108 /* a socket's path and a pin's must fit */
#define FEED_LEN 128
#define TOKEN_LEN 256

/* What of the events is stored; incidents are in any case but the first. */
enum store_events { STORE_NONE = 0, STORE_INCIDENTS, STORE_TREES };

struct config {
	char runtime_dir[CONFIG_PATH_LEN];
	char state_dir[CONFIG_PATH_LEN];
	char pin_dir[CONFIG_PATH_LEN];
	bool observe;
	bool reflex; /* survivors are signalled in the kernel, where it can */
	uint32_t processes;
	uint32_t trees;
	uint32_t ring;	/* bytes, a power of 2 */
	uint64_t stuck; /* ns from the first SIGKILL until a survivor is told as stuck */
	uint32_t survivors_per_incident; /* past either the brake opens */
	uint32_t incidents_per_minute;
	uint64_t keep; /* ns: how long the store keeps what happened */
	uint64_t most; /* bytes, of the store's file */
	enum store_events events;
	struct redactor redact; /* of command lines, before they are told to anybody */
	char feed[FEED_LEN];	/* an address (base/address.h) */
	char token[TOKEN_LEN];	/* that the feed's clients must show; "": none */
	struct rules rules;
};

struct config config__default(void);

/*
 * Reads path over the defaults, then the rules of each YAML file in rules.d beside it, in the order
 * of their names. What is wrong is told in one line with its place, in error. 0, -ENOENT when there
 * is no such file and it must be there, -EINVAL when it says something that can't be meant, or the
 * errno of reading it.
 */
int config__read(struct config *config, const char *path, bool must_exist, char *error,
		 unsigned long size);

void config__free(struct config *config);

#endif
