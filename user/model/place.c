// SPDX-License-Identifier: GPL-2.0
#include <stdbool.h>
#include <string.h>

#include <orphand/control.h>

#include "model/place.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define ID_LEN 64
#define SHORT_ID_LEN 12 /* what the engines themselves take for enough */

/* ---- one component of the path, not terminated */

struct word {
	const char *at;
	size_t len;
};

static bool word__is(struct word word, const char *text)
{
	return strlen(text) == word.len && memcmp(word.at, text, word.len) == 0;
}

/* Both cut only where something is left. */
static bool word__cut_prefix(struct word *word, const char *prefix)
{
	size_t len = strlen(prefix);

	if (len >= word->len || memcmp(word->at, prefix, len) != 0)
		return false;
	word->at += len;
	word->len -= len;
	return true;
}

static bool word__cut_suffix(struct word *word, const char *suffix)
{
	size_t len = strlen(suffix);

	if (len >= word->len || memcmp(word->at + word->len - len, suffix, len) != 0)
		return false;
	word->len -= len;
	return true;
}

/* How many of its first characters are some of these. */
static size_t word__span(struct word word, const char *characters)
{
	size_t n = 0;

	while (n < word.len && word.at[n] && strchr(characters, word.at[n]))
		n++;
	return n;
}

/* Nothing is copied of what does not fit. */
static bool word__copy(struct word word, char *to, size_t size)
{
	if (word.len >= size)
		return false;
	memcpy(to, word.at, word.len);
	to[word.len] = '\0';
	return true;
}

/* Takes the last component off the path. */
static struct word cut_last(struct word *path)
{
	size_t len = path->len, begin = len;

	while (begin && path->at[begin - 1] != '/')
		begin--;
	path->len = begin ? begin - 1 : 0;
	return (struct word){ path->at + begin, len - begin };
}

/* ---- pods */

#define HEX "0123456789abcdef"

static bool is_uuid(struct word word)
{
	static const size_t groups[] = { 8, 4, 4, 4, 12 };

	for (size_t i = 0; i < COUNT(groups); i++) {
		if (i && !word__cut_prefix(&word, "-") && !word__cut_prefix(&word, "_"))
			return false;
		if (word.len < groups[i] ||
		    word__span((struct word){ word.at, groups[i] }, HEX) != groups[i])
			return false;
		word.at += groups[i];
		word.len -= groups[i];
	}
	return !word.len;
}

/* systemd allows no '-' within a slice's name: there a uid is written with '_'. */
static bool read_uid(struct word word, char pod[static POD_LEN])
{
	size_t len = word__span(word, HEX "-_");
	struct word uid = { word.at, len };

	if (len < word.len && word.at[len] != '.')
		return false;
	/* a static pod's is a plain hash */
	if (!is_uuid(uid) && !(len == 32 && word__span(uid, HEX) == len))
		return false;
	word__copy(uid, pod, POD_LEN);
	for (char *c = pod; *c; c++) {
		if (*c == '_')
			*c = '-';
	}
	return true;
}

/* "podUID", "kubepods-burstable-podUID.slice" and what may follow */
static bool find_pod(struct word word, char pod[static POD_LEN])
{
	for (struct word rest = word; rest.len; rest.at++, rest.len--) {
		struct word uid = rest;

		if ((rest.at == word.at || rest.at[-1] == '-') && word__cut_prefix(&uid, "pod") &&
		    read_uid(uid, pod))
			return true;
	}
	return false;
}

/* ---- containers */

static bool set_container(struct place *place, struct word id, const char *runtime)
{
	if (!id.len || !word__copy(id, place->container, sizeof(place->container)))
		return false;
	place->runtime = runtime;
	return true;
}

/* What the engines put in front of an id. conmon, which is no container's, has a group of its own
 * with a further word there. */
static const struct {
	const char *name;
	const char *runtime;
} engines[] = {
	{ "docker", "docker" },	     { "cri-containerd", "containerd" },
	{ "nerdctl", "containerd" }, { "crio", "cri-o" },
	{ "libpod", "podman" },	     { "libpod-payload", "podman" },
};

/* All of ".scope", or its beginning: a long path may have been cut anywhere. */
static bool may_end_scope(struct word rest)
{
	static const char scope[] = ".scope";

	return rest.len < sizeof(scope) && memcmp(rest.at, scope, rest.len) == 0;
}

/* "docker-ID.scope", "crio-ID"; and "SLICE:cri-containerd:ID", which is systemd's way to say it
 * where systemd was not asked. */
static bool find_named(struct place *place, struct word word)
{
	static const char slice[] = ".slice:";
	const char *triple = memmem(word.at, word.len, slice, strlen(slice));

	if (triple) {
		word.len -= (size_t)(triple - word.at) + strlen(slice);
		word.at = triple + strlen(slice);
	}
	for (size_t i = 0; i < COUNT(engines); i++) {
		struct word id = word, rest;

		if (!word__cut_prefix(&id, engines[i].name) ||
		    !word__cut_prefix(&id, triple ? ":" : "-"))
			continue;
		rest = id;
		id.len = word__span(id, HEX);
		rest.at += id.len;
		rest.len -= id.len;
		if (id.len >= SHORT_ID_LEN && id.len <= ID_LEN && may_end_scope(rest))
			return set_container(place, id, engines[i].runtime);
	}
	return false;
}

/* A bare id: whose it is, the folder around it tells. In a pod's, CRI-O would have said its name. */
static bool find_bare(struct place *place, struct word word, struct word folder)
{
	char pod[POD_LEN];

	if (word.len != ID_LEN || word__span(word, HEX) != ID_LEN)
		return false;
	if (word__is(folder, "libpod_parent")) /* a pod of Podman's */
		return false;
	if (word__is(folder, "docker"))
		return set_container(place, word, "docker");
	if (word__is(folder, "default") || word__is(folder, "k8s.io") || find_pod(folder, pod))
		return set_container(place, word, "containerd");
	return set_container(place, word, "");
}

/* LXC's and nspawn's have names. Both keep their own monitor in another folder than "payload". */
static bool find_machine(struct place *place, struct word word, struct word folder)
{
	struct word name = word, machine = folder;

	if (word__is(folder, "lxc") || word__is(folder, "lxc.payload") ||
	    word__cut_prefix(&name, "lxc.payload."))
		return set_container(place, name, "lxc");
	if (!word__is(word, "payload"))
		return false;
	if ((word__cut_prefix(&machine, "systemd-nspawn@") &&
	     word__cut_suffix(&machine, ".service")) ||
	    (word__cut_prefix(&machine, "machine-") && word__cut_suffix(&machine, ".scope")))
		return set_container(place, machine, "nspawn");
	return false;
}

static bool find_container(struct place *place, struct word word, struct word folder)
{
	return find_named(place, word) || find_bare(place, word, folder) ||
	       find_machine(place, word, folder);
}

/* ---- units */

static bool has_suffix(struct word word)
{
	static const char *const suffixes[] = { ".service", ".scope", ".mount", ".socket",
						".swap" };

	for (size_t i = 0; i < COUNT(suffixes); i++) {
		if (word__cut_suffix(&word, suffixes[i]))
			return true;
	}
	return false;
}

/* Whether it is a unit other than a slice: then the search is over. */
static bool find_unit(struct place *place, struct word word)
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.\\@";
	struct word stem;

	/* systemd puts a '_' in front of what could be taken for a file of the kernel's. */
	word__cut_prefix(&word, "_");
	stem = word;
	if (word__span(word, allowed) != word.len)
		return false;
	if (has_suffix(word))
		return word__copy(word, place->unit, sizeof(place->unit));
	if (!*place->unit && word__cut_suffix(&stem, ".slice"))
		word__copy(word, place->unit, sizeof(place->unit));
	return false;
}

/* ---- from the innermost component outwards */

static struct place of_path(struct word path)
{
	struct place place = { .runtime = "" };
	bool container = false, pod = false, unit = false;
	struct word word, folder;

	word__cut_suffix(&path, " (deleted)"); /* the kernel's word on a group that is no more */
	folder = cut_last(&path);
	while (path.len || folder.len) {
		word = folder;
		folder = cut_last(&path);
		container = container || find_container(&place, word, folder);
		pod = pod || find_pod(word, place.pod);
		unit = unit || find_unit(&place, word);
	}
	return place;
}

struct place place__of(const char *cgroup)
{
	return of_path((struct word){ cgroup, strlen(cgroup) });
}

struct place place__of_image(const struct control_image *image)
{
	return of_path(
		(struct word){ image->cgroup, strnlen(image->cgroup, sizeof(image->cgroup)) });
}
