// SPDX-License-Identifier: GPL-2.0
/* store_test.c - what is put into a store comes out as it was, once, and goes when it is old. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "store/store.h"

static char folder[] = "/tmp/orphand-store-XXXXXX";
static char path[64], error[256];

static void make_folder(void)
{
	cr_assert_not_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/incidents.db", folder);
}

static void remove_folder(void)
{
	static const char *const names[] = { "", "-wal", "-shm" };
	char name[96];

	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s%s", path, names[i]);
		unlink(name);
	}
	rmdir(folder);
}

TestSuite(store, .timeout = 60, .init = make_folder, .fini = remove_folder);

/* ---- rows with something in every field */

static struct control_image image(const char *exe)
{
	struct control_image made = { .uid = 1000, .gid = 100, .args_len = 9, .comm = "job" };

	text__copy(made.exe, sizeof(made.exe), exe);
	memcpy(made.args, "job\0--now", 9); // NOLINT: both NULs are meant
	text__copy(made.cgroup, sizeof(made.cgroup), "/jobs.slice");
	return made;
}

#define HEAD(type, record)                                   \
	{                                                    \
		CONTROL_VERSION, type, sizeof(struct record) \
	}

static struct control_host host(uint64_t begun)
{
	return (struct control_host){
		.head = HEAD(CONTROL_HOST_ROW, control_host),
		.realtime = 1000000000000000000,
		.begun = begun,
		.machine_id = "m1",
		.boot_id = "b1",
		.name = "vm",
		.version = "0.1.0",
	};
}

static struct control_event_row event(uint64_t seq)
{
	return (struct control_event_row){
		.head = HEAD(CONTROL_EVENT_ROW, control_event_row),
		.seq = seq,
		.at = seq * NS_PER_SEC,
		.type = EVENT_PROCESS_EXECUTED,
		.tree = 17,
		.who = { .start = 5, .pid = 4243 },
		.parent = { .start = 4, .pid = 4242 },
		.exit_code = 256,
		.signal = 9,
		.vpid = 7,
		.outcome = 2,
		.incident = "01INCIDENT",
		.name = "jobs",
		.image = image("/usr/bin/job"),
	};
}

static struct control_incident_row incident(const char *id, uint64_t opened)
{
	struct control_incident_row row = {
		.head = HEAD(CONTROL_INCIDENT_ROW, control_incident_row),
		.rule = "jobs",
		.tree = 17,
		.outcome = INCIDENT_STUCK,
		.observed = 1,
		.reconstructed = 1,
		.survivors = 2,
		.died = opened - 1,
		.opened = opened,
		.closed = opened + 2,
		.reaction_ns = 31000,
		.clear_ns = 420000,
		.who = { .start = 4, .pid = 4242 },
		.parent = { .start = 3, .pid = 4200 },
		.vpid = 7,
		.pid_ns = 4026531836,
		.image = image("/usr/bin/python3"),
		.kind = CAUSE_OOM,
		.origin = ORIGIN_OOM,
		.exit_code = 9,
		.sender = { .who = { .start = 2, .pid = 4100 },
			    .at = 77,
			    .uid = 5,
			    .code = -6,
			    .signal = 9,
			    .via = VIA_PRIV,
			    .comm = "platform" },
		.sender_exe = "/usr/bin/platform",
	};

	text__copy(row.id, sizeof(row.id), id);
	return row;
}

static struct control_survivor_row survivor(uint32_t pid)
{
	return (struct control_survivor_row){
		.head = HEAD(CONTROL_SURVIVOR_ROW, control_survivor_row),
		.who = { .start = 9, .pid = pid },
		.parent = { .start = 4, .pid = 4242 },
		.above = { .start = 8, .pid = 4241 },
		.outcome = SURVIVOR_STUCK,
		.exit_code = 9,
		.gone = 99,
		.first = { .at = 11, .signal = 15, .by = BY_DAEMON },
		.last = { .at = 12, .signal = 9, .by = BY_KERNEL },
		.reason = "spared by hand",
		.state = "D (disk sleep)",
		.stack = "a+0x1/0x2\nb+0x3/0x4\n",
		.image = image("/bin/sh"),
	};
}

static struct control_death_row death(uint32_t pid, uint64_t start)
{
	return (struct control_death_row){
		.head = HEAD(CONTROL_DEATH_ROW, control_death_row),
		.seq = 4,
		.at = start + 5,
		.who = { .start = start, .pid = pid },
		.parent = { .start = 1, .pid = 4200 },
		.exit_code = 0x8b,
		.kind = CAUSE_CRASH,
		.origin = ORIGIN_USER,
		.tree = 17,
		.vpid = 3,
		.pid_ns = 4026531836,
		.sender = { .who = { .start = 2, .pid = 4100 },
			    .at = 77,
			    .uid = 5,
			    .code = -6,
			    .signal = 11,
			    .via = VIA_NOINFO,
			    .comm = "platform" },
		.image = image("/usr/bin/python3"),
		.sender_image = image("/usr/bin/platform"),
		.above = "4000 12 0 runner\n1 0 0 systemd\n",
	};
}

/* ---- what comes out */

struct rows {
	size_t hosts, events, incidents, survivors, deaths;
	struct control_death_row death;
	struct control_event_row event;
	struct control_incident_row incident;
	struct control_survivor_row survivor[4];
	char ids[256];
};

static int take(void *context, const struct control_head *head)
{
	struct rows *rows = context;

	switch (head->type) {
	case CONTROL_HOST_ROW:
		rows->hosts++;
		break;
	case CONTROL_EVENT_ROW:
		rows->event = *(const struct control_event_row *)head;
		rows->events++;
		break;
	case CONTROL_INCIDENT_ROW:
		rows->incident = *(const struct control_incident_row *)head;
		snprintf(rows->ids + strlen(rows->ids), sizeof(rows->ids) - strlen(rows->ids), "%s",
			 ((const struct control_incident_row *)head)->id);
		rows->incidents++;
		break;
	case CONTROL_DEATH_ROW:
		rows->death = *(const struct control_death_row *)head;
		rows->deaths++;
		break;
	case CONTROL_SURVIVOR_ROW:
	default:
		rows->survivor[rows->survivors++ % 4] = *(const struct control_survivor_row *)head;
		break;
	}
	return 0;
}

static struct rows read_all(const struct control_query *query)
{
	autostore struct store *store = NULL;
	struct rows rows = {};

	cr_assert_eq(store__open(&store, path, error, sizeof(error)), 0, "%s", error);
	cr_assert_eq(store__events(store, query, take, &rows), 0);
	cr_assert_eq(store__incidents(store, query, take, &rows), 0);
	return rows;
}

#define ALL (&(const struct control_query){})

static struct store *create(void)
{
	struct control_host row = host(1);
	struct store *store = NULL;

	cr_assert_eq(store__create(&store, path, error, sizeof(error)), 0, "%s", error);
	cr_assert_eq(store__begin(store), 0);
	cr_assert_eq(store__put_host(store, &row), 0);
	return store;
}

static void put_incident(struct store *store, const char *id, uint64_t opened, uint32_t survivors)
{
	struct control_incident_row row = incident(id, opened);
	struct store_place place;

	row.survivors = survivors;
	cr_assert_eq(store__put_incident(store, &row, &place), 0);
	for (uint32_t i = 0; i < survivors; i++) {
		struct control_survivor_row member = survivor(5000 + i);

		cr_assert_eq(store__put_survivor(store, &member, &place), 0);
	}
}

Test(store, every_field_comes_out_as_it_went_in)
{
	struct control_event_row in_event = event(3);
	struct control_incident_row in_incident = incident("01A", 50);
	struct control_survivor_row in_survivor = survivor(5001);
	struct store *store = create();
	struct rows rows;

	cr_assert_eq(store__put_event(store, &in_event), 0);
	put_incident(store, "01A", 50, 2);
	cr_assert_eq(store__commit(store), 0);
	store__close(store);
	rows = read_all(ALL);
	cr_expect_eq(rows.hosts, 2, "before the events, and before the incidents");
	cr_assert_eq(rows.events, 1);
	cr_assert_eq(rows.incidents, 1);
	cr_assert_eq(rows.survivors, 2);
	cr_expect_arr_eq(&rows.event, &in_event, sizeof(in_event));
	cr_expect_arr_eq(&rows.incident, &in_incident, sizeof(in_incident));
	cr_expect_eq(rows.survivor[0].who.pid, 5000, "in their order");
	cr_expect_arr_eq(&rows.survivor[1], &in_survivor, sizeof(in_survivor));
}

static struct rows read_why(uint32_t pid)
{
	const struct control_query query = { .pid = pid };
	autostore struct store *store = NULL;
	struct rows rows = {};

	cr_assert_eq(store__open(&store, path, error, sizeof(error)), 0, "%s", error);
	cr_assert_eq(store__why(store, &query, take, &rows), 0);
	return rows;
}

Test(store, tells_of_every_process_that_had_a_pid)
{
	struct control_death_row first = death(4242, 1), second = death(4242, 50);
	struct control_event_row exit = event(3), fork = event(4);
	struct store *store = create();
	struct rows rows;

	exit.type = EVENT_PROCESS_EXITED;
	fork.type = EVENT_PROCESS_FORKED;
	cr_assert_eq(store__put_death(store, &first), 0);
	cr_assert_eq(store__put_death(store, &second), 0);
	cr_assert_eq(store__put_death(store, &second), 0, "once");
	cr_assert_eq(store__put_event(store, &exit), 0);
	cr_assert_eq(store__put_event(store, &fork), 0);
	put_incident(store, "01A", 50, 3);
	cr_assert_eq(store__commit(store), 0);
	store__close(store);
	rows = read_why(4242);
	cr_expect_eq(rows.deaths, 2);
	cr_expect_arr_eq(&rows.death, &second, sizeof(second), "the newest last");
	cr_expect_eq(rows.incidents, 1, "that it was the root of");
	cr_expect_eq(rows.survivors, 3, "all of them");
	rows = read_why(4243);
	cr_expect_eq(rows.deaths + rows.incidents, 0);
	cr_expect_eq(rows.events, 1, "its exit");
	rows = read_why(5001);
	cr_expect_eq(rows.incidents, 1, "that it was a survivor of");
	cr_expect_eq(rows.survivors, 1, "itself");
	cr_expect_eq(rows.survivor[0].who.pid, 5001);
	rows = read_why(1);
	cr_expect_eq(rows.deaths + rows.incidents + rows.events, 0);
}

Test(store, nothing_is_kept_twice)
{
	struct control_event_row row = event(3);
	struct control_host again = host(2);
	struct store *store = create();
	struct rows rows;

	cr_assert_eq(store__put_event(store, &row), 0);
	cr_assert_eq(store__put_event(store, &row), 0);
	put_incident(store, "01A", 50, 3);
	put_incident(store, "01A", 50, 1); /* more is known: it replaces all */
	cr_assert_eq(store__put_host(store, &again), 0);
	cr_assert_eq(store__put_event(store, &row), 0, "of another daemon: another event");
	cr_assert_eq(store__commit(store), 0);
	store__close(store);
	rows = read_all(ALL);
	cr_expect_eq(rows.events, 2);
	cr_expect_eq(rows.incidents, 1);
	cr_expect_eq(rows.survivors, 1);
}

/* What a commit has not reached is not there. */
Test(store, a_batch_is_whole_or_not_there)
{
	struct control_event_row row = event(3);
	struct store *store = create();

	cr_assert_eq(store__commit(store), 0);
	cr_assert_eq(store__begin(store), 0);
	cr_assert_eq(store__put_event(store, &row), 0);
	cr_expect_eq(read_all(ALL).events, 0, "a reader sees what was before");
	store__close(store);
	cr_expect_eq(read_all(ALL).events, 0);
}

Test(store, is_asked_as_the_daemon_is)
{
	struct control_query query = {};
	struct store *store = create();

	put_incident(store, "01A", 10 * NS_PER_SEC, 1);
	put_incident(store, "01B", 20 * NS_PER_SEC, 0);
	put_incident(store, "02C", 30 * NS_PER_SEC, 0);
	cr_assert_eq(store__commit(store), 0);
	store__close(store);
	cr_expect_str_eq(read_all(&query).ids, "01A01B02C");
	query.limit = 2;
	cr_expect_str_eq(read_all(&query).ids, "01B02C", "the newest, oldest first");
	query.limit = 0;
	query.since = 1000000000000000000 + 20 * NS_PER_SEC;
	cr_expect_str_eq(read_all(&query).ids, "01B02C");
	query.since = 0;
	text__copy(query.id, sizeof(query.id), "01");
	cr_expect_str_eq(read_all(&query).ids, "01A01B");
	text__copy(query.id, sizeof(query.id), "02c");
	cr_expect_str_eq(read_all(&query).ids, "02C", "in either case");
	*query.id = '\0';
	text__copy(query.rule, sizeof(query.rule), "other");
	cr_expect_str_eq(read_all(&query).ids, "");
	*query.rule = '\0';
	text__copy(query.outcome, sizeof(query.outcome), "stuck");
	cr_expect_str_eq(read_all(&query).ids, "01A01B02C");
	text__copy(query.outcome, sizeof(query.outcome), "cleared");
	cr_expect_str_eq(read_all(&query).ids, "");
	*query.outcome = '\0';
	query.until = 1000000000000000000 + 20 * NS_PER_SEC;
	cr_expect_str_eq(read_all(&query).ids, "01A01B");
	query.until = 0;
	text__copy(query.root, sizeof(query.root), "/usr/bin/py*");
	cr_expect_str_eq(read_all(&query).ids, "01A01B02C", "by the path");
	text__copy(query.root, sizeof(query.root), "4242");
	cr_expect_str_eq(read_all(&query).ids, "01A01B02C", "by the pid");
	text__copy(query.root, sizeof(query.root), "4243");
	cr_expect_str_eq(read_all(&query).ids, "");
	*query.root = '\0';
	text__copy(query.sender, sizeof(query.sender), "plat*");
	cr_expect_str_eq(read_all(&query).ids, "01A01B02C", "by the name");
	text__copy(query.sender, sizeof(query.sender), "job");
	cr_expect_str_eq(read_all(&query).ids, "");
	*query.sender = '\0';
	text__copy(query.cgroup, sizeof(query.cgroup), "/jobs*");
	cr_expect_str_eq(read_all(&query).ids, "01A01B02C");
	text__copy(query.cgroup, sizeof(query.cgroup), "/other*");
	cr_expect_str_eq(read_all(&query).ids, "");
	*query.cgroup = '\0';
	query.by_user = 1;
	query.uid = 1000;
	cr_expect_str_eq(read_all(&query).ids, "01A01B02C");
	query.uid = 0;
	cr_expect_str_eq(read_all(&query).ids, "");
}

Test(store, finds_events_by_time_type_and_tree)
{
	struct control_query query = {};
	struct store *store = create();

	for (uint64_t i = 1; i <= 10; i++) {
		struct control_event_row row = event(i);

		row.type = i % 2 ? EVENT_PROCESS_FORKED : EVENT_PROCESS_EXITED;
		row.tree = i <= 5 ? 1 : 2;
		cr_assert_eq(store__put_event(store, &row), 0);
	}
	cr_assert_eq(store__commit(store), 0);
	store__close(store);
	query.until = 1000000000000000000 + 4 * NS_PER_SEC;
	cr_expect_eq(read_all(&query).events, 4);
	query.types = 1U << EVENT_PROCESS_EXITED;
	cr_expect_eq(read_all(&query).events, 2);
	query.until = 0;
	query.tree = 2;
	cr_expect_eq(read_all(&query).events, 3);
	query.limit = 1;
	cr_expect_eq(read_all(&query).event.seq, 10, "the newest");
	cr_expect_eq(read_all(&query).events, 1);
}

Test(store, the_old_goes)
{
	struct store *store = create();
	struct rows rows;

	for (uint64_t i = 1; i <= 100; i++) {
		struct control_event_row row = event(i);

		cr_assert_eq(store__put_event(store, &row), 0);
	}
	put_incident(store, "01A", 10 * NS_PER_SEC, 2);
	put_incident(store, "01B", 90 * NS_PER_SEC, 1);
	cr_assert_eq(store__commit(store), 0);
	while (store__trim(store, 1000000000000000000 + 50 * NS_PER_SEC, 1 << 30) > 0)
		;
	store__close(store);
	rows = read_all(ALL);
	cr_expect_eq(rows.events, 51);
	cr_expect_str_eq(rows.ids, "01B");
	cr_expect_eq(rows.survivors, 1);
}

/* Events go first; every image differs, so that they take most of the room. */
Test(store, is_held_below_its_size_and_incidents_go_last)
{
	struct store *store = create();
	struct rows rows;
	struct stat st;
	int more;

	for (uint64_t i = 1; i <= 20000; i++) {
		struct control_event_row row = event(i);

		snprintf(row.image.exe, sizeof(row.image.exe), "/usr/bin/job-%llu",
			 (unsigned long long)i);
		row.at = i * 3600 * NS_PER_SEC;
		cr_assert_eq(store__put_event(store, &row), 0);
	}
	put_incident(store, "01A", 1 * NS_PER_SEC, 2);
	cr_assert_eq(store__commit(store), 0);
	while ((more = store__trim(store, 0, 1 << 20)) > 0)
		;
	cr_expect_eq(more, 0);
	store__close(store);
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_leq(st.st_size, 2 << 20, "%lld bytes", (long long)st.st_size);
	rows = read_all(ALL);
	cr_expect_gt(rows.events, 100, "the newest stay");
	cr_expect_eq(rows.event.seq, 20000);
	cr_expect_str_eq(rows.ids, "01A", "an incident outlives them");
	cr_expect_eq(rows.survivors, 2);
	cr_expect_str_eq(rows.incident.image.exe, "/usr/bin/python3", "with what it refers to");
}

/* ---- killed */

#define BATCH 50

/* Batches until it is killed; told counts those that are stored. */
__attribute__((noreturn)) static void write_for_ever(uint64_t first, atomic_ulong *told)
{
	struct control_host row = host(1);
	struct store *store = NULL;

	if (store__create(&store, path, error, sizeof(error)))
		_exit(1);
	for (uint64_t seq = first;;) {
		int err = store__begin(store) || store__put_host(store, &row);

		for (int i = 0; i < BATCH && !err; i++) {
			struct control_event_row one = event(seq++);

			err = store__put_event(store, &one);
		}
		if (err || store__commit(store))
			_exit(1);
		atomic_fetch_add(told, 1);
	}
}

/* At any moment, a hundred times: what was told to be stored is there, and no half of a batch. */
Test(store, a_killed_writer_leaves_it_whole)
{
	atomic_ulong *told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned seed = 7;

	cr_assert_neq(told, MAP_FAILED);
	store__close(create());
	for (int round = 0; round < 100; round++) {
		unsigned long before = atomic_load(told);
		uint64_t first = read_all(ALL).events + 1;
		pid_t pid = fork();
		size_t events;

		if (pid == 0) {
			alarm(30);
			write_for_ever(first, told);
		}
		/* Every other is killed as it begins, or before. */
		for (int i = 0; round % 2 && atomic_load(told) == before && i < 10000; i++)
			usleep(1000);
		usleep((useconds_t)rand_r(&seed) % 20000); /* some moment; none is waited for */
		kill(pid, SIGKILL);
		cr_assert_eq(waitpid(pid, NULL, 0), pid);
		events = read_all(ALL).events;
		cr_assert_eq(events % BATCH, 0, "half of a batch: %zu", events);
		cr_assert_geq(events + 1 - first, (atomic_load(told) - before) * BATCH,
			      "round %d: what was stored is gone", round);
	}
	cr_expect_gt(atomic_load(told), 0);
	munmap(told, sizeof(*told));
}

/* ---- what is no store */

static void see_refused(int err, const char *word)
{
	struct store *store = NULL;

	cr_expect_eq(store__open(&store, path, error, sizeof(error)), err, "%s", error);
	cr_expect_null(store);
	cr_expect(strstr(error, path) == error, "the place is told: %s", error);
	cr_expect(strstr(error, word), "%s", error);
	cr_expect_null(strchr(error, '\n'));
}

static void write_file(const char *bytes, size_t size)
{
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
}

static void execute(const char *sql)
{
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

Test(store, what_is_none_is_refused_in_a_line)
{
	see_refused(-ENOENT, "No such file");
	write_file("", 0);
	see_refused(-EBADMSG, "not a store");
	write_file("nonsense, and a lot of it: it is no database at all", 51);
	see_refused(-EBADMSG, "not a store");
	unlink(path);
	execute("CREATE TABLE other(x)");
	see_refused(-EBADMSG, "not a store of orphand");
	unlink(path);
	store__close(create());
	execute("PRAGMA user_version = 99");
	see_refused(-EPROTO, "schema 99");
}

/* ---- older ones */

static void make_schema_1(void)
{
	struct store_place place = {};
	struct control_incident_row row = incident("01OLD", 5 * NS_PER_SEC);
	struct control_survivor_row left = survivor(4243);
	struct store *store = create();

	row.survivors = 1;
	cr_assert_eq(store__put_incident(store, &row, &place), 0);
	cr_assert_eq(store__put_survivor(store, &left, &place), 0);
	cr_assert_eq(store__commit(store), 0);
	store__close(store);
	execute("ALTER TABLE survivor DROP COLUMN above_pid;"
		"ALTER TABLE survivor DROP COLUMN above_start;"
		"DROP TABLE death; DROP TABLE event; DROP TABLE word;"
		"DROP INDEX incident_pid; DROP INDEX survivor_pid;"
		"CREATE TABLE event(host INTEGER, time INTEGER, image INTEGER, seq INTEGER, "
		"at INTEGER, type INTEGER, tree INTEGER, pid INTEGER, start INTEGER, "
		"parent_pid INTEGER, parent_start INTEGER, exit_code INTEGER, signal INTEGER, "
		"vpid INTEGER, outcome INTEGER, incident TEXT, name TEXT, "
		"PRIMARY KEY(host, seq)) WITHOUT ROWID;"
		"CREATE INDEX event_time ON event(time);"
		"INSERT INTO event VALUES(1, 1000000003000000000, 1, 3, 3000000000, 2, 17, 4243, 5, "
		"4242, 4, 256, 9, 7, 2, '01INCIDENT', 'jobs');"
		"PRAGMA user_version = 1;");
}

static void see_old_survivor(struct store *store)
{
	struct rows rows = {};

	cr_assert_eq(store__incidents(store, ALL, take, &rows), 0);
	cr_assert_eq(rows.survivors, 1);
	cr_expect_eq(rows.survivor[0].who.pid, 4243);
	cr_expect_eq(rows.survivor[0].parent.pid, 4242);
	cr_expect_eq(rows.survivor[0].above.pid, 0, "it was not known then");
	cr_assert_eq(store__events(store, ALL, take, &rows), 0);
	cr_assert_eq(rows.events, 1);
	cr_expect_eq(rows.event.who.start, 5);
	cr_expect_eq(rows.event.parent.start, 4);
	cr_expect_str_eq(rows.event.name, "jobs");
}

Test(store, an_older_one_is_read_as_it_is)
{
	autostore struct store *store = NULL;

	make_schema_1();
	cr_assert_eq(store__open(&store, path, error, sizeof(error)), 0, "%s", error);
	see_old_survivor(store);
}

Test(store, an_older_one_is_brought_up_to_be_written)
{
	struct store_place place = {};
	struct control_incident_row row = incident("01NEW", 6 * NS_PER_SEC);
	struct control_survivor_row left = survivor(4244);
	struct rows rows = {};
	struct store *store;

	make_schema_1();
	store__close(create());
	store = create(); /* a second time there is nothing to do */
	see_old_survivor(store);
	row.survivors = 1;
	cr_assert_eq(store__put_incident(store, &row, &place), 0);
	cr_assert_eq(store__put_survivor(store, &left, &place), 0);
	cr_assert_eq(store__commit(store), 0);
	cr_assert_eq(store__incidents(store, ALL, take, &rows), 0);
	cr_assert_eq(rows.survivors, 2);
	cr_expect_eq(rows.survivor[1].above.pid, left.above.pid);
	cr_expect_eq(rows.survivor[1].above.start, left.above.start);
	cr_expect_eq(memcmp(&rows.survivor[1], &left, sizeof(left)), 0);
	store__close(store);
}

Test(store, half_of_one_is_refused)
{
	struct store *store = create();
	struct rows rows = {};
	struct stat st;
	int err;

	for (uint64_t i = 1; i <= 2000; i++) {
		struct control_event_row row = event(i);

		cr_assert_eq(store__put_event(store, &row), 0);
	}
	cr_assert_eq(store__commit(store), 0);
	store__close(store);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(truncate(path, st.st_size / 2), 0);
	store = NULL;
	err = store__open(&store, path, error, sizeof(error));
	if (!err)
		err = store__events(store, ALL, take, &rows);
	store__close(store);
	cr_expect_eq(err, -EBADMSG);
}
