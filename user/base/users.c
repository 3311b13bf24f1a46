// SPDX-License-Identifier: GPL-2.0
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/users.h"

static struct user *make_room(struct users *users)
{
	size_t room = users->room ? users->room * 2 : 16;
	struct user *more;

	if (users->count < users->room)
		return &users->known[users->count++];
	more = reallocarray(users->known, room, sizeof(*more));
	if (!more)
		return NULL;
	users->known = more;
	users->room = room;
	return &users->known[users->count++];
}

const char *users__name(void *data, uint32_t uid)
{
	struct users *users = data;
	const struct passwd *entry;
	struct user *user;

	for (size_t i = 0; i < users->count; i++) {
		if (users->known[i].uid == uid)
			return users->known[i].name;
	}
	user = make_room(users);
	if (!user)
		return NULL;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	entry = getpwuid(uid);
	*user = (struct user){ .uid = uid, .name = entry ? strdup(entry->pw_name) : NULL };
	return user->name;
}

void users__clear(struct users *users)
{
	for (size_t i = 0; i < users->count; i++)
		free(users->known[i].name);
	free(users->known);
	*users = (struct users){};
}
