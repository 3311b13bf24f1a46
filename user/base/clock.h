/* SPDX-License-Identifier: GPL-2.0 */
/* clock.h - times as the kernel side has them, and as people write them. */
#ifndef ORPHAND_CLOCK_H
#define ORPHAND_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define NS_PER_SEC 1000000000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_US 1000ULL

/* RFC 3339 with nanoseconds: 2026-11-22T12:00:00.000000000Z and a NUL. */
#define CLOCK_TEXT_LEN 31

/* ns of CLOCK_BOOTTIME: the clock of bpf_ktime_get_boot_ns and of every record. */
uint64_t clock__boottime(void);

/* ns of CLOCK_REALTIME. */
uint64_t clock__realtime(void);

/* What turns a boottime into a realtime, as of now. */
int64_t clock__offset(void);

/* "500ms", "5s", "2m", "1h", "30d", also "0" and combinations ("1m30s"): ns, at most a century.
 * 0, or -EINVAL. */
int clock__parse_duration(const char *text, uint64_t *ns);

/* RFC 3339 ("2026-11-22T12:00:00Z", with a fraction, with an offset), or a duration ago:
 * realtime ns. 0, or -EINVAL. */
int clock__parse_when(const char *text, uint64_t now, uint64_t *when);

void clock__format(char text[CLOCK_TEXT_LEN], uint64_t realtime);

/* "500ms", "5s", "90s", "2m": as clock__parse_duration() takes it. */
void clock__format_duration(uint64_t ns, char *text, size_t size);

/* "31 µs", "420 ms", "5.2 s", "3 min", "2 h", "4 d": for people's eyes. */
void clock__format_span(char *text, size_t size, uint64_t ns);

#endif
