// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "guard/client.h"
#include "guard/control.h"
#include "guard/procfs.h"
#include "guard/ring.h"

#define MOST_CLIENTS 512
#define MOST_CLIENTS_OF_USERS 448 /* root always finds a place */
#define MOST_CLIENTS_OF_USER 64
#define MOST_QUEUED (64UL << 20)	  /* bytes, for a client */
#define MOST_QUEUED_OF_USER (4UL << 20)	  /* for all of a user's together: the memory is locked */
#define MOST_QUEUED_OF_USERS (64UL << 20) /* one may have many uids: those of a user namespace */

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

struct control {
	struct guard *guard;
	sd_event_source *io;
	int fd;
	unsigned count;
	uint32_t pid_ns;
	LIST_HEAD(clients, client) clients;
	char path[CONFIG_PATH_LEN];
};

/* ---- one client */

bool client__may_see(const struct client *client, uint32_t owner)
{
	return client->uid == 0 || client->uid == owner;
}

static bool has_room(const struct client *client, size_t size)
{
	const struct client *other;
	size_t own = size, all = size;

	if (client->uid == 0)
		return client->queued + size <= MOST_QUEUED;
	LIST_FOREACH(other, &client->guard->control->clients, all) {
		if (other->uid != 0)
			all += other->queued;
		if (other->uid == client->uid)
			own += other->queued;
	}
	return own <= MOST_QUEUED_OF_USER && all <= MOST_QUEUED_OF_USERS;
}

/* Whose answers lie here is not asked for more: its requests wait, and so does its hanging up. */
static void queue_packet(struct client *client, const void *record, size_t size)
{
	struct packet *packet = malloc(sizeof(*packet) + size);

	if (!packet) {
		client->cut = true;
		return;
	}
	packet->size = size;
	memcpy(packet->bytes, record, size);
	STAILQ_INSERT_TAIL(&client->queue, packet, queued);
	client->queued += size;
	sd_event_source_set_io_events(client->io, EPOLLOUT);
}

void client__send(struct client *client, void *record, enum control_type type, size_t size)
{
	struct control_head *head = record;

	*head = (struct control_head){ .version = CONTROL_VERSION,
				       .type = type,
				       .size = (uint32_t)size };
	if (client->doomed || (client->cut && !client->follows && type != CONTROL_END))
		return;
	if (STAILQ_EMPTY(&client->queue)) {
		if (send(client->fd, record, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return;
		if (errno != EAGAIN && errno != ENOBUFS) {
			client->doomed = true;
			shutdown(client->fd, SHUT_RDWR); /* which the loop is told of */
			return;
		}
	}
	if (type != CONTROL_END && !has_room(client, size))
		client->cut = true;
	else
		queue_packet(client, record, size);
}

void client__end(struct client *client, int status, uint32_t tree, const char *text)
{
	struct control_end end = { .status = status, .tree = tree };

	if (client->cut && !status) {
		end.status = -EMSGSIZE;
		text = "the answer is too large; narrow it with --since, --rule or --limit";
	}
	client->cut = false;
	text__copy(end.text, sizeof(end.text), text);
	client__send(client, &end, CONTROL_END, sizeof(end));
}

bool client__flush(struct client *client)
{
	struct packet *packet;

	while ((packet = STAILQ_FIRST(&client->queue))) {
		if (send(client->fd, packet->bytes, packet->size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			return errno == EAGAIN || errno == ENOBUFS;
		STAILQ_REMOVE_HEAD(&client->queue, queued);
		client->queued -= packet->size;
		free(packet);
	}
	sd_event_source_set_io_events(client->io, EPOLLIN);
	return !client->closing;
}

static void client__free(struct client *client)
{
	struct packet *packet;

	while ((packet = STAILQ_FIRST(&client->queue))) {
		STAILQ_REMOVE_HEAD(&client->queue, queued);
		free(packet);
	}
	LIST_REMOVE(client, all);
	client->guard->control->count--;
	sd_event_source_disable_unref(client->io);
	close(client->fd);
	free(client);
}

/* One a turn: the ring comes first, and so does everybody else. */
static bool read_request(struct client *client)
{
	union {
		struct control_head head;
		char bytes[1024];
	} request;
	ssize_t n = recv(client->fd, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);

	if (n == 0)
		return false;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if ((size_t)n > sizeof(request))
		n = 0; /* longer than any request: as bad as one too short */
	ring__read(client->guard);
	client__answer(client, &request.head, (size_t)n);
	return !client->closing || !STAILQ_EMPTY(&client->queue);
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct client *client = data;
	bool alive = true;

	(void)source;
	(void)fd;
	if (events & EPOLLOUT)
		alive = client__flush(client);
	if (alive && events & EPOLLIN && STAILQ_EMPTY(&client->queue))
		alive = read_request(client);
	if (!alive || client->doomed || (events & (EPOLLHUP | EPOLLERR) && !(events & EPOLLIN)))
		client__free(client);
	return 0;
}

/* ---- the socket */

static unsigned clients_of(const struct control *control, uint32_t uid)
{
	const struct client *client;
	unsigned count = 0;

	LIST_FOREACH(client, &control->clients, all)
		count += client->uid == uid;
	return count;
}

/* Of that user, or of all but root: the one that has waited longest, and has nothing to get. */
static struct client *find_idle(const struct control *control, uint32_t uid)
{
	struct client *client, *found = NULL;

	LIST_FOREACH(client, &control->clients, all) {
		if (client->uid != 0 && (!uid || client->uid == uid) && !client->follows &&
		    STAILQ_EMPTY(&client->queue))
			found = client;
	}
	return found;
}

/* Who only holds a place loses it to who comes; what somebody asked is answered before that. */
static bool make_place(const struct control *control, uint32_t uid)
{
	struct client *idle;

	if (uid == 0)
		return control->count < MOST_CLIENTS;
	if (clients_of(control, uid) >= MOST_CLIENTS_OF_USER)
		idle = find_idle(control, uid);
	else if (control->count >= MOST_CLIENTS_OF_USERS)
		idle = find_idle(control, 0);
	else
		return true;
	if (idle)
		client__free(idle);
	return idle;
}

static void greet(struct control *control, int fd)
{
	struct client *client;
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ||
	    !make_place(control, peer.uid)) {
		close(fd);
		return;
	}
	client = calloc(1, sizeof(*client));
	if (!client) {
		close(fd);
		return;
	}
	client->guard = control->guard;
	client->fd = fd;
	client->uid = peer.uid;
	client->pid = (uint32_t)peer.pid;
	client->foreign_pids = procfs__pid_ns(client->pid) != control->pid_ns;
	STAILQ_INIT(&client->queue);
	LIST_INSERT_HEAD(&control->clients, client, all);
	control->count++;
	if (sd_event_add_io(control->guard->loop, &client->io, fd, EPOLLIN, on_client, client) <
		    0 ||
	    sd_event_source_set_priority(client->io, SD_EVENT_PRIORITY_IDLE) < 0)
		client__free(client);
}

static int on_connect(sd_event_source *source, int fd, uint32_t events, void *data)
{
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)source;
	(void)events;
	if (client >= 0)
		greet(data, client);
	return 0;
}

static int listen_at(struct control *control)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	int none = 0;

	if (fd < 0)
		return -errno;
	/* Whoever drops a passed socket that lingers waits for its other end: none are taken, where
	 * the kernel can refuse them (6.16). The connections inherit it. */
	setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &none, sizeof(none));
	text__copy(address.sun_path, sizeof(address.sun_path), control->path);
	unlink(control->path); /* of a guard that was killed; one that lives holds the pins' lock */
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	/* Open to every user: SO_PEERCRED decides. */
	if (chmod(control->path, 0666) || listen(fd, 128)) // NOLINT
		return -errno;
	return STEAL_FD(fd);
}

int control__open(struct guard *guard, char *error, size_t size)
{
	struct control *control = calloc(1, sizeof(*control));
	const char *dir = guard->config.runtime_dir;

	if (!control)
		return -ENOMEM;
	guard->control = control;
	control->guard = guard;
	control->pid_ns = procfs__pid_ns((uint32_t)getpid());
	LIST_INIT(&control->clients);
	snprintf(control->path, sizeof(control->path), "%.88s/control.sock", dir);
	if (mkdir(dir, 0755) && errno != EEXIST) {
		snprintf(error, size, "can't make %s: %s", dir, strerror(errno));
		control->fd = -1;
		return -errno;
	}
	control->fd = listen_at(control);
	if (control->fd < 0) {
		snprintf(error, size, "can't listen at %s: %s", control->path,
			 strerror(-control->fd));
		return control->fd;
	}
	if (sd_event_add_io(guard->loop, &control->io, control->fd, EPOLLIN, on_connect, control) <
		    0 ||
	    sd_event_source_set_priority(control->io, SD_EVENT_PRIORITY_IDLE) < 0)
		return -ENOMEM;
	return 0;
}

void control__close(struct guard *guard)
{
	struct control *control = guard->control;
	struct client *client;

	if (!control)
		return;
	while ((client = LIST_FIRST(&control->clients)))
		client__free(client);
	sd_event_source_disable_unref(control->io);
	if (control->fd >= 0) {
		unlink(control->path);
		close(control->fd);
	}
	free(control);
	free(guard->findings);
	guard->control = NULL;
}

void control__push(struct guard *guard)
{
	struct client *client;

	if (!guard->control)
		return;
	LIST_FOREACH(client, &guard->control->clients, all) {
		if (client->follows && STAILQ_EMPTY(&client->queue))
			client__send_events(client);
	}
}
