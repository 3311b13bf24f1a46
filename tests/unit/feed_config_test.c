// SPDX-License-Identifier: GPL-2.0
/* feed_config_test.c - where the feed listens, and the token it asks for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/own.h"
#include "guard/config.h"

TestSuite(feed_config, .timeout = 30);

#define TOKEN "0123456789abcdef0123"

static char folder[64], path[96], token[96];
static char error[512];
static struct config config;

static void put(const char *file, const char *text, mode_t mode)
{
	autofclose FILE *out = fopen(file, "we");

	cr_assert(out && fputs(text, out) >= 0 && fchmod(fileno(out), mode) == 0);
}

static void set_up(void)
{
	snprintf(folder, sizeof(folder), "/tmp/orphand-feed-config-XXXXXX");
	cr_assert(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/orphand.yaml", folder);
	snprintf(token, sizeof(token), "%s/token", folder);
	put(token, TOKEN "\n", 0600);
}

static void tear_down(void)
{
	unlink(path);
	unlink(token);
	rmdir(folder);
}

/* In the text "@" stands for the token's path. */
static int read_feed(const char *text)
{
	const char *at = strchr(text, '@');
	char yaml[512];

	snprintf(yaml, sizeof(yaml), "feed: { %.*s%s%s }\n", at ? (int)(at - text) : 256, text,
		 at ? token : "", at ? at + 1 : "");
	put(path, yaml, 0644);
	config = config__default();
	*error = '\0';
	return config__read(&config, path, true, error, sizeof(error));
}

static void refuse(const char *text, const char *word)
{
	cr_expect_eq(read_feed(text), -EINVAL, "accepted: %s", text);
	cr_expect_eq(strncmp(error, path, strlen(path)), 0, "no place: %s", error);
	cr_expect(strstr(error, word), "'%s' does not say '%s'", error, word);
}

Test(feed_config, loopback_unless_told, .init = set_up, .fini = tear_down)
{
	cr_expect_str_eq(config__default().feed, "127.0.0.1:9464");
	cr_expect_eq(read_feed(""), 0, "%s", error);
	cr_expect_str_eq(config.feed, "127.0.0.1:9464");
	cr_expect_eq(read_feed("listen: off"), 0, "%s", error);
	cr_expect_str_eq(config.feed, "off");
	cr_expect_eq(read_feed("listen: \"unix:/run/orphand/feed.sock\""), 0, "%s", error);
	cr_expect_eq(read_feed("listen: unix:/run/orphand/feed.sock"), 0, "%s", error);
	cr_expect_str_eq(config.feed, "unix:/run/orphand/feed.sock");
	cr_expect_eq(read_feed("listen: \"[::1]:9464\""), 0, "%s", error);
	cr_expect_str_empty(config.token);
}

Test(feed_config, elsewhere_with_a_token_alone, .init = set_up, .fini = tear_down)
{
	refuse("listen: 0.0.0.0:9464", "token_file");
	refuse("listen: \"[::]:9464\"", "token_file");
	cr_expect_eq(read_feed("listen: 0.0.0.0:9464, token_file: @"), 0, "%s", error);
	cr_expect_str_eq(config.token, TOKEN);
	cr_expect_eq(read_feed("token_file: @, listen: 0.0.0.0:9464"), 0, "%s", error);
	cr_expect_eq(read_feed("token_file: @"), 0, "%s", error);
}

Test(feed_config, what_can_not_be_meant, .init = set_up, .fini = tear_down)
{
	refuse("listen: 9464", "no address");
	refuse("listen: myhost:9464", "no address");
	refuse("listen: [1, 2]", "single value");
	refuse("port: 9464", "port");
	refuse("token_file: /no/such/file", "No such file");
	refuse("token_file: /dev/null", "open to every user");
	put(token, TOKEN "\n", 0644);
	refuse("token_file: @", "chmod 600");
	put(token, "short\n", 0600);
	refuse("token_file: @", "no token");
	put(token, "0123456789 0123456789\n", 0600);
	refuse("token_file: @", "no token");
	put(token, "", 0600);
	refuse("token_file: @", "no token");
}
