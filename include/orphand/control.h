/* SPDX-License-Identifier: GPL-2.0 */
/*
 * control.h - what orphanctl and the daemon say to each other.
 *
 * A SOCK_SEQPACKET Unix socket; each packet is one record that opens with struct control_head.
 * A client sends requests; each is answered by any number of rows and one CONTROL_END. Whoever
 * may do what is decided by SO_PEERCRED alone. Strings end with a NUL within their field.
 * Argument vectors are kept as the kernel has them: a NUL behind each argument.
 * Times are nanoseconds of CLOCK_BOOTTIME; CONTROL_HOST tells what to add for CLOCK_REALTIME.
 */
#ifndef ORPHAND_CONTROL_H
#define ORPHAND_CONTROL_H

#include <stdint.h>

#include <orphand/records.h>

/* Raised with every change of a record; a peer of another version is refused in words. */
#define CONTROL_VERSION 3

#define CONTROL_SOCKET "/run/orphand/control.sock"

#define INCIDENT_ID_LEN 32 /* a ULID's 26 characters and their NUL */
#define TEXT_LEN 240
#define CGROUP_LEN 256
#define STATE_LEN 32
#define STACK_LEN 1024
#define ABOVE_LEN 1024
#define FILTER_LEN 128

enum control_type {
	/* requests */
	CONTROL_TRACK = 1, /* control_track; END.tree is the new tree */
	CONTROL_UNTRACK,   /* control_target */
	CONTROL_SPARE,	   /* control_target: pid */
	CONTROL_LIST,	   /* control_target, unused: HOST, TREE rows */
	CONTROL_TREE,	   /* control_target: HOST, the TREE, its PROC rows, parents first */
	CONTROL_EVENTS,	   /* control_query: HOST, EVENT rows, oldest first */
	CONTROL_INCIDENTS, /* control_query: HOST, INCIDENT rows, each with its SURVIVOR rows */
	CONTROL_STATS,	   /* control_target, unused: COUNTER rows */
	CONTROL_DOCTOR,	   /* control_target, unused: FINDING rows */
	CONTROL_ARM,
	CONTROL_DISARM,
	CONTROL_WHY, /* control_query: HOST, what is known of every process that had that pid: DEATH
			rows; EVENT rows of its exits; INCIDENT rows, those of its own death with
			all SURVIVOR rows, those it was a survivor of with that one */
	/* answers */
	CONTROL_END = 64,
	CONTROL_HOST_ROW,
	CONTROL_TREE_ROW,
	CONTROL_PROC_ROW,
	CONTROL_EVENT_ROW,
	CONTROL_INCIDENT_ROW,
	CONTROL_SURVIVOR_ROW,
	CONTROL_COUNTER_ROW,
	CONTROL_FINDING_ROW,
	CONTROL_NOTE_ROW, /* a line for the user, before the END */
	CONTROL_DEATH_ROW,
	/* on the stream to the recorder alone, when it asks */
	CONTROL_METRIC_ROW,
	CONTROL_HISTOGRAM_ROW,
};

struct control_head {
	__u16 version;
	__u16 type;
	__u32 size; /* of the whole packet */
};

struct control_track {
	struct control_head head;
	__u32 pid; /* 0: the peer itself */
	__u32 zero;
	struct policy policy;
	char name[NAME_LEN]; /* may be empty */
};

struct control_target {
	struct control_head head;
	__u32 pid;  /* 0: none */
	__u32 tree; /* 0: none; with both set, whichever of the two is there, the tree first */
};

/* Texts that are empty and numbers that are 0 ask for nothing. */
struct control_query {
	struct control_head head;
	__u64 since;   /* realtime ns */
	__u64 until;   /* realtime ns */
	__u64 after;   /* EVENTS: only sequence numbers above this */
	__u32 limit;   /* the newest so many */
	__u32 follow;  /* EVENTS: go on until the client hangs up */
	__u32 pid;     /* EVENTS, WHY */
	__u32 tree;    /* EVENTS */
	__u32 types;   /* EVENTS: bits, 1 << enum event_type */
	__u32 by_user; /* INCIDENTS: uid is asked for */
	__u32 uid;     /* of the root */
	__u32 zero;
	char id[INCIDENT_ID_LEN]; /* INCIDENTS: this one, or every one that begins so */
	char rule[NAME_LEN];
	char outcome[16];
	/* INCIDENTS: a pid, or a glob of the path or the name of the program */
	char root[FILTER_LEN];
	char sender[FILTER_LEN];
	char cgroup[FILTER_LEN]; /* a glob */
};

struct control_end {
	struct control_head head;
	__s32 status; /* 0 or a negative errno */
	__u32 tree;
	char text[TEXT_LEN]; /* why, in one line, when status is not 0 */
};

struct control_host {
	struct control_head head;
	__s64 realtime; /* ns to add to CLOCK_BOOTTIME */
	__u64 now;	/* CLOCK_BOOTTIME */
	__u64 begun;	/* when this daemon began: its events are numbered anew from there */
	char machine_id[40];
	char boot_id[40];
	char name[NAME_LEN];
	char version[NAME_LEN]; /* of the daemon */
};

struct control_image {
	__u32 uid;
	__u32 gid;
	__u32 args_len;
	__u32 zero;
	char comm[COMM_LEN];
	char exe[PATH_LEN];
	char args[ARGS_LEN];
	char cgroup[CGROUP_LEN];
};

struct control_tree_row {
	struct control_head head;
	__u32 id;
	__u32 outer; /* the tree that its root is a member of, 0: none */
	__u32 members;
	__u32 flags; /* enum tree_flags */
	__u32 owner;
	__u32 root_alive;
	__u64 since;
	struct ident root;
	struct policy policy;
	char name[NAME_LEN];
	char why[MATCHED_LEN]; /* which globs of the rule made it match; "": watched by hand */
	struct control_image image;
};

struct control_proc_row {
	struct control_head head;
	struct ident who;
	struct ident above;  /* nearest living ancestor in the tree; all zero at the top */
	struct ident parent; /* who forked it */
	__u32 tree;	     /* its innermost tree */
	__u32 flags;	     /* enum member_flags */
	struct control_image image;
};

enum event_type {
	EVENT_TREE_TRACKED = 0,
	EVENT_PROCESS_FORKED,
	EVENT_PROCESS_EXECUTED,
	EVENT_PROCESS_EXITED,
	EVENT_ROOT_DIED,
	EVENT_INCIDENT_OPENED,
	EVENT_SURVIVOR_SIGNALLED,
	EVENT_SURVIVOR_GONE,
	EVENT_INCIDENT_CLOSED,
	EVENT_TREE_ENDED,
	EVENT_BRAKE_OPENED,
	EVENT_EVENTS_LOST,
	EVENT_TYPES,
};

struct control_event_row {
	struct control_head head;
	__u64 seq;
	__u64 at;
	__u32 type; /* enum event_type */
	__u32 tree;
	struct ident who;
	struct ident parent;
	__u32 exit_code; /* as wait(2) tells it */
	__u32 signal;	 /* SIGNALLED: which; EVENTS_LOST: how many */
	__u32 vpid;
	__u32 outcome; /* enum incident_outcome or enum survivor_outcome */
	char incident[INCIDENT_ID_LEN];
	char name[NAME_LEN]; /* the tree's rule or name */
	struct control_image image;
};

enum cause_origin {
	ORIGIN_USER = 0,
	ORIGIN_SELF,
	ORIGIN_KERNEL,
	ORIGIN_OOM,
	ORIGIN_CGROUP,
	ORIGINS,
};

enum incident_outcome {
	INCIDENT_CLEARED = 0,
	INCIDENT_STUCK,
	INCIDENT_SPARED,
	INCIDENT_OBSERVED,
	INCIDENT_BRAKED,
	INCIDENT_OUTCOMES,
};

enum survivor_outcome {
	SURVIVOR_KILLED = 0,
	SURVIVOR_TERMINATED,
	SURVIVOR_EXITED,
	SURVIVOR_SPARED,
	SURVIVOR_STUCK,
	SURVIVOR_OBSERVED,
	SURVIVOR_PENDING, /* still alive in an open incident */
	SURVIVOR_OUTCOMES,
};

enum signal_by {
	BY_DAEMON = 0,
	BY_KERNEL,
};

struct control_incident_row {
	struct control_head head;
	char id[INCIDENT_ID_LEN];
	char rule[NAME_LEN];
	__u32 tree;
	__u32 open;
	__u32 outcome; /* enum incident_outcome; while open, as it stands */
	__u32 observed;
	__u32 reconstructed;
	__u32 survivors; /* so many SURVIVOR rows follow */
	__u64 died;
	__u64 opened;
	__u64 closed; /* 0: still open */
	__u64 reaction_ns;
	__u64 clear_ns;
	/* the root (with scope: any, the member whose death counted) */
	struct ident who;
	struct ident parent;
	__u32 vpid;
	__u32 pid_ns;
	struct control_image image;
	/* the cause */
	__u32 kind;	 /* enum cause_kind */
	__u32 origin;	 /* enum cause_origin */
	__u32 exit_code; /* as wait(2) tells it */
	__u32 zero;
	struct sender sender; /* who is all zero: nobody */
	char sender_exe[PATH_LEN];
};

/* One signal to one survivor. */
struct sent_signal {
	__u64 at; /* 0: none was sent */
	__u32 signal;
	__u32 by; /* enum signal_by */
};

struct control_survivor_row {
	struct control_head head;
	struct ident who;
	struct ident parent;
	struct ident
		above; /* its nearest living ancestor at the death; all zero: none in the tree */
	__u32 outcome; /* enum survivor_outcome */
	__u32 exit_code;
	__u64 gone; /* 0: not yet */
	struct sent_signal first;
	struct sent_signal last; /* the first SIGKILL behind a gentler first one */
	char reason[NAME_LEN];	 /* of a spared one */
	char state[STATE_LEN];	 /* of a stuck one, as /proc/PID/status has it */
	char stack[STACK_LEN];
	struct control_image image;
};

/* An end by a signal, of any process of the host. */
struct control_death_row {
	struct control_head head;
	__u64 seq; /* from 1, of this daemon */
	__u64 at;
	struct ident who;
	struct ident parent; /* at its death */
	__u32 exit_code;     /* as wait(2) tells it */
	__u32 kind;	     /* enum cause_kind */
	__u32 origin;	     /* enum cause_origin */
	__u32 tree;	     /* 0: it was no member */
	__u32 vpid;
	__u32 pid_ns;
	struct sender sender; /* who is all zero: nobody */
	struct control_image image;
	struct control_image sender_image; /* as it sent the signal */
	char above[ABOVE_LEN]; /* the sender's ancestors, parent first: a line "PID START UID COMM"
				  each, its control characters as '?' */
};

struct control_counter_row {
	struct control_head head;
	char name[NAME_LEN];
	__u64 value;
};

/* What the feed's /metrics tells of the guard. Its labels: */
enum metric {
	METRIC_TREES = 0,
	METRIC_PROCESSES,
	METRIC_EVENTS,	  /* type: which is an enum event_type */
	METRIC_INCIDENTS, /* rule, outcome */
	METRIC_SURVIVORS, /* rule, outcome */
	METRIC_SIGNALS,	  /* signal, by, result */
	METRIC_REACTION,  /* a histogram */
	METRIC_CLEAR,	  /* a histogram */
	METRIC_LOST,	  /* type */
	METRIC_RESYNCS,
	METRIC_MAP_ENTRIES,  /* map */
	METRIC_MAP_CAPACITY, /* map */
	METRIC_RUNS,	     /* program */
	METRIC_RUN_TIME,     /* program; ns */
	METRIC_ARMED,
	METRIC_ATTACHED,
	METRIC_OBSERVE,
	METRIC_DROPPED, /* sink */
	METRIC_CPU,	/* ns, of the daemon itself, as all below */
	METRIC_START,	/* realtime ns */
	METRIC_RESIDENT,
	METRIC_VIRTUAL,
	METRIC_FILES,
	METRIC_MOST_FILES,
	METRICS,
};

#define METRIC_LABELS 3

struct control_metric_row {
	struct control_head head;
	__u32 metric; /* enum metric */
	__u32 which;
	__u64 value;
	char label[METRIC_LABELS][NAME_LEN];
};

/* One value that a bucket was counted for. */
struct exemplar {
	__u64 ns;
	__u64 at;
	char incident[INCIDENT_ID_LEN]; /* "": none yet */
};

#define HISTOGRAM_BUCKETS 22 /* model/histogram.h */

struct histogram {
	__u64 sum; /* ns */
	__u64 count[HISTOGRAM_BUCKETS];
	struct exemplar exemplar[HISTOGRAM_BUCKETS];
};

struct control_histogram_row {
	struct control_head head;
	__u32 metric;
	__u32 zero;
	struct histogram histogram;
};

enum finding_level {
	FINDING_OK = 0,
	FINDING_GAP,   /* something else stands in for it, or a feature is missing */
	FINDING_WRONG, /* orphand can't serve */
};

struct control_finding_row {
	struct control_head head;
	__u32 level;
	__u32 zero;
	char name[NAME_LEN];
	char text[TEXT_LEN]; /* what is there; for a gap: what stands in, and what it costs */
};

struct control_note {
	struct control_head head;
	char text[TEXT_LEN];
};

RECORD_SIZE(control_head, 8);
RECORD_SIZE(control_track, 96);
RECORD_SIZE(control_target, 16);
RECORD_SIZE(control_query, 560);
RECORD_SIZE(control_end, 256);
RECORD_SIZE(control_host, 240);
RECORD_SIZE(control_image, 1568);
RECORD_SIZE(control_tree_row, 1832);
RECORD_SIZE(control_proc_row, 1632);
RECORD_SIZE(control_event_row, 1744);
RECORD_SIZE(control_incident_row, 2104);
RECORD_SIZE(control_survivor_row, 2792);
RECORD_SIZE(control_death_row, 4296);
RECORD_SIZE(control_counter_row, 80);
RECORD_SIZE(control_metric_row, 216);
RECORD_SIZE(control_histogram_row, 1256);
RECORD_SIZE(control_finding_row, 320);
RECORD_SIZE(control_note, 248);

#endif
