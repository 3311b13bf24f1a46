/* SPDX-License-Identifier: GPL-2.0 */
/* recorder_parts.h - what the feed asks of the recorder that it is a part of. */
#ifndef ORPHAND_RECORDER_PARTS_H
#define ORPHAND_RECORDER_PARTS_H

#include <stdbool.h>
#include <stdint.h>

struct recorder;
struct store;

/* With all in it that was told so far; NULL: it can't be written just now. */
struct store *recorder__store(struct recorder *recorder);

uint64_t recorder__store_bytes(const struct recorder *recorder);
uint64_t recorder__dropped(const struct recorder *recorder); /* rows, for want of memory */

#endif
