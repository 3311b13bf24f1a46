/* SPDX-License-Identifier: GPL-2.0 */
/* address.h - where to listen, as people write it: 127.0.0.1:9464, [::1]:9464, localhost:9464,
 * unix:/run/orphand/feed.sock, off. No name service is asked. */
#ifndef ORPHAND_ADDRESS_H
#define ORPHAND_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ADDRESS_TEXT_LEN 128

enum address_kind { ADDRESS_OFF = 0, ADDRESS_INET, ADDRESS_UNIX };

struct address {
	enum address_kind kind;
	bool loopback; /* no other machine can come */
	socklen_t len;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	};
};

/* 0, or -EINVAL. Port 0: whichever is free. */
int address__parse(const char *text, struct address *address);

/* As it is parsed. */
void address__format(const struct address *address, char *text, size_t size);

#endif
