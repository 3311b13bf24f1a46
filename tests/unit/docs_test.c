// SPDX-License-Identifier: GPL-2.0
/* docs_test.c - what the manual pages show can be used as it stands. make check runs at the top of
 * the tree, where they are. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "guard/config.h"

TestSuite(docs, .timeout = 30);

static int check_example(const char *yaml, const char *page)
{
	struct config config = config__default();
	char path[] = "/tmp/orphand-docs-XXXXXX", error[512];
	autoclose int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, yaml, strlen(yaml)), (ssize_t)strlen(yaml));
	cr_expect_eq(config__read(&config, path, true, error, sizeof(error)), 0, "%s: %s\n%s", page,
		     error, yaml);
	cr_expect_gt(config.rules.count, 0, "%s", page);
	config__free(&config);
	unlink(path);
	return 1;
}

/* Each literal display that has rules. */
static int check_page(const char *page)
{
	autofclose FILE *file = fopen(page, "re");
	char line[256], yaml[4096] = "";
	bool literal = false;
	int checked = 0;

	cr_assert_not_null(file, "%s", page);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, ".Bd -literal", 12) == 0) {
			literal = true;
			*yaml = '\0';
		} else if (strncmp(line, ".Ed", 3) == 0) {
			literal = false;
			if (strstr(yaml, "watch:"))
				checked += check_example(yaml, page);
		} else if (literal) {
			cr_assert_lt(strlen(yaml) + strlen(line), sizeof(yaml));
			strcat(yaml, line); // NOLINT: it fits
		}
	}
	return checked;
}

Test(docs, examples_of_the_manual_pages_are_good_configs)
{
	cr_expect_eq(check_page("docs/orphand.8"), 5);
	cr_expect_eq(check_page("docs/orphand.yaml.5"), 1);
}
