// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/image.h"
#include "model/redact.h"

static size_t at_most(size_t n, size_t most)
{
	return n < most ? n : most;
}

struct image *image__new(const struct redactor *redactor, uint32_t uid, uint32_t gid,
			 const char *comm, const char *exe, const char *args, size_t args_len,
			 const char *cgroup)
{
	size_t exe_len = strnlen(exe, PATH_LEN - 1);
	size_t cgroup_len = strnlen(cgroup, CGROUP_LEN - 1);
	struct image *image;
	char *text;

	args_len = at_most(args_len, ARGS_LEN);
	image = calloc(1, sizeof(*image) + exe_len + 1 + args_len + 1 + cgroup_len + 1);
	if (!image)
		return NULL;
	image->refs = 1;
	image->uid = uid;
	image->gid = gid;
	image->args_len = (uint32_t)args_len;
	text__copy(image->comm, sizeof(image->comm), comm);
	text = image->text;
	image->exe = memcpy(text, exe, exe_len);
	text += exe_len + 1;
	image->args = memcpy(text, args, args_len);
	text += args_len + 1;
	image->cgroup = memcpy(text, cgroup, cgroup_len);
	if (redactor)
		image__redact(image, redactor);
	return image;
}

struct image *image__of_value(const struct redactor *redactor, const struct image_value *value,
			      const char *cgroup)
{
	char exe[PATH_LEN];

	text__copy(exe, sizeof(exe), value->exe);
	return image__new(redactor, value->uid, value->gid, value->comm, exe, value->args,
			  value->args_len, cgroup);
}

void image__redact(struct image *image, const struct redactor *redactor)
{
	char shown[ARGS_LEN];
	size_t len;

	free(image->redacted);
	image->redacted = NULL;
	image->unshown = false;
	if (!redactor__apply(redactor, image->args, image->args_len, shown, &len))
		return;
	image->redacted_len = (uint32_t)len;
	image->redacted = malloc(len);
	if (image->redacted)
		memcpy(image->redacted, shown, len);
	else
		image->unshown = true;
}

struct image *image__ref(struct image *image)
{
	if (image)
		image->refs++;
	return image;
}

void image__put(struct image *image)
{
	if (!image || --image->refs)
		return;
	free(image->redacted);
	free(image);
}

bool image__same_program(const struct image *one, const struct image *other)
{
	return strcmp(one->exe, other->exe) == 0 && one->args_len == other->args_len &&
	       memcmp(one->args, other->args, one->args_len) == 0;
}

static void fill_args(const struct image *image, struct control_image *to)
{
	if (image->unshown)
		return;
	to->args_len = image->redacted ? image->redacted_len : image->args_len;
	memcpy(to->args, image->redacted ? image->redacted : image->args, to->args_len);
}

void image__fill(const struct image *image, struct control_image *to)
{
	if (!image)
		return;
	to->uid = image->uid;
	to->gid = image->gid;
	text__copy(to->comm, sizeof(to->comm), image->comm);
	text__copy(to->exe, sizeof(to->exe), image->exe);
	fill_args(image, to);
	text__copy(to->cgroup, sizeof(to->cgroup), image->cgroup);
}
