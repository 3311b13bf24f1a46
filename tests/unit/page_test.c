// SPDX-License-Identifier: GPL-2.0
/* page_test.c - the live page's files are whole, name only each other, and keep to their policy. */
#include <criterion/criterion.h>
#include <regex.h>
#include <string.h>

#include "base/own.h"
#include "recorder/page.h"

TestSuite(page, .timeout = 30);

static char *text_of(const char *path)
{
	const struct page_file *page = page__find(path);

	if (!page)
		cr_assert_fail("%s: no such file", path);
	return strndup(page->bytes, (size_t)(page->end - page->bytes));
}

/* How often the pattern is met; every first group, as a path from "/", must be a file. */
static int see_named(const char *path, const char *pattern)
{
	autofree char *text = text_of(path);
	regmatch_t found[2];
	regex_t regex;
	int count = 0;

	cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED), 0);
	for (const char *at = text; regexec(&regex, at, 2, found, 0) == 0; at += found[0].rm_eo) {
		char name[64];

		snprintf(name, sizeof(name), "/%.*s", (int)(found[1].rm_eo - found[1].rm_so),
			 at + found[1].rm_so);
		cr_expect(page__find(name), "%s names %s", path, name);
		count++;
	}
	regfree(&regex);
	return count;
}

Test(page, names_only_files_that_are_there)
{
	cr_expect_eq(see_named("/", "src=\"/([^\"]+)\""), 2);
	cr_expect_eq(see_named("/", "<link [^>]*href=\"/([^\"]+)\""), 2);
	cr_expect_eq(see_named("/page.js", "from \"\\./([^\"]+)\""), 3);
	cr_expect_eq(see_named("/incident.js", "from \"\\./([^\"]+)\""), 1);
}

Test(page, is_what_its_policy_lets_through)
{
	static const char *const refused[] = { "<style",    " style=\"", "<script>",
					       " onclick=", "http://",	 "https://" };
	autofree char *html = text_of("/");

	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		cr_expect_null(strstr(html, refused[i]), "%s", refused[i]);
	cr_expect_null(strstr(PAGE_POLICY, "unsafe"));
	cr_expect_eq(strncmp(html, "<!DOCTYPE html>", 15), 0);
	cr_expect(strstr(html, "</html>"), "it is not whole");
}

Test(page, tells_by_its_etag_which_file_it_is)
{
	char one[PAGE_ETAG_LEN], same[PAGE_ETAG_LEN], other[PAGE_ETAG_LEN];

	page__etag(page__find("/page.js"), one);
	page__etag(page__find("/page.js"), same);
	page__etag(page__find("/text.js"), other);
	cr_expect_str_eq(one, same);
	cr_expect_str_neq(one, other);
	cr_expect_eq(strlen(one), 18);
	cr_expect_eq(one[0], '"');
	cr_expect_eq(one[17], '"');
}

Test(page, is_nothing_else)
{
	cr_expect_null(page__find("/page"));
	cr_expect_null(page__find("/../etc/passwd"));
	cr_expect_null(page__find(""));
}
