// SPDX-License-Identifier: GPL-2.0
/* misses_test.c - runs that both instances of a program have missed. */
#include <criterion/criterion.h>

#include "model/misses.h"

TestSuite(misses, .timeout = 30);

static void see(struct misses *misses, uint64_t once, uint64_t again, uint64_t both)
{
	cr_expect_eq(misses__look(misses, (const uint64_t[]){ once, again }), both,
		     "%lu and %lu in all", once, again);
}

Test(misses, of_both_are_counted_once)
{
	struct misses misses = {};

	see(&misses, 0, 0, 0);
	see(&misses, 3, 5, 3);
	see(&misses, 3, 5, 0);
	see(&misses, 4, 6, 1);
}

Test(misses, of_one_are_nobodys)
{
	struct misses misses = {};

	see(&misses, 7, 0, 0);
	see(&misses, 9, 0, 0);
	see(&misses, 9, 0, 0);
	see(&misses, 9, 2, 0);
}

/* A run that both miss, and the one is read before it, the other behind. */
Test(misses, parted_by_a_look_are_of_both)
{
	struct misses misses = {};

	see(&misses, 0, 1, 0);
	see(&misses, 1, 1, 1);
	see(&misses, 2, 1, 0);
	see(&misses, 2, 2, 1);
	see(&misses, 2, 2, 0);
}
