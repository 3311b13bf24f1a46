/* SPDX-License-Identifier: GPL-2.0 */
/*
 * redact.h - command lines without their secrets, as everybody is shown them. Pure.
 *
 * A secret is told by its name ("--password=x", "--password x", "PASSWORD=x", "Authorization: x",
 * "\"password\":\"x\""), by what it looks like itself ("ghp_..."), or by its place in a URL
 * ("scheme://user:x@host"); also in the words of a script that is one argument. In doubt more is
 * hidden rather than less.
 */
#ifndef ORPHAND_REDACT_H
#define ORPHAND_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "model/rules.h"

#define REDACTED "[redacted]"

/* All zero: nothing is hidden. */
struct redactor {
	bool defaults;	     /* the built-in patterns, too */
	struct globs names;  /* caseless */
	struct globs values; /* of a whole word */
};

/* "default", a glob of names, or "=" and a glob of values. 0, -EINVAL (empty), or -ENOMEM. */
int redactor__add(struct redactor *redactor, const char *pattern);
void redactor__free(struct redactor *redactor);

/*
 * Whether there was anything to hide: then out has the arguments, a NUL behind each as before, cut
 * where there is no more room, and *out_len how long they are. args: at most ARGS_LEN.
 */
bool redactor__apply(const struct redactor *redactor, const char *args, size_t len,
		     char out[static ARGS_LEN], size_t *out_len);

#endif
