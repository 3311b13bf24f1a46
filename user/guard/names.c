// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "guard/names.h"

/* One name's number; a negative errno: nobody has it. */
typedef int (*number_fn)(const char *name, uint32_t *id);
/* Each there is whose name matches. */
typedef int (*each_fn)(const struct globs *globs, struct ids *ids);

static int number_of_user(const char *name, uint32_t *id)
{
	const struct passwd *user = getpwnam(name);

	if (!user)
		return -ENOENT;
	*id = user->pw_uid;
	return 0;
}

static int number_of_group(const char *name, uint32_t *id)
{
	const struct group *group = getgrnam(name);

	if (!group)
		return -ENOENT;
	*id = group->gr_gid;
	return 0;
}

static int each_user(const struct globs *globs, struct ids *ids)
{
	const struct passwd *user;
	int err = 0;

	setpwent();
	while (!err && (user = getpwent())) {
		if (globs__match(globs, user->pw_name))
			err = ids__add(ids, user->pw_uid);
	}
	endpwent();
	return err;
}

static int each_group(const struct globs *globs, struct ids *ids)
{
	const struct group *group;
	int err = 0;

	setgrent();
	while (!err && (group = getgrent())) {
		if (globs__match(globs, group->gr_name))
			err = ids__add(ids, group->gr_gid);
	}
	endgrent();
	return err;
}

static bool is_number(const char *text, uint32_t *id)
{
	char *end;
	unsigned long number;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	number = strtoul(text, &end, 10);
	*id = (uint32_t)number;
	return !*end && !errno && number < UINT32_MAX;
}

static int resolve_one(const char *glob, const char *what, number_fn number, each_fn each,
		       struct ids *ids)
{
	char *at[] = { (char *)glob };
	const struct globs globs = { .at = at, .count = 1 };
	uint32_t id;

	if (is_number(glob, &id))
		return ids__add(ids, id);
	if (glob[glob__literal(glob)])
		return each(&globs, ids);
	if (number(glob, &id) == 0)
		return ids__add(ids, id);
	log_warn("there is no %s '%s' here: it matches nobody until a reload finds one", what,
		 glob);
	return 0;
}

static int resolve(const struct globs *globs, const char *what, number_fn number, each_fn each,
		   struct ids *ids)
{
	int err = 0;

	ids->count = 0;
	for (size_t i = 0; !err && i < globs->count; i++)
		err = resolve_one(globs->at[i], what, number, each, ids);
	return err;
}

int names__resolve(struct match *match)
{
	int err =
		resolve(&match->keys[MATCH_USER], "user", number_of_user, each_user, &match->users);

	return err ? err
		   : resolve(&match->keys[MATCH_GROUP], "group", number_of_group, each_group,
			     &match->groups);
}
