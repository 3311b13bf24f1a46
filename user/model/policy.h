/* SPDX-License-Identifier: GPL-2.0 */
/* policy.h - what a tree asks for, and whether a death is one that it asks about. */
#ifndef ORPHAND_POLICY_H
#define ORPHAND_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include <orphand/control.h>

/* on: kill, scope: root, SIGKILL at once. */
struct policy policy__default(void);

/* Adds "kill,error" to on (which begins as 0). 0, or -EINVAL with the word that is no cause
 * copied into bad. */
int policy__parse_on(const char *list, uint16_t *on, char *bad, size_t size);

/* "root" or "any", into flags. 0 or -EINVAL. */
int policy__parse_scope(const char *text, uint32_t *flags);

/* A first signal other than SIGKILL is of no use without time to heed it: 5 s, unless said. */
#define POLICY_DEFAULT_GRACE (5 * 1000000000ULL)

#define POLICY_LONGEST_GRACE (86400 * 1000000000ULL)

/* "kill,signal" for on; the text of a single kind. */
void policy__format_on(uint16_t on, char *text, size_t size);
const char *cause__name(enum cause_kind kind);
const char *origin__name(enum cause_origin origin);

/* What kind of end that was. A death by SIGKILL that the OOM killer chose is CAUSE_OOM. */
enum cause_kind cause__kind(const struct death *death);

/* Who is behind the signal of a death; meaningless (ORIGIN_SELF) for an exit. */
enum cause_origin cause__origin(const struct death *death);

/* Whether the policy wants this death's survivors ended: SIGKILL "from anybody" includes the OOM
 * killer's, and "any fatal signal" SIGKILL and those that dump core. */
bool policy__wants(uint16_t on, enum cause_kind kind);

#endif
