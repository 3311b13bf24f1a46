// SPDX-License-Identifier: GPL-2.0
/* image_test.c - what a process runs: counted, and cut where the records end. */
#include <string.h>

#include <criterion/criterion.h>

#include "model/image.h"
#include "model/redact.h"

TestSuite(image, .timeout = 30);

static const char args[] = "sh\0-c\0while :; do :; done"; /* its own NUL is the last one's */

Test(image, keeps_what_it_is_given)
{
	struct image *image =
		image__new(NULL, 1000, 1000, "sh", "/bin/sh", args, sizeof(args), "/jobs.slice/a");

	cr_assert_eq(image->refs, 1);
	cr_assert_eq(image->uid, 1000);
	cr_assert_str_eq(image->comm, "sh");
	cr_assert_str_eq(image->exe, "/bin/sh");
	cr_assert_eq(image->args_len, sizeof(args));
	cr_assert_arr_eq(image->args, args, sizeof(args));
	cr_assert_str_eq(image->cgroup, "/jobs.slice/a");
	image__put(image);
}

Test(image, nothing_is_something_too)
{
	struct image *image = image__new(NULL, 0, 0, "", "", "", 0, "");

	cr_assert_str_empty(image->comm);
	cr_assert_str_empty(image->exe);
	cr_assert_eq(image->args_len, 0);
	cr_assert_eq(*image->args, '\0', "a string all the same");
	cr_assert_str_empty(image->cgroup);
	image__put(image);
}

static char *fill(char *text, size_t size)
{
	memset(text, 'a', size);
	text[size - 1] = '\0';
	return text;
}

/* As long as a field has room for, and then one more. */
static void see_length(size_t more)
{
	char comm[COMM_LEN + 1], exe[PATH_LEN + 1], vector[ARGS_LEN + 2], cgroup[CGROUP_LEN + 1];
	struct control_image row = {};
	struct image *image;

	image = image__new(NULL, 0, 0, fill(comm, COMM_LEN + more), fill(exe, PATH_LEN + more),
			   fill(vector, ARGS_LEN + more), ARGS_LEN + more,
			   fill(cgroup, CGROUP_LEN + more));
	cr_assert_eq(strlen(image->comm), COMM_LEN - 1);
	cr_assert_eq(strlen(image->exe), PATH_LEN - 1);
	cr_assert_eq(image->args_len, ARGS_LEN);
	cr_assert_eq(strlen(image->cgroup), CGROUP_LEN - 1);
	cr_assert_eq(image->args[ARGS_LEN], '\0', "cut or not, it ends");

	image__fill(image, &row);
	cr_assert_eq(strlen(row.comm), COMM_LEN - 1);
	cr_assert_eq(strlen(row.exe), PATH_LEN - 1);
	cr_assert_eq(row.args_len, ARGS_LEN);
	cr_assert_arr_eq(row.args, vector, ARGS_LEN - 1);
	cr_assert_eq(row.args[ARGS_LEN - 1], more ? 'a' : '\0');
	cr_assert_eq(strlen(row.cgroup), CGROUP_LEN - 1);
	image__put(image);
}

Test(image, fields_are_filled_to_their_last_byte)
{
	see_length(0);
}

Test(image, what_is_longer_is_cut)
{
	see_length(1);
}

/* Fields of the kernel's records may come without a NUL. */
Test(image, no_more_is_read_than_is_kept)
{
	char comm[COMM_LEN], exe[PATH_LEN], vector[ARGS_LEN], cgroup[CGROUP_LEN];
	struct image *image;

	memset(comm, 'c', sizeof(comm));
	memset(exe, 'e', sizeof(exe));
	memset(vector, 'v', sizeof(vector));
	memset(cgroup, 'g', sizeof(cgroup));
	image = image__new(NULL, 0, 0, comm, exe, vector, SIZE_MAX, cgroup);
	cr_assert_eq(strlen(image->exe), PATH_LEN - 1);
	cr_assert_eq(image->args_len, ARGS_LEN);
	image__put(image);
}

Test(image, lives_until_the_last_reference_is_put)
{
	struct image *image = image__new(NULL, 7, 7, "sh", "/bin/sh", args, sizeof(args), "/");

	cr_assert_eq(image__ref(image), image);
	cr_assert_eq(image->refs, 2);
	image__put(image);
	cr_assert_eq(image->refs, 1);
	cr_assert_str_eq(image->exe, "/bin/sh");
	image__put(image);
	cr_assert_null(image__ref(NULL));
	image__put(NULL);
}

Test(image, fills_a_row)
{
	struct image *image =
		image__new(NULL, 1000, 1000, "sh", "/bin/sh", args, sizeof(args), "/jobs.slice/a");
	struct control_image row = {};

	image__fill(image, &row);
	cr_assert_eq(row.uid, 1000);
	cr_assert_eq(row.args_len, sizeof(args));
	cr_assert_str_eq(row.comm, "sh");
	cr_assert_str_eq(row.exe, "/bin/sh");
	cr_assert_arr_eq(row.args, args, sizeof(args));
	cr_assert_str_eq(row.cgroup, "/jobs.slice/a");
	image__put(image);
}

Test(image, no_image_leaves_the_row_empty)
{
	struct control_image row = {}, empty = {};

	image__fill(NULL, &row);
	cr_assert_eq(memcmp(&row, &empty, sizeof(row)), 0);
}

/* ---- what is shown of it */

static const char secret[] = "run\0--password=x\0y";
static const char shown[] = "run\0--password=[redacted]\0y";

Test(image, is_shown_redacted_and_matched_as_it_is)
{
	struct redactor redactor = { .defaults = true };
	struct image *image =
		image__new(&redactor, 0, 0, "run", "/run", secret, sizeof(secret), "");
	struct control_image row = {};

	image__fill(image, &row);
	cr_assert_eq(row.args_len, sizeof(shown));
	cr_expect_arr_eq(row.args, shown, sizeof(shown));
	cr_assert_eq(image->args_len, sizeof(secret));
	cr_expect_arr_eq(image->args, secret, sizeof(secret));

	redactor.defaults = false;
	image__redact(image, &redactor);
	row = (struct control_image){};
	image__fill(image, &row);
	cr_assert_eq(row.args_len, sizeof(secret));
	cr_expect_arr_eq(row.args, secret, sizeof(secret));

	cr_assert_eq(redactor__add(&redactor, "=y"), 0);
	image__redact(image, &redactor);
	image__fill(image, &row);
	cr_expect_str_eq(row.args + 17, "[redacted]");
	redactor__free(&redactor);
	image__put(image);
}
