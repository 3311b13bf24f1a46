// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "guard/cgroups.h"
#include "guard/coroner.h"

/* Slots, by pid: the newer takes the older's place. */
#define CULPRITS 1024
#define DYING 1024

struct dying {
	struct ident who;
	struct image *image;
};

struct coroner {
	uint64_t last;
	struct obituary obituaries[CORONER_DEATHS];
	struct culprit *culprits[CULPRITS];
	struct dying dying[DYING];
	struct ident told[DYING]; /* strangers, of whom two programs may tell */
};

int coroner__init(struct guard *guard)
{
	guard->coroner = calloc(1, sizeof(*guard->coroner));
	return guard->coroner ? 0 : -ENOMEM;
}

void coroner__free(struct guard *guard)
{
	struct coroner *coroner = guard->coroner;

	if (!coroner)
		return;
	for (size_t i = 0; i < CORONER_DEATHS; i++)
		obituary__clear(&coroner->obituaries[i]);
	for (size_t i = 0; i < CULPRITS; i++)
		culprit__put(coroner->culprits[i]);
	for (size_t i = 0; i < DYING; i++)
		image__put(coroner->dying[i].image);
	free(coroner);
	guard->coroner = NULL;
}

/* ---- what they run */

static struct image *image_of(struct guard *guard, const struct image_value *value)
{
	return image__of_value(&guard->config.redact, value,
			       cgroups__path(&guard->cgroups, value->cgroup));
}

static void keep_culprit(struct guard *guard, const struct record_sender *record)
{
	struct culprit **slot = &guard->coroner->culprits[record->head.who.pid % CULPRITS];

	culprit__put(*slot);
	*slot = culprit__new(record, image_of(guard, &record->image));
}

static void keep_dying(struct guard *guard, const struct record_exec *record)
{
	struct dying *slot = &guard->coroner->dying[record->head.who.pid % DYING];

	image__put(slot->image);
	slot->who = record->head.who;
	slot->image = image_of(guard, &record->image);
}

static struct image *take_dying(struct guard *guard, const struct death *death)
{
	struct dying *slot = &guard->coroner->dying[death->who.pid % DYING];
	struct image_value value = { .cgroup = death->cgroup, .uid = death->uid };
	struct image *image = slot->image;

	if (image && ident__equal(slot->who, death->who)) {
		*slot = (struct dying){};
		return image;
	}
	text__copy(value.comm, sizeof(value.comm), death->comm);
	return image_of(guard, &value);
}

static struct culprit *culprit_of(const struct coroner *coroner, struct ident who)
{
	struct culprit *culprit = coroner->culprits[who.pid % CULPRITS];

	return culprit && ident__equal(culprit->who, who) ? culprit : NULL;
}

const struct culprit *coroner__culprit(const struct guard *guard, struct ident who)
{
	return culprit_of(guard->coroner, who);
}

/* ---- obituaries */

/* Takes the reference of the image. */
static void bury(struct coroner *coroner, const struct death *death, uint32_t tree,
		 struct image *image)
{
	struct obituary *obituary = &coroner->obituaries[++coroner->last % CORONER_DEATHS];

	obituary__clear(obituary);
	obituary->seq = coroner->last;
	obituary->tree = tree;
	obituary->death = *death;
	obituary->image = image;
	obituary->culprit = culprit__ref(culprit_of(coroner, death->sender.who));
}

static void on_stranger(struct guard *guard, const struct death *death)
{
	struct ident *told = &guard->coroner->told[death->who.pid % DYING];

	if (ident__equal(*told, death->who))
		return;
	*told = death->who;
	bury(guard->coroner, death, 0, take_dying(guard, death));
}

void coroner__record(struct guard *guard, const struct record *record)
{
	switch ((int)record->type) {
	case RECORD_SENDER:
		keep_culprit(guard, (const struct record_sender *)record);
		break;
	case RECORD_DYING:
		keep_dying(guard, (const struct record_exec *)record);
		break;
	default:
		on_stranger(guard, &((const struct record_exit *)record)->death);
		break;
	}
}

void coroner__member(struct guard *guard, const struct death *death, uint32_t tree,
		     struct image *image)
{
	if (death->exit_code & 0x7f)
		bury(guard->coroner, death, tree, image__ref(image));
}

const struct obituary *coroner__obituary(const struct guard *guard, uint64_t seq)
{
	const struct obituary *obituary = &guard->coroner->obituaries[seq % CORONER_DEATHS];

	return seq && obituary->seq == seq ? obituary : NULL;
}

uint64_t coroner__first(const struct guard *guard)
{
	uint64_t last = guard->coroner->last;

	return last > CORONER_DEATHS - 1 ? last - (CORONER_DEATHS - 1) : 1;
}

uint64_t coroner__last(const struct guard *guard)
{
	return guard->coroner->last;
}
