// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "model/place.h"

#define ID_LEN 64

/* What each runtime calls the scope of a container, with systemd as the manager of groups: the
 * name's part in front of the id. conmon's own scopes have a further word there. */
static const struct {
	const char *prefix;
	const char *runtime;
} runtimes[] = {
	{ "docker-", "docker" },      { "cri-containerd-", "containerd" },
	{ "nerdctl-", "containerd" }, { "crio-", "cri-o" },
	{ "libpod-", "podman" },
};

/* One component of the path, not terminated. */
struct word {
	const char *at;
	size_t len;
};

static bool word__is(struct word word, const char *text)
{
	return strlen(text) == word.len && strncmp(word.at, text, word.len) == 0;
}

static bool word__begins(struct word word, const char *text)
{
	return strlen(text) <= word.len && strncmp(word.at, text, strlen(text)) == 0;
}

static bool word__ends(struct word word, const char *text)
{
	size_t len = strlen(text);

	return len <= word.len && strncmp(word.at + word.len - len, text, len) == 0;
}

static void word__copy(struct word word, char *to, size_t size)
{
	size_t len = word.len < size - 1 ? word.len : size - 1;

	memcpy(to, word.at, len);
	to[len] = '\0';
}

static bool is_id(struct word word)
{
	return word.len == ID_LEN && strspn(word.at, "0123456789abcdef") >= ID_LEN;
}

static void set_container(struct place *place, struct word id, const char *runtime)
{
	word__copy(id, place->container, sizeof(place->container));
	place->runtime = runtime;
}

/* "docker-ID.scope", "crio-ID" */
static bool find_scope(struct place *place, struct word word)
{
	if (word__ends(word, ".scope"))
		word.len -= strlen(".scope");
	for (size_t i = 0; i < sizeof(runtimes) / sizeof(*runtimes); i++) {
		size_t len = strlen(runtimes[i].prefix);
		struct word id = { word.at + len, word.len - len };

		if (word__begins(word, runtimes[i].prefix) && is_id(id)) {
			set_container(place, id, runtimes[i].runtime);
			return true;
		}
	}
	return false;
}

/* "kubepods-….slice:cri-containerd:ID", where containerd makes systemd's groups by itself. */
static bool find_triple(struct place *place, struct word word)
{
	static const char middle[] = ":cri-containerd:";
	const char *at = memmem(word.at, word.len, middle, strlen(middle));
	struct word id;

	if (!at)
		return false;
	id.at = at + strlen(middle);
	id.len = (size_t)(word.at + word.len - id.at);
	if (is_id(id))
		set_container(place, id, "containerd");
	return is_id(id);
}

/* A bare id: whose it is, the folder around it tells. In a pod's it may be any CRI runtime's. */
static bool find_bare(struct place *place, struct word word, struct word folder)
{
	if (!is_id(word))
		return false;
	if (word__is(folder, "docker"))
		set_container(place, word, "docker");
	else if (word__is(folder, "libpod_parent"))
		set_container(place, word, "podman");
	else if (word__begins(folder, "pod"))
		set_container(place, word, "containerd");
	else
		set_container(place, word, "");
	return true;
}

static void find_container(struct place *place, struct word word, struct word folder)
{
	static const char payload[] = "lxc.payload.";
	struct word name = { word.at + strlen(payload), word.len - strlen(payload) };

	if (find_scope(place, word) || find_triple(place, word) || find_bare(place, word, folder))
		return;
	if (word__is(folder, "lxc"))
		set_container(place, word, "lxc");
	else if (word__begins(word, payload) && name.len)
		set_container(place, name, "lxc");
}

/* "podUID", "kubepods-burstable-podUID.slice" and what may follow: systemd allows no '-' in it, so
 * there it is written with '_'. The uid of a static pod is a plain hash. */
static void find_pod(struct place *place, struct word word)
{
	const char *at = memmem(word.at, word.len, "-pod", 4);
	struct word uid = { at ? at + 4 : word.at + 3, 0 };

	if (!at && !word__begins(word, "pod"))
		return;
	while (uid.at + uid.len < word.at + word.len &&
	       (isxdigit((unsigned char)uid.at[uid.len]) || uid.at[uid.len] == '-' ||
		uid.at[uid.len] == '_'))
		uid.len++;
	if (uid.len < 32 || uid.len >= sizeof(place->pod))
		return;
	word__copy(uid, place->pod, sizeof(place->pod));
	for (char *c = place->pod; *c; c++) {
		if (*c == '_')
			*c = '-';
	}
}

static void find_unit(struct place *place, struct word word)
{
	bool service = word__ends(word, ".service") || word__ends(word, ".scope");

	/* systemd puts a '_' in front of what could be taken for a file of the kernel's. */
	if (word__begins(word, "_")) {
		word.at++;
		word.len--;
	}
	if (service || (word__ends(word, ".slice") && !*place->unit))
		word__copy(word, place->unit, sizeof(place->unit));
}

static bool is_service(const char *unit)
{
	struct word word = { unit, strlen(unit) };

	return word.len && !word__ends(word, ".slice");
}

/* From the innermost outwards. */
struct place place__of(const char *cgroup)
{
	struct place place = { .runtime = "" };
	size_t end = strlen(cgroup);

	while (end) {
		size_t begin = end, outer;
		struct word word, folder;

		while (begin && cgroup[begin - 1] != '/')
			begin--;
		word = (struct word){ cgroup + begin, end - begin };
		end = begin ? begin - 1 : 0;
		outer = end;
		while (outer && cgroup[outer - 1] != '/')
			outer--;
		folder = (struct word){ cgroup + outer, end - outer };
		if (!*place.container)
			find_container(&place, word, folder);
		if (!*place.pod)
			find_pod(&place, word);
		if (!is_service(place.unit))
			find_unit(&place, word);
	}
	return place;
}
