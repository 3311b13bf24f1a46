/* SPDX-License-Identifier: GPL-2.0 */
/* door.h - the feed's listening socket: made by the keeper, which may, for the recorder, which may
 * not. */
#ifndef ORPHAND_DOOR_H
#define ORPHAND_DOOR_H

#include <sys/types.h>

#include "base/address.h"

/* A listening socket, not blocking, or a negative errno. A Unix socket belongs to root and the
 * group, and nobody else may connect; one that nobody listens at any more makes room. */
int door__open(const struct address *address, gid_t group);

/* A Unix socket's file goes. */
void door__close(const struct address *address, int listener);

/* Through a Unix socket, from the keeper to the recorder. The descriptor or a negative errno. */
int door__hand(int door, int listener);
int door__take(int door);

#endif
