/* SPDX-License-Identifier: GPL-2.0 */
/* users.h - the names of uids, each asked for once. */
#ifndef ORPHAND_USERS_H
#define ORPHAND_USERS_H

#include <stddef.h>
#include <stdint.h>

struct user {
	uint32_t uid;
	char *name; /* NULL: it has none */
};

struct users {
	struct user *known;
	size_t count;
	size_t room;
};

/* The name, to be used until users__clear, or NULL. users is a struct users. */
const char *users__name(void *users, uint32_t uid);

void users__clear(struct users *users);

#endif
