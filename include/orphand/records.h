/* SPDX-License-Identifier: GPL-2.0 */
/*
 * records.h - what crosses between the BPF programs and user space: map keys and values, and the
 * records of the ring. The only header that both sides read.
 *
 * Times are nanoseconds of CLOCK_BOOTTIME, pids are thread group ids in the host's PID namespace.
 */
#ifndef ORPHAND_RECORDS_H
#define ORPHAND_RECORDS_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/* Raised with every change of a pinned map's key or value. */
#define ORPHAND_LAYOUT 5

#define COMM_LEN 16
#define NAME_LEN 64
#define MATCHED_LEN 128
#define PATH_LEN 256
#define ARGS_LEN 1024

/* A process, never to be confused with a later one of the same pid: start is the leader's
 * task_struct.start_boottime, which a thread's exec hands on. */
struct ident {
	__u64 start;
	__u32 pid;
	__u32 zero;
};

/* What ends of a root ask for action: the bits of policy.on. */
enum cause_kind {
	CAUSE_KILL = 0, /* SIGKILL, whoever sent it */
	CAUSE_SIGNAL,	/* any other fatal signal */
	CAUSE_CRASH,	/* a signal whose default action dumps core */
	CAUSE_OOM,	/* chosen by the OOM killer */
	CAUSE_ERROR,	/* exit status other than 0 */
	CAUSE_EXIT,	/* exit status 0 */
	CAUSE_KINDS,
};

/* How a fatal signal reached signal_generate: the kernel passes two stand-ins for a siginfo. */
enum sender_via {
	VIA_INFO = 0, /* a siginfo: kill(2) and its kin, faults */
	VIA_NOINFO, /* SEND_SIG_NOINFO: send_sig(..., 0) on behalf of current, as cgroup.kill does */
	VIA_PRIV,   /* SEND_SIG_PRIV: the kernel itself */
};

struct sender {
	struct ident who; /* all zero when nobody was noted */
	__u64 at;
	__u32 uid;
	__s32 code; /* si_code */
	__u16 signal;
	__u16 via; /* enum sender_via */
	__u32 zero;
	char comm[COMM_LEN];
};

/* Who last sent a fatal signal to a member. Key: the member. */
struct senders {
	struct sender kill;  /* the first SIGKILL */
	struct sender other; /* the newest of the others that nobody handles */
	__u32 oom;	     /* mark_victim was seen */
	__u32 told;	     /* of a stranger: what it runs */
};

enum member_flags {
	MEMBER_ANY = 1 << 0,	/* its tree's scope is any: its own death may count */
	MEMBER_SPARED = 1 << 1, /* never signalled; children inherit it */
	MEMBER_DOOMED = 1 << 2, /* under a member whose death counted: children die at birth */
};

/* Map "members". Key: the process. Entered by its parent's fork, deleted by its last thread. */
struct member {
	struct ident tree;   /* the root of its innermost tree */
	struct ident parent; /* who forked it; all zero when user space entered it */
	__u64 since;
	__u32 version; /* raised by every change from user space */
	__u16 flags;   /* enum member_flags */
	__u16 on;      /* the tree's policy.on, for MEMBER_ANY */
};

/* Map "marks": for each pid, whether it may be a member's. Key: pid / MARKS_LINE. */
#define MARKS_LINE 64
#define MARKS_PIDS (1 << 22) /* what pids can be, PID_MAX_LIMIT in include/linux/threads.h */

struct marks {
	__u8 of[MARKS_LINE];
};

enum tree_flags {
	TREE_ANY = 1 << 0,	   /* scope: any */
	TREE_SPARES = 1 << 1,	   /* its rule has a spare list */
	TREE_PROVISIONAL = 1 << 2, /* made by an exec; the guard has not matched the rules yet */
	TREE_RULE = 1 << 3,	   /* made by a rule, not by hand */
};

struct policy {
	__u64 grace; /* ns between the first signal and SIGKILL */
	__u16 on;    /* bits: 1 << enum cause_kind */
	__u16 signal;
	__u32 flags; /* TREE_ANY */
};

/* Map "trees". Key: the root. A tree's entry outlives its members: BPF code asks only whether it
 * is there, its value is the guard's. */
struct tree_value {
	__u32 id;
	__u32 flags; /* enum tree_flags */
	struct ident outer;
	struct policy policy;
	__u64 since;
	__u32 owner; /* uid of who asked */
	__u32 zero;
	char name[NAME_LEN];
	char why[MATCHED_LEN]; /* which globs of its rule made it match */
};

/* Map "images". Key: a root. What it runs, for a death that nobody was there to see. */
struct image_value {
	__u64 cgroup; /* id of its group in the unified hierarchy, 0: not known */
	__u32 uid;
	__u32 gid;
	__u16 exe_len;	/* without a NUL, at most PATH_LEN - 1 */
	__u16 args_len; /* with the NUL behind each argument, at most ARGS_LEN */
	__u32 truncated;
	char comm[COMM_LEN];
	char exe[PATH_LEN]; /* the real path, as /proc/PID/exe has it */
	char args[ARGS_LEN];
};

enum death_flags {
	DEATH_REFLEX = 1 << 0, /* of a root: who outlives it is signalled by the kernel side */
	DEATH_KEPT = 1 << 1,   /* in "ends": of one who outlived such a root */
};

/* Map "deaths". Key: the dead. Stands from before the event about it until the guard is done.
 * Likewise map "ends", of those who outlived a root that the reflex has answered. */
struct death {
	struct ident who;
	struct ident parent; /* at its death */
	__u64 at;
	__u32 exit_code; /* as wait(2) tells it: signal, core bit, status << 8 */
	__u32 uid;
	__u32 vpid; /* pid in its own PID namespace */
	__u32 pid_ns;
	__u32 oom;
	__u32 root;   /* it was a tree's root */
	__u64 cgroup; /* id of its group in the unified hierarchy */
	__u32 sid;    /* its session */
	__u32 flags;  /* enum death_flags */
	struct sender sender;
	char comm[COMM_LEN];
	struct ident tree;   /* its innermost */
	struct ident forker; /* who forked it */
	__u64 struck;	     /* when the reflex signalled it, 0: it did not */
};

/* Who may be signalled in the kernel when this tree's root dies. */
struct reflex {
	__u32 owner; /* whose processes; 0: anybody's */
	__u32 limit; /* of survivors, past which the guard decides */
	__u16 wants; /* bits: 1 << enum cause_kind; 0: no reflex */
	__u16 zero[3];
};

/* How many incidents the reflex and the guard have had, by minutes of the boottime. */
struct reflex_minutes {
	__u64 now;
	__u32 count;  /* in it */
	__u32 before; /* in the one before it */
};

/* What stands in a list, or holds one: told apart by the key's ident.zero. */
enum kin_kind {
	KIN_MEMBER = 0, /* a member, in the list of its innermost tree */
	KIN_MEMBERS,	/* a tree's list of members */
	KIN_TREE,	/* a tree, in the list of the one outside it */
	KIN_TREES,	/* a tree's list of those directly inside it */
};

/* Map "kin": rings of members, so that a tree's are found at the tree's own cost. */
struct kin {
	struct ident self;
	struct ident list; /* whose ring it is in; a list is in its own; pid 0: in none */
	struct ident prev;
	struct ident next;
	__u64 struck; /* of a member: when the reflex signalled it */
	/* of KIN_MEMBERS: */
	__u32 count;
	__u32 pid_ns;	  /* that the dead root lived in */
	struct ident top; /* while it is swept: whose root died */
	struct reflex reflex;
};

/* What the guard asks of the program "tend". */
enum tend_op {
	TEND_MEMBER = 1, /* who's entry has changed, and its place in the lists follows */
	TEND_TREE,	 /* who is a root, its tree inside that of outer (pid 0: none) */
	TEND_REFLEX,	 /* the reflex of who's tree is that */
	TEND_PARDON,	 /* who's tree is condemned no more */
	TEND_DROP,	 /* who's tree is no more */
};

struct tend {
	__u32 op; /* enum tend_op */
	__u32 zero;
	struct ident who;
	struct ident outer;
	struct reflex reflex;
};

enum record_type {
	RECORD_FORK = 0,
	RECORD_EXEC,
	RECORD_EXIT,
	RECORD_UNENTERED, /* a newborn for which "members" had no room; layout of RECORD_FORK */
	RECORD_TYPES,	  /* of those that no family can do without */
	/* About ends by a signal, of any process of the host: */
	RECORD_SENDER = RECORD_TYPES, /* who sends one */
	RECORD_DYING,		      /* a stranger takes one; layout of RECORD_EXEC */
	RECORD_STRANGER,	      /* and is gone; layout of RECORD_EXIT */
};

struct record {
	__u16 type; /* enum record_type */
	__u16 cpu;
	__u32 size; /* of the whole record */
	__u64 at;
	struct ident who;
};

struct record_fork {
	struct record head; /* who: the child */
	struct ident parent;
	struct ident tree;
	__u32 vpid;
	__u32 pid_ns;
	__u16 flags;  /* enum member_flags */
	__u16 struck; /* SIGKILL was sent at birth */
	__u32 zero;
};

/* What a rule's programs begin with: a key of the trie "prefixes", whose data is the real path. */
struct prefix_key {
	__u32 bits;
	char path[PATH_LEN];
};

/* Cut behind the last argument: size tells how much of image.args is there. */
struct record_exec {
	struct record head;
	struct ident tree; /* its innermost; itself for a provisional root that was no member */
	struct ident parent;
	__u32 vpid;
	__u32 pid_ns;
	__u32 provisional; /* its path is one that a rule may ask for: it is a root until the guard
			      knows */
	__u32 zero;
	struct image_value image;
};

struct record_exit {
	struct record head;
	struct death death;
};

/* One above a sender. */
struct ancestor {
	struct ident who;
	__u32 uid;
	__u32 zero;
	char comm[COMM_LEN];
};

#define ANCESTORS 16

/* Cut behind the last argument, as an exec's. */
struct record_sender {
	struct record head; /* who: the sender */
	__u32 count;	    /* of those above it, its parent first, up to init */
	__u32 zero;
	struct ancestor above[ANCESTORS];
	struct image_value image;
};

/* Losses are counted by type of record. */
enum counter {
	COUNTER_FORKS = 0, /* members entered */
	COUNTER_EXECS,
	COUNTER_EXITS,
	COUNTER_DEATHS, /* of roots */
	COUNTER_SENDERS,
	COUNTER_STRUCK, /* newborns signalled by the kernel side */
	COUNTER_STRIKE_FAILED,
	COUNTER_REFUSED, /* forks refused to a condemned tree */
	COUNTER_LOST,	 /* + enum record_type */
	COUNTER_MEMBERS_FULL = COUNTER_LOST + RECORD_TYPES,
	COUNTER_DEATHS_FULL,
	COUNTER_SENDERS_FULL,
	COUNTER_TREES_FULL,
	COUNTER_UNSETTLED, /* a parent's entry changed under every try to read it */
	COUNTER_ARGS_UNREAD,
	COUNTER_STRANGERS,	/* ends of strangers by a signal */
	COUNTER_STRANGERS_LOST, /* records about such ends, and senders: the ring was half full */
	COUNTER_REFLEXES,	/* deaths of roots that the reflex answered */
	COUNTER_REFLEX_STRUCK,	/* members it signalled */
	COUNTER_REFLEX_FAILED,	/* signals of it that the kernel refused */
	COUNTER_REFLEX_LEFT,	/* deaths that asked, left to the guard */
	COUNTER_KIN_LOST,	/* members that could not be put in their tree's list */
	COUNTER_ENDS_FULL,
	COUNTERS,
};

/* Map "counters", one element for each CPU. */
struct counter_values {
	__u64 n[COUNTERS];
};

/* Map "state", one element: what must outlive a guard beside the families. */
struct state_value {
	__u32 layout;	 /* ORPHAND_LAYOUT */
	__u32 next_tree; /* id of the next tree */
	__s64 realtime;	 /* ns to add for CLOCK_REALTIME when the maps were made: for ids */
	__u32 disarmed;	 /* the brake is open */
	__u32 zero;
	char why[MATCHED_LEN]; /* it was opened */
};

enum task_flags {
	TASK_ALIVE = 1 << 0, /* at least one thread has not ended */
	TASK_KERNEL = 1 << 1,
	TASK_MEMBER = 1 << 2,
};

/* What the iterator tells of each process. */
struct task_row {
	struct ident who;
	struct ident parent; /* real_parent, a subreaper after the parent's death */
	__u32 uid;
	__u32 sid;
	__u32 vpid;
	__u32 pid_ns;
	__u32 flags; /* enum task_flags */
	__u32 zero;
	char comm[COMM_LEN];
};

#define RECORD_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)
RECORD_SIZE(ident, 16);
RECORD_SIZE(sender, 56);
RECORD_SIZE(senders, 120);
RECORD_SIZE(member, 48);
RECORD_SIZE(policy, 16);
RECORD_SIZE(tree_value, 248);
RECORD_SIZE(image_value, 1320);
RECORD_SIZE(death, 192);
RECORD_SIZE(reflex, 16);
RECORD_SIZE(kin, 112);
RECORD_SIZE(tend, 56);
RECORD_SIZE(state_value, 152);
RECORD_SIZE(record, 32);
RECORD_SIZE(record_fork, 80);
RECORD_SIZE(record_exec, 1400);
RECORD_SIZE(prefix_key, 260);
RECORD_SIZE(record_exit, 224);
RECORD_SIZE(ancestor, 40);
RECORD_SIZE(record_sender, 2000);
RECORD_SIZE(task_row, 72);

#endif
