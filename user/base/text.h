/* SPDX-License-Identifier: GPL-2.0 */
/* text.h - strings in fields of a fixed size, and signals by name. */
#ifndef ORPHAND_TEXT_H
#define ORPHAND_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Copies as much as fits and a NUL; true when all of it did. */
bool text__copy(char *to, size_t size, const char *from);

/* "KILL", "SIGKILL", "9": the number, or -EINVAL. Real-time signals as "RTMIN+3" or by number. */
int signal__parse(const char *name);

/* "SIGKILL"; "SIG47" for those without a name. The text lives until the thread's next call. */
const char *signal__name(int signal);

#endif
