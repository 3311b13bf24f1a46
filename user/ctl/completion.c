// SPDX-License-Identifier: GPL-2.0
/*
 * completion.c - scripts by which shells complete command lines, from the tables of the commands
 * and of the options. orphand's options are taken from its own --help, when they are asked for.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ctl/ctl.h"
#include "model/incident.h"
#include "model/policy.h"

#define WORDS_LEN 512

/* ---- what can stand behind an option */

static void add_word(char words[WORDS_LEN], const char *word)
{
	size_t len = strlen(words);

	snprintf(words + len, WORDS_LEN - len, "%s%s", len ? " " : "", word);
}

/* "root|any" tells them itself. */
static void add_alternatives(char words[WORDS_LEN], const char *value)
{
	if (!value || !strchr(value, '|'))
		return;
	add_word(words, value);
	for (char *at = words; *at; at++) {
		if (*at == '|')
			*at = ' ';
	}
}

/* All of them with a blank between, or none where anything goes. */
static const char *words_of(enum option option)
{
	static _Thread_local char words[WORDS_LEN];

	*words = '\0';
	switch (option) {
	case OPTION_ON:
		for (unsigned i = 0; i < CAUSE_KINDS; i++)
			add_word(words, cause__name(i));
		break;
	case OPTION_SIGNAL:
		for (int i = 1; i <= SIGSYS; i++)
			add_word(words, signal__name(i) + strlen("SIG"));
		break;
	case OPTION_OUTCOME:
		for (unsigned i = 0; i < INCIDENT_OUTCOMES; i++)
			add_word(words, incident_outcome__name(i));
		break;
	default:
		add_alternatives(words, options__value(option));
	}
	return words;
}

static bool is_file(enum option option)
{
	const char *value = options__value(option);

	return value && (strcmp(value, "PATH") == 0 || strcmp(value, "FILE") == 0);
}

/* Inside single quotes: as this shell writes one there, and a backslash before each of special. */
static void put_quoted(const char *text, const char *quote, const char *special)
{
	for (; *text; text++) {
		if (*text == '\'') {
			fputs(quote, stdout);
			continue;
		}
		if (strchr(special, *text))
			putchar('\\');
		putchar(*text);
	}
}

/* The next behind option (-1: the first), -1 behind the last. */
static int next_option(uint32_t takes, int option)
{
	while (++option < OPTIONS) {
		if (takes & (1U << option))
			return option;
	}
	return -1;
}

/* The next that the help tells of, behind command (NULL: the first), NULL behind the last. */
static const struct command *next_command(const struct command *command)
{
	for (command = command ? command + 1 : commands; command < commands + command_count;
	     command++) {
		if (command->help)
			return command;
	}
	return NULL;
}

/* ---- bash */

static void bash_options(uint32_t takes)
{
	for (int option = -1; (option = next_option(takes, option)) >= 0;)
		printf(" --%s", options__name(option));
}

static void bash_values(void)
{
	for (int option = -1; (option = next_option(UINT32_MAX, option)) >= 0;) {
		const char *words = words_of(option);

		if (!options__value(option))
			continue;
		printf("\t--%s) ", options__name(option));
		if (*words)
			printf("words='%s' ;;\n", words);
		else
			puts(is_file(option) ? "files=y ;;" : "return ;;");
	}
}

static void bash_operand(enum operand operand)
{
	if (operand == OPERAND_PID || operand == OPERAND_TARGET)
		fputs(" $(cd /proc && echo [0-9]*)", stdout);
	if (operand == OPERAND_TARGET)
		fputs(" $(_orphanctl_ids list)", stdout);
	if (operand == OPERAND_INCIDENT)
		fputs(" $(_orphanctl_ids incidents)", stdout);
	if (operand == OPERAND_COMMAND)
		fputs(" $(compgen -c -- \"$cur\")", stdout);
	if (operand == OPERAND_FILE)
		fputs(" $(compgen -f -- \"$cur\")", stdout);
}

static void print_bash(void)
{
	fputs("# bash completion for orphanctl and orphand                -*- shell-script -*-\n"
	      "# Made by: orphanctl completion bash\n"
	      "\n"
	      "_orphanctl_ids()\n"
	      "{\n"
	      "\torphanctl \"$1\" 2>/dev/null | awk 'NR > 1 { print $1 }'\n"
	      "}\n"
	      "\n"
	      "_orphanctl()\n"
	      "{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	      "\tlocal i command= operand= words= files=\n"
	      "\tCOMPREPLY=()\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tcase ${COMP_WORDS[i]} in\n"
	      "\t\t",
	      stdout);
	for (int option = -1; (option = next_option(UINT32_MAX, option)) >= 0;) {
		if (options__value(option))
			printf("--%s | ", options__name(option));
	}
	fputs("=) [[ ${COMP_WORDS[i+1]} == '=' ]] || ((++i)) ;;\n"
	      "\t\t--) operand=y; ((++i)); break ;;\n"
	      "\t\t-*) ;;\n"
	      "\t\t*) [[ $command ]] && operand=y && break; command=${COMP_WORDS[i]} ;;\n"
	      "\t\tesac\n"
	      "\tdone\n"
	      "\tif [[ $command == run && $operand ]]; then\n"
	      "\t\tif declare -F _command_offset >/dev/null; then\n"
	      "\t\t\t_command_offset \"$i\"\n"
	      "\t\telif ((i == COMP_CWORD)); then\n"
	      "\t\t\tmapfile -t COMPREPLY < <(compgen -c -- \"$cur\")\n"
	      "\t\telse\n"
	      "\t\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
	      "\t\tfi\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\t[[ $cur == '=' ]] && cur=\n"
	      "\t[[ $prev == '=' ]] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
	      "\tcase $prev in\n",
	      stdout);
	bash_values();
	fputs("\t*) case $command in\n\t\t'') words='", stdout);
	for (const struct command *command = NULL; (command = next_command(command));)
		printf("%s ", command->name);
	fputs("'\"", stdout);
	bash_options(TAKES_ALWAYS);
	puts("\" ;;");
	for (const struct command *command = NULL; (command = next_command(command));) {
		printf("\t\t%s) words=\"", command->name);
		bash_options(TAKES_ALWAYS | command->takes);
		bash_operand(command->operand);
		puts("\" ;;");
	}
	fputs("\t\tesac ;;\n"
	      "\tesac\n"
	      "\tif [[ $files ]]; then\n"
	      "\t\tcompopt -o filenames 2>/dev/null\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
	      "\telse\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -P \"${cur%\"${cur##*,}\"}\" -W \"$words\" "
	      "-- \"${cur##*,}\")\n"
	      "\tfi\n"
	      "}\n"
	      "\n"
	      "_orphand()\n"
	      "{\n"
	      "\tlocal cur=$2 prev=$3 help\n"
	      "\thelp=$(\"$1\" --help 2>/dev/null)\n"
	      "\tif [[ $prev == -* && $help =~ \"$prev \"([a-z]+(\\|[a-z]+)+) ]]; then\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W \"${BASH_REMATCH[1]//|/ }\" -- \"$cur\")\n"
	      "\telif [[ $prev == -* && $help =~ \"$prev \"[A-Z] ]]; then\n"
	      "\t\tcompopt -o filenames 2>/dev/null\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
	      "\telse\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W \"$(grep -o -e '--[a-z-]*' <<<\"$help\")\" "
	      "-- \"$cur\")\n"
	      "\tfi\n"
	      "}\n"
	      "\n"
	      "complete -F _orphanctl orphanctl\n"
	      "complete -F _orphand orphand\n",
	      stdout);
}

/* ---- zsh */

#define ZSH_QUOTE "'\\''"

static void zsh_options(uint32_t takes)
{
	for (int option = -1; (option = next_option(takes, option)) >= 0;) {
		const char *value = options__value(option), *words = words_of(option);

		printf(" \\\n\t\t\t'--%s[", options__name(option));
		put_quoted(options__help(option), ZSH_QUOTE, "[]\\");
		putchar(']');
		if (value) {
			printf(":%s:", value);
			if (option == OPTION_ON)
				printf("_sequence compadd - %s", words);
			else if (*words)
				printf("(%s)", words);
			else if (is_file(option))
				fputs("_files", stdout);
			else
				putchar(' ');
		}
		putchar('\'');
	}
}

static void zsh_operand(enum operand operand)
{
	static const char *const actions[] = {
		[OPERAND_NONE] = "",
		[OPERAND_PID] = " \\\n\t\t\t'1:pid:(/proc/<->(:t))'",
		[OPERAND_TARGET] =
			" \\\n\t\t\t'1:tree or pid:(/proc/<->(:t) $(_orphanctl_ids list))'",
		[OPERAND_INCIDENT] = " \\\n\t\t\t'1:incident:($(_orphanctl_ids incidents))'",
		[OPERAND_COMMAND] = " \\\n\t\t\t'1:command:_command_names -e'",
		[OPERAND_FILE] = " \\\n\t\t\t'1:file:_files'",
		[OPERAND_SHELL] = "",
	};

	fputs(actions[operand], stdout);
}

static void print_zsh(void)
{
	fputs("#compdef orphanctl orphand\n"
	      "# Made by: orphanctl completion zsh\n"
	      "\n"
	      "_orphanctl_ids() {\n"
	      "\torphanctl \"$1\" 2>/dev/null | awk 'NR > 1 { print $1 }'\n"
	      "}\n"
	      "\n"
	      "_orphanctl_line() {\n"
	      "\tlocal curcontext=$curcontext state line ret=1\n"
	      "\tlocal -a actions=(",
	      stdout);
	for (const struct command *command = NULL; (command = next_command(command));) {
		printf("\n\t\t'%s:", command->name);
		put_quoted(command->help, ZSH_QUOTE, "\\");
		putchar('\'');
	}
	fputs("\n\t)\n\t_arguments -C", stdout);
	zsh_options(TAKES_ALWAYS);
	fputs(" \\\n\t\t\t'1:command:->command' '*::argument:->argument' && ret=0\n"
	      "\tcase $state in\n"
	      "\tcommand) _describe command actions && ret=0 ;;\n"
	      "\targument)\n"
	      "\t\tlocal -i at=$words[(i)--]\n"
	      "\t\tif (( at < CURRENT )); then\n"
	      "\t\t\tshift $at words\n"
	      "\t\t\t(( CURRENT -= at ))\n"
	      "\t\t\t_normal && ret=0\n"
	      "\t\t\treturn ret\n"
	      "\t\tfi\n"
	      "\t\tcase $words[1] in\n",
	      stdout);
	for (const struct command *command = NULL; (command = next_command(command));) {
		printf("\t\t%s) _arguments", command->name);
		zsh_options(TAKES_ALWAYS | command->takes);
		zsh_operand(command->operand);
		puts(" && ret=0 ;;");
	}
	fputs("\t\tesac ;;\n"
	      "\tesac\n"
	      "\treturn ret\n"
	      "}\n"
	      "\n"
	      "case $service in\n"
	      "orphand) _arguments -- ;;\n"
	      "*) _orphanctl_line ;;\n"
	      "esac\n",
	      stdout);
}

/* ---- fish */

#define FISH_QUOTE "\\'"

static void fish_help(const char *help)
{
	fputs(" -d '", stdout);
	put_quoted(help, FISH_QUOTE, "\\");
	puts("'");
}

static void fish_options(const char *command, uint32_t takes)
{
	for (int option = -1; (option = next_option(takes, option)) >= 0;) {
		const char *words = words_of(option);

		fputs("complete -c orphanctl", stdout);
		if (command)
			printf(" -n '__fish_seen_subcommand_from %s'", command);
		printf(" -l %s", options__name(option));
		if (is_file(option))
			fputs(" -rF", stdout);
		else if (option == OPTION_ON)
			printf(" -x -a '(__fish_append , %s)'", words);
		else if (options__value(option))
			printf(" -x -a '%s'", words);
		fish_help(options__help(option));
	}
}

static void fish_operand(const struct command *command)
{
	static const char *const finds[] = {
		[OPERAND_NONE] = NULL,
		[OPERAND_PID] = "(__fish_complete_pids)",
		[OPERAND_TARGET] = "(__orphanctl_ids list) (__fish_complete_pids)",
		[OPERAND_INCIDENT] = "(__orphanctl_ids incidents)",
		[OPERAND_COMMAND] = "(__orphanctl_command)",
		[OPERAND_FILE] = "(__fish_complete_path)",
		[OPERAND_SHELL] = NULL,
	};

	if (finds[command->operand])
		printf("complete -c orphanctl -n '__fish_seen_subcommand_from %s' -x -a '%s'\n",
		       command->name, finds[command->operand]);
}

static void print_fish(void)
{
	fputs("# Made by: orphanctl completion fish\n"
	      "\n"
	      "function __orphanctl_ids\n"
	      "\torphanctl $argv[1] 2>/dev/null | awk 'NR > 1 { print $1 }'\n"
	      "end\n"
	      "\n"
	      "function __orphanctl_command\n"
	      "\tset -l parts (string split -m 1 -- ' -- ' (commandline -cp))\n"
	      "\tset -q parts[2]; or set parts $parts (commandline -ct)\n"
	      "\tstring match -q -- '-*' $parts[2]; or complete -C \"$parts[2]\"\n"
	      "end\n"
	      "\n"
	      "complete -c orphanctl -f\n",
	      stdout);
	fish_options(NULL, TAKES_ALWAYS);
	fputs("set -l commands", stdout);
	for (const struct command *command = NULL; (command = next_command(command));)
		printf(" %s", command->name);
	putchar('\n');
	for (const struct command *command = NULL; (command = next_command(command));) {
		printf("complete -c orphanctl -n \"not __fish_seen_subcommand_from $commands\" -a %s",
		       command->name);
		fish_help(command->help);
		fish_options(command->name, command->takes);
		fish_operand(command);
	}
	fputs("complete -c orphand -l config -rF\n"
	      "complete -c orphand -f -a \"(orphand --help | string replace -rf "
	      "'^  (--[a-z-]+)( \\S+)?  +(.*)' '\\$1\\t\\$3')\"\n",
	      stdout);
}

static const struct shell {
	const char *name;
	void (*print)(void);
} shells[] = { { "bash", print_bash }, { "zsh", print_zsh }, { "fish", print_fish } };

#define SHELLS (sizeof(shells) / sizeof(*shells))

bool completion__knows(const char *shell)
{
	for (size_t i = 0; i < SHELLS; i++) {
		if (strcmp(shells[i].name, shell) == 0)
			return true;
	}
	return false;
}

enum exit_status cmd__completion(struct ctl *ctl)
{
	for (size_t i = 0; i < SHELLS; i++) {
		if (strcmp(shells[i].name, ctl->options.shell) == 0)
			shells[i].print();
	}
	return EXIT_DONE;
}
