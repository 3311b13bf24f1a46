// SPDX-License-Identifier: GPL-2.0
/* cmd_change.c - what changes something: run, track, untrack, spare, arm, disarm. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/text.h"
#include "ctl/client.h"

static struct control_track make_track(const struct options *options, uint32_t pid)
{
	struct control_track track = {
		CONTROL_REQUEST(control_track, CONTROL_TRACK),
		.pid = pid,
		.policy = options->policy,
	};

	text__copy(track.name, sizeof(track.name), options->name);
	return track;
}

/* A fact as JSON, {"key":n}, or as the sentence. */
static enum exit_status report(const struct ctl *ctl, const char *key, struct json_object *value,
			       const char *sentence)
{
	struct json_object *object;

	if (!ctl->options.json) {
		json_object_put(value);
		printf("%s\n", sentence);
		return EXIT_DONE;
	}
	object = json_object_new_object();
	if (object && value && json_object_object_add(object, key, value) == 0)
		return print__json(object) ? EXIT_FAILED : EXIT_DONE;
	json_object_put(object);
	json_object_put(value);
	complain("out of memory");
	return EXIT_FAILED;
}

static void untrack_myself(struct client *client, struct ctl *ctl)
{
	struct control_target target = {
		CONTROL_REQUEST(control_target, CONTROL_UNTRACK),
		.pid = (uint32_t)getpid(),
	};
	struct control_end end;

	client__ask(client, ctl, &target, NULL, NULL, &end);
}

enum exit_status cmd__run(struct ctl *ctl)
{
	struct control_track track = make_track(&ctl->options, 0);
	autoclient struct client client = { .fd = -1 };
	struct control_end end;
	enum exit_status status = client__open(&client, ctl->options.socket);

	if (status == EXIT_DONE)
		status = client__ask(&client, ctl, &track, NULL, NULL, &end);
	if (status != EXIT_DONE)
		return status;
	execvp(ctl->options.argv[0], ctl->options.argv);
	complain("cannot run '%.200s': %s", ctl->options.argv[0], strerror(errno));
	/* a tree whose root is this failure has to go with it */
	untrack_myself(&client, ctl);
	return EXIT_FAILED;
}

enum exit_status cmd__track(struct ctl *ctl)
{
	struct control_track track = make_track(&ctl->options, ctl->options.number);
	char sentence[96];
	struct control_end end;
	enum exit_status status = client__ask_once(ctl, &track, NULL, NULL, &end);

	if (status != EXIT_DONE)
		return status;
	snprintf(sentence, sizeof(sentence),
		 "pid %u and all that is under it are watched as tree %u", track.pid, end.tree);
	return report(ctl, "tree", json_object_new_int64(end.tree), sentence);
}

enum exit_status cmd__untrack(struct ctl *ctl)
{
	/* a number could be either: the daemon knows which of the two is there */
	struct control_target target = {
		CONTROL_REQUEST(control_target, CONTROL_UNTRACK),
		.pid = ctl->options.number,
		.tree = ctl->options.number,
	};
	char sentence[64];
	struct control_end end;
	enum exit_status status = client__ask_once(ctl, &target, NULL, NULL, &end);
	uint32_t tree = end.tree ? end.tree : ctl->options.number;

	if (status != EXIT_DONE)
		return status;
	snprintf(sentence, sizeof(sentence), "%s%u is watched no more", end.tree ? "tree " : "",
		 tree);
	return report(ctl, "untracked", json_object_new_int64(tree), sentence);
}

enum exit_status cmd__spare(struct ctl *ctl)
{
	struct control_target target = {
		CONTROL_REQUEST(control_target, CONTROL_SPARE),
		.pid = ctl->options.number,
	};
	char sentence[96];
	struct control_end end;
	enum exit_status status = client__ask_once(ctl, &target, NULL, NULL, &end);

	if (status != EXIT_DONE)
		return status;
	snprintf(sentence, sizeof(sentence),
		 "pid %u, and what it starts from now on, is left alone", target.pid);
	return report(ctl, "spared", json_object_new_int64(target.pid), sentence);
}

static enum exit_status set_brake(struct ctl *ctl, bool armed)
{
	/* a bare head is all that these two want; the record is the smallest there is */
	struct control_target target = {
		CONTROL_REQUEST(control_target, armed ? CONTROL_ARM : CONTROL_DISARM),
	};
	struct control_end end;
	enum exit_status status = client__ask_once(ctl, &target, NULL, NULL, &end);

	if (status != EXIT_DONE)
		return status;
	return report(ctl, "armed", json_object_new_boolean(armed),
		      armed ? "armed: survivors are signalled" : "disarmed: nobody is signalled");
}

enum exit_status cmd__arm(struct ctl *ctl)
{
	return set_brake(ctl, true);
}

enum exit_status cmd__disarm(struct ctl *ctl)
{
	return set_brake(ctl, false);
}
