/* SPDX-License-Identifier: GPL-2.0 */
/* announce.h - what an administrator is told: a line each, and with journald an entry with fields.
 * packaging/orphand.catalog explains each kind. */
#ifndef ORPHAND_ANNOUNCE_H
#define ORPHAND_ANNOUNCE_H

#include "model/incident.h"

void announce__opened(const struct incident *incident);
void announce__closed(const struct incident *incident);
void announce__disarmed(const char *why);
/* what: "records were lost" */
void announce__lost(uint64_t count, const char *what);

#endif
