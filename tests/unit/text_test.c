// SPDX-License-Identifier: GPL-2.0
/* text_test.c - strings in fields of a fixed size, and signals by name. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/text.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

TestSuite(text, .timeout = 30);
TestSuite(signal, .timeout = 30);

Test(text, what_fits_is_copied_whole)
{
	char field[8];

	memset(field, 'x', sizeof(field));
	cr_assert(text__copy(field, sizeof(field), ""));
	cr_assert_str_eq(field, "");
	cr_assert(text__copy(field, sizeof(field), "1234567"));
	cr_assert_str_eq(field, "1234567");
	cr_assert(text__copy(field, 1, ""));
	cr_assert_str_eq(field, "");
	cr_assert_eq(field[1], '2', "nothing is written behind the NUL");
}

Test(text, what_does_not_fit_is_cut_and_said)
{
	char field[9];

	memset(field, 'x', sizeof(field));
	cr_assert_not(text__copy(field, 8, "12345678"));
	cr_assert_str_eq(field, "1234567");
	cr_assert_eq(field[8], 'x');
	cr_assert_not(text__copy(field, 1, "1"));
	cr_assert_str_eq(field, "");
}

/* A record's field may come without its NUL: no byte behind it is read. */
Test(text, no_more_is_read_than_there_is_room)
{
	char from[4] = { 'a', 'b', 'c', 'd' }, to[4];

	cr_assert_not(text__copy(to, sizeof(to), from));
	cr_assert_str_eq(to, "abc");
}

Test(signal, names_and_numbers_are_read)
{
	const struct {
		const char *text;
		int signal;
	} good[] = {
		{ "KILL", SIGKILL },	     { "SIGKILL", SIGKILL },
		{ "kill", SIGKILL },	     { "sigkill", SIGKILL },
		{ "SigTerm", SIGTERM },	     { "9", SIGKILL },
		{ "15", SIGTERM },	     { "1", SIGHUP },
		{ "USR1", SIGUSR1 },	     { "RTMIN", SIGRTMIN },
		{ "SIGRTMIN", SIGRTMIN },    { "rtmin+0", SIGRTMIN },
		{ "RTMIN+3", SIGRTMIN + 3 }, { "SIGRTMIN+3", SIGRTMIN + 3 },
		{ "64", SIGRTMAX },
	};

	for (size_t i = 0; i < COUNT(good); i++)
		cr_expect_eq(signal__parse(good[i].text), good[i].signal, "%s", good[i].text);
}

Test(signal, every_name_reads_as_its_number)
{
	for (int signal = 1; signal < 32; signal++) {
		const char *name = signal__name(signal);

		cr_expect_eq(strncmp(name, "SIG", 3), 0, "%s", name);
		cr_expect_eq(signal__parse(name), signal, "%s", name);
		cr_expect_eq(signal__parse(name + 3), signal, "%s", name);
	}
}

Test(signal, every_real_time_signal_can_be_said)
{
	for (int n = SIGRTMIN; n <= SIGRTMAX; n++) {
		char text[16];

		snprintf(text, sizeof(text), "RTMIN+%d", n - SIGRTMIN);
		cr_expect_eq(signal__parse(text), n, "%s", text);
		snprintf(text, sizeof(text), "%d", n);
		cr_expect_eq(signal__parse(text), n, "%s", text);
	}
}

Test(signal, what_is_none_is_refused)
{
	static const char *const bad[] = {
		"",	    " ",	"SIG",	  "SIGSIGKILL", "KILLL",   "KIL",
		"KILL ",    " KILL",	"0",	  "-9",		"+9",	   " 9",
		"9 ",	    "9x",	"0x9",	  "65",		"129",	   "999999999999999999999",
		"RTMIN-1",  "RTMIN+31", "RTMIN+", "RTMIN+-1",	"RTMIN+x", "RTMIN+ 3",
		"RTMIN++3", "RTMIN3",	"ALL",
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_eq(signal__parse(bad[i]), -EINVAL, "'%s'", bad[i]);
}

Test(signal, who_has_no_name_has_a_number)
{
	cr_expect_str_eq(signal__name(SIGKILL), "SIGKILL");
	cr_expect_str_eq(signal__name(SIGCHLD), "SIGCHLD");
	cr_expect_str_eq(signal__name(47), "SIG47");
	cr_expect_str_eq(signal__name(32), "SIG32");
	cr_expect_str_eq(signal__name(0), "SIG0");
	cr_expect_str_eq(signal__name(65), "SIG65");
	cr_expect_str_eq(signal__name(-1), "SIG-1");
	cr_expect_str_eq(signal__name(INT_MAX), "SIG2147483647");
}

static void *name_another(void *name)
{
	*(const char **)name = signal__name(SIGHUP);
	return NULL;
}

Test(signal, a_name_is_the_threads_own)
{
	const char *name = signal__name(SIGTERM), *other;
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, name_another, &other), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_str_eq(name, "SIGTERM");
}
