// SPDX-License-Identifier: GPL-2.0
/* redact_test.c - what of a command line nobody is shown. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "model/redact.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

TestSuite(redact, .timeout = 60);

static const struct redactor by_default = { .defaults = true };

/* Arguments are written with a '~' behind each but the last. */
static size_t split(const char *line, char args[ARGS_LEN])
{
	size_t len = strlen(line) + 1;

	cr_assert_leq(len, ARGS_LEN);
	memcpy(args, line, len);
	for (size_t i = 0; i < len; i++) {
		if (args[i] == '~')
			args[i] = '\0';
	}
	return len;
}

static const char *shown_by(const struct redactor *redactor, const char *line)
{
	static char out[ARGS_LEN];
	char args[ARGS_LEN];
	size_t len = split(line, args), n;

	if (!redactor__apply(redactor, args, len, out, &n))
		return line;
	cr_assert_gt(n, 0);
	cr_assert_eq(out[n - 1], '\0', "%s", line);
	for (size_t i = 0; i + 1 < n; i++) {
		if (!out[i])
			out[i] = '~';
	}
	return out;
}

/* In what is hidden stands SECRET, and in nothing else. */
static void see(const char *line, const char *shown)
{
	cr_expect_str_eq(shown_by(&by_default, line), shown, "%s", line);
	cr_expect_null(strstr(shown, "SECRET"), "%s", line);
}

static void see_as_it_is(const char *line)
{
	cr_expect_str_eq(shown_by(&by_default, line), line);
}

Test(redact, what_is_no_secret_stays)
{
	static const char *const lines[] = {
		"",
		"~",
		"python3~job.py",
		"python3~/srv/job.py~--epochs=3~--out~/data/run 7",
		"sh~-c~while :; do :; done",
		"java~-Xmx4g~-Dfile.encoding=UTF-8~-cp~a.jar:b.jar~Main",
		"vllm~serve~--max-tokens~4096~--tokenizer~bert~--tokenizer=bert",
		"curl~-H~Content-Type: application/json~https://host:8080/a?b=c#d",
		"git~clone~https://git.example.org/group/project.git",
		"git~clone~git@example.org:group/project.git",
		"ssh://user@host:22/x",
		"rsync~-a~host::module/x~/dst",
		"docker~run~-p~127.0.0.1:80:80~redis:7",
		"env~PWD=/home/x~PATH=/bin:/usr/bin~run",
		"awk~{ print $1 \"x\" }",
		"{\"user\":\"bob\",\"n\":[1,2]}",
		"postgres: bob db 10.0.0.1(4242) idle",
		"it's~--a='b",
		"\\~\\\\~\"~'~`",
	};

	for (size_t i = 0; i < COUNT(lines); i++)
		see_as_it_is(lines[i]);
}

Test(redact, assigned_to_a_name)
{
	see("run~--password=SECRET", "run~--password=[redacted]");
	see("run~--password=my SECRET, whole~x", "run~--password=[redacted]~x");
	see("run~-password=SECRET", "run~-password=[redacted]");
	see("env~DB_PASSWORD=SECRET~run", "env~DB_PASSWORD=[redacted]~run");
	see("env~Db_PaSsWd=SECRET", "env~Db_PaSsWd=[redacted]");
	see("java~-Dspring.datasource.password=SECRET~Main",
	    "java~-Dspring.datasource.password=[redacted]~Main");
	see("x~a.b.token=SECRET=", "x~a.b.token=[redacted]");
	see("x~--hf-token=SECRET", "x~--hf-token=[redacted]");
	see("x~AWS_ACCESS_KEY=SECRET/+SECRET==", "x~AWS_ACCESS_KEY=[redacted]");
	see("psql~host=a password=SECRET dbname=b", "psql~host=a password=[redacted] dbname=b");
	see("psql~host=a password='my SECRET' dbname=b",
	    "psql~host=a password=[redacted] dbname=b");
	see("helm~--set~a=1,auth.password=SECRET", "helm~--set~a=1,auth.password=[redacted]");
	see("curl~-d~user[password]=SECRET", "curl~-d~user[password]=[redacted]");
	see("curl~-d~password=SECRET&SECRET", "curl~-d~password=[redacted]");
	see("curl~https://h/p?a=b&access_token=SECRET&c=d#e",
	    "curl~https://h/p?a=b&access_token=[redacted]&c=d#e");
	see("x~--pass=SECRET~--db-pass=SECRET", "x~--pass=[redacted]~--db-pass=[redacted]");
	see("python~-c~password = 'SECRET SECRET'; run()",
	    "python~-c~password = [redacted]; run()");
	see("python~-c~d[\"password\"] = \"SECRET\"", "python~-c~d[\"password\"] = [redacted]");
	see_as_it_is("run~--password=");
	see_as_it_is("sh~-c~PASSWORD= run");
	see("ssh~host~PASSWORD=SECRET run", "ssh~host~PASSWORD=[redacted]");
}

Test(redact, the_argument_behind_an_option)
{
	see("run~--password~SECRET~x", "run~--password~[redacted]~x");
	see("run~--password~my SECRET, whole", "run~--password~[redacted]");
	see("run~--password~;SECRET~x", "run~--password~[redacted]~x");
	see("run~--password~'SECRET~x", "run~--password~[redacted]~x");
	see("run~--password~-SECRET", "run~--password~[redacted]");
	see("run~--password~--api-key~SECRET~x", "run~--password~[redacted]~[redacted]~x");
	see("run~--password~--api-key=SECRET", "run~--password~[redacted]");
	see("run~-token~SECRET", "run~-token~[redacted]");
	see_as_it_is("run~--password");
	see_as_it_is("run~--password~~x");
}

Test(redact, in_a_header)
{
	see("curl~-H~Authorization: Bearer SECRET SECRET~x", "curl~-H~Authorization: [redacted]~x");
	see("curl~-H~authorization:Bearer SECRET", "curl~-H~authorization:[redacted]");
	see("curl~-HX-Api-Key: SECRET", "curl~-HX-Api-Key: [redacted]");
	see("curl~--header=Cookie: a=SECRET; b=SECRET", "curl~--header=Cookie: [redacted]");
	see("sh~-c~curl -H 'Authorization: Bearer SECRET' https://x",
	    "sh~-c~curl -H 'Authorization: [redacted]' https://x");
	see("sh~-c~curl -H \"Authorization: Digest a=\\\"SECRET\\\", b\" https://x",
	    "sh~-c~curl -H \"Authorization: [redacted]\" https://x");
	see("sh~-c~curl -H Authorization:SECRET x", "sh~-c~curl -H Authorization:[redacted]");
	see("sh~-c~bash -c \"curl -H \\\"Authorization: SECRET SECRET\\\" x\" y",
	    "sh~-c~bash -c \"curl -H \\\"Authorization: [redacted]\\\" x\" y");
}

Test(redact, in_JSON)
{
	see("x~{\"user\":\"bob\",\"password\":\"SECRET\",\"n\":1}",
	    "x~{\"user\":\"bob\",\"password\":\"[redacted]\",\"n\":1}");
	see("x~{\"password\" : \"a \\\"SECRET\\\" b\", \"n\":1}",
	    "x~{\"password\" : \"[redacted]\", \"n\":1}");
	see("x~{\"api_key\":12SECRET,\"n\":1}", "x~{\"api_key\":[redacted],\"n\":1}");
	see("x~{\"secrets\":[\"SECRET\",\"SECRET\"]}", "x~{\"secrets\":[redacted]");
	see("python~-c~run({'password': 'SECRET', 'n': 1})",
	    "python~-c~run({'password': '[redacted]', 'n': 1})");
	see("sh~-c~curl -d \"{\\\"password\\\":\\\"my SECRET\\\",\\\"n\\\":1}\" x",
	    "sh~-c~curl -d \"{\\\"password\\\":\\\"[redacted]\\\",\\\"n\\\":1}\" x");
	see_as_it_is("x~{\"password\":\"\",\"n\":1}");
	see("python~-c~run(['--password', 'SECRET', 'x'])",
	    "python~-c~run(['--password', '[redacted]', 'x'])");
}

Test(redact, in_the_words_of_a_script)
{
	see("sh~-c~export DB_PASSWORD=SECRET; run", "sh~-c~export DB_PASSWORD=[redacted]; run");
	see("sh~-c~DB_PASSWORD=SECRET run it", "sh~-c~DB_PASSWORD=[redacted] run it");
	see("bash~-lc~DB_PASSWORD=\"my SECRET\" run", "bash~-lc~DB_PASSWORD=[redacted] run");
	see("sh~-c~DB_PASSWORD='my '\\''SECRET'\" SECRET\" run",
	    "sh~-c~DB_PASSWORD=[redacted] run");
	see("sh~-c~DB_PASSWORD=my\\ SECRET run", "sh~-c~DB_PASSWORD=[redacted] run");
	see("sh~-c~run --password SECRET --user bob", "sh~-c~run --password [redacted] --user bob");
	see("sh~-c~run --password 'my SECRET' --user bob",
	    "sh~-c~run --password '[redacted]' --user bob");
	see("sh~-c~run --password 'my 'SECRET --user bob",
	    "sh~-c~run --password '[redacted]' --user bob");
	see("sh~-c~run --password $SECRET x", "sh~-c~run --password [redacted] x");
	see("sh~-c~run --password=\"my SECRET\" x", "sh~-c~run --password=[redacted] x");
	see("sh~-c~run \"--password=my SECRET\" x", "sh~-c~run \"--password=[redacted]\" x");
	see("sh~-c~curl -d \"password=my SECRET\" x", "sh~-c~curl -d \"password=[redacted]\" x");
	see("sh~-c~run --token SECRET\nnext", "sh~-c~run --token [redacted]\nnext");
	see("sh~-c~bash -c \"export TOKEN=\\\"my SECRET\\\" run\" x",
	    "sh~-c~bash -c \"export TOKEN=[redacted] run\" x");
	see("sh~-c~PASSWORD='SECRET SECRET", "sh~-c~PASSWORD=[redacted]");
	see_as_it_is("sh~-c~ask --password; run x");
	see_as_it_is("sh~-c~ask --password \"\" x");
}

Test(redact, of_a_URL)
{
	see("x~postgres://bob:SECRET@host/db", "x~postgres://bob:[redacted]@host/db");
	see("x~DATABASE_URL=postgres://bob:SECRET@host:5432/db?a=b",
	    "x~DATABASE_URL=postgres://bob:[redacted]@host:5432/db?a=b");
	see("x~redis://:SECRET@host", "x~redis://:[redacted]@host");
	see("x~ftp://bob:a@SECRET:b@host/x@y", "x~ftp://bob:[redacted]@host/x@y");
	see("x~ftp://bob:a/SECRET@host/x", "x~ftp://bob:[redacted]@host/x");
	see("x~http://a:SECRET@b,http://c:SECRET@d",
	    "x~http://a:[redacted]@b,http://c:[redacted]@d");
	see("sh~-c~git clone 'https://bob:SECRET@host/x' y",
	    "sh~-c~git clone 'https://bob:[redacted]@host/x' y");
	see("git~clone~https://ghp_SECRET:x@host/y",
	    "git~clone~https://[redacted]:[redacted]@host/y");
	see("git~clone~https://ghp_SECRET@host/y", "git~clone~https://[redacted]@host/y");
	see_as_it_is("x~https://host:443/@user");
	see_as_it_is("x~https://bob@host:443/");
	see_as_it_is("x~://");
	see_as_it_is("x~https://");
}

Test(redact, what_looks_like_one_itself)
{
	static const char *const values[] = {
		"ghp_SECRET", "gho_SECRET",	     "github_pat_SECRET", "glpat-SECRET",
		"sk-SECRET",  "xoxb-1-SECRET",	     "AKIASECRET",	  "eyJSECRET.SECRET.SECRET",
		"hvs.SECRET", "eyJSECRET+SECRET/a=", "sk_live_SECRET",
	};

	for (size_t i = 0; i < COUNT(values); i++) {
		static const char *const lines[][2] = {
			{ "run~%~x", "run~[redacted]~x" },
			{ "run~--key=%~x", "run~--key=[redacted]~x" },
			{ "sh~-c~run '%' x", "sh~-c~run '[redacted]' x" },
			{ "sh~-c~run %; x", "sh~-c~run [redacted]; x" },
			{ "x~{\"k\":\"%\",\"n\":1}", "x~{\"k\":\"[redacted]\",\"n\":1}" },
			{ "x~https://h/%", "x~https://h/[redacted]" },
		};

		for (size_t k = 0; k < COUNT(lines); k++) {
			const char *mark = strchr(lines[k][0], '%');
			char line[256];

			snprintf(line, sizeof(line), "%.*s%s%s", (int)(mark - lines[k][0]),
				 lines[k][0], values[i], mark + 1);
			see(line, lines[k][1]);
		}
	}
	see("x~-----BEGIN RSA PRIVATE KEY-----\nSECRET\nSECRET\n-----END RSA PRIVATE KEY-----\n~y",
	    "x~[redacted]~y");
	see("sh~-c~echo '-----BEGIN KEY-----\nSECRET\n-----END KEY-----' >f",
	    "sh~-c~echo '[redacted]' >f");
	see("sh~-c~cat <<.\n-----BEGIN KEY-----\nSECRET a\n-----END KEY-----\n.\nrun",
	    "sh~-c~cat <<.\n[redacted]\n.\nrun");
	see("sh~-c~cat <<.\n-----BEGIN KEY-----\nSECRET a", "sh~-c~cat <<.\n[redacted]");
}

Test(redact, by_patterns_of_ones_own)
{
	struct redactor redactor = {};

	cr_expect_str_eq(shown_by(&redactor, "run~--password=x"), "run~--password=x", "none");
	cr_expect_eq(redactor__add(&redactor, ""), -EINVAL);
	cr_expect_eq(redactor__add(&redactor, "="), -EINVAL);
	cr_assert_eq(redactor__add(&redactor, "pin"), 0);
	cr_assert_eq(redactor__add(&redactor, "=corp-[0-9]*"), 0);
	cr_expect_str_eq(shown_by(&redactor, "run~--PIN=1~--pins=2~--password=x"),
			 "run~--PIN=[redacted]~--pins=2~--password=x");
	cr_expect_str_eq(shown_by(&redactor, "run~corp-12 3~corp-x~CORP-1"),
			 "run~[redacted]~corp-x~CORP-1", "a whole argument");
	cr_expect_str_eq(shown_by(&redactor, "x~a://b:c@d"), "x~a://b:[redacted]@d");
	cr_assert_eq(redactor__add(&redactor, "default"), 0);
	cr_expect_str_eq(shown_by(&redactor, "run~--pin~1~--password=x"),
			 "run~--pin~[redacted]~--password=[redacted]");
	redactor__free(&redactor);
}

/* ---- where the room ends */

static size_t fill(char args[ARGS_LEN], const char *tail)
{
	memset(args, 'a', ARGS_LEN);
	args[1] = '\0';
	memcpy(args + ARGS_LEN - strlen(tail), tail, strlen(tail));
	return ARGS_LEN;
}

static void see_cut(const char *tail)
{
	char args[ARGS_LEN], out[ARGS_LEN + 1] = "";
	size_t n;

	cr_assert(redactor__apply(&by_default, args, fill(args, tail), out, &n), "%s", tail);
	cr_expect_leq(n, ARGS_LEN);
	cr_expect_null(memmem(out, n, "SEC", 3), "%s: %.*s", tail, (int)n, out);
}

Test(redact, secrets_that_were_cut)
{
	see_cut(" --password=SEC");
	see_cut(" https://bob:SEC");
	see_cut(" eyJSEC");
	see_cut(" 'Authorization: SEC");
	see_cut(" {\"password\":\"SEC");
	see_cut(" -----BEGIN KEY-----\nSEC");
	see_cut(" --password \"SEC");
}

Test(redact, grows_no_further_than_there_is_room)
{
	char args[ARGS_LEN], out[ARGS_LEN];
	size_t n, arguments = 0;

	for (size_t i = 0; i < ARGS_LEN; i += 8)
		memcpy(args + i, "pass=ab", 8);
	cr_assert(redactor__apply(&by_default, args, ARGS_LEN, out, &n));
	cr_expect_eq(n, ARGS_LEN);
	for (size_t i = 0; i < n; i++)
		arguments += !out[i];
	cr_expect_eq(arguments, ARGS_LEN / 16, "\"pass=[redacted]\" and its NUL: %zu", arguments);
}

/* Whatever bytes: no step outside (under sanitizers), as many arguments, no time to speak of. */
Test(redact, any_bytes_at_all)
{
	static const char *const words[] = {
		"password", "=", ":", "\"", "'", "\\", " ", "--",	  "://", "@", "ghp_", "",
		"{",	    "}", ",", ";",  "&", "`",  "x", "-----BEGIN", "\n",	 "]", "-c",   "/",
	};
	char args[ARGS_LEN], out[ARGS_LEN];
	uint64_t seed = 42, begun = clock__boottime();

	for (int round = 0; round < 20000; round++) {
		size_t len = 0, most, n = 0, before = 0, after = 0;

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		most = (seed >> 33) % (round % 10 ? 100 : ARGS_LEN + 1);
		while (len < most) {
			const char *word;
			size_t one;

			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			word = words[(seed >> 33) % COUNT(words)];
			one = *word ? strlen(word) : 1;
			if (len + one > most)
				break;
			memcpy(args + len, word, one);
			len += one;
		}
		if (!redactor__apply(&by_default, args, len, out, &n))
			continue;
		for (size_t i = 0; i < len; i++)
			before += !args[i];
		for (size_t i = 0; i < n; i++)
			after += !out[i];
		cr_assert_leq(n, ARGS_LEN);
		cr_assert(after == before || n == ARGS_LEN, "round %d: %zu, not %zu", round, after,
			  before);
	}
	cr_expect_lt(clock__boottime() - begun, 30 * NS_PER_SEC);
}

/* What a program of somebody's can make of it. */
Test(redact, the_worst_line_is_soon_done)
{
	static const char *const lines[] = {
		"a=", "-a ", "'", "\"a=", "\\\"", "a://b:", "eyJ/", "a"
	};
	char args[ARGS_LEN], out[ARGS_LEN];
	size_t n;

	for (size_t i = 0; i < COUNT(lines); i++) {
		uint64_t begun = clock__boottime();

		for (size_t k = 0; k < ARGS_LEN; k++)
			args[k] = lines[i][k % strlen(lines[i])];
		for (int round = 0; round < 20; round++)
			redactor__apply(&by_default, args, ARGS_LEN, out, &n);
		begun = clock__boottime() - begun;
		cr_log_info("%s: %zu ns\n", lines[i], (size_t)(begun / 20));
		cr_expect_lt(begun / 20, 200 * NS_PER_MS, "%s", lines[i]);
	}
}
