// SPDX-License-Identifier: GPL-2.0
/* completion_test.c - what shells offer where a line is not ended: asked of the shells themselves. */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user.h"

TestSuite(completion, .timeout = 60);

/* The script of a shell, as the build left it, read by the shell; then what there is at the end of
 * the line. */
#define BASH                                                                                             \
	". \"$1\" && read -ra COMP_WORDS <<<\"$2\" && [[ $2 != *' ' ]] || COMP_WORDS+=('')\n"            \
	"COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$2 COMP_POINT=${#2}\n"                          \
	"read -ra asked < <(complete -p \"${COMP_WORDS[0]##*/}\")\n"                                     \
	"\"${asked[2]}\" \"${COMP_WORDS[0]}\" \"${COMP_WORDS[-1]}\" \"${COMP_WORDS[-2]}\" 2>/dev/null\n" \
	"printf '%s\\n' \"${COMPREPLY[@]}\""

#define FISH "source $argv[1]; complete -C $argv[2] | string replace -r '\\t.*' ''"

static const struct line {
	const char *line;
	const char *offered;
	const char *kept_back;
} lines[] = {
	{ "orphanctl ru", "run", "track" },
	{ "orphanctl ", "incidents", "completion" },
	{ "orphanctl run --g", "--grace", "--name" },
	{ "orphanctl track --s", "--scope", "--since" },
	{ "orphanctl list --", "--json", "--grace" },
	{ "orphanctl --socket /nonexistent ev", "events", "run" },
	{ "orphanctl run --scope ", "any", "--grace" },
	{ "orphanctl run --on kill,cr", "kill,crash", "kill" },
	{ "orphanctl run --signal TE", "TERM", "KILL" },
	{ "orphanctl incidents --outcome ", "stuck", "--limit" },
	{ "orphanctl --json run --grace 5s tes", "test", "--grace" },
	{ "orphanctl run --name n -- cat /etc/passw", "/etc/passwd", "--grace" },
	{ "orphanctl track ", "1", "orphanctl" },
	{ "orphand --", "--observe", "--grace" },
	{ "orphand --log-l", "--log-level", "--config" },
};

static const char *script_of(const char *shell)
{
	static char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/completion/%s", user__build(), shell);
	return path;
}

static const char *shell_at(const char *shell)
{
	static char path[32];

	snprintf(path, sizeof(path), "/usr/bin/%s", shell);
	if (access(path, X_OK))
		cr_skip_test("%s is not installed", path);
	return path;
}

/* A line of its own among those that were printed. */
static bool is_offered(const char *printed, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = printed; (at = strstr(at, word)); at++) {
		if ((at == printed || at[-1] == '\n') && (at[len] == '\n' || !at[len]))
			return true;
	}
	return false;
}

/* With the build before everything else: scripts ask the programs themselves. */
static const struct said *ask(struct rig *rig, const char *shell, const char *code,
			      const char *line)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "PATH=%s:/usr/bin:/bin:/usr/sbin", user__build());
	return user__run(rig, "/usr/bin/env", path, "HOME=/nonexistent", shell_at(shell), "-c",
			 code, *shell == 'b' ? "bash" : script_of(shell),
			 *shell == 'b' ? script_of(shell) : line, line);
}

static void see_offers(const char *shell, const char *code)
{
	autorig struct rig *rig = rig__start(.bare = true);

	for (size_t i = 0; i < COUNT(lines); i++) {
		const struct said *said = ask(rig, shell, code, lines[i].line);

		cr_expect(is_offered(said->out, lines[i].offered), "%s: '%s' offers no %s: %s%s",
			  shell, lines[i].line, lines[i].offered, said->out, said->err);
		cr_expect(!is_offered(said->out, lines[i].kept_back), "%s: '%s' offers %s: %s",
			  shell, lines[i].line, lines[i].kept_back, said->out);
	}
}

Test(completion, bash_offers_what_the_tables_say)
{
	see_offers("bash", BASH);
}

Test(completion, fish_offers_what_the_tables_say)
{
	see_offers("fish", FISH);
}

Test(completion, zsh_offers_what_the_tables_say)
{
	static const char *const offers[][2] = { { "orphanctl run --g", "--grace  --" },
						 { "orphanctl --json un", "untrack  --" },
						 { "orphand --log-l", "--log-level  --" } };
	char path[PATH_MAX + 64], script[PATH_MAX + 64];

	snprintf(path, sizeof(path), "PATH=%s:/usr/bin:/bin:/usr/sbin", user__build());
	snprintf(script, sizeof(script), "%s/../tests/e2e/complete.zsh", user__build());
	for (size_t i = 0; i < COUNT(offers); i++) {
		autorig struct rig *rig = rig__start(.bare = true);

		said__done(user__run(rig, "/usr/bin/env", path, "TERM=dumb", shell_at("zsh"), "-f",
				     script, script_of("zsh"), offers[i][0], rig__folder(rig),
				     offers[i][1]));
	}
}

Test(completion, every_shell_can_read_its_script)
{
	static const char *const shells[][2] = { { "bash", "-n" },
						 { "zsh", "-n" },
						 { "fish", "--no-execute" } };
	autorig struct rig *rig = rig__start(.bare = true);

	for (size_t i = 0; i < COUNT(shells); i++)
		said__done(user__run(rig, shell_at(shells[i][0]), shells[i][1],
				     script_of(shells[i][0])));
}

/* The build made them from the tables as they stand. */
Test(completion, scripts_are_those_of_the_program)
{
	static const char *const shells[] = { "bash", "zsh", "fish" };
	autorig struct rig *rig = rig__start(.bare = true);

	for (size_t i = 0; i < COUNT(shells); i++) {
		char code[PATH_MAX + 128];

		snprintf(code, sizeof(code), "%s/orphanctl completion %s | cmp - %s", user__build(),
			 shells[i], script_of(shells[i]));
		said__done(user__run(rig, "/bin/sh", "-c", code));
	}
	said__failed(user__run(rig, "orphanctl", "completion", "tcsh"), 2, "tcsh");
	said__failed(user__run(rig, "orphanctl", "completion"), 2, "completion");
}
