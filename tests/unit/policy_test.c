// SPDX-License-Identifier: GPL-2.0
/* policy_test.c - what is asked for, and what a death is called. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include <criterion/criterion.h>

#include "model/policy.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define ON(kind) (1U << CAUSE_##kind)
#define ALL (ON(KILL) | ON(SIGNAL) | ON(CRASH) | ON(OOM) | ON(ERROR) | ON(EXIT))

TestSuite(policy, .timeout = 30);
TestSuite(cause, .timeout = 30);

/* ---- on and scope */

Test(policy, default_ends_all_at_once_after_a_kill)
{
	struct policy policy = policy__default();

	cr_assert_eq(policy.on, ON(KILL));
	cr_assert_eq(policy.signal, SIGKILL);
	cr_assert_eq(policy.grace, 0);
	cr_assert_eq(policy.flags, 0);
}

Test(policy, causes_are_read)
{
	static const struct {
		const char *text;
		unsigned on;
	} good[] = {
		{ "kill", ON(KILL) },
		{ "signal", ON(SIGNAL) },
		{ "crash", ON(CRASH) },
		{ "oom", ON(OOM) },
		{ "error", ON(ERROR) },
		{ "exit", ON(EXIT) },
		{ "kill,error", ON(KILL) | ON(ERROR) },
		{ "error,kill", ON(KILL) | ON(ERROR) },
		{ "kill,kill,kill", ON(KILL) },
		{ "kill,signal,crash,oom,error,exit", ALL },
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		uint16_t on = 0;
		char bad[32] = "";

		cr_expect_eq(policy__parse_on(good[i].text, &on, bad, sizeof(bad)), 0, "%s",
			     good[i].text);
		cr_expect_eq(on, good[i].on, "%s: %#x", good[i].text, on);
		cr_expect_str_empty(bad);
	}
}

Test(policy, causes_are_added_to_those_that_are_there)
{
	uint16_t on = ON(CRASH);
	char bad[32];

	cr_assert_eq(policy__parse_on("error", &on, bad, sizeof(bad)), 0);
	cr_assert_eq(on, ON(CRASH) | ON(ERROR));
}

Test(policy, the_word_that_is_no_cause_is_named)
{
	static const struct {
		const char *text, *word;
	} lists[] = {
		{ "", "" },
		{ ",", "" },
		{ "kill,", "" },
		{ ",kill", "" },
		{ "kill,,error", "" },
		{ "Kill", "Kill" },
		{ "kil", "kil" },
		{ "kills", "kills" },
		{ "kill,fall,error", "fall" },
		{ "kill, error", " error" },
		{ "kill error", "kill error" },
		{ "kill;error", "kill;error" },
		{ "kill\n", "kill\n" },
		{ "any", "any" },
	};

	for (size_t i = 0; i < COUNT(lists); i++) {
		char bad[32] = "not written";
		uint16_t on = 0;

		cr_expect_eq(policy__parse_on(lists[i].text, &on, bad, sizeof(bad)), -EINVAL, "%s",
			     lists[i].text);
		cr_expect_str_eq(bad, lists[i].word, "'%s': '%s'", lists[i].text, bad);
	}
}

Test(policy, a_long_word_is_cut)
{
	char room[8];
	uint16_t on = 0;

	memset(room, 'x', sizeof(room));
	cr_assert_eq(policy__parse_on("kill,abcdefghijkl,error", &on, room, 6), -EINVAL);
	cr_assert_str_eq(room, "abcde");
	cr_assert_eq(room[6], 'x');
}

Test(policy, scope_is_root_or_any)
{
	static const char *const bad[] = { "", "Any", "ROOT", "any ", " root", "tree", "anyroot" };
	uint32_t flags = 1U << 30;

	cr_assert_eq(policy__parse_scope("any", &flags), 0);
	cr_assert_eq(flags, 1U << 30 | TREE_ANY);
	cr_assert_eq(policy__parse_scope("root", &flags), 0);
	cr_assert_eq(flags, 1U << 30);
	for (size_t i = 0; i < COUNT(bad); i++) {
		cr_expect_eq(policy__parse_scope(bad[i], &flags), -EINVAL, "'%s'", bad[i]);
		cr_expect_eq(flags, 1U << 30, "'%s'", bad[i]);
	}
}

Test(policy, every_set_of_causes_reads_as_it_is_written)
{
	for (unsigned set = 1; set <= ALL; set++) {
		char text[64], bad[32];
		uint16_t on = 0;

		policy__format_on((uint16_t)set, text, sizeof(text));
		cr_expect_eq(policy__parse_on(text, &on, bad, sizeof(bad)), 0, "%s", text);
		cr_expect_eq(on, set, "%s", text);
	}
}

Test(policy, causes_keep_within_their_room)
{
	char whole[64], room[64];

	policy__format_on(0, whole, sizeof(whole));
	cr_assert_str_empty(whole);
	policy__format_on(ALL, whole, sizeof(whole));
	cr_assert_str_eq(whole, "kill,signal,crash,oom,error,exit");
	for (size_t size = 1; size <= strlen(whole) + 1; size++) {
		memset(room, 'x', sizeof(room));
		policy__format_on(ALL, room, size);
		cr_expect_eq(strlen(room), size - 1, "%zu: %s", size, room);
		cr_expect_eq(strncmp(room, whole, size - 1), 0, "%s", room);
		cr_expect_eq(room[size], 'x');
	}
}

/* ---- what an end is called */

#define SIGNALLED(n) ((__u32)(n))
#define DUMPED(n) ((__u32)(n) | 0x80)
#define EXITED(n) ((__u32)(n) << 8)

Test(cause, kind_of_every_exit_status)
{
	for (__u32 status = 0; status < 256; status++) {
		struct death death = { .exit_code = EXITED(status) };

		cr_expect_eq(cause__kind(&death), status ? CAUSE_ERROR : CAUSE_EXIT, "%u", status);
	}
}

/* signal(7): whose default action is to dump core, whether or not one was written. */
static bool dumps(int signal)
{
	static const int dumping[] = { SIGQUIT, SIGILL,	 SIGTRAP, SIGABRT, SIGBUS,
				       SIGFPE,	SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS };

	for (size_t i = 0; i < COUNT(dumping); i++) {
		if (dumping[i] == signal)
			return true;
	}
	return false;
}

Test(cause, kind_of_every_signal)
{
	for (int signal = 1; signal <= 64; signal++) {
		struct death plain = { .exit_code = SIGNALLED(signal) };
		struct death dumped = { .exit_code = DUMPED(signal) };
		enum cause_kind kind = signal == SIGKILL ? CAUSE_KILL
				       : dumps(signal)	 ? CAUSE_CRASH
							 : CAUSE_SIGNAL;

		cr_expect_eq(cause__kind(&plain), kind, "%d", signal);
		cr_expect_eq(cause__kind(&dumped), kind, "%d", signal);
	}
}

/* Who was chosen by the OOM killer may yet end in another way first. */
Test(cause, kind_is_oom_only_for_the_kill_that_came_of_it)
{
	struct death death = { .oom = 1, .exit_code = SIGNALLED(SIGKILL) };

	cr_expect_eq(cause__kind(&death), CAUSE_OOM);
	death.exit_code = SIGNALLED(SIGTERM);
	cr_expect_eq(cause__kind(&death), CAUSE_SIGNAL);
	death.exit_code = DUMPED(SIGSEGV);
	cr_expect_eq(cause__kind(&death), CAUSE_CRASH);
	death.exit_code = EXITED(0);
	cr_expect_eq(cause__kind(&death), CAUSE_EXIT);
	death.exit_code = EXITED(9);
	cr_expect_eq(cause__kind(&death), CAUSE_ERROR);
}

/* ---- who is behind it */

static const struct ident victim = { .pid = 100, .start = 1000 };
static const struct ident somebody = { .pid = 200, .start = 2000 };
static const struct ident namesake = { .pid = 100, .start = 900 };
static const struct ident nobody = {};

/* siginfo.h, by their numbers: what the kernel side writes down */
enum { USER = 0, QUEUE = -1, TKILL = -6, KERNEL = 0x80, MAPERR = 1 };

Test(cause, origin_of_hand_made_deaths)
{
	static const struct {
		const char *what;
		__u32 exit_code;
		const struct ident *sender;
		__u16 via;
		__s32 code;
		__u32 oom;
		enum cause_origin origin;
	} deaths[] = {
		{ "kill -9", SIGKILL, &somebody, VIA_INFO, USER, 0, ORIGIN_USER },
		{ "kill -TERM", SIGTERM, &somebody, VIA_INFO, USER, 0, ORIGIN_USER },
		{ "sigqueue", SIGTERM, &somebody, VIA_INFO, QUEUE, 0, ORIGIN_USER },
		{ "tgkill", SIGKILL, &somebody, VIA_INFO, TKILL, 0, ORIGIN_USER },
		{ "an older one of its pid", SIGKILL, &namesake, VIA_INFO, USER, 0, ORIGIN_USER },
		{ "kill -9 $$", SIGKILL, &victim, VIA_INFO, USER, 0, ORIGIN_SELF },
		{ "abort", DUMPED(SIGABRT), &victim, VIA_INFO, TKILL, 0, ORIGIN_SELF },
		{ "a fault", DUMPED(SIGSEGV), &victim, VIA_INFO, MAPERR, 0, ORIGIN_KERNEL },
		{ "a forced signal", SIGSEGV, &victim, VIA_INFO, KERNEL, 0, ORIGIN_KERNEL },
		{ "the kernel's, by the way", SIGHUP, &somebody, VIA_INFO, KERNEL, 0,
		  ORIGIN_KERNEL },
		{ "a broken pipe", SIGPIPE, &victim, VIA_NOINFO, USER, 0, ORIGIN_KERNEL },
		{ "cgroup.kill", SIGKILL, &somebody, VIA_NOINFO, USER, 0, ORIGIN_CGROUP },
		{ "send_sig to itself", SIGKILL, &victim, VIA_NOINFO, USER, 0, ORIGIN_KERNEL },
		{ "the end of a pid namespace", SIGKILL, &somebody, VIA_PRIV, KERNEL, 0,
		  ORIGIN_KERNEL },
		{ "nobody was noted", SIGKILL, &nobody, VIA_INFO, USER, 0, ORIGIN_KERNEL },
		{ "out of memory", SIGKILL, &somebody, VIA_PRIV, KERNEL, 1, ORIGIN_OOM },
		{ "out of memory, unnoted", SIGKILL, &nobody, VIA_INFO, USER, 1, ORIGIN_OOM },
		{ "chosen, but terminated", SIGTERM, &somebody, VIA_INFO, USER, 1, ORIGIN_USER },
		{ "exit 0", EXITED(0), &nobody, VIA_INFO, USER, 0, ORIGIN_SELF },
		{ "exit 3", EXITED(3), &nobody, VIA_INFO, USER, 0, ORIGIN_SELF },
		{ "exit 3 of a handler", EXITED(3), &somebody, VIA_INFO, USER, 0, ORIGIN_SELF },
	};

	for (size_t i = 0; i < COUNT(deaths); i++) {
		struct death death = {
			.who = victim,
			.exit_code = deaths[i].exit_code,
			.oom = deaths[i].oom,
			.sender = { .who = *deaths[i].sender,
				    .via = deaths[i].via,
				    .code = deaths[i].code,
				    .signal = (__u16)(deaths[i].exit_code & 0x7f) },
		};

		cr_expect_eq(cause__origin(&death), deaths[i].origin, "%s: %s", deaths[i].what,
			     origin__name(cause__origin(&death)));
	}
}

/* ---- whether it is asked about */

Test(policy, which_kinds_each_cause_wants)
{
	static const unsigned wanted[CAUSE_KINDS] = {
		[CAUSE_KILL] = ON(KILL) | ON(OOM),
		[CAUSE_SIGNAL] = ON(SIGNAL) | ON(CRASH) | ON(KILL) | ON(OOM),
		[CAUSE_CRASH] = ON(CRASH),
		[CAUSE_OOM] = ON(OOM),
		[CAUSE_ERROR] = ON(ERROR),
		[CAUSE_EXIT] = ALL,
	};

	for (unsigned set = 0; set <= ALL; set++) {
		unsigned kinds = 0;

		for (unsigned one = 0; one < CAUSE_KINDS; one++)
			kinds |= set & (1U << one) ? wanted[one] : 0;
		for (unsigned kind = 0; kind < CAUSE_KINDS; kind++)
			cr_expect_eq(policy__wants((uint16_t)set, kind), !!(kinds & (1U << kind)),
				     "on %#x, %s", set, cause__name(kind));
	}
}

/* ---- names */

Test(cause, names_are_the_contracts)
{
	static const char *const kinds[] = { "kill", "signal", "crash", "oom", "error", "exit" };
	static const char *const origins[] = { "user", "self", "kernel", "oom", "cgroup" };

	cr_assert_eq(COUNT(kinds), CAUSE_KINDS);
	cr_assert_eq(COUNT(origins), ORIGINS);
	for (unsigned i = 0; i < COUNT(kinds); i++)
		cr_expect_str_eq(cause__name(i), kinds[i]);
	for (unsigned i = 0; i < COUNT(origins); i++)
		cr_expect_str_eq(origin__name(i), origins[i]);
	cr_expect_str_eq(cause__name(CAUSE_KINDS), "unknown");
	cr_expect_str_eq(origin__name(ORIGINS), "unknown");
	cr_expect_str_eq(cause__name((enum cause_kind) - 1), "unknown");
}
