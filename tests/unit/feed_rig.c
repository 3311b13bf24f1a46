// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "feed_rig.h"

struct feed_rig feed_rig;

/* ---- in the recorder's place */

struct store *recorder__store(struct recorder *recorder)
{
	(void)recorder;
	return feed_rig.store;
}

uint64_t recorder__store_bytes(const struct recorder *recorder)
{
	(void)recorder;
	return 4096;
}

uint64_t recorder__dropped(const struct recorder *recorder)
{
	(void)recorder;
	return 0;
}

/* ---- the feed */

void feed_rig__start(const char *token)
{
	const int nobody[BELLS] = { -1, -1 };

	feed_rig = (struct feed_rig){ .settings = { .token = token } };
	if (address__parse("127.0.0.1:9464", &feed_rig.settings.feed))
		abort();
	feed_rig.feed = feed__new(NULL, &feed_rig.settings, nobody);
	if (!feed_rig.feed || feed__open(feed_rig.feed, -1))
		abort();
}

void feed_rig__stop(void)
{
	feed__free(feed_rig.feed);
	feed_rig.feed = NULL;
}

void feed_rig__turn(void)
{
	for (int i = 0; i < 4; i++)
		feed__turn(feed_rig.feed);
}

/* ---- its clients */

struct peer *peer__ask(const char *request, size_t len)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	int ends[2];

	if (!peer || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		abort();
	peer->fd = ends[0];
	peer->text = calloc(1, 1);
	if (feed__add(feed_rig.feed, ends[1])) {
		peer->ended = true;
		return peer;
	}
	if (send(peer->fd, request, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		peer->ended = true;
	feed_rig__turn();
	return peer;
}

void peer__read(struct peer *peer)
{
	static char bytes[65536];
	ssize_t n;

	while ((n = recv(peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		peer->text = realloc(peer->text, peer->len + (size_t)n + 1);
		if (!peer->text)
			abort();
		memcpy(peer->text + peer->len, bytes, (size_t)n);
		peer->len += (size_t)n;
		peer->text[peer->len] = '\0';
	}
	peer->ended |= n == 0;
}

void peer__free(struct peer *peer)
{
	close(peer->fd);
	free(peer->text);
	free(peer);
	feed_rig__turn();
}
