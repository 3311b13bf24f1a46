// SPDX-License-Identifier: GPL-2.0
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "../kernel/parts.h"
#include "base/own.h"
#include "web.h"

#define SAID "the feed is at "

/* ---- where */

static bool find_place(const struct rig *rig, unsigned n, char *place, size_t size)
{
	autofclose FILE *log = fopen(rig->log, "re");
	char line[512];

	while (log && fgets(line, sizeof(line), log)) {
		const char *at = strstr(line, SAID);

		if (!at || --n)
			continue;
		at += strlen(SAID);
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(at, "unix:", 5) == 0)
			snprintf(place, size, "%s", at + 5);
		else
			snprintf(place, size, "http://%s", at);
		return true;
	}
	return false;
}

const char *web__place(const struct rig *rig, unsigned n)
{
	struct patience patience = rig__patience(DEADLINE);
	static char place[256];

	while (!find_place(rig, n, place, sizeof(place))) {
		if (!rig__retry(&patience))
			cr_assert_fail("daemon %u told no place of the feed", n);
	}
	return place;
}

/* ---- one request */

struct buffer {
	char *text;
	size_t len;
};

static size_t take(char *bytes, size_t size, size_t count, void *data)
{
	struct buffer *buffer = data;

	buffer->text = realloc(buffer->text, buffer->len + size * count + 1);
	if (!buffer->text)
		abort();
	memcpy(buffer->text + buffer->len, bytes, size * count);
	buffer->len += size * count;
	buffer->text[buffer->len] = '\0';
	return size * count;
}

static CURL *prepare(const char *place, const char *path, struct curl_slist *headers,
		     struct buffer *body)
{
	CURL *curl = curl_easy_init();
	char url[1024];

	if (!curl)
		cr_assert_fail("no curl");
	if (*place == '/')
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, place);
	snprintf(url, sizeof(url), "%s%s", *place == '/' ? "http://localhost" : place, path);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
	return curl;
}

struct got *web__ask(const char *place, const char *path, const char *method, const char *header)
{
	struct curl_slist *headers = header ? curl_slist_append(NULL, header) : NULL;
	struct buffer head = {}, body = {};
	CURL *curl = prepare(place, path, headers, &body);
	struct got *got = calloc(1, sizeof(*got));

	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &head);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)DEADLINE);
	if (method)
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	if (curl_easy_perform(curl) == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &got->status);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	got->head = head.text ? head.text : strdup("");
	got->body = body.text ? body.text : strdup("");
	got->len = body.len;
	return got;
}

void got__free(struct got *got)
{
	if (!got)
		return;
	free(got->head);
	free(got->body);
	free(got);
}

struct json_object *web__json(const char *place, const char *path)
{
	autogot struct got *got = web__get(place, path);
	struct json_object *object = json_tokener_parse(got->body);

	cr_assert_eq(got->status, 200, "%s: %ld %s", path, got->status, got->body);
	cr_assert(object, "%s: no JSON: %s", path, got->body);
	return object;
}

/* ---- events */

struct stream_of_events {
	CURLM *multi;
	CURL *curl;
	struct curl_slist *headers;
	struct buffer body;
	bool ended;
};

struct stream_of_events *web__follow(const char *place, const char *path, const char *header)
{
	struct stream_of_events *stream = calloc(1, sizeof(*stream));

	stream->headers = header ? curl_slist_append(NULL, header) : NULL;
	stream->multi = curl_multi_init();
	stream->curl = prepare(place, path, stream->headers, &stream->body);
	curl_multi_add_handle(stream->multi, stream->curl);
	return stream;
}

static void go_on(struct stream_of_events *stream)
{
	int running = 0;

	curl_multi_perform(stream->multi, &running);
	stream->ended = !running;
	curl_multi_poll(stream->multi, NULL, 0, 10, NULL);
}

const char *web__text(const struct stream_of_events *stream)
{
	return stream->body.text ? stream->body.text : "";
}

void web__await(struct stream_of_events *stream, const char *text)
{
	struct patience patience = rig__patience(DEADLINE);

	for (;;) {
		go_on(stream);
		if (strstr(web__text(stream), text))
			return;
		if (!rig__retry(&patience))
			cr_assert_fail("no '%s' in: %s", text, web__text(stream));
	}
}

void web__await_end(struct stream_of_events *stream)
{
	struct patience patience = rig__patience(DEADLINE);

	for (go_on(stream); !stream->ended; go_on(stream)) {
		if (!rig__retry(&patience))
			cr_assert_fail("the stream goes on: %s", web__text(stream));
	}
}

void web__close(struct stream_of_events *stream)
{
	curl_multi_remove_handle(stream->multi, stream->curl);
	curl_easy_cleanup(stream->curl);
	curl_multi_cleanup(stream->multi);
	curl_slist_free_all(stream->headers);
	free(stream->body.text);
	free(stream);
}
