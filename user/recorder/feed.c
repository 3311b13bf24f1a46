// SPDX-License-Identifier: GPL-2.0
/* feed.c - the server: who may ask, and who answers what. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include <microhttpd.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "model/json.h"
#include "recorder/feed.h"
#include "recorder/health.h"
#include "recorder/listing.h"
#include "recorder/metrics.h"
#include "recorder/page.h"
#include "recorder/request.h"
#include "recorder/sse.h"
#include "recorder/visit.h"

/* Clients of /events, and some room for whoever only looks in. */
#define CONNECTIONS (SSE_CLIENTS + 64)
#define CONNECTION_BYTES (24U << 10) /* headers and all */
#define CONNECTION_S 10		     /* without a byte */

/* How long an answer waits for the guard's, and how long that one is good for others. */
#define ANSWER_NS (200 * NS_PER_MS)
#define GOOD_NS (20 * NS_PER_MS)

#define JSON "application/json"

TAILQ_HEAD(request_list, request);

struct feed {
	struct recorder *recorder;
	const struct recorder_settings *settings;
	int bell[BELLS];
	struct MHD_Daemon *server;
	struct sse *sse;
	struct users users;
	struct picture picture;
	struct health health;
	struct request_list waiting; /* for the guard, the longest first */
	struct visits visits;
};

struct request {
	TAILQ_ENTRY(request) waiting;
	struct feed *feed;
	struct MHD_Connection *connection;
	enum bell bell; /* that it waits for */
	bool waits;
	bool asked;
	bool stale;
	uint64_t deadline;
};

/* ---- answers */

/* A text that grows, and is the response's in the end. */
struct body {
	FILE *out;
	char *text;
	size_t len;
};

static bool body__open(struct body *body)
{
	*body = (struct body){};
	body->out = open_memstream(&body->text, &body->len);
	return body->out;
}

static struct MHD_Response *body__close(struct body *body)
{
	struct MHD_Response *response = NULL;

	if (fclose(body->out) == 0)
		response = MHD_create_response_from_buffer(body->len, body->text,
							   MHD_RESPMEM_MUST_FREE);
	if (!response)
		free(body->text);
	return response;
}

static enum MHD_Result send_response(struct request *request, unsigned status,
				     struct MHD_Response *response, const char *type)
{
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", type);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
	result = MHD_queue_response(request->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

__attribute__((format(printf, 3, 4))) static enum MHD_Result
send_error(struct request *request, unsigned status, const char *format, ...)
{
	struct json_object *text;
	struct MHD_Response *response;
	struct body body;
	char line[256];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (!body__open(&body))
		return MHD_NO;
	text = json__text(line, sizeof(line));
	fprintf(body.out, "{\"error\":%s}\n",
		json_object_to_json_string_ext(text, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(text);
	response = body__close(&body);
	if (response && status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, "Allow", "GET, HEAD");
	if (response && status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
	return send_response(request, status, response, JSON);
}

static const char *header(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static void make_tag(const void *bytes, size_t len, char *tag, size_t size)
{
	snprintf(tag, size, "\"%016" PRIx64 "\"", hash__of(bytes, len));
}

/* With a tag: who has that already gets it no second time. */
static enum MHD_Result send_tagged(struct request *request, struct MHD_Response *response,
				   const char *type, const char *tag)
{
	unsigned status = MHD_HTTP_OK;

	if (response && request__has_tag(header(request, "If-None-Match"), tag)) {
		MHD_destroy_response(response);
		response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
		status = MHD_HTTP_NOT_MODIFIED;
	}
	if (response) {
		MHD_add_response_header(response, "ETag", tag);
		MHD_add_response_header(response, "Cache-Control", "no-cache");
	}
	return send_response(request, status, response, type);
}

/* ---- waiting for the guard */

static void ring(const struct feed *feed, enum bell bell)
{
	static const uint64_t once = 1;

	if (write(feed->bell[bell], &once, sizeof(once)) < 0)
		log_debug("the guard does not hear: %s", strerror(errno));
}

static bool must_wait(struct request *request, enum bell bell)
{
	struct feed *feed = request->feed;
	uint64_t now = clock__boottime(), taken = feed->picture.taken[bell];

	if (request->asked || (taken && now - taken < GOOD_NS))
		return false;
	request->asked = true;
	request->waits = true;
	request->bell = bell;
	request->deadline = now + ANSWER_NS;
	TAILQ_INSERT_TAIL(&feed->waiting, request, waiting);
	ring(feed, bell);
	MHD_suspend_connection(request->connection);
	return true;
}

static void stop_waiting(struct request *request, bool stale)
{
	TAILQ_REMOVE(&request->feed->waiting, request, waiting);
	request->waits = false;
	request->stale = stale;
	MHD_resume_connection(request->connection);
}

static void answer_waiting(struct feed *feed, enum bell bell)
{
	struct request *request = TAILQ_FIRST(&feed->waiting), *next;

	for (; request; request = next) {
		next = TAILQ_NEXT(request, waiting);
		if (request->bell == bell)
			stop_waiting(request, false);
	}
}

static void give_up_waiting(struct feed *feed, uint64_t now)
{
	struct request *request;

	while ((request = TAILQ_FIRST(&feed->waiting)) && request->deadline <= now)
		stop_waiting(request, true);
}

/* ---- the query */

struct reading {
	struct query *query;
	unsigned allowed;
	uint64_t now;
	char error[128];
};

static enum MHD_Result read_parameter(void *cls, enum MHD_ValueKind kind, const char *key,
				      size_t key_len, const char *value, size_t value_len)
{
	struct reading *reading = cls;

	(void)kind;
	if (strlen(key) != key_len || (value && strlen(value) != value_len)) {
		snprintf(reading->error, sizeof(reading->error), "%.60s: a NUL in it", key);
		return MHD_NO;
	}
	return query__set(reading->query, reading->allowed, key, value, reading->now,
			  reading->error, sizeof(reading->error))
		       ? MHD_NO
		       : MHD_YES;
}

/* False: an answer has been given. */
static bool read_query(struct request *request, unsigned allowed, struct query *query,
		       enum MHD_Result *result)
{
	struct reading reading = { .query = query, .allowed = allowed, .now = clock__realtime() };

	*query = (struct query){};
	MHD_get_connection_values_n(request->connection, MHD_GET_ARGUMENT_KIND, read_parameter,
				    &reading);
	if (!*reading.error)
		return true;
	*result = send_error(request, MHD_HTTP_BAD_REQUEST, "%s", reading.error);
	return false;
}

/* ---- what there is to ask for */

static enum MHD_Result get_metrics(struct request *request, const char *rest)
{
	struct feed *feed = request->feed;
	bool openmetrics = request__takes_openmetrics(header(request, "Accept"));
	const struct own_numbers own = {
		.store_bytes = recorder__store_bytes(feed->recorder),
		.store_dropped = recorder__dropped(feed->recorder),
		.events_dropped = sse__dropped(feed->sse),
		.clients = sse__clients(feed->sse),
		.stale = request->stale,
	};
	struct MHD_Response *response;
	struct body body;

	(void)rest;
	if (!body__open(&body))
		return MHD_NO;
	metrics__write(body.out, &feed->picture, &own, openmetrics);
	response = body__close(&body);
	if (response)
		MHD_add_response_header(response, "Vary", "Accept");
	return send_response(request, MHD_HTTP_OK, response,
			     openmetrics ? METRICS_OPEN : METRICS_PLAIN);
}

static enum MHD_Result get_health(struct request *request, const char *rest)
{
	struct feed *feed = request->feed;
	struct MHD_Response *response;
	struct body body;
	bool well;

	(void)rest;
	if (!body__open(&body))
		return MHD_NO;
	well = health__write(body.out, &feed->health, &feed->picture, request->stale,
			     clock__boottime());
	response = body__close(&body);
	if (response)
		MHD_add_response_header(response, "Cache-Control", "no-store");
	return send_response(request, well ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, response,
			     JSON);
}

static enum MHD_Result get_trees(struct request *request, const char *rest)
{
	struct feed *feed = request->feed;
	struct listing page = { .users = &feed->users };
	char tag[32] = "W/";
	struct body body;

	(void)rest;
	if (request->stale && !feed->picture.taken[BELL_TREES])
		return send_error(request, MHD_HTTP_SERVICE_UNAVAILABLE,
				  "the daemon does not answer");
	if (!body__open(&body))
		return MHD_NO;
	page.out = body.out;
	listing__trees(&page, &feed->picture);
	/* Of the rows: the trees' ages are no news. */
	make_tag(feed->picture.trees.at,
		 feed->picture.trees.count * sizeof(struct control_tree_row), tag + 2,
		 sizeof(tag) - 2);
	return send_tagged(request, body__close(&body), JSON, tag);
}

/* The same question for what comes behind the last one's id. */
static void add_link(struct MHD_Response *response, const struct query *query, const char *next)
{
	char link[1024], since[CLOCK_TEXT_LEN], rule[NAME_LEN * 3] = "";
	size_t n = 0;

	for (const char *at = query->rule; *at && n + 4 < sizeof(rule); at++)
		n += (size_t)snprintf(rule + n, sizeof(rule) - n, "%%%02X", (unsigned char)*at);
	clock__format(since, query->since);
	snprintf(link, sizeof(link), "</incidents?before=%s&limit=%u%s%s%s%s%s%s>; rel=\"next\"",
		 next, query->limit ? query->limit : LIMIT_USUAL, query->since ? "&since=" : "",
		 query->since ? since : "", *rule ? "&rule=" : "", rule,
		 *query->outcome ? "&outcome=" : "", query->outcome);
	MHD_add_response_header(response, "Link", link);
}

/* Takes the page over. */
static enum MHD_Result send_page(struct request *request, struct body *body, int err,
				 const char *type, const struct query *query, const char *next)
{
	struct MHD_Response *response = NULL;
	char tag[32];

	fflush(body->out);
	make_tag(body->text, body->len, tag, sizeof(tag));
	response = body__close(body);
	if (err || !response) {
		MHD_destroy_response(response);
		return err == -ENOENT ? send_error(request, MHD_HTTP_NOT_FOUND, "no such incident")
				      : send_error(request, MHD_HTTP_SERVICE_UNAVAILABLE,
						   "the store can't be read just now");
	}
	if (*next)
		add_link(response, query, next);
	MHD_add_response_header(response, "Content-Security-Policy", LISTING_POLICY);
	return send_tagged(request, response, type, tag);
}

static enum MHD_Result get_incidents(struct request *request, const char *rest)
{
	struct feed *feed = request->feed;
	struct store *store = recorder__store(feed->recorder);
	struct listing page = { .users = &feed->users };
	enum MHD_Result result;
	struct query query;
	struct body body;
	int err;

	(void)rest;
	if (!read_query(request,
			PARAMETER_SINCE | PARAMETER_RULE | PARAMETER_OUTCOME | PARAMETER_LIMIT |
				PARAMETER_BEFORE,
			&query, &result))
		return result;
	if (!body__open(&body))
		return MHD_NO;
	page.out = body.out;
	err = store ? listing__incidents(&page, store, &query) : -EIO;
	return send_page(request, &body, err, JSON, &query, page.next);
}

/* "ID", or "ID.html" */
static enum MHD_Result get_incident(struct request *request, const char *rest)
{
	struct feed *feed = request->feed;
	struct store *store = recorder__store(feed->recorder);
	struct listing page = { .users = &feed->users };
	const char *dot = strchr(rest, '.');
	bool html = dot && strcmp(dot, ".html") == 0;
	const struct query query = {};
	char id[INCIDENT_ID_LEN];
	struct body body;
	int err = -EIO;

	text__copy(id, sizeof(id), rest);
	if (html)
		id[strcspn(id, ".")] = '\0';
	if (!body__open(&body))
		return MHD_NO;
	page.out = body.out;
	if (store)
		err = html ? listing__story(&page, store, id) : listing__incident(&page, store, id);
	return send_page(request, &body, err, html ? "text/html; charset=utf-8" : JSON, &query, "");
}

/* The header is a browser's own, when it connects again; the parameter is for anybody. */
static bool read_last_id(struct request *request, struct query *query, enum MHD_Result *result)
{
	const char *last = header(request, "Last-Event-ID");

	if (!last || !*last)
		return true;
	query->given |= PARAMETER_AFTER;
	if (request__number(last, UINT64_MAX - 1, &query->after) == 0)
		return true;
	*result = send_error(request, MHD_HTTP_BAD_REQUEST,
			     "Last-Event-ID: not an event's sequence number");
	return false;
}

static enum MHD_Result get_events(struct request *request, const char *rest)
{
	struct feed *feed = request->feed;
	struct MHD_Response *response;
	enum MHD_Result result;
	struct query query;

	(void)rest;
	if (!read_query(request, PARAMETER_TYPE | PARAMETER_TREE | PARAMETER_RULE | PARAMETER_AFTER,
			&query, &result) ||
	    !read_last_id(request, &query, &result))
		return result;
	if (sse__clients(feed->sse) >= SSE_CLIENTS)
		return send_error(request, MHD_HTTP_SERVICE_UNAVAILABLE,
				  "%d clients follow the events already", SSE_CLIENTS);
	response = sse__begin(feed->sse, request->connection, &query);
	if (response) {
		MHD_add_response_header(response, "Cache-Control", "no-store");
		MHD_add_response_header(response, "X-Accel-Buffering", "no");
	}
	return send_response(request, MHD_HTTP_OK, response, "text/event-stream");
}

static enum MHD_Result get_page(struct request *request, const struct page_file *file)
{
	char tag[PAGE_ETAG_LEN];
	struct MHD_Response *response = MHD_create_response_from_buffer(
		(size_t)(file->end - file->bytes), (void *)file->bytes, MHD_RESPMEM_PERSISTENT);

	page__etag(file, tag);
	if (response)
		MHD_add_response_header(response, "Content-Security-Policy", PAGE_POLICY);
	return send_tagged(request, response, file->type, tag);
}

#define NO_BELL BELLS

static const struct route {
	const char *path;
	enum MHD_Result (*get)(struct request *request, const char *rest);
	enum bell bell;	 /* what it wants to be told first */
	bool with_query; /* reads it itself */
	bool prefix;	 /* more stands behind the path: rest */
} routes[] = {
	{ "/metrics", get_metrics, BELL_NUMBERS, false, false },
	{ "/healthz", get_health, BELL_NUMBERS, false, false },
	{ "/trees", get_trees, BELL_TREES, false, false },
	{ "/events", get_events, NO_BELL, true, false },
	{ "/incidents", get_incidents, NO_BELL, true, false },
	{ "/incidents/", get_incident, NO_BELL, false, true },
};

static const struct route *find_route(const char *url, const char **rest)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		size_t len = strlen(routes[i].path);

		*rest = url + len;
		if (strncmp(url, routes[i].path, len) == 0 && !**rest == !routes[i].prefix)
			return &routes[i];
	}
	return NULL;
}

static enum MHD_Result answer(struct request *request, const char *url)
{
	const struct page_file *file = page__find(url);
	enum MHD_Result result;
	struct query query;
	const char *rest;
	const struct route *route = find_route(url, &rest);

	if (file)
		return get_page(request, file);
	if (!route)
		return send_error(request, MHD_HTTP_NOT_FOUND, "no such page");
	if (!route->with_query && !read_query(request, 0, &query, &result))
		return result;
	if (route->bell != NO_BELL && must_wait(request, route->bell))
		return MHD_YES;
	return route->get(request, rest);
}

/* ---- who may ask */

/* True: an answer has been given. */
static bool refuse(struct request *request, const char *method, enum MHD_Result *result)
{
	const struct recorder_settings *settings = request->feed->settings;
	bool listed = *settings->token;

	if (!listed && !request__names_us(header(request, "Host"), &settings->feed))
		*result = send_error(request, MHD_HTTP_FORBIDDEN,
				     "the Host header names somebody else");
	else if (listed && !request__bears(header(request, "Authorization"), settings->token))
		*result = send_error(request, MHD_HTTP_UNAUTHORIZED, "a bearer token is wanted");
	else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		*result = send_error(request, MHD_HTTP_METHOD_NOT_ALLOWED,
				     "the feed is read only: GET or HEAD");
	else
		return false;
	return true;
}

static struct visit *visit_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct feed *feed = cls;

	if (code == MHD_CONNECTION_NOTIFY_STARTED && info)
		*context = visit__new(&feed->visits, info->connect_fd, clock__boottime());
	if (code == MHD_CONNECTION_NOTIFY_CLOSED && *context)
		visit__free(&feed->visits, *context);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **context)
{
	struct request *request = *context;
	enum MHD_Result result;

	(void)version;
	(void)upload;
	if (!request) { /* its headers */
		*context = request = calloc(1, sizeof(*request));
		if (!request)
			return MHD_NO;
		request->feed = cls;
		visit__asked(&request->feed->visits, visit_of(connection));
		request->connection = connection;
		return refuse(request, method, &result) ? result : MHD_YES;
	}
	if (*upload_size) { /* nothing that is sent along is read */
		*upload_size = 0;
		return MHD_YES;
	}
	return answer(request, url);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode code)
{
	struct request *request = *context;

	struct feed *feed = cls;

	(void)code;
	visit__answered(&feed->visits, visit_of(connection), clock__boottime());
	if (request && request->waits)
		TAILQ_REMOVE(&request->feed->waiting, request, waiting);
	free(request);
	*context = NULL;
}

/* ---- the server's life */

__attribute__((format(printf, 2, 0))) static void on_log(void *cls, const char *format,
							 va_list args)
{
	char line[256];

	(void)cls;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	log_debug("feed: %s", line);
}

int feed__open(struct feed *feed, int listener)
{
	const struct MHD_OptionItem place =
		listener < 0 ? (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL }
			     : (struct MHD_OptionItem){ MHD_OPTION_LISTEN_SOCKET, listener, NULL };
	struct MHD_OptionItem options[] = { place, { MHD_OPTION_END, 0, NULL } };

	feed->server = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
			(listener < 0 ? MHD_USE_NO_LISTEN_SOCKET : 0),
		0, NULL, NULL, on_request, feed, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
		MHD_OPTION_ARRAY, options, MHD_OPTION_NOTIFY_COMPLETED, on_completed, feed,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, feed, MHD_OPTION_CONNECTION_LIMIT,
		CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
		MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_S, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_END);
	return feed->server ? 0 : -EIO;
}

int feed__add(struct feed *feed, int connection)
{
	return MHD_add_connection(feed->server, connection, NULL, 0) == MHD_YES ? 0 : -EIO;
}

int feed__fd(const struct feed *feed)
{
	const union MHD_DaemonInfo *info =
		feed->server ? MHD_get_daemon_info(feed->server, MHD_DAEMON_INFO_EPOLL_FD) : NULL;

	return info ? info->epoll_fd : -1;
}

static int ms_until(uint64_t when, uint64_t now, int most)
{
	uint64_t ms = when > now ? (when - now) / NS_PER_MS + 1 : 0;

	return ms < (uint64_t)most ? (int)ms : most;
}

int feed__patience(const struct feed *feed, uint64_t now, int most)
{
	const struct request *first = TAILQ_FIRST(&feed->waiting);
	MHD_UNSIGNED_LONG_LONG server;

	if (!feed->server)
		return most;
	if (MHD_get_timeout(feed->server, &server) == MHD_YES &&
	    server < (MHD_UNSIGNED_LONG_LONG)most)
		most = (int)server;
	if (first)
		most = ms_until(first->deadline, now, most);
	most = ms_until(visits__due(&feed->visits), now, most);
	return ms_until(sse__due(feed->sse), now, most);
}

void feed__turn(struct feed *feed)
{
	uint64_t now = clock__boottime();

	if (!feed->server)
		return;
	give_up_waiting(feed, now);
	visits__turn(&feed->visits, now);
	sse__turn(feed->sse, now);
	MHD_run(feed->server);
}

void feed__row(struct feed *feed, const struct control_head *row)
{
	const struct control_event_row *event = (const struct control_event_row *)row;
	uint64_t now = clock__boottime();
	enum bell bell;

	if (row->type == CONTROL_EVENT_ROW) {
		health__event(&feed->health, event, now);
		sse__event(feed->sse, &feed->picture.host, event);
	} else if (picture__row(&feed->picture, row, now, &bell)) {
		answer_waiting(feed, bell);
	}
}

void feed__store_fails(struct feed *feed, bool fails)
{
	feed->health.store_fails = fails;
}

struct feed *feed__new(struct recorder *recorder, const struct recorder_settings *settings,
		       const int bell[BELLS])
{
	struct feed *feed = calloc(1, sizeof(*feed));

	if (!feed)
		return NULL;
	feed->recorder = recorder;
	feed->settings = settings;
	memcpy(feed->bell, bell, sizeof(feed->bell));
	TAILQ_INIT(&feed->waiting);
	TAILQ_INIT(&feed->visits);
	feed->sse = sse__new(recorder, &feed->users);
	if (feed->sse)
		return feed;
	free(feed);
	return NULL;
}

void feed__free(struct feed *feed)
{
	if (!feed)
		return;
	sse__end(feed->sse);
	give_up_waiting(feed, UINT64_MAX);
	if (feed->server)
		MHD_stop_daemon(feed->server);
	users__clear(&feed->users);
	sse__free(feed->sse);
	free(feed->picture.metrics.at);
	free(feed->picture.trees.at);
	free(feed->picture.next_metrics.at);
	free(feed->picture.next_trees.at);
	free(feed);
}
