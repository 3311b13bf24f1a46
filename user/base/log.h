/* SPDX-License-Identifier: GPL-2.0 */
/*
 * log.h - lines on standard error, with journald's priorities where it reads them. Nobody waits for
 * a reader: what can't be written at once is dropped, and counted.
 */
#ifndef ORPHAND_LOG_H
#define ORPHAND_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR = 0, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Everything above the level is dropped. The first call finds out whether journald reads
 * standard error (JOURNAL_STREAM names it, see systemd.exec(5)). */
void log__set_level(enum log_level level);

/* 0, or -EINVAL when name is no level. */
int log__parse_level(const char *name, enum log_level *level);

bool log__on(enum log_level level);

__attribute__((format(printf, 2, 3))) void log__write(enum log_level level, const char *format,
						      ...);

/* A line that has a kind of its own. journald gets it as an entry: id is its MESSAGE_ID, fields are
 * further "KEY=value\n" lines (systemd.journal-fields(7)). */
void log__entry(enum log_level level, const char *id, const char *fields, char *message);

/* Lines that nobody took in time. */
uint64_t log__dropped(void);

#define log_error(...) log__write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log__write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log__write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log__write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
