// SPDX-License-Identifier: GPL-2.0
/* json_test.c - records as the contract's JSON. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <json-c/json.h>

#include "base/clock.h"
#include "base/text.h"
#include "model/incident.h"
#include "model/json.h"

#define ID64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* 2026-11-22T12:00:00Z */
#define NOON 1795348800

static const char *name_user(void *data, uint32_t uid)
{
	(void)data;
	return uid == 1000 ? "jobs" : uid == 0 ? "root" : NULL;
}

static struct json_context context(void)
{
	struct json_context context = { .user = name_user };

	context.host.realtime = (int64_t)(NOON * NS_PER_SEC);
	context.host.now = 100 * NS_PER_SEC;
	text__copy(context.host.machine_id, sizeof(context.host.machine_id), "m1");
	text__copy(context.host.boot_id, sizeof(context.host.boot_id), "b1");
	text__copy(context.host.name, sizeof(context.host.name), "box");
	return context;
}

/* args: a NUL behind each, also the last, which the literal brings along. */
static struct control_image image(uint32_t uid, const char *exe, const char *args, size_t args_len)
{
	struct control_image image = { .uid = uid, .args_len = (uint32_t)args_len };

	text__copy(image.comm, sizeof(image.comm), "python3");
	text__copy(image.exe, sizeof(image.exe), exe);
	memcpy(image.args, args, args_len);
	text__copy(image.cgroup, sizeof(image.cgroup), "/jobs.slice/a");
	return image;
}

#define IMAGE(uid, exe, args) image(uid, exe, args, sizeof(args))

static struct control_incident_row incident(void)
{
	struct control_incident_row row = {
		.id = "01JD",
		.rule = "python-jobs",
		.tree = 17,
		.survivors = 1,
		.opened = 1,
		.closed = 2 * NS_PER_SEC,
		.reaction_ns = 31000,
		.clear_ns = 420000,
		.who = { .start = 3, .pid = 4242 },
		.parent = { .pid = 4200 },
		.vpid = 7,
		.pid_ns = 4026531836,
		.image = IMAGE(1000, "/usr/bin/python3.11", "python3\0job.py"),
		.kind = CAUSE_KILL,
		.origin = ORIGIN_USER,
		.exit_code = SIGKILL,
		.sender = { .who = { .start = 4, .pid = 4100 }, .comm = "platform" },
		.sender_exe = "/usr/bin/platform",
	};

	return row;
}

static struct control_survivor_row survivor(void)
{
	struct control_survivor_row row = {
		.who = { .start = 5, .pid = 4243 },
		.parent = { .pid = 4242 },
		.outcome = SURVIVOR_KILLED,
		.exit_code = SIGKILL,
		.gone = 420001,
		.first = { .at = 31001, .signal = SIGKILL, .by = BY_DAEMON },
		.image = IMAGE(1000, "/bin/sh", "sh\0-c\0:"),
	};

	return row;
}

/* The text of an object, which is put; the caller's to free. */
static char *text_of(struct json_object *object)
{
	char *text;

	cr_assert_not_null(object);
	text = strdup(json_object_to_json_string_ext(
		object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
	return text;
}

static void expect(struct json_object *object, const char *expected)
{
	char *text = text_of(object);

	cr_assert_str_eq(text, expected);
	free(text);
}

static void expect_part(struct json_object *object, const char *part)
{
	char *text = text_of(object);

	cr_assert(strstr(text, part), "%s has no %s", text, part);
	free(text);
}

static struct json_object *survivor_of(const struct control_survivor_row *row)
{
	struct json_context all = context();
	struct control_incident_row root = incident();
	struct json_object *object = json__incident(&all, &root);

	cr_assert_eq(json__add_survivor(object, &all, row), 0);
	return object;
}

/* the place of who runs in /jobs.slice/a */
#define NOWHERE "\"container\":\"\",\"runtime\":\"\",\"pod\":\"\",\"unit\":\"jobs.slice\""
#define ROOT                                                                                       \
	"\"root\":{\"pid\":4242,\"start\":\"2026-11-22T12:00:00.000000003Z\",\"parent_pid\":4200," \
	"\"vpid\":7,\"pid_ns\":4026531836,\"exe\":\"/usr/bin/python3.11\","                        \
	"\"args\":[\"python3\",\"job.py\"],\"comm\":\"python3\",\"uid\":1000,\"user\":\"jobs\","   \
	"\"cgroup\":\"/jobs.slice/a\"," NOWHERE "}"
#define SENDER \
	"{\"pid\":4100,\"comm\":\"platform\",\"exe\":\"/usr/bin/platform\",\"uid\":0,\"user\":\"root\"}"

Test(json, incident_is_the_contracts)
{
	struct control_survivor_row row = survivor();

	expect(survivor_of(&row),
	       "{\"id\":\"01JD\",\"host\":{\"id\":\"m1\",\"name\":\"box\",\"boot_id\":\"b1\"},"
	       "\"rule\":\"python-jobs\",\"tree\":17,\"state\":\"closed\",\"outcome\":\"cleared\","
	       "\"observed\":false,\"reconstructed\":false,"
	       "\"opened\":\"2026-11-22T12:00:00.000000001Z\","
	       "\"closed\":\"2026-11-22T12:00:02.000000000Z\"," ROOT ","
	       "\"cause\":{\"kind\":\"kill\",\"signal\":\"SIGKILL\",\"exit_code\":null,\"core\":false,"
	       "\"origin\":\"user\",\"sender\":" SENDER "},"
	       "\"survivors\":[{\"pid\":4243,\"start\":\"2026-11-22T12:00:00.000000005Z\","
	       "\"parent_pid\":4242,\"exe\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\":\"],\"uid\":1000," NOWHERE
	       ",\"outcome\":\"killed\",\"signals\":[{\"signal\":\"SIGKILL\","
	       "\"at\":\"2026-11-22T12:00:00.000031001Z\",\"by\":\"daemon\"}],"
	       "\"gone\":\"2026-11-22T12:00:00.000420001Z\",\"exit_signal\":\"SIGKILL\"}],"
	       "\"reaction_ns\":31000,\"clear_ns\":420000}");
}

Test(json, open_incident_is_not_closed)
{
	struct json_context all = context();
	struct control_incident_row row = incident();

	row.open = 1;
	expect_part(json__incident(&all, &row), "\"state\":\"open\"");
	expect_part(json__incident(&all, &row), "\"closed\":null");
}

Test(json, exit_has_a_status_and_no_sender)
{
	struct json_context all = context();
	struct control_incident_row row = incident();

	row.kind = CAUSE_ERROR;
	row.origin = ORIGIN_SELF;
	row.exit_code = 3 << 8;
	row.sender = (struct sender){};
	expect_part(json__incident(&all, &row),
		    "\"cause\":{\"kind\":\"error\",\"signal\":null,\"exit_code\":3,\"core\":false,"
		    "\"origin\":\"self\",\"sender\":null}");
}

Test(json, crash_tells_of_its_core)
{
	struct json_context all = context();
	struct control_incident_row row = incident();

	row.kind = CAUSE_CRASH;
	row.origin = ORIGIN_KERNEL;
	row.exit_code = SIGSEGV | 0x80;
	expect_part(json__incident(&all, &row),
		    "\"kind\":\"crash\",\"signal\":\"SIGSEGV\",\"exit_code\":null,\"core\":true");
}

Test(json, survivor_has_both_signals)
{
	struct control_survivor_row row = survivor();

	row.first = (struct sent_signal){ .at = 6, .signal = SIGTERM, .by = BY_KERNEL };
	row.last = (struct sent_signal){ .at = 7, .signal = SIGKILL };
	expect_part(
		survivor_of(&row),
		"\"signals\":[{\"signal\":\"SIGTERM\",\"at\":\"2026-11-22T12:00:00.000000006Z\","
		"\"by\":\"kernel\"},{\"signal\":\"SIGKILL\","
		"\"at\":\"2026-11-22T12:00:00.000000007Z\",\"by\":\"daemon\"}]");
}

Test(json, spared_survivor_has_a_reason)
{
	struct control_survivor_row row = survivor();

	row.outcome = SURVIVOR_SPARED;
	row.gone = 0;
	row.exit_code = 0;
	row.first.at = 0;
	text__copy(row.reason, sizeof(row.reason), "detached");
	expect_part(survivor_of(&row), "\"outcome\":\"spared\",\"signals\":[],\"gone\":null,"
				       "\"exit_signal\":null,\"reason\":\"detached\"}");
}

Test(json, stuck_survivor_has_state_and_stack)
{
	struct control_survivor_row row = survivor();

	row.outcome = SURVIVOR_STUCK;
	row.gone = 0;
	text__copy(row.state, sizeof(row.state), "D (disk sleep)");
	text__copy(row.stack, sizeof(row.stack), "a+0x1\nb+0x2\n");
	expect_part(survivor_of(&row),
		    "\"gone\":null,\"exit_signal\":null,"
		    "\"state\":\"D (disk sleep)\",\"stack\":\"a+0x1\\nb+0x2\\n\"}");
}

Test(json, survivor_that_exited_has_no_signal)
{
	struct control_survivor_row row = survivor();

	row.outcome = SURVIVOR_EXITED;
	row.exit_code = 0;
	expect_part(survivor_of(&row), "\"exit_signal\":null}");
}

Test(json, many_survivors_are_fine)
{
	struct json_context all = context();
	struct control_incident_row root = incident();
	struct control_survivor_row row = survivor();
	struct json_object *object = json__incident(&all, &root), *survivors;

	for (int i = 0; i < 10000; i++)
		cr_assert_eq(json__add_survivor(object, &all, &row), 0);
	cr_assert(json_object_object_get_ex(object, "survivors", &survivors));
	cr_assert_eq(json_object_array_length(survivors), 10000);
	json_object_put(object);
}

Test(json, nameless_user_is_a_number)
{
	struct json_context all = context();
	struct control_incident_row row = incident();

	row.image.uid = 4294967294;
	expect_part(json__incident(&all, &row), "\"uid\":4294967294,\"user\":\"4294967294\"");
	all.user = NULL;
	row.image.uid = 1000;
	expect_part(json__incident(&all, &row), "\"uid\":1000,\"user\":\"1000\"");
}

Test(json, numbers_out_of_range_have_a_name)
{
	struct control_survivor_row row = survivor();

	row.outcome = 99;
	expect_part(survivor_of(&row), "\"outcome\":\"unknown\"");
	cr_assert_str_eq(incident_outcome__name(99), "unknown");
	cr_assert_str_eq(json__event_name(99), "unknown");
}

/* ---- texts */

static void expect_text(const char *bytes, size_t len, const char *expected)
{
	struct json_object *object = json__text(bytes, len);

	cr_assert_str_eq(json_object_get_string(object), expected);
	json_object_put(object);
}

#define TEXT(bytes, expected) expect_text(bytes, sizeof(bytes) - 1, expected)
#define BAD "\xef\xbf\xbd"

Test(json, valid_text_stays)
{
	TEXT("", "");
	TEXT("plain", "plain");
	TEXT("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
	TEXT("\xe2\x82\xac \xf0\x9f\x90\xa7", "\xe2\x82\xac \xf0\x9f\x90\xa7");
	TEXT("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf");
}

Test(json, invalid_bytes_are_replaced)
{
	TEXT("a\xff"
	     "b",
	     "a" BAD "b");
	TEXT("\xc3", BAD);
	TEXT("\xc3(", BAD "(");
	TEXT("\xe2\x82", BAD BAD);
	TEXT("\xc0\xaf", BAD BAD); /* longer than need be */
	TEXT("\xe0\x80\xaf", BAD BAD BAD);
	TEXT("\xed\xa0\x80", BAD BAD BAD);	   /* a surrogate */
	TEXT("\xf4\x90\x80\x80", BAD BAD BAD BAD); /* past U+10FFFF */
	TEXT("\x80", BAD);
}

Test(json, text_ends_at_its_nul_or_its_field)
{
	expect_text("ab\0cd", 5, "ab");
	expect_text("abcd", 2, "ab");
}

Test(json, arguments_keep_empty_and_cut_ones)
{
	struct control_survivor_row row = survivor();

	row.image = image(0, "/x", "a\0\0b\xff", 5);
	expect_part(survivor_of(&row), "\"args\":[\"a\",\"\",\"b" BAD "\"]");
	row.image.args_len = 0;
	expect_part(survivor_of(&row), "\"args\":[]");
	memset(row.image.args, 'x', sizeof(row.image.args));
	row.image.args_len = UINT32_MAX; /* a liar's */
	expect_part(survivor_of(&row), "xxx\"],\"uid\"");
}

Test(json, full_fields_need_no_nul)
{
	struct json_context all = context();
	struct control_incident_row row = incident();

	memset(row.image.comm, 'c', sizeof(row.image.comm));
	memset(row.image.cgroup, 'g', sizeof(row.image.cgroup));
	expect_part(json__incident(&all, &row), "\"comm\":\"cccccccccccccccc\"");
}

Test(json, durations_are_exact)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 5 * NS_PER_SEC, "5s" },
		{ 1500 * NS_PER_MS, "1500ms" },
		{ 120 * NS_PER_SEC, "2m" },
		{ 7200 * NS_PER_SEC, "2h" },
		{ 90 * NS_PER_SEC, "90s" },
		{ NS_PER_SEC + 1, "1000000001ns" },
	};
	char text[32];
	uint64_t ns;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		clock__format_duration(cases[i].ns, text, sizeof(text));
		cr_assert_str_eq(text, cases[i].text);
		cr_assert_eq(clock__parse_duration(text, &ns), 0);
		cr_assert_eq(ns, cases[i].ns);
	}
}

/* ---- events, trees, findings */

static struct control_event_row event(enum event_type type)
{
	struct control_event_row row = {
		.seq = 9,
		.at = 1,
		.type = type,
		.tree = 17,
		.who = { .start = 2, .pid = 4243 },
		.parent = { .start = 1, .pid = 4242 },
	};

	return row;
}

#define EVENT_MIDDLE                                                                        \
	"\"time\":\"2026-11-22T12:00:00.000000001Z\",\"orphand.seq\":9,\"host.id\":\"m1\"," \
	"\"orphand.tree.id\":17,"

#define EVENT_PROCESS                                                                        \
	"\"process.pid\":4243,\"process.creation.time\":\"2026-11-22T12:00:00.000000002Z\"," \
	"\"process.parent_pid\":4242"

Test(json, event_leaves_out_what_it_does_not_know)
{
	struct json_context all = context();
	struct control_event_row row = event(EVENT_PROCESS_FORKED);

	expect(json__event(&all, &row),
	       "{\"event.name\":\"orphand.process.forked\"," EVENT_MIDDLE EVENT_PROCESS "}");
}

Test(json, event_tells_what_it_knows)
{
	struct json_context all = context();
	struct control_event_row row = event(EVENT_PROCESS_EXECUTED);

	row.vpid = 7;
	row.image = IMAGE(1000, "/bin/sh", "sh\0-c");
	text__copy(row.image.cgroup, sizeof(row.image.cgroup), "/docker/" ID64);
	text__copy(row.name, sizeof(row.name), "r");
	expect(json__event(&all, &row),
	       "{\"event.name\":\"orphand.process.executed\"," EVENT_MIDDLE
	       "\"orphand.rule\":\"r\"," EVENT_PROCESS
	       ",\"process.vpid\":7,\"process.executable.path\":\"/bin/sh\","
	       "\"process.executable.name\":\"sh\",\"process.command_args\":[\"sh\",\"-c\"],"
	       "\"process.linux.cgroup\":\"/docker/" ID64 "\",\"container.id\":\"" ID64 "\","
	       "\"container.runtime\":\"docker\"}");
}

#define POD_GROUP                                             \
	"/kubepods.slice/kubepods-pod12345678_9abc_def0_1234" \
	"_56789abcdef0.slice/cri-containerd-" ID64 ".scope"
#define POD_PLACE                                                                          \
	"\"container\":\"" ID64 "\",\"runtime\":\"containerd\","                           \
	"\"pod\":\"12345678-9abc-def0-1234-56789abcdef0\",\"unit\":\"cri-containerd-" ID64 \
	".scope\""

Test(json, whoever_is_told_of_has_a_place)
{
	struct json_context all = context();
	struct control_incident_row root = incident();
	struct control_survivor_row left = survivor();
	struct control_tree_row tree = {};
	struct control_proc_row member = {};
	struct control_event_row happened = event(EVENT_PROCESS_FORKED);

	text__copy(root.image.cgroup, CGROUP_LEN, POD_GROUP);
	left.image = tree.image = member.image = happened.image = root.image;
	expect_part(json__incident(&all, &root), POD_PLACE "},\"cause\"");
	expect_part(survivor_of(&left), POD_PLACE ",\"outcome\"");
	expect_part(json__tree(&all, &tree), POD_PLACE ",\"alive\"");
	expect_part(json__process(&all, &member), POD_PLACE ",\"tree\"");
	expect_part(json__event(&all, &happened),
		    "\"container.id\":\"" ID64 "\",\"container.runtime\":\"containerd\","
		    "\"k8s.pod.uid\":\"12345678-9abc-def0-1234-56789abcdef0\","
		    "\"orphand.unit\":\"cri-containerd-" ID64 ".scope\"");
}

Test(json, event_of_an_end_has_status_or_signal)
{
	struct json_context all = context();
	struct control_event_row row = event(EVENT_PROCESS_EXITED);

	row.exit_code = 3 << 8;
	expect(json__event(&all, &row),
	       "{\"event.name\":\"orphand.process.exited\"," EVENT_MIDDLE EVENT_PROCESS
	       ",\"process.exit.code\":3}");
	row = event(EVENT_SURVIVOR_GONE);
	row.exit_code = SIGKILL;
	row.outcome = SURVIVOR_KILLED;
	text__copy(row.incident, sizeof(row.incident), "01JD");
	expect(json__event(&all, &row),
	       "{\"event.name\":\"orphand.survivor.gone\"," EVENT_MIDDLE
	       "\"orphand.incident.id\":\"01JD\"," EVENT_PROCESS
	       ",\"orphand.outcome\":\"killed\",\"orphand.exit.signal\":\"SIGKILL\"}");
}

Test(json, event_details_follow_its_type)
{
	struct json_context all = context();
	struct control_event_row row = event(EVENT_SURVIVOR_SIGNALLED);

	row.signal = SIGTERM;
	expect_part(json__event(&all, &row), ",\"orphand.signal\":\"SIGTERM\"}");
	row = event(EVENT_INCIDENT_CLOSED);
	row.outcome = INCIDENT_STUCK;
	expect_part(json__event(&all, &row), ",\"orphand.outcome\":\"stuck\"}");
	row = (struct control_event_row){ .at = 1, .type = EVENT_EVENTS_LOST, .signal = 12 };
	expect(json__event(&all, &row),
	       "{\"event.name\":\"orphand.events.lost\",\"time\":\"2026-11-22T12:00:00.000000001Z\","
	       "\"orphand.seq\":0,\"host.id\":\"m1\",\"orphand.lost\":12}");
}

Test(json, tree_tells_root_and_policy)
{
	struct json_context all = context();
	struct control_tree_row row = {
		.id = 17,
		.members = 3,
		.flags = TREE_RULE,
		.owner = 1000,
		.root_alive = 1,
		.since = 40 * NS_PER_SEC,
		.root = { .start = 3, .pid = 4242 },
		.policy = { .grace = 5 * NS_PER_SEC,
			    .on = 1 << CAUSE_KILL | 1 << CAUSE_ERROR,
			    .signal = SIGTERM,
			    .flags = TREE_ANY },
		.name = "jobs",
		.why = "exe /x",
		.image = IMAGE(1000, "/x", "x"),
	};

	expect(json__tree(&all, &row),
	       "{\"id\":17,\"rule\":\"jobs\",\"matched_by\":\"exe /x\",\"root\":{\"pid\":4242,"
	       "\"start\":\"2026-11-22T12:00:00.000000003Z\",\"exe\":\"/x\",\"args\":[\"x\"],"
	       "\"comm\":\"python3\",\"uid\":1000,\"user\":\"jobs\",\"cgroup\":\"/jobs.slice/a\"," NOWHERE
	       ",\"alive\":true},\"owner\":1000,"
	       "\"since\":\"2026-11-22T12:00:40.000000000Z\",\"age_ns\":60000000000,\"members\":3,"
	       "\"outer\":null,\"state\":\"watched\",\"made_by\":\"rule\","
	       "\"policy\":{\"on\":[\"kill\",\"error\"],\"scope\":\"any\",\"signal\":\"SIGTERM\","
	       "\"grace\":\"5s\"}}");
}

Test(json, finding_has_its_level)
{
	struct control_finding_row row = { .level = FINDING_GAP, .name = "btf", .text = "none" };

	expect(json__finding(&row), "{\"level\":\"gap\",\"name\":\"btf\",\"text\":\"none\"}");
}
