// SPDX-License-Identifier: GPL-2.0
/* cmd_why.c - how a process ended, in plain words: every one that had that pid, the newest first. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/own.h"
#include "base/text.h"
#include "ctl/client.h"
#include "model/incident.h"
#include "model/obituary.h"
#include "model/place.h"
#include "model/policy.h"

/* One process that had the pid. */
struct ending {
	struct control_host host;	/* whose times they are: of a boot, in a store of several */
	struct control_death_row death; /* made up of what is known where no row tells of it */
	bool told;			/* by a row of its own */
	struct control_incident_row *incident; /* that it was the root of, NULL: none */
	struct control_survivor_row *survivors;
	uint32_t count;
	char survivor_of[INCIDENT_ID_LEN];
	enum survivor_outcome outcome;
};

struct inquest {
	struct ctl *ctl;
	struct ending *endings;
	size_t count;
	struct ending *root; /* whose survivors are coming in, NULL: they are of another's */
	struct control_incident_row incident;
};

static void clear_inquest(struct inquest *inquest)
{
	for (size_t i = 0; i < inquest->count; i++) {
		free(inquest->endings[i].incident);
		free(inquest->endings[i].survivors);
	}
	free(inquest->endings);
}

/* ---- gathering */

/* That of the process, a new one if need be; NULL without memory. */
static struct ending *ending_of(struct inquest *inquest, struct ident who)
{
	const struct control_host *host = &inquest->ctl->context.host;
	struct ending *more;

	for (size_t i = 0; i < inquest->count; i++) {
		struct ending *known = &inquest->endings[i];

		if (known->death.who.pid == who.pid && known->death.who.start == who.start &&
		    strcmp(known->host.boot_id, host->boot_id) == 0)
			return known;
	}
	more = reallocarray(inquest->endings, inquest->count + 1, sizeof(*more));
	if (!more)
		return NULL;
	inquest->endings = more;
	more += inquest->count++;
	*more = (struct ending){ .host = *host, .death = { .who = who } };
	return more;
}

static void classify(struct control_death_row *row)
{
	const struct death death = { .who = row->who, .exit_code = row->exit_code };

	row->kind = cause__kind(&death);
	row->origin = cause__origin(&death);
}

static enum verdict take_death(struct inquest *inquest, const struct control_death_row *row)
{
	struct ending *ending = ending_of(inquest, row->who);

	if (!ending)
		return ROW_NO_MEMORY;
	ending->death = *row;
	ending->told = true;
	return ROW_TAKEN;
}

static enum verdict take_exit(struct inquest *inquest, const struct control_event_row *row)
{
	struct ending *ending = ending_of(inquest, row->who);

	if (!ending)
		return ROW_NO_MEMORY;
	if (ending->told)
		return ROW_TAKEN;
	ending->told = true;
	ending->death.at = row->at;
	ending->death.parent = row->parent;
	ending->death.exit_code = row->exit_code;
	ending->death.tree = row->tree;
	ending->death.vpid = row->vpid;
	ending->death.image = row->image;
	classify(&ending->death);
	return ROW_TAKEN;
}

static void tell_of_root(struct control_death_row *death, const struct control_incident_row *row)
{
	death->at = row->died;
	death->parent = row->parent;
	death->exit_code = row->exit_code;
	death->kind = row->kind;
	death->origin = row->origin;
	death->tree = row->tree;
	death->vpid = row->vpid;
	death->pid_ns = row->pid_ns;
	death->sender = row->sender;
	death->image = row->image;
	text__copy(death->sender_image.exe, sizeof(death->sender_image.exe), row->sender_exe);
}

static enum verdict take_incident(struct inquest *inquest, const struct control_incident_row *row)
{
	struct ending *ending;

	inquest->root = NULL;
	inquest->incident = *row;
	if (row->who.pid != inquest->ctl->options.number)
		return ROW_TAKEN;
	ending = ending_of(inquest, row->who);
	if (!ending)
		return ROW_NO_MEMORY;
	if (!ending->death.sender.who.pid) /* the row of its death knows more of the sender */
		tell_of_root(&ending->death, row);
	ending->told = true;
	free(ending->incident);
	ending->incident = malloc(sizeof(*row));
	if (!ending->incident)
		return ROW_NO_MEMORY;
	*ending->incident = *row;
	inquest->root = ending;
	return ROW_TAKEN;
}

static enum verdict take_own_survivor(struct ending *ending, const struct control_survivor_row *row)
{
	struct control_survivor_row *more =
		reallocarray(ending->survivors, ending->count + 1, sizeof(*more));

	if (!more)
		return ROW_NO_MEMORY;
	ending->survivors = more;
	ending->survivors[ending->count++] = *row;
	return ROW_TAKEN;
}

static enum verdict take_survivor(struct inquest *inquest, const struct control_survivor_row *row)
{
	struct ending *ending;

	if (inquest->root)
		return take_own_survivor(inquest->root, row);
	if (!row->gone && row->outcome != SURVIVOR_STUCK)
		return ROW_TAKEN; /* it lives, or nobody saw it end */
	ending = ending_of(inquest, row->who);
	if (!ending)
		return ROW_NO_MEMORY;
	text__copy(ending->survivor_of, sizeof(ending->survivor_of), inquest->incident.id);
	ending->outcome = row->outcome;
	if (ending->told)
		return ROW_TAKEN;
	ending->death.at = row->gone;
	ending->death.parent = row->parent;
	ending->death.exit_code = row->exit_code;
	ending->death.tree = inquest->incident.tree;
	ending->death.image = row->image;
	classify(&ending->death);
	ending->told = row->gone;
	return ROW_TAKEN;
}

static enum verdict take_row(void *data, const struct control_head *head)
{
	switch (head->type) {
	case CONTROL_DEATH_ROW:
		return take_death(data, (const struct control_death_row *)head);
	case CONTROL_EVENT_ROW:
		return take_exit(data, (const struct control_event_row *)head);
	case CONTROL_INCIDENT_ROW:
		return take_incident(data, (const struct control_incident_row *)head);
	case CONTROL_SURVIVOR_ROW:
		return take_survivor(data, (const struct control_survivor_row *)head);
	default:
		return ROW_STRANGE;
	}
}

/* ---- text */

static void print_user(const struct inquest *inquest, uint32_t uid)
{
	const char *name = users__name(&inquest->ctl->users, uid);

	fputs(", user ", stdout);
	if (name)
		print__safe(stdout, name, strlen(name));
	else
		printf("%" PRIu32, uid);
}

static void print_place(const struct control_image *image)
{
	struct place place = place__of_image(image);

	if (*place.unit) {
		fputs(", unit ", stdout);
		print__safe(stdout, place.unit, strlen(place.unit));
	}
	if (*place.container) {
		printf(", %s container ", place.runtime);
		print__safe(stdout, place.container, strlen(place.container));
	}
}

/* "pid 4242 (python3 job.py, user jobs, unit x)" */
static void print_process(const struct inquest *inquest, uint32_t pid,
			  const struct control_image *image)
{
	printf("pid %" PRIu32 " (", pid);
	print__command(stdout, image);
	print_user(inquest, image->uid);
	print_place(image);
	fputc(')', stdout);
}

static void print_above(const struct inquest *inquest, const char *above)
{
	struct ancestor ancestor;
	bool first = true;

	while (above__next(&above, &ancestor)) {
		printf("%spid %" PRIu32 " (", first ? "\n  child of " : ", of ", ancestor.who.pid);
		print__field(stdout, ancestor.comm);
		print_user(inquest, ancestor.uid);
		fputc(')', stdout);
		first = false;
	}
}

/* The image of a sender is not known where it was too quick, or the daemon itself. */
static void print_sender(const struct inquest *inquest, const struct control_death_row *row)
{
	struct control_image image = row->sender_image;

	if (!image.args_len && !*image.exe) {
		text__copy(image.comm, sizeof(image.comm), row->sender.comm);
		image.uid = row->sender.uid;
	}
	print_process(inquest, row->sender.who.pid, &image);
	print_above(inquest, row->above);
}

static void print_origin(const struct inquest *inquest, const struct ending *ending)
{
	const struct control_death_row *row = &ending->death;

	switch (row->origin) {
	case ORIGIN_SELF:
		fputs(", which it sent itself", stdout);
		return;
	case ORIGIN_OOM:
		fputs(", sent by the kernel: out of memory", stdout);
		if (*row->image.cgroup) {
			fputs(" (its control group: ", stdout);
			print__field(stdout, row->image.cgroup);
			fputc(')', stdout);
		}
		return;
	case ORIGIN_CGROUP:
		fputs("\n  sent to its whole control group or PID namespace by ", stdout);
		break;
	case ORIGIN_KERNEL:
		if (row->sender.who.pid && row->sender.who.pid != row->who.pid &&
		    row->exit_code & 0x7f && (row->exit_code & 0x7f) == SIGKILL) {
			fputs("\n  sent by the kernel on behalf of ", stdout);
			break;
		}
		if (!*ending->survivor_of)
			fputs(", sent by the kernel", stdout);
		return;
	default:
		fputs("\n  sent by ", stdout);
		break;
	}
	print_sender(inquest, row);
}

static void print_how(const struct inquest *inquest, const struct ending *ending)
{
	const struct control_death_row *row = &ending->death;
	uint32_t signal = row->exit_code & 0x7f;

	if (!ending->told) {
		fputs(" did not end", stdout);
		return;
	}
	if (signal)
		printf(" was %s by %s",
		       row->kind == CAUSE_KILL || row->kind == CAUSE_OOM ? "killed" : "ended",
		       signal__name((int)signal));
	else
		printf(" exited with status %" PRIu32, (row->exit_code >> 8) & 0xff);
	fputs(" at ", stdout);
	print__time(stdout, &inquest->ctl->context.host, row->at);
	if (row->exit_code & 0x80)
		fputs(", and dumped core", stdout);
	if (signal)
		print_origin(inquest, ending);
}

static void print_survivor(const struct inquest *inquest, const struct ending *ending,
			   const struct control_survivor_row *row)
{
	printf("    %" PRIu32 " ", row->who.pid);
	print__command(stdout, &row->image);
	printf(": %s", survivor_outcome__name(row->outcome));
	if (row->outcome == SURVIVOR_SPARED && *row->reason) {
		fputs(" (", stdout);
		print__field(stdout, row->reason);
		fputc(')', stdout);
	}
	if (row->gone) {
		fputs(", gone after ", stdout);
		print__span(stdout, &inquest->ctl->screen, row->gone - ending->incident->died);
	}
	fputc('\n', stdout);
}

static void print_ending(const struct inquest *inquest, const struct ending *ending)
{
	print_process(inquest, ending->death.who.pid, &ending->death.image);
	print_how(inquest, ending);
	if (*ending->survivor_of) {
		fputs("\n  as a survivor of incident ", stdout);
		print__field(stdout, ending->survivor_of);
		printf(" (%s)", survivor_outcome__name(ending->outcome));
	}
	if (!ending->incident) {
		fputc('\n', stdout);
		return;
	}
	printf("\n  it left %" PRIu32 " survivor%s (incident ", ending->incident->survivors,
	       ending->incident->survivors == 1 ? "" : "s");
	print__field(stdout, ending->incident->id);
	printf(", %s)%s\n", incident_outcome__name(ending->incident->outcome),
	       ending->count ? ":" : "");
	for (uint32_t i = 0; i < ending->count; i++)
		print_survivor(inquest, ending, &ending->survivors[i]);
}

/* ---- JSON */

static int add_incident(struct json_object *object, const struct json_context *context,
			const struct ending *ending)
{
	struct json_object *incident = NULL;
	bool failed = false;

	if (ending->incident) {
		incident = json__incident(context, ending->incident);
		failed = !incident;
	}
	for (uint32_t i = 0; !failed && i < ending->count; i++)
		failed = json__add_survivor(incident, context, &ending->survivors[i]);
	if (!failed && json_object_object_add(object, "incident", incident) == 0)
		return 0;
	json_object_put(incident);
	return -1;
}

static int add_survivor_of(struct json_object *object, const struct ending *ending)
{
	struct json_object *of = NULL;

	if (*ending->survivor_of) {
		of = json_object_new_object();
		if (!of ||
		    json_object_object_add(
			    of, "incident",
			    json__text(ending->survivor_of, sizeof(ending->survivor_of))) ||
		    json_object_object_add(
			    of, "outcome",
			    json_object_new_string(survivor_outcome__name(ending->outcome)))) {
			json_object_put(of);
			return -1;
		}
	}
	return json_object_object_add(object, "survivor_of", of);
}

static int print_ending_json(const struct inquest *inquest, const struct ending *ending)
{
	const struct json_context *context = &inquest->ctl->context;
	struct json_object *object = json__death(context, &ending->death);

	if (object && add_incident(object, context, ending) == 0 &&
	    add_survivor_of(object, ending) == 0)
		return print__json(object);
	json_object_put(object);
	return -1;
}

/* ---- the command */

static uint64_t begin_of(const struct ending *ending)
{
	return json__realtime(&ending->host, ending->death.who.start);
}

static int newest_first(const void *a, const void *b)
{
	uint64_t x = begin_of(a), y = begin_of(b);

	return x > y ? -1 : x < y;
}

/* With --at, the one that had the pid then. */
static bool is_asked_for(const struct inquest *inquest, const struct ending *ending)
{
	return !inquest->ctl->options.at || begin_of(ending) <= inquest->ctl->options.at;
}

static enum exit_status complain_unknown(const struct inquest *inquest)
{
	uint32_t pid = inquest->ctl->options.number;

	if (!inquest->ctl->options.store && !inquest->ctl->options.at && kill((pid_t)pid, 0) == 0)
		complain("pid %" PRIu32 " has not ended: it is running", pid);
	else
		complain("of no process %" PRIu32
			 "%s is an end known; a store that reaches further back is asked with "
			 "--store FILE",
			 pid, inquest->ctl->options.at ? " of that time" : "");
	return EXIT_FAILED;
}

enum exit_status cmd__why(struct ctl *ctl)
{
	struct control_query query = {
		CONTROL_REQUEST(control_query, CONTROL_WHY),
		.pid = ctl->options.number,
	};
	__attribute__((cleanup(clear_inquest))) struct inquest inquest = { .ctl = ctl };
	struct control_end end;
	enum exit_status status = client__ask_once(ctl, &query, take_row, &inquest, &end);
	size_t told = 0;

	if (status != EXIT_DONE)
		return status;
	if (inquest.count)
		qsort(inquest.endings, inquest.count, sizeof(*inquest.endings), newest_first);
	for (size_t i = 0; i < inquest.count && !(told && ctl->options.at); i++) {
		const struct ending *ending = &inquest.endings[i];

		if (!is_asked_for(&inquest, ending))
			continue;
		told++;
		ctl->context.host = ending->host;
		if (!ctl->options.json) {
			print_ending(&inquest, ending);
		} else if (print_ending_json(&inquest, ending)) {
			complain("out of memory");
			return EXIT_FAILED;
		}
	}
	return told ? EXIT_DONE : complain_unknown(&inquest);
}
