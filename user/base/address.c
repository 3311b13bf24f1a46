// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/text.h"

#define UNIX "unix:"

static int parse_unix(const char *path, struct address *address)
{
	*address = (struct address){ .kind = ADDRESS_UNIX, .loopback = true };
	address->un.sun_family = AF_UNIX;
	address->len = sizeof(address->un);
	if (*path != '/' || !text__copy(address->un.sun_path, sizeof(address->un.sun_path), path))
		return -EINVAL;
	return 0;
}

static int parse_port(const char *text, in_port_t *port)
{
	unsigned long number = 0;

	if (!*text || strlen(text) > 5 || strspn(text, "0123456789") != strlen(text))
		return -EINVAL;
	number = strtoul(text, NULL, 10);
	if (number > 65535)
		return -EINVAL;
	*port = htons((in_port_t)number);
	return 0;
}

static int parse_host(const char *host, struct address *address)
{
	*address = (struct address){ .kind = ADDRESS_INET };
	if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
		      &address->in.sin_addr) == 1) {
		address->in.sin_family = AF_INET;
		address->len = sizeof(address->in);
		address->loopback = ntohl(address->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
		return 0;
	}
	if (*host != '[' || inet_pton(AF_INET6, host + 1, &address->in6.sin6_addr) != 1)
		return -EINVAL;
	address->in6.sin6_family = AF_INET6;
	address->len = sizeof(address->in6);
	address->loopback = IN6_IS_ADDR_LOOPBACK(&address->in6.sin6_addr);
	return 0;
}

int address__parse(const char *text, struct address *address)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	size_t len = colon ? (size_t)(colon - text) : 0;
	in_port_t port;

	if (strcmp(text, "off") == 0) {
		*address = (struct address){ .kind = ADDRESS_OFF, .loopback = true };
		return 0;
	}
	if (strncmp(text, UNIX, sizeof(UNIX) - 1) == 0)
		return parse_unix(text + sizeof(UNIX) - 1, address);
	if (!len || len >= sizeof(host) || parse_port(colon + 1, &port))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (*host == '[') { /* the brackets keep its colons from the port's */
		if (host[len - 1] != ']')
			return -EINVAL;
		host[len - 1] = '\0';
	}
	if (parse_host(host, address))
		return -EINVAL;
	if (address->any.sa_family == AF_INET)
		address->in.sin_port = port;
	else
		address->in6.sin6_port = port;
	return 0;
}

void address__format(const struct address *address, char *text, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "";

	if (address->kind == ADDRESS_OFF) {
		snprintf(text, size, "off");
	} else if (address->kind == ADDRESS_UNIX) {
		snprintf(text, size, UNIX "%s", address->un.sun_path);
	} else if (address->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &address->in.sin_addr, host, sizeof(host));
		snprintf(text, size, "%s:%u", host, ntohs(address->in.sin_port));
	} else {
		inet_ntop(AF_INET6, &address->in6.sin6_addr, host, sizeof(host));
		snprintf(text, size, "[%s]:%u", host, ntohs(address->in6.sin6_port));
	}
}
