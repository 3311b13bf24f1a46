// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"
#include "ctl/archive.h"
#include "ctl/client.h"

#define PATIENCE_S 10

/* ---- the socket */

/* connect() and send() give up in time; poll() does it for what is received. Out of the way of
 * standard streams that the caller closed: what is printed must not go to the daemon. */
static int open_socket(void)
{
	struct timeval patience = { .tv_sec = PATIENCE_S };
	autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd >= 0 && fd <= STDERR_FILENO) {
		int higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

		close(fd);
		fd = higher;
	}
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)))
		return -errno;
	return STEAL_FD(fd);
}

static enum exit_status complain_silence(const struct client *client)
{
	complain("the daemon at %s does not answer for %d s; see journalctl -u orphand",
		 client->path, PATIENCE_S);
	return EXIT_FAILED;
}

static enum exit_status complain_closed(const struct client *client)
{
	complain("the daemon at %s hung up%s; see journalctl -u orphand", client->path,
		 client->patient ? "" : " in the middle of its answer");
	return EXIT_FAILED;
}

enum exit_status client__open(struct client *client, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int err;

	*client = (struct client){ .path = path, .fd = open_socket() };
	if (client->fd < 0) {
		complain("cannot open a socket: %s", strerror(-client->fd));
		return EXIT_FAILED;
	}
	text__copy(address.sun_path, sizeof(address.sun_path), path);
	do
		err = connect(client->fd, (const struct sockaddr *)&address, sizeof(address));
	while (err && errno == EINTR);
	if (!err)
		return EXIT_DONE;
	if (errno == EAGAIN)
		return complain_silence(client);
	complain("no daemon at %s (%s); start it with systemctl start orphand, or name its "
		 "socket with --socket",
		 path, strerror(errno));
	return EXIT_NO_DAEMON;
}

void client__close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
}

/* A peer that has hung up may have left word why: that is for the receiving side to find. */
enum exit_status client__send(const struct client *client, const void *request)
{
	const struct control_head *head = request;
	ssize_t n;

	do
		n = send(client->fd, request, head->size, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0 || errno == EPIPE || errno == ECONNRESET)
		return EXIT_DONE;
	if (errno == EAGAIN)
		return complain_silence(client);
	complain("cannot ask the daemon at %s: %s", client->path, strerror(errno));
	return EXIT_FAILED;
}

/* 1: something is there to receive; 0: nobody wants it any more; or a negative errno. */
static int wait_for_record(const struct client *client)
{
	/* the errors of standard output come unasked for */
	struct pollfd fds[] = { { .fd = client->fd, .events = POLLIN }, { .fd = STDOUT_FILENO } };
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (;;) {
		long left = -1;
		int n;

		clock_gettime(CLOCK_MONOTONIC, &now);
		if (!client->patient)
			left = (start.tv_sec + PATIENCE_S - now.tv_sec) * 1000 +
			       (start.tv_nsec - now.tv_nsec) / 1000000;
		if (!client->patient && left < 0)
			return -ETIMEDOUT;
		n = poll(fds, client->patient ? 2 : 1, (int)left);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -ETIMEDOUT;
		if (n > 0)
			return fds[0].revents ? 1 : 0;
	}
}

static ssize_t receive_packet(const struct client *client, union row *record)
{
	bool reset = false;

	for (;;) {
		/* MSG_TRUNC: the size of the whole packet, also of one that is too long */
		ssize_t n = recv(client->fd, record, sizeof(*record), MSG_TRUNC);

		if (n >= 0)
			return n;
		/* Said once, before what the peer sent until it went. */
		if (errno == ECONNRESET && !reset)
			reset = true;
		else if (errno != EINTR)
			return -errno;
	}
}

static enum received complain_version(const struct client *client, unsigned version)
{
	complain("the daemon at %s speaks version %u of the control protocol, this orphanctl "
		 "version %d; use the orphanctl that came with the daemon, or restart the daemon "
		 "after its upgrade",
		 client->path, version, CONTROL_VERSION);
	return RECEIVED_FAILURE;
}

static enum received complain_malformed(const struct client *client)
{
	complain("the daemon at %s sent a record that makes no sense; is that orphand's control "
		 "socket?",
		 client->path);
	return RECEIVED_FAILURE;
}

enum received client__receive(const struct client *client, union row *record)
{
	int ready = wait_for_record(client);
	ssize_t n;

	if (ready == 0)
		return RECEIVED_UNWANTED;
	if (ready == -ETIMEDOUT) {
		complain_silence(client);
		return RECEIVED_FAILURE;
	}
	n = ready < 0 ? ready : receive_packet(client, record);
	if (n == 0 || n == -ECONNRESET) {
		complain_closed(client);
		return RECEIVED_FAILURE;
	}
	if (n < 0) {
		complain("cannot hear the daemon at %s: %s", client->path, strerror((int)-n));
		return RECEIVED_FAILURE;
	}
	if ((size_t)n < sizeof(record->head))
		return complain_malformed(client);
	if (record->head.version != CONTROL_VERSION)
		return complain_version(client, record->head.version);
	if ((size_t)n > sizeof(*record) || !row__is_well_formed(&record->head, (size_t)n))
		return complain_malformed(client);
	return RECEIVED_RECORD;
}

/* ---- question and answer */

static enum exit_status take_end(const struct client *client, const struct control_end *end)
{
	if (end->status == 0)
		return EXIT_DONE;
	if (*end->text)
		complain("%s", end->text);
	else
		complain("the daemon at %s refused: %s", client->path,
			 strerror(end->status < 0 ? -end->status : end->status));
	return EXIT_FAILED;
}

/* Rows that mean the same in every answer are dealt with here. */
static enum verdict take_row(struct ctl *ctl, const union row *record, client_row_fn *fn,
			     void *data)
{
	if (record->head.type == CONTROL_NOTE_ROW) {
		/* run is silent: standard error is the program's own from here on */
		if (ctl->options.command->operand != OPERAND_COMMAND)
			complain("%s", record->note.text);
		return ROW_TAKEN;
	}
	if (record->head.type == CONTROL_HOST_ROW) {
		ctl->context.host = record->host;
		return ROW_TAKEN;
	}
	return fn ? fn(data, &record->head) : ROW_STRANGE;
}

enum exit_status client__ask(struct client *client, struct ctl *ctl, const void *request,
			     client_row_fn *fn, void *data, struct control_end *end)
{
	enum exit_status status = client__send(client, request);
	union row record;

	*end = (struct control_end){};
	if (status != EXIT_DONE)
		return status;
	for (;;) {
		enum received received = client__receive(client, &record);

		if (received != RECEIVED_RECORD)
			return received == RECEIVED_UNWANTED ? EXIT_DONE : EXIT_FAILED;
		if (record.head.type == CONTROL_END) {
			*end = record.end;
			return take_end(client, end);
		}
		switch (take_row(ctl, &record, fn, data)) {
		case ROW_TAKEN:
			break;
		case ROW_LAST:
			return EXIT_DONE;
		case ROW_STRANGE:
			complain_malformed(client);
			return EXIT_FAILED;
		case ROW_NO_MEMORY:
			complain("out of memory");
			return EXIT_FAILED;
		}
		/* main tells why */
		if (ferror(stdout))
			return EXIT_DONE;
	}
}

enum exit_status client__ask_once(struct ctl *ctl, const void *request, client_row_fn *fn,
				  void *data, struct control_end *end)
{
	autoclient struct client client = { .fd = -1 };
	enum exit_status status;

	if (ctl->options.store)
		return archive__ask(ctl, request, fn, data);
	status = client__open(&client, ctl->options.socket);
	if (status != EXIT_DONE)
		return status;
	client.patient = ctl->options.follow;
	return client__ask(&client, ctl, request, fn, data, end);
}
