// SPDX-License-Identifier: GPL-2.0
/* query.c - every parameter of the feed: the first byte chooses it, the rest is its value. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "recorder/request.h"

#define NOW (1795348800 * NS_PER_SEC)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char *const keys[] = { "since", "rule", "outcome", "limit", "before",
					    "type",  "tree", "after",	"other" };
	const size_t count = sizeof(keys) / sizeof(*keys);
	struct query query = {};
	char error[128] = "";
	const char *key;
	char *value;
	int err;

	if (!size)
		return 0;
	key = keys[*bytes % count];
	value = strndup((const char *)bytes + 1, size - 1);
	if (!value)
		return 0;
	err = query__set(&query, ~0U, key, value, NOW, error, sizeof(error));
	if (err && strncmp(error, key, strlen(key)) != 0)
		abort(); /* it is named */
	if (!err && query.limit > LIMIT_MOST)
		abort();
	if (!err && (strnlen(query.rule, sizeof(query.rule)) == sizeof(query.rule) ||
		     strnlen(query.before, sizeof(query.before)) == sizeof(query.before)))
		abort();
	free(value);
	return 0;
}
