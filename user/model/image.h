/* SPDX-License-Identifier: GPL-2.0 */
/* image.h - what a process runs. Shared, counted: a fork runs what its parent runs. */
#ifndef ORPHAND_IMAGE_H
#define ORPHAND_IMAGE_H

#include <stdbool.h>

#include <orphand/control.h>

/* Whether ORPHAND_SPARE=1 stands in the environment: read where a rule asks for it. */
enum image_cookie { COOKIE_UNKNOWN = 0, COOKIE_NO, COOKIE_YES };

struct redactor;

struct image {
	unsigned refs;
	uint32_t uid;
	uint32_t gid;
	enum image_cookie cookie;
	uint32_t args_len; /* a NUL behind each argument */
	char comm[COMM_LEN];
	const char *exe;
	const char *args; /* as they are: what rules match */
	const char *cgroup;
	char *redacted; /* args as everybody is shown them; NULL: as they are */
	uint32_t redacted_len;
	bool unshown; /* there was no memory to find out: nobody is shown any */
	char text[];  /* the three, in one piece */
};

/* A new image with one reference, NULL without memory. Strings are cut at the lengths that the
 * control records have room for. redactor: what nobody is shown, NULL: all may be. */
struct image *image__new(const struct redactor *redactor, uint32_t uid, uint32_t gid,
			 const char *comm, const char *exe, const char *args, size_t args_len,
			 const char *cgroup);

/* The same of what a map or a record has. */
struct image *image__of_value(const struct redactor *redactor, const struct image_value *value,
			      const char *cgroup);

/* By another one from now on. */
void image__redact(struct image *image, const struct redactor *redactor);

struct image *image__ref(struct image *image);
void image__put(struct image *image);

/* Whether both run the same with the same arguments. */
bool image__same_program(const struct image *one, const struct image *other);

/* Into a record, redacted; image may be NULL. */
void image__fill(const struct image *image, struct control_image *to);

#endif
