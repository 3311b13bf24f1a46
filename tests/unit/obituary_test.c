// SPDX-License-Identifier: GPL-2.0
/* obituary_test.c - what is told of a sender, and of all above it. */
#include <criterion/criterion.h>
#include <string.h>

#include "model/filter.h"
#include "model/obituary.h"

TestSuite(obituary, .timeout = 10);

static struct culprit *culprit(uint32_t count)
{
	struct record_sender record = { .head = { .who = { .start = 5, .pid = 100 } },
					.count = count };

	for (uint32_t i = 0; i < ANCESTORS; i++)
		record.above[i] = (struct ancestor){
			.who = { .start = UINT64_MAX, .pid = 4194304 + i },
			.uid = UINT32_MAX,
			.comm = "exactly15 long\n",
		};
	return culprit__new(&record, image__new(NULL, 7, 8, "c", "/bin/c", "c\0-x", 5, "/g"));
}

Test(obituary, every_ancestor_comes_out_as_it_went_in)
{
	struct obituary obituary = { .seq = 1, .culprit = culprit(ANCESTORS) };
	struct control_death_row row = {};
	struct ancestor ancestor;
	const char *at = row.above;
	uint32_t n = 0;

	obituary__fill(&obituary, &row);
	while (above__next(&at, &ancestor)) {
		cr_expect_eq(ancestor.who.pid, 4194304 + n);
		cr_expect_eq(ancestor.who.start, UINT64_MAX);
		cr_expect_eq(ancestor.uid, UINT32_MAX);
		cr_expect_str_eq(ancestor.comm, "exactly15 long?", "no line of its own making");
		n++;
	}
	cr_expect_eq(n, ANCESTORS, "the longest there can be have room");
	cr_expect_eq(row.sender_image.uid, 7);
	cr_expect_str_eq(row.sender_image.exe, "/bin/c");
	cr_expect_eq(row.sender_image.args_len, 5);
	obituary__clear(&obituary);
}

Test(obituary, a_count_that_lies_is_cut)
{
	struct obituary obituary = { .seq = 1, .culprit = culprit(UINT32_MAX) };
	struct control_death_row row = {};

	obituary__fill(&obituary, &row);
	obituary__clear(&obituary);
	cr_expect_eq(obituary.seq, 0);
}

Test(obituary, what_is_no_ancestor_ends_the_list)
{
	static const char *const bad[] = {
		"", "\n", "12", "12 13", "x 1 2 c", "1 2 x c\n1 2 3 c\n"
	};
	struct ancestor ancestor;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *at = bad[i];

		cr_expect_not(above__next(&at, &ancestor), "'%s'", bad[i]);
	}
}

Test(obituary, a_process_is_named_by_pid_path_or_name)
{
	cr_expect(filter__names("", 1, "", ""));
	cr_expect(filter__names("12", 12, "", ""));
	cr_expect_not(filter__names("12", 120, "/bin/x", "x"));
	cr_expect(filter__names("*/x", 1, "/usr/bin/x", "y"));
	cr_expect(filter__names("y", 1, "/usr/bin/x", "y"));
	cr_expect_not(filter__names("x", 1, "/usr/bin/x", "y"), "the whole path");
	cr_expect(filter__matches("", "/a/b"));
	cr_expect(filter__matches("/a*", "/a/b"));
	cr_expect_not(filter__matches("/b*", "/a/b"));
	cr_expect_eq(filter__outcome("stuck"), INCIDENT_STUCK);
	cr_expect_eq(filter__outcome("dead"), -1);
}
