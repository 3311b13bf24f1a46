// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "model/policy.h"

static const char *const kinds[CAUSE_KINDS] = {
	[CAUSE_KILL] = "kill", [CAUSE_SIGNAL] = "signal", [CAUSE_CRASH] = "crash",
	[CAUSE_OOM] = "oom",   [CAUSE_ERROR] = "error",	  [CAUSE_EXIT] = "exit",
};

static const char *const origins[ORIGINS] = {
	[ORIGIN_USER] = "user", [ORIGIN_SELF] = "self",	    [ORIGIN_KERNEL] = "kernel",
	[ORIGIN_OOM] = "oom",	[ORIGIN_CGROUP] = "cgroup",
};

struct policy policy__default(void)
{
	return (struct policy){ .on = 1 << CAUSE_KILL, .signal = SIGKILL };
}

const char *cause__name(enum cause_kind kind)
{
	return kind < CAUSE_KINDS ? kinds[kind] : "unknown";
}

const char *origin__name(enum cause_origin origin)
{
	return origin < ORIGINS ? origins[origin] : "unknown";
}

static int parse_kind(const char *word, size_t len)
{
	for (int i = 0; i < CAUSE_KINDS; i++) {
		if (strlen(kinds[i]) == len && strncmp(kinds[i], word, len) == 0)
			return i;
	}
	return -EINVAL;
}

int policy__parse_on(const char *list, uint16_t *on, char *bad, size_t size)
{
	for (;;) {
		size_t len = strcspn(list, ",");
		int kind = parse_kind(list, len);

		if (kind < 0) {
			text__copy(bad, len + 1 < size ? len + 1 : size, list);
			return kind;
		}
		*on |= (uint16_t)(1U << kind);
		if (!list[len])
			return 0;
		list += len + 1;
	}
}

int policy__parse_scope(const char *text, uint32_t *flags)
{
	if (strcmp(text, "any") == 0)
		*flags |= TREE_ANY;
	else if (strcmp(text, "root") == 0)
		*flags &= ~(uint32_t)TREE_ANY;
	else
		return -EINVAL;
	return 0;
}

void policy__format_on(uint16_t on, char *text, size_t size)
{
	size_t n = 0;

	*text = '\0';
	for (int i = 0; i < CAUSE_KINDS; i++) {
		if (on & (1U << i) && n < size)
			n += (size_t)snprintf(text + n, size - n, "%s%s", n ? "," : "", kinds[i]);
	}
}

/* The signals whose default action is to dump core, signal(7). */
static bool dumps_core(int signal)
{
	switch (signal) {
	case SIGQUIT:
	case SIGILL:
	case SIGTRAP:
	case SIGABRT:
	case SIGBUS:
	case SIGFPE:
	case SIGSEGV:
	case SIGXCPU:
	case SIGXFSZ:
	case SIGSYS:
		return true;
	default:
		return false;
	}
}

enum cause_kind cause__kind(const struct death *death)
{
	int signal = death->exit_code & 0x7f;

	if (!signal)
		return (death->exit_code >> 8) & 0xff ? CAUSE_ERROR : CAUSE_EXIT;
	if (signal == SIGKILL)
		return death->oom ? CAUSE_OOM : CAUSE_KILL;
	return dumps_core(signal) ? CAUSE_CRASH : CAUSE_SIGNAL;
}

enum cause_origin cause__origin(const struct death *death)
{
	const struct sender *sender = &death->sender;
	bool self = sender->who.pid == death->who.pid && sender->who.start == death->who.start;

	if (cause__kind(death) == CAUSE_OOM)
		return ORIGIN_OOM;
	if (!(death->exit_code & 0x7f))
		return ORIGIN_SELF;
	if (!sender->who.pid || sender->via == VIA_PRIV)
		return ORIGIN_KERNEL;
	if (sender->via == VIA_NOINFO) /* send_sig(): cgroup.kill, or a SIGPIPE to current */
		return self || sender->signal != SIGKILL ? ORIGIN_KERNEL : ORIGIN_CGROUP;
	if (sender->code > 0) /* siginfo.h: above 0 only the kernel can have made it */
		return ORIGIN_KERNEL;
	return self ? ORIGIN_SELF : ORIGIN_USER;
}

bool policy__wants(uint16_t on, enum cause_kind kind)
{
	uint16_t also = 0;

	switch (kind) {
	case CAUSE_OOM: /* kill: SIGKILL from anybody; signal: any fatal signal */
		also = 1U << CAUSE_KILL | 1U << CAUSE_SIGNAL;
		break;
	case CAUSE_KILL:
	case CAUSE_CRASH:
		also = 1U << CAUSE_SIGNAL;
		break;
	case CAUSE_ERROR: /* exit: any end */
	case CAUSE_EXIT:
	case CAUSE_SIGNAL:
	default:
		break;
	}
	return on & (1U << kind) || on & also || on & (1U << CAUSE_EXIT);
}
