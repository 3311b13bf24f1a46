// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

bool text__copy(char *to, size_t size, const char *from)
{
	size_t len = strnlen(from, size);
	bool fits = len < size;

	if (!fits)
		len = size - 1;
	memcpy(to, from, len);
	to[len] = '\0';
	return fits;
}

/* Digits alone: strtol would take a sign and a blank. */
static int parse_number(const char *text, int low, int high)
{
	char *end;
	long n;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || *end || n < low || n > high)
		return -EINVAL;
	return (int)n;
}

int signal__parse(const char *name)
{
	int n = parse_number(name, 1, NSIG - 1);

	if (n > 0)
		return n;
	if (strncasecmp(name, "SIG", 3) == 0) {
		name += 3;
		n = parse_number(name, 1, NSIG - 1); /* as signal__name() has one without a name */
		if (n > 0)
			return n;
	}
	if (strcasecmp(name, "RTMIN") == 0)
		return SIGRTMIN;
	if (strncasecmp(name, "RTMIN+", 6) == 0) {
		n = parse_number(name + 6, 0, SIGRTMAX - SIGRTMIN);
		return n < 0 ? n : SIGRTMIN + n;
	}
	for (int i = 1; i < NSIG; i++) {
		const char *known = sigabbrev_np(i);

		if (known && strcasecmp(known, name) == 0)
			return i;
	}
	return -EINVAL;
}

const char *signal__name(int signal)
{
	static _Thread_local char text[16];
	const char *known = sigabbrev_np(signal);

	if (known)
		snprintf(text, sizeof(text), "SIG%s", known);
	else
		snprintf(text, sizeof(text), "SIG%d", signal);
	return text;
}
