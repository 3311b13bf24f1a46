// SPDX-License-Identifier: GPL-2.0
/* config_test.c - what the file may say, and what is answered to one that says something else. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "guard/config.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* The file lives in memory: nothing is left behind, whatever becomes of the test. */
static char path[64];
static int file = -1;
static char error[512];

/* The one that was read last: its rules have to go with it. */
static struct config last;

static void name_file(int fd)
{
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
}

static void set_up(void)
{
	file = memfd_create("orphand.yaml", MFD_CLOEXEC);
	name_file(file);
}

static void tear_down(void)
{
	config__free(&last);
	close(file);
}

TestSuite(config, .timeout = 30, .init = set_up, .fini = tear_down);

static void write_bytes(const void *bytes, size_t size)
{
	if (ftruncate(file, 0) || pwrite(file, bytes, size, 0) != (ssize_t)size)
		abort();
}

static int read_bytes(struct config *config, const void *bytes, size_t size)
{
	int err;

	write_bytes(bytes, size);
	memset(error, '?', sizeof(error));
	*error = '\0';
	config__free(&last);
	last = config__default();
	err = config__read(&last, path, true, error, sizeof(error));
	*config = last;
	return err;
}

static int read_text(struct config *config, const char *text)
{
	return read_bytes(config, text, strlen(text));
}

static struct config accept(const char *text)
{
	struct config config;

	cr_expect_eq(read_text(&config, text), 0, "%s: %s", text, error);
	return config;
}

static bool is_printable_line(const char *text)
{
	for (; *text; text++) {
		if (iscntrl((unsigned char)*text))
			return false;
	}
	return true;
}

/* What stands behind "path:" in the complaint, which is one line. */
static const char *complaint(const char *what)
{
	size_t len = strlen(path);

	cr_expect(strnlen(error, sizeof(error)) < sizeof(error), "%s", what);
	cr_expect(is_printable_line(error), "%s: '%s'", what, error);
	if (strncmp(error, path, len) != 0 || error[len] != ':') {
		cr_expect_fail("%s: '%s' does not begin with the file's path", what, error);
		return "";
	}
	return error + len + 1;
}

/* "3:14: ", and false when it stands somewhere else. */
static bool read_place(const char *text, unsigned long *line, unsigned long *column)
{
	char *end;

	*line = strtoul(text, &end, 10);
	if (end == text || *end != ':')
		return false;
	text = end + 1;
	*column = strtoul(text, &end, 10);
	return end != text && strncmp(end, ": ", 2) == 0;
}

static void refuse_at(const char *text, unsigned long line, unsigned long column, const char *word)
{
	unsigned long at_line = 0, at_column = 0;
	struct config config;
	const char *place;

	cr_expect_eq(read_text(&config, text), -EINVAL, "accepted: %s", text);
	place = complaint(text);
	cr_expect(read_place(place, &at_line, &at_column), "%s", error);
	cr_expect_eq(at_line, line, "%s: '%s'", text, error);
	cr_expect_eq(at_column, column, "%s: '%s'", text, error);
	cr_expect(strstr(place, word), "%s: '%s' does not say '%s'", text, error, word);
}

/* Refused with some place: where exactly is the parser's affair. */
static void refuse_bytes(const char *what, const void *bytes, size_t size)
{
	struct config config;
	unsigned long line, column;

	cr_expect_eq(read_bytes(&config, bytes, size), -EINVAL, "accepted: %s", what);
	cr_expect(read_place(complaint(what), &line, &column), "%s: '%s'", what, error);
}

static void refuse(const char *text)
{
	refuse_bytes(text, text, strlen(text));
}

static void see_defaults(const char *text)
{
	struct config config = accept(text), defaults = config__default();

	cr_expect_str_eq(config.runtime_dir, defaults.runtime_dir);
	cr_expect_str_eq(config.pin_dir, defaults.pin_dir);
	cr_expect_eq(config.processes, defaults.processes);
	cr_expect_eq(config.ring, defaults.ring);
}

/* ---- what is accepted */

Test(config, defaults_are_the_contracts)
{
	struct config config = config__default();

	cr_expect_str_eq(config.runtime_dir, "/run/orphand");
	cr_expect_str_eq(config.state_dir, "/var/lib/orphand");
	cr_expect_str_eq(config.pin_dir, "/sys/fs/bpf/orphand");
	cr_expect_eq(config.observe, false);
	cr_expect_eq(config.reflex, true);
	cr_expect_eq(config.processes, 262144);
	cr_expect_eq(config.trees, 65536);
	cr_expect_eq(config.ring, 8 << 20);
}

Test(config, every_key_has_its_place)
{
	struct config config = accept("daemon:\n"
				      "  runtime_dir: /r\n"
				      "  state_dir: /s\n"
				      "  pin_dir: /sys/fs/bpf/p\n"
				      "  observe: true\n"
				      "limits:\n"
				      "  processes: 1000\n"
				      "  trees: 10\n"
				      "  ring: 64K\n"
				      "  stuck: 3s\n");

	cr_expect_str_eq(config.runtime_dir, "/r");
	cr_expect_str_eq(config.state_dir, "/s");
	cr_expect_str_eq(config.pin_dir, "/sys/fs/bpf/p");
	cr_expect_eq(config.observe, true);
	cr_expect_eq(config.processes, 1000);
	cr_expect_eq(config.trees, 10);
	cr_expect_eq(config.ring, 65536);
	cr_expect_eq(config.stuck, 3 * NS_PER_SEC);
}

/* As the contract has it, braces and comments and all. */
Test(config, the_contracts_lines_are_read)
{
	struct config config =
		accept("daemon:   { runtime_dir: /run/orphand, state_dir: /var/lib/orphand, "
		       "pin_dir: /sys/fs/bpf/orphand, observe: false }   # where\n"
		       "limits:   { processes: 262144, trees: 65536, ring: 8M }\n");

	cr_expect_eq(config.ring, 8 << 20);
	cr_expect_eq(config.trees, 65536);
}

Test(config, the_order_is_free_and_sections_may_be_missing)
{
	struct config config = accept("limits: { trees: 5 }\ndaemon: { observe: yes }\n");

	cr_expect_eq(config.trees, 5);
	cr_expect_eq(config.observe, true);
	cr_expect_eq(accept("limits: { trees: 5 }").processes, config__default().processes);
	see_defaults("daemon: {}\nlimits: {}\n");
}

Test(config, an_empty_file_is_the_defaults)
{
	static const char *const empty[] = { "",      "\n", "   \n\n",	    "# nothing\n",
					     "---\n", "{}", "\xef\xbb\xbf", "---\n...\n" };

	for (size_t i = 0; i < COUNT(empty); i++)
		see_defaults(empty[i]);
}

Test(config, booleans_have_two_words_each)
{
	cr_expect_eq(accept("daemon: { observe: true }").observe, true);
	cr_expect_eq(accept("daemon: { observe: yes }").observe, true);
	cr_expect_eq(accept("daemon: { observe: 'true' }").observe, true);
	cr_expect_eq(accept("daemon: { observe: false }").observe, false);
	cr_expect_eq(accept("daemon: { observe: no }").observe, false);
}

Test(config, numbers_may_have_a_unit)
{
	cr_expect_eq(accept("limits: { ring: 4096 }").ring, 4096);
	cr_expect_eq(accept("limits: { ring: 4K }").ring, 4096);
	cr_expect_eq(accept("limits: { ring: 1G }").ring, 1 << 30);
	cr_expect_eq(accept("limits: { processes: 256K }").processes, 262144);
	cr_expect_eq(accept("limits: { processes: 4M }").processes, 4194304);
	cr_expect_eq(accept("limits: { trees: 1 }").trees, 1);
}

Test(config, limits_are_inclusive)
{
	cr_expect_eq(accept("limits: { processes: 16 }").processes, 16);
	cr_expect_eq(accept("limits: { processes: 4194304 }").processes, 4194304);
	cr_expect_eq(accept("limits: { trees: 1048576 }").trees, 1048576);
	cr_expect_eq(accept("limits: { stuck: 1s }").stuck, NS_PER_SEC);
	cr_expect_eq(accept("limits: { stuck: 1h }").stuck, 3600 * NS_PER_SEC);
}

static char *path_of(char *text, size_t len)
{
	memset(text, 'a', len);
	text[0] = '/';
	text[len] = '\0';
	return text;
}

/* The socket's address has room for 107 characters. */
Test(config, paths_are_as_long_as_a_socket_allows)
{
	char name[200], text[300];

	snprintf(text, sizeof(text), "daemon: { runtime_dir: %s }",
		 path_of(name, CONFIG_PATH_LEN - 20));
	cr_expect_str_eq(accept(text).runtime_dir, name);
	snprintf(text, sizeof(text), "daemon: { runtime_dir: %s }",
		 path_of(name, CONFIG_PATH_LEN - 19));
	refuse_at(text, 1, 24, "longer than");
}

Test(config, a_value_may_come_by_an_alias)
{
	struct config config = accept("daemon: { runtime_dir: &dir /r, state_dir: *dir }");

	cr_expect_str_eq(config.state_dir, "/r");
}

/* ---- keys that are none */

Test(config, an_unknown_key_is_named_with_its_place)
{
	refuse_at("brakes: {}\n", 1, 1, "'brakes'");
	refuse_at("daemon:\n  observe: true\n  color: red\n", 3, 3, "'color' in daemon");
	refuse_at("limits: { trees: 5, bushes: 2 }\n", 1, 21, "'bushes' in limits");
	refuse_at("\n\n# there\ndaemon: { pin: /x }\n", 4, 11, "'pin'");
	refuse_at("runtime_dir: /x\n", 1, 1, "'runtime_dir'");
	refuse_at("daemon: { trees: 5 }\n", 1, 11, "'trees' in daemon");
	refuse_at("daemon: { ? 'a b' : c }\n", 1, 13, "'a b'");
	refuse_at("daemon: { '': c }\n", 1, 11, "''");
}

/* Characters are counted, not bytes: an editor goes to the place. */
Test(config, columns_count_characters)
{
	refuse_at("daemon: { \"\u00e4\u00f6\u00fc\u20ac\": 1, x: 1 }\n", 1, 11, "\u20ac");
	refuse_at("limits: { trees: 1 , # \u00e4\u00f6\n \"a\\u00e4\": 1 }\n", 2, 2, "unknown");
}

Test(config, a_near_key_is_suggested)
{
	static const struct {
		const char *text, *word;
	} near[] = {
		{ "deamon: {}", "did you mean 'daemon'?" },
		{ "Daemon: {}", "did you mean 'daemon'?" },
		{ "limit: {}", "did you mean 'limits'?" },
		{ "daemon: { observer: true }", "did you mean 'observe'?" },
		{ "daemon: { obsrve: true }", "did you mean 'observe'?" },
		{ "daemon: { runtime-dir: /x }", "did you mean 'runtime_dir'?" },
		{ "daemon: { pindir: /x }", "did you mean 'pin_dir'?" },
		{ "limits: { proceses: 5 }", "did you mean 'processes'?" },
		{ "limits: { rings: 5 }", "did you mean 'ring'?" },
		{ "limits: { tree: 5 }", "did you mean 'trees'?" },
	};

	for (size_t i = 0; i < COUNT(near); i++) {
		struct config config;

		cr_expect_eq(read_text(&config, near[i].text), -EINVAL, "%s", near[i].text);
		cr_expect(strstr(complaint(near[i].text), near[i].word), "%s: '%s'", near[i].text,
			  error);
	}
}

Test(config, nothing_is_suggested_for_what_is_far)
{
	static const char *const far[] = {
		"colour: {}",
		"daemon: { trees: 5 }",
		"limits: { observe: true }",
		"x: 1",
		"daemon: { aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 1 }",
	};

	for (size_t i = 0; i < COUNT(far); i++) {
		struct config config;

		cr_expect_eq(read_text(&config, far[i]), -EINVAL, "%s", far[i]);
		cr_expect_null(strstr(complaint(far[i]), "did you mean"), "%s: '%s'", far[i],
			       error);
	}
}

Test(config, a_key_stands_once)
{
	refuse_at("daemon: { observe: true, observe: true }", 1, 26, "'observe'");
	refuse_at("limits:\n  trees: 1\n  ring: 4K\n  trees: 2\n", 4, 3, "'trees'");
	refuse_at("daemon: {}\nlimits: {}\ndaemon: {}\n", 3, 1, "'daemon'");
}

/* ---- values that mean nothing */

Test(config, bad_values_are_named_with_their_place)
{
	static const struct {
		const char *text;
		unsigned column;
		const char *word;
	} bad[] = {
		{ "daemon: { runtime_dir: run }", 24, "'run'" },
		{ "daemon: { runtime_dir: }", 24, "''" },
		{ "daemon: { state_dir: ./x }", 22, "'./x'" },
		{ "daemon: { pin_dir: ~ }", 20, "'~'" },
		{ "daemon: { observe: maybe }", 20, "'maybe'" },
		{ "daemon: { reflex: maybe }", 19, "reflex is on or off, not 'maybe'" },
		{ "daemon: { reflex: true }", 19, "reflex is on or off, not 'true'" },
		{ "daemon: { observe: 1 }", 20, "'1'" },
		{ "daemon: { observe: TRUE }", 20, "'TRUE'" },
		{ "daemon: { observe: }", 20, "''" },
		{ "limits: { processes: many }", 22, "'many'" },
		{ "limits: { processes: 15 }", 22, "processes is from 16 to 4194304" },
		{ "limits: { processes: 0 }", 22, "processes is from 16" },
		{ "limits: { processes: 4194305 }", 22, "4194304" },
		{ "limits: { processes: -1 }", 22, "'-1'" },
		{ "limits: { processes: +99 }", 22, "'+99'" },
		{ "limits: { processes: ' 99' }", 22, "' 99'" },
		{ "limits: { processes: '99 ' }", 22, "'99 '" },
		{ "limits: { processes: 1e3 }", 22, "'1e3'" },
		{ "limits: { processes: 99.5 }", 22, "'99.5'" },
		{ "limits: { processes: 0x100 }", 22, "'0x100'" },
		{ "limits: { processes: 1_000 }", 22, "'1_000'" },
		{ "limits: { processes: 64k }", 22, "'64k'" },
		{ "limits: { processes: 64KB }", 22, "'64KB'" },
		{ "limits: { processes: 64T }", 22, "'64T'" },
		{ "limits: { processes: K }", 22, "'K'" },
		{ "limits: { processes: }", 22, "''" },
		{ "limits: { processes: 18446744073709551616 }", 22, "'18446744073709551616'" },
		{ "limits: { processes: 18446744073709551615 }", 22, "" },
		{ "limits: { processes: 18014398509481985K }", 22, "" }, /* wraps to 1K */
		{ "limits: { processes: 17592186044417M }", 22, "" },	 /* wraps to 1M */
		{ "limits: { processes: 17179869185G }", 22, "" },	 /* wraps to 1G */
		{ "limits: { processes: 4294967312 }", 22, "" },	 /* 16 in 32 bits */
		{ "limits: { trees: 0 }", 18, "trees is from 1" },
		{ "limits: { trees: 1048577 }", 18, "1048576" },
		{ "limits: { ring: 5000 }", 17, "power of 2" },
		{ "limits: { ring: 2K }", 17, "ring is from 4096" },
		{ "limits: { ring: 2G }", 17, "ring is from" },
		{ "limits: { ring: 0 }", 17, "ring is from" },
		{ "limits: { stuck: soon }", 18, "'soon'" },
		{ "limits: { stuck: 10 }", 18, "'10'" },
		{ "limits: { stuck: 999ms }", 18, "stuck is from 1s to 3600s" },
		{ "limits: { stuck: 0 }", 18, "stuck is from" },
		{ "limits: { stuck: 3601s }", 18, "stuck is from" },
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		refuse_at(bad[i].text, 1, bad[i].column, bad[i].word);
}

Test(config, values_have_their_shape)
{
	refuse_at("daemon: { observe: [true] }", 1, 20, "observe takes a single value");
	refuse_at("daemon: { runtime_dir: { a: b } }", 1, 24, "runtime_dir takes a single value");
	refuse_at("limits:\n  trees:\n    - 5\n", 3, 5, "trees takes a single value");
	refuse_at("daemon: 5", 1, 9, "daemon");
	refuse_at("daemon: [observe]", 1, 9, "daemon");
	refuse_at("daemon: on\n", 1, 9, "daemon");
	refuse_at("? [daemon]\n: 5\n", 1, 3, "key");
	refuse_at("? { daemon: 1 }\n: 5\n", 1, 3, "key");
	refuse_at("daemon: { ? [observe] : true }", 1, 13, "key");
}

Test(config, the_file_is_a_mapping)
{
	refuse_at("observe", 1, 1, "'daemon:'");
	refuse_at("- daemon\n- limits\n", 1, 1, "'daemon:'");
	refuse_at("[]", 1, 1, "'daemon:'");
	refuse_at("5", 1, 1, "'daemon:'");
	refuse_at("\n\n   'daemon: {}'\n", 3, 4, "'daemon:'");
}

/* A second document would be as good as not written. */
Test(config, the_file_is_one_document)
{
	refuse_at("daemon: {}\n---\nlimits: { trees: 5 }\n", 2, 1, "document");
	refuse("daemon: {}\n...\nlimits: { trees: ]\n");
	see_defaults("---\ndaemon: {}\n...\n");
}

/* ---- rules */

#define RULE(rest) "watch: [ { name: r, match: { exe: /bin/sh }" rest " } ]"

static struct rule *const *accept_rules(const char *text, size_t count)
{
	struct config config = accept(text);

	cr_assert_eq(config.rules.count, count, "%s", text);
	cr_assert_not_null(config.rules.at);
	return config.rules.at;
}

static void refuse_word(const char *text, const char *word)
{
	refuse(text);
	cr_expect(strstr(error, word), "%s: '%s' does not say '%s'", text, error, word);
}

Test(config, a_rule_has_the_defaults_of_run)
{
	const struct rule *rule = accept_rules(RULE(""), 1)[0];

	cr_expect_str_eq(rule->name, "r");
	cr_expect_eq(rule->policy.on, 1 << CAUSE_KILL);
	cr_expect_eq(rule->policy.signal, SIGKILL);
	cr_expect_eq(rule->policy.grace, 0);
	cr_expect_eq(rule->policy.flags, 0);
	cr_assert_eq(rule->match.keys[MATCH_EXE].count, 1);
	cr_expect_str_eq(rule->match.keys[MATCH_EXE].at[0], "/bin/sh");
	cr_expect_eq(rule->match.keys[MATCH_ARGS].count, 0);
}

Test(config, every_key_of_a_rule_has_its_place)
{
	struct rule *const *rule =
		accept_rules("watch:\n"
			     "  - name: first\n"
			     "    match: { exe: [\"/usr/bin/python3*\"], args: [\"*a*\", b] }\n"
			     "    on:    [kill, error]\n"
			     "    scope: any\n"
			     "    signal: TERM\n"
			     "    grace: 7s\n"
			     "  - { name: second, match: { args: x }, on: exit, signal: INT }\n",
			     2);

	cr_expect_str_eq(rule[0]->name, "first");
	cr_expect_str_eq(rule[0]->match.keys[MATCH_EXE].at[0], "/usr/bin/python3*");
	cr_assert_eq(rule[0]->match.keys[MATCH_ARGS].count, 2);
	cr_expect_str_eq(rule[0]->match.keys[MATCH_ARGS].at[1], "b");
	cr_expect_eq(rule[0]->policy.on, 1 << CAUSE_KILL | 1 << CAUSE_ERROR);
	cr_expect_eq(rule[0]->policy.flags, TREE_ANY);
	cr_expect_eq(rule[0]->policy.signal, SIGTERM);
	cr_expect_eq(rule[0]->policy.grace, 7 * NS_PER_SEC);
	cr_expect_str_eq(rule[1]->name, "second");
	cr_expect_eq(rule[1]->policy.on, 1 << CAUSE_EXIT);
	cr_expect_eq(rule[1]->policy.signal, SIGINT);
	cr_expect_eq(rule[1]->policy.grace, 5 * NS_PER_SEC,
		     "nobody said how long: time to heed it");
}

Test(config, a_hundred_rules)
{
	static char text[16384];
	struct config config;
	int n = sprintf(text, "watch:\n");

	for (int i = 0; i < 100; i++)
		n += sprintf(text + n, "  - { name: r%d, match: { exe: /bin/%d } }\n", i, i);
	config = accept(text);
	cr_assert_eq(config.rules.count, 100);
	cr_assert_str_eq(config.rules.at[99]->name, "r99");
	cr_assert_eq(accept("watch: []").rules.count, 0);
}

Test(config, bad_rules_are_named_with_their_place)
{
	refuse_at("watch: 5", 1, 8, "watch");
	refuse_at("watch: { name: r }", 1, 8, "watch");
	refuse_at("watch: [ 5 ]", 1, 10, "rule");
	refuse_at("watch:\n  - match: { exe: x }\n", 2, 5, "name");
	refuse_at("watch:\n  - name: r\n", 2, 5, "'r' has no match");
	refuse_at("watch: [ { name: r, match: {} } ]", 1, 10, "'r' has no match");
	refuse_at("watch:\n- { name: r, match: { exe: x } }\n- { name: r, match: { exe: y } }\n", 3,
		  3, "'r'");
	refuse_at("watch: [ { name: r, mtch: { exe: x } } ]", 1, 21, "did you mean 'match'?");
	refuse_at("watch: [ { name: r, match: { exee: x } } ]", 1, 30, "did you mean 'exe'?");
	refuse_at("watch: [ { name: r, match: [ exe ] } ]", 1, 28, "match");
	refuse_at("watch: [ { name: r, match: { exe: [] } } ]", 1, 35, "exe");
	refuse_at("watch: [ { name: r, match: { exe: { a: b } } } ]", 1, 35, "exe");
	refuse_at("watch: [ { name: r, match: { exe: [ [a] ] } } ]", 1, 37, "exe");
	refuse_at("watch: [ { name: r, name: s } ]", 1, 21, "'name'");
	refuse_at("watch: [ { name: '', match: { exe: x } } ]", 1, 18, "name");
	refuse_at("watch: [ { name: [r] } ]", 1, 18, "name");
	refuse_at("daemon: {}\nwatch: []\nwatch: []\n", 3, 1, "'watch'");
}

Test(config, bad_words_in_a_rule_are_named)
{
	refuse_word(RULE(", on: never"), "'never'");
	refuse_word(RULE(", on: [kill, never]"), "'never'");
	refuse_word(RULE(", on: []"), "on");
	refuse_word(RULE(", on: ''"), "''");
	refuse_word(RULE(", on: { kill: error }"), "on");
	refuse_word(RULE(", scope: all"), "scope");
	refuse_word(RULE(", signal: NOPE"), "'NOPE'");
	refuse_word(RULE(", signal: 0"), "'0'");
	refuse_word(RULE(", signal: [TERM]"), "signal");
	refuse_word(RULE(", grace: soon"), "'soon'");
	refuse_word(RULE(", grace: 5"), "'5'");
	refuse_word(RULE(", colour: red"), "'colour'");
}

/* It stands in logs, lists and metrics. */
Test(config, a_rules_name_is_short_and_printable)
{
	char text[256], name[80];

	snprintf(text, sizeof(text), "watch: [ { name: %s, match: { exe: x } } ]",
		 path_of(name, 63));
	cr_expect_str_eq(accept(text).rules.at[0]->name, name);
	snprintf(text, sizeof(text), "watch: [ { name: %s, match: { exe: x } } ]",
		 path_of(name, 64));
	refuse_word(text, "63");
	refuse("watch: [ { name: \"a\\nb\", match: { exe: x } } ]");
	refuse("watch: [ { name: \"a\\e[31m\", match: { exe: x } } ]");
	refuse("watch: [ { name: \"a\\0b\", match: { exe: x } } ]");
	refuse("watch: [ { name: r, match: { exe: \"/bin/sh\\0x\" } } ]");
	refuse("watch: [ { name: r, match: { exe: x }, on: \"kill\\0x\" } ]");
}

/* ---- one line, whatever the file says */

Test(config, control_characters_do_not_get_into_the_complaint)
{
	static const char *const sly[] = {
		"daemon: { observe: \"a\\nb\" }",
		"daemon: { runtime_dir: \"a\\nb\" }",
		"limits: { trees: \"1\\n2\" }",
		"limits: { stuck: \"1\\r2\" }",
		"daemon: { \"a\\nb\": 1 }",
		"\"a\\nb\": 1",
		"daemon: { observe: \"\\e[31mred\" }",
		"daemon: { observe: \"bell\\a\" }",
		"daemon: { observe: \"del\\x7f\" }",
		"daemon:\n  observe: |\n    true\n    false\n",
		"\"a\\nb\": {}\n\"a\\nb\": {}\n",
	};

	for (size_t i = 0; i < COUNT(sly); i++)
		refuse(sly[i]);
}

/* What stands behind a NUL would be as good as not written. */
Test(config, a_nul_ends_nothing)
{
	refuse("daemon: { runtime_dir: \"/a\\0b\" }");
	refuse("daemon: { observe: \"true\\0\" }");
	refuse("daemon: { \"observe\\0x\": true }");
	refuse("\"daemon\\0\": {}");
	refuse("limits: { trees: \"5\\0\" }");
}

Test(config, a_path_is_printable)
{
	refuse("daemon: { runtime_dir: \"/run/a\\nb\" }");
	refuse("daemon: { pin_dir: \"/sys/fs/bpf/\\e[31m\" }");
}

Test(config, a_long_word_is_cut)
{
	static const char *const forms[] = { "daemon: { ",
					     "daemon: { observe: ", "limits: { stuck: " };
	char text[1200];

	for (size_t i = 0; i < COUNT(forms); i++) {
		for (size_t len = 50; len < 1000; len += 59) {
			char word[1000];

			snprintf(text, sizeof(text), "%s%s%s", forms[i], path_of(word, len),
				 i ? " }" : ": 1 }");
			refuse(text);
		}
	}
}

Test(config, a_small_room_for_the_complaint_is_kept_to)
{
	struct config config = config__default();
	char room[128];

	write_bytes("daemon: { observe: maybe }", 26);
	for (size_t size = 1; size < sizeof(room) - 1; size++) {
		memset(room, 'x', sizeof(room));
		cr_expect_eq(config__read(&config, path, true, room, size), -EINVAL);
		cr_expect_lt(strnlen(room, sizeof(room)), size);
		cr_expect_eq(room[size], 'x');
	}
}

/* ---- what is no YAML */

Test(config, broken_yaml_is_told_with_its_place)
{
	static const char *const broken[] = {
		"daemon: {",
		"daemon: [",
		"daemon: \"",
		"daemon: '",
		"}",
		"]",
		":\n -",
		"daemon:\n\tobserve: true\n",
		"a: b: c",
		"*nobody",
		"daemon: *nobody\n",
		"&",
		"!<",
		"%YAML 9",
		"@",
		"`",
		"daemon: \"\\q\"",
		"a: 1\n b: 2\n",
		"- a\nb: c\n",
		"? a\n? - b\n c",
		"%",
		"\"\\uD800\": 1",
	};

	for (size_t i = 0; i < COUNT(broken); i++)
		refuse(broken[i]);
}

Test(config, binary_garbage_is_refused)
{
	unsigned char bytes[4096];
	uint32_t seed = 1;

	for (unsigned round = 0; round < 200; round++) {
		struct config config;
		size_t size = 1 + round * 20;

		for (size_t i = 0; i < size; i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[i] = (unsigned char)(seed >> 24);
		}
		/* one that happens to be empty but for a comment is fine */
		if (read_bytes(&config, bytes, size))
			complaint("garbage");
	}
	refuse_bytes("NULs", "\0\0\0\0", 4);
	refuse_bytes("ELF",
		     "\x7f"
		     "ELF\2\1\1\0\0\0",
		     10);
	refuse_bytes("UTF-16 cut in the middle",
		     "\xff\xfe"
		     "d\0a",
		     5);
	refuse_bytes("no UTF-8", "daemon: \xff\xff", 10);
	refuse_bytes("a lonely continuation", "\x80: 1", 4);
}

/* Every byte of a good file changed into every kind of bad one: accepted or complained about,
 * never worse. */
Test(config, one_wrong_byte_does_no_harm)
{
	static const char good[] = "daemon:\n  runtime_dir: \"/r\"\n  observe: no\n"
				   "watch: [{ name: r, match: { exe: [a, b] }, on: [kill, oom] }]\n"
				   "limits: { trees: 7, ring: 64K, stuck: 3s }\n";
	static const char wrong[] = "\0\n\t\"'{}[]:,&*!|>%@#-?\\\x80\xff";

	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		for (size_t j = 0; j < sizeof(wrong); j++) {
			char bytes[sizeof(good)];
			struct config config;

			memcpy(bytes, good, sizeof(good));
			bytes[i] = wrong[j];
			if (read_bytes(&config, bytes, sizeof(good) - 1))
				complaint(bytes);
		}
	}
}

/* ---- bombs */

static void refuse_repeated(const char *what, const char *piece, size_t times)
{
	size_t len = strlen(piece);
	char *bytes = malloc(len * times);

	for (size_t i = 0; i < len * times; i++)
		bytes[i] = piece[i % len];
	refuse_bytes(what, bytes, len * times);
	free(bytes);
}

Test(config, deep_nesting_is_refused)
{
	refuse_repeated("100000 lists", "[", 100000);
	refuse_repeated("100000 mappings", "{a: ", 100000);
	refuse_repeated("100000 items", "- ", 100000);
	refuse_repeated("100000 keys", "? ", 100000);
	refuse_repeated("100000 lists as keys", "? [", 100000);
}

Test(config, many_keys_are_refused)
{
	refuse_repeated("100000 keys", "a: 1\n", 100000);
	refuse_repeated("anchors", "&a ", 100000);
}

Test(config, an_alias_bomb_is_refused)
{
	char text[4096];
	int n = sprintf(text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");

	for (int i = 1; i < 30; i++) {
		n += sprintf(text + n, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			n += sprintf(text + n, "%s*a%d", j ? ", " : "", i - 1);
		n += sprintf(text + n, "]\n");
	}
	refuse(text);
}

Test(config, an_alias_to_itself_is_refused)
{
	refuse("&a daemon: *a\n");
	refuse("daemon: &a { observe: *a }\n");
	refuse("&a { daemon: *a }\n");
	refuse("&a [ *a ]\n");
}

/* ---- files that are none */

static void see_unread(const char *name, int err, const char *word)
{
	struct config config = config__default();

	snprintf(path, sizeof(path), "%s", name);
	cr_expect_eq(config__read(&config, path, true, error, sizeof(error)), err, "%s", name);
	cr_expect(strstr(complaint(name), word), "%s", error);
}

Test(config, what_is_no_plain_file_is_told)
{
	see_unread("/nonexistent/orphand.yaml", -ENOENT, "No such file");
	see_unread("", -ENOENT, "No such file");
	see_unread("/dev/null/x", -ENOTDIR, "Not a directory");
	see_unread("/", -EINVAL, "not a plain file");
	see_unread("/proc/self", -EINVAL, "not a plain file");
	see_unread("/dev/null", -EINVAL, "not a plain file");
	see_unread("/dev/zero", -EINVAL, "not a plain file");
}

/* Nobody writes to it: whoever reads it waits for ever. */
Test(config, a_fifo_is_not_waited_for, .timeout = 10)
{
	struct config config = config__default();
	int ends[2];

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	name_file(ends[0]);
	cr_assert_eq(config__read(&config, path, true, error, sizeof(error)), -EINVAL);
	cr_assert(strstr(complaint("fifo"), "not a plain file"), "%s", error);
}

Test(config, two_megabytes_are_hardly_a_config)
{
	enum { SIZE = 2 << 20 };
	struct config config;
	char *bytes = malloc(SIZE);

	memset(bytes, '#', SIZE);
	cr_expect_eq(read_bytes(&config, bytes, SIZE), -EINVAL);
	cr_expect(strstr(complaint("2 MB"), "larger than 1 MiB"), "%s", error);
	cr_expect_eq(read_bytes(&config, bytes, SIZE / 2), 0, "%s", error);
	cr_expect_eq(read_bytes(&config, bytes, SIZE / 2 + 1), -EINVAL);
	free(bytes);
}

/* Something in /proc says that it has no size, and then has one. */
Test(config, what_grows_while_it_is_read_is_read_to_its_end)
{
	struct config config = config__default();

	cr_expect_eq(config__read(&config, "/proc/self/status", true, error, sizeof(error)),
		     -EINVAL);
	cr_expect(is_printable_line(error));
}

/* ---- what else a rule may say */

Test(config, a_match_has_eight_keys)
{
	const struct rule *rule = accept_rules(
		"watch:\n"
		"  - name: r\n"
		"    match: { exe: a, args: b, comm: c, user: [root, '12'], group: '*', cgroup: /d,\n"
		"             container: '*', parent: { exe: e, user: '34' } }\n"
		"    limit: 7\n",
		1)[0];
	static const char *const globs[] = { "a", "b", "c", "root", "*", "/d", "*" };

	for (int key = 0; key < MATCH_KEYS; key++)
		cr_expect_str_eq(rule->match.keys[key].at[0], globs[key]);
	cr_assert_eq(rule->match.users.count, 2);
	cr_expect_eq(rule->match.users.at[0], 0, "root's number");
	cr_expect_eq(rule->match.users.at[1], 12);
	cr_expect_gt(rule->match.groups.count, 1, "every group that there is");
	cr_assert_not_null(rule->match.parent);
	cr_expect_str_eq(rule->match.parent->keys[MATCH_EXE].at[0], "e");
	cr_expect_eq(rule->match.parent->users.at[0], 34);
	cr_expect_eq(rule->limit, 7);
}

Test(config, the_reflex_is_on_until_somebody_turns_it_off)
{
	cr_expect_eq(accept("daemon: { reflex: on }").reflex, true);
	cr_expect_eq(accept("daemon: { reflex: off }").reflex, false);
	cr_expect_eq(accept_rules(RULE(""), 1)[0]->reflex, true);
	cr_expect_eq(accept_rules(RULE(", reflex: on"), 1)[0]->reflex, true);
	cr_expect_eq(accept_rules(RULE(", reflex: off"), 1)[0]->reflex, false);
}

Test(config, a_user_that_nobody_is_matches_nobody)
{
	const struct rule *rule =
		accept_rules("watch: [ { name: r, match: { user: no-such-user-here } } ]", 1)[0];

	cr_expect_eq(rule->match.users.count, 0);
}

Test(config, a_spare_list_has_words_and_matches)
{
	const struct rule *rule =
		accept_rules(RULE(", spare: [ { exe: '*/tmux', user: root }, detached, { comm: x "
				  "}, unit, cookie ]"),
			     1)[0];

	cr_expect_eq(rule->spare_words, SPARE_DETACHED | SPARE_UNIT | SPARE_COOKIE);
	cr_assert_eq(rule->spare_count, 2);
	cr_expect_str_eq(rule->spare[0].keys[MATCH_EXE].at[0], "*/tmux");
	cr_expect_eq(rule->spare[0].users.count, 1);
	cr_expect_str_eq(rule->spare[1].keys[MATCH_COMM].at[0], "x");
	rule = accept_rules(RULE(", spare: detached"), 1)[0];
	cr_expect_eq(rule->spare_words, SPARE_DETACHED, "a list of one");
}

Test(config, bad_spares_parents_and_limits_are_named)
{
	refuse_word(RULE(", spare: [detach]"), "'detach'");
	refuse_word(RULE(", spare: [{}]"), "everybody");
	refuse_word(RULE(", spare: [{ parent: {} }]"), "everybody");
	refuse_word(RULE(", spare: [[detached]]"), "match");
	refuse_word(RULE(", limit: none"), "'none'");
	refuse_word(RULE(", limit: 0"), "'0'");
	refuse_word(RULE(", limit: -1"), "'-1'");
	refuse_word(RULE(", limit: 5000000000"), "'5000000000'");
	refuse_at("watch: [ { name: r, match: { parent: { parent: { exe: x } } } } ]", 1, 48,
		  "parent's parent");
	refuse_at("watch: [ { name: r, match: { parent: {} } } ]", 1, 10, "'r' has no match");
	refuse_at("watch: [ { name: r, match: { parent: { exee: x } } } ]", 1, 40,
		  "did you mean 'exe'?");
	refuse_at("watch: [ { name: r, match: { usr: x } } ]", 1, 30, "did you mean 'user'?");
}

Test(config, the_brake_has_its_limits)
{
	struct config config =
		accept("brake: { survivors_per_incident: 7, incidents_per_minute: 3 }");

	cr_expect_eq(config.survivors_per_incident, 7);
	cr_expect_eq(config.incidents_per_minute, 3);
	config = accept("");
	cr_expect_eq(config.survivors_per_incident, 10000);
	cr_expect_eq(config.incidents_per_minute, 600);
	refuse_word("brake: { survivors_per_incident: 0 }", "survivors_per_incident");
	refuse_word("brake: { survivors: 5 }", "'survivors'");
}

/* ---- rules.d */

static char folder[] = "/tmp/orphand-config-XXXXXX";

static void put_file(const char *name, const char *text)
{
	char whole[256];
	FILE *out;

	snprintf(whole, sizeof(whole), "%s/%s", folder, name);
	out = fopen(whole, "we");
	cr_assert_not_null(out, "%s", whole);
	fputs(text, out);
	fclose(out);
}

static void make_folder(void)
{
	char rules[256];

	set_up();
	cr_assert_not_null(mkdtemp(folder));
	snprintf(rules, sizeof(rules), "%s/rules.d", folder);
	cr_assert_eq(mkdir(rules, 0700), 0);
	snprintf(path, sizeof(path), "%s/orphand.yaml", folder);
}

static void remove_folder(void)
{
	static const char *const names[] = { "rules.d/10-b.yaml", "rules.d/05-a.yaml",
					     "rules.d/notes.txt", "rules.d",
					     "orphand.yaml",	  "" };
	char whole[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(whole, sizeof(whole), "%s/%s", folder, names[i]);
		remove(whole);
	}
	tear_down();
}

TestSuite(rules_d, .timeout = 30, .init = make_folder, .fini = remove_folder);

#define ONE_RULE(name) "watch: [ { name: " name ", match: { exe: x } } ]\n"

Test(rules_d, is_read_behind_the_file_in_the_order_of_names)
{
	put_file("orphand.yaml", ONE_RULE("main"));
	put_file("rules.d/10-b.yaml", ONE_RULE("b"));
	put_file("rules.d/05-a.yaml", ONE_RULE("a"));
	put_file("rules.d/notes.txt", "no YAML: [");
	last = config__default();
	cr_assert_eq(config__read(&last, path, true, error, sizeof(error)), 0, "%s", error);
	cr_assert_eq(last.rules.count, 3);
	cr_expect_str_eq(last.rules.at[0]->name, "main");
	cr_expect_str_eq(last.rules.at[1]->name, "a");
	cr_expect_str_eq(last.rules.at[2]->name, "b");
}

Test(rules_d, is_read_without_a_file)
{
	put_file("rules.d/05-a.yaml", ONE_RULE("a"));
	last = config__default();
	cr_assert_eq(config__read(&last, path, false, error, sizeof(error)), 0, "%s", error);
	cr_assert_eq(last.rules.count, 1);
}

static void see_refused(const char *text, const char *word)
{
	put_file("orphand.yaml", ONE_RULE("main"));
	put_file("rules.d/10-b.yaml", text);
	config__free(&last);
	last = config__default();
	cr_assert_eq(config__read(&last, path, true, error, sizeof(error)), -EINVAL);
	cr_expect(strstr(error, "rules.d/10-b.yaml:"), "the place is told: %s", error);
	cr_expect(strstr(error, word), "%s", error);
}

Test(rules_d, holds_rules_only_and_names_its_own_lines)
{
	see_refused("\ndaemon: { observe: true }\n", ":2:1: ");
	see_refused("brake: { incidents_per_minute: 1 }\n", "main file");
	see_refused(ONE_RULE("main"), "'main' already");
	see_refused("watch: [\n", "10-b.yaml:");
}

/* ---- what of command lines is hidden */

Test(config, redacts_by_the_default_until_told_otherwise)
{
	struct config config = accept("daemon: {}\n");

	cr_expect(config.redact.defaults);
	config = accept("store: { redact: [] }\n");
	cr_expect_not(config.redact.defaults);
	cr_expect_eq(config.redact.names.count + config.redact.values.count, 0);
	config = accept("store:\n  redact: [\"*pin*\", \"=corp-*\"]\n");
	cr_expect_not(config.redact.defaults);
	cr_assert_eq(config.redact.names.count, 1);
	cr_expect_str_eq(config.redact.names.at[0], "*pin*");
	cr_assert_eq(config.redact.values.count, 1);
	cr_expect_str_eq(config.redact.values.at[0], "corp-*");
	config = accept("store:\n  redact: [default, pin]\n");
	cr_expect(config.redact.defaults);
	cr_expect_eq(config.redact.names.count, 1);
}

Test(config, a_pattern_that_is_none_is_refused_with_its_place)
{
	refuse_at("store:\n  redact: yes\n", 2, 11, "redact");
	refuse_at("store:\n  redact: { a: b }\n", 2, 11, "redact");
	refuse_at("store:\n  redact: [a, \"\"]\n", 2, 15, "pattern");
	refuse_at("store:\n  redact: [\"=\"]\n", 2, 12, "pattern");
	refuse_at("store:\n  redact:\n    - a\n    - [b]\n", 4, 7, "pattern");
	refuse_at("store:\n  redact: [\"a\\0b\"]\n", 2, 12, "NUL");
}
