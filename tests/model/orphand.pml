/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kill protocol of orphand, for spin. "Law n" is a law of design.md. check.sh runs every variant of this file.
 *
 * Small, but whole: one tree on three pids, each of which is given out twice, so that a dead member's pid comes back to
 * a stranger or to another member; a ring with room for two events; a guard that is killed at any step of its own and
 * starts anew with an empty memory. Each process is a context of its own, with the guard and the root's second thread
 * that is up to five CPUs. One d_step, or one statement outside of a d_step, is what a hook or the guard does in one
 * go: one map operation, one system call. Between any two of them everybody else may run.
 *
 * All that can happen is finite: births, ends, events, losses, restarts. So no run goes on for ever (check.sh has spin
 * look for a cycle), and what must happen at last can be asserted where a run has come to rest: see Rest.
 *
 * Left out: memory order (a barrier that is missing is two steps that change places: MARK_READ_BEFORE_ENTRY), a full
 * members map, signals that a process may refuse (SIGKILL alone), D state, spare lists, the exec hook.
 *
 * Variants that must hold:
 *   KERNEL_CAN      the fork hook can signal the newborn (bpf_send_signal_task, 6.13)
 *   SWEEP_BY_MAP    with KERNEL_CAN: the sweep reads the map, and newborns are the kernel's alone to signal. That is law 3
 *                   with no ring to help it. Without it the sweep reads the index, and fork events bring who came late
 *   LOSSY           an event can be lost at any time, not only when the ring is full
 *   THREADS         the root has two threads
 *   BIRTHS=n KILLS=n RING=n    how large the world is
 * Faults, each the protocol without one law or one step of care: the other #ifdefs, each told at its place.
 */
#ifndef BIRTHS
#define BIRTHS	4			/* of the root and of everybody after it; 6 is all that three pids can hold */
#endif
#ifndef KILLS
#define KILLS	1			/* of the guard */
#endif
#ifndef RING
#define RING	2
#endif

/* The promises. ONLY=n asks for one of them alone, so that check.sh can tell which of them a fault breaks. */
#define SPARED	1			/* law 7: nobody but a member is signalled */
#define PROVEN	2			/* law 6: no incident is closed while a member lives */
#define CLEARED	3			/* after the root's death nobody of the tree is left */
#define TOLD	4			/* law 8: no death is lost, every incident is closed */
#define ONCE	5			/* law 8: one death is one incident */
#ifdef ONLY
#define PROMISE(n, what)	assert(n != ONLY || (what))
#else
#define PROMISE(n, what)	assert(what)
#endif

#define ID(p, g)	(2 * (p) + (g) - 1)	/* the identity (pid, start time) of the g-th owner of pid p, g from 1 */
#define PID(i)		((i) / 2)
#define START(i)	((i) % 2 + 1)
#define BIT(i)		(1 << (i))
#define ROOT		ID(0, 1)

/* ---- the world: what is true, whoever knows it ---- */

mtype:who = { NOBODY, EMBRYO, LIVE, DYING, STRANGER };
mtype:who who[3] = NOBODY;		/* has the pid. EMBRYO (in the pid table, can't run yet), LIVE, DYING: a true
					   member, the root or forked by a true member. STRANGER: anybody else */
byte gen[3];				/* how often the pid was given out: the start time of who has it */
bool killed[3];				/* SIGKILL is pending: it forks no more (copy_process looks), and ends */
#ifdef THREADS
byte live = 2;				/* the root's signal->live */
byte unreaped = 2;			/* its threads that are not through do_exit: the pid is not free before */
#else
byte live = 1;
byte unreaped = 1;
#endif
bool calm;				/* from now on nobody forks or ends of its own will: see Calm */

#define ALIVE(p)	(who[p] == EMBRYO || who[p] == LIVE)
#define TREE_LIVES	(ALIVE(0) || ALIVE(1) || ALIVE(2))
#define BORN		(gen[0] + gen[1] + gen[2])

/* ---- pinned in bpffs: outlives the guard (law 8) ---- */

#define OTHER 3				/* a member of another tree, whose root lives and shall go on living */
byte members[3];			/* the authority (law 1), pid -> start time, here its gen. 0: no entry */
bool condemned;				/* the tree's mark */
bool death;				/* deaths: the root's record stands */
byte death_id;				/* in that record: the id of its incident, 0: not given yet */
mtype = { FORKED, EXITED, DIED };
chan ring = [RING] of { mtype, byte };	/* one ring: what a task sends is read in the order in which it was sent */
bool moved;				/* the loss counters are not what they were at the guard's last look. (Nothing
					   else is ever asked of two numbers that only grow, and a bit has fewer states.) */

/* ---- the recorder: keeps an incident under its id, so that a word said twice is one word ---- */

byte minted;				/* ids given so far */
byte told;				/* id of the incident that it knows, 0: none */
bool told_closed;

chan sigkill = [0] of { bit };		/* to the guard, see Killer */

#ifdef LOSSY
#define NO_ROOM		true
#else
#define NO_ROOM		full(ring)
#endif

/*
 * One event into the ring, or its loss: bpf_ringbuf_reserve fails and a counter moves; no event when there is nothing to
 * tell. `then` is what the task does after it that nobody can tell from the event itself: the newborn is woken, the pid
 * becomes free.
 */
#define SEND(tell, kind, id, then)					\
	if								\
	:: d_step { tell && nfull(ring) -> ring!kind,id; then }		\
	:: d_step { tell && NO_ROOM -> moved = true; then }		\
	:: d_step { !(tell) -> then }					\
	fi

/* ---- sched_process_fork: in the forking task, before the child can run ---- */

/* Law 2: in before it runs. A parent is not taken out while one of its threads forks, so look-up and insertion are one. */
#define ENTER(p)	members[child] = (members[p] -> gen[child] : 0)

/* Law 3: enter, full barrier, read the mark. */
#ifdef KERNEL_CAN
#define READ_MARK(p)	killed[child] = killed[child] || (condemned && members[p]);
#else
#define READ_MARK(p)
#endif

#define WAKE		who[child] = (who[child] == EMBRYO -> LIVE : who[child]); child = 0
#define ENTERED		(members[child] == gen[child])
#define FORK_EVENT(then)	SEND(ENTERED, FORKED, ID(child, gen[child]), then)

/* The birth, in copy_process, and the hook's first step are one: before its entry a newborn is to the guard what a
 * stranger is. */
#if defined(LATE_ENTRY)			/* fault, law 2: the child is entered when it already runs */
#define AT_BIRTH(p)	who[child] = LIVE
#define IN_HOOK(p)	ENTER(p); READ_MARK(p) FORK_EVENT(child = 0)
#elif defined(MARK_READ_BEFORE_ENTRY)	/* fault, law 3; a barrier forgotten looks the same */
#define AT_BIRTH(p)	READ_MARK(p)
#define IN_HOOK(p)	ENTER(p); FORK_EVENT(WAKE)
#elif defined(FORK_EVENT_FIRST)		/* fault, law 1: the bell before the thing that it rings for */
#define AT_BIRTH(p)	skip
#define IN_HOOK(p)	SEND(members[p], FORKED, ID(child, gen[child]), skip); ENTER(p); READ_MARK(p) d_step { WAKE }
#else
#define AT_BIRTH(p)	ENTER(p)
#define IN_HOOK(p)	READ_MARK(p) FORK_EVENT(WAKE)
#endif

/* Pid 2 is first given out after pid 1, which loses nothing but the same run with other numbers. */
#define CAN_FORK(p, c)	(!calm && !killed[p] && BORN < BIRTHS && who[c] == NOBODY && gen[c] < 2 && (c != 2 || gen[1]))
#define BIRTH(c)	child = c; gen[c]++; who[c] = EMBRYO
#define FORKS(p, can)							\
	:: atomic { can && CAN_FORK(p, 0) -> BIRTH(0); AT_BIRTH(p) }; IN_HOOK(p)	\
	:: atomic { can && CAN_FORK(p, 1) -> BIRTH(1); AT_BIRTH(p) }; IN_HOOK(p)	\
	:: atomic { can && CAN_FORK(p, 2) -> BIRTH(2); AT_BIRTH(p) }; IN_HOOK(p)

/* ---- sched_process_exit: in each thread that ends ---- */

/* Law 2: out exactly once. The thread whose deletion succeeds does the rest. */
#define TAKE_OUT(p)	last = (members[p] == gen[p]); members[p] = 0
#define FREE_PID(p)	who[p] = NOBODY; killed[p] = false

#define MEMBER(p)	(who[p] == LIVE && ID(p, gen[p]) != ROOT)
#define ENDS(p)		(MEMBER(p) && (!calm || killed[p]))	/* by itself, or because it was killed */

inline exit_hook(p)			/* of a member with one thread */
{
#ifdef EXIT_EVENT_FIRST			/* fault, law 1 */
	d_step { ENDS(p) -> who[p] = DYING };
	SEND(members[p] == gen[p], EXITED, ID(p, gen[p]), skip);
	d_step { members[p] = 0; FREE_PID(p) }
#else
	d_step { ENDS(p) -> who[p] = DYING; TAKE_OUT(p) }
	SEND(last, EXITED, ID(p, gen[p]), last = false; FREE_PID(p))
#endif
}

#define THREAD_GONE	last = false; unreaped--; if :: unreaped == 0 -> FREE_PID(0) :: else fi

inline root_exit_hook(is_leader)	/* of one thread of the root */
{
	d_step {			/* do_exit: atomic_dec_and_test(&signal->live) */
		live--;
		who[0] = (live == 0 -> DYING : LIVE);
#ifdef THREADS
	}
	d_step {			/* read again in the hook: two last threads can both see 0 */
#endif
#if defined(LEADER_EXIT_IS_DEATH)	/* fault, law 2 */
		if :: is_leader -> TAKE_OUT(0) :: else fi
#elif defined(DOUBLE_TAKE_OUT)		/* fault, law 2: the deletion's answer is not asked */
		if :: live == 0 -> TAKE_OUT(0); last = true :: else fi
#else
		if :: live == 0 -> TAKE_OUT(0) :: else fi
#endif
	}
#if defined(DEATH_EVENT_ONLY)		/* fault, law 1: the death stands in no map */
	SEND(last, DIED, ROOT, THREAD_GONE)
#elif defined(DEATH_EVENT_FIRST)	/* fault, law 1 */
	SEND(last, DIED, ROOT, skip);
	d_step { death = death || last; THREAD_GONE }
#else
	death = death || last;		/* into deaths, then the event */
	SEND(last, DIED, ROOT, THREAD_GONE)
#endif
}

/* ---- the tree, and the rest of the host ---- */

proctype Root()				/* the thread that forks */
{
	byte child;
	bool last;

	do
	FORKS(0, true)
	:: root_exit_hook(false); break
	od
}

proctype Leader()			/* the root's first thread: pthread_exit from main, some time */
{
	bool last;

	root_exit_hook(true)
}

proctype Member(byte p)			/* whoever has that pid, root aside: forks, ends, is ended */
{
	byte child;
	bool last;

end_alive:
	do
	FORKS(p, MEMBER(p))
	:: exit_hook(p)
	od
}

/* A stranger takes a pid that a member had: watched in another tree, or not at all. */
#define REUSE(p)							\
	:: atomic {							\
		!calm && who[p] == NOBODY && gen[p] == 1 && BORN < BIRTHS -> gen[p]++; who[p] = STRANGER;	\
		if :: members[p] = OTHER :: skip fi			\
	}

proctype Host()
{
end_host:
	do
	REUSE(0)
	REUSE(1)
	REUSE(2)
	od
}

/*
 * At last nobody does anything of its own will: who lives then goes on living for ever, unless it is killed. A run that
 * comes to rest does so with the ring read, no loss unseen and nobody in between, so to begin not before loses no run.
 */
#define QUIET(p)	(who[p] != EMBRYO && who[p] != DYING && !killed[p])

proctype Calm()
{
	live == 0 && empty(ring) && !moved && QUIET(0) && QUIET(1) && QUIET(2) -> calm = true
}

/* ---- the guard: user/guard, one thread ---- */

/* Law 4: a pidfd first, which binds to whoever has the pid now, then the look whether the entry still stands, and only
 * then the signal, through that pidfd. */
#define OPEN(i)		fd = (who[PID(i)] == NOBODY -> 0 : gen[PID(i)])
#if defined(NO_CHECK)			/* fault, law 4 */
#define CHECK(i)	ok = true
#elif defined(CHECK_PID_ONLY)		/* fault, law 4: an entry of that pid, whatever its start time */
#define CHECK(i)	ok = (members[PID(i)] != 0)
#else
#define CHECK(i)	ok = (members[PID(i)] == START(i))
#endif
#ifdef CHECK_BEFORE_OPEN		/* fault, law 4 */
#define FIRST(i)	CHECK(i)
#define SECOND(i)	OPEN(i)
#else
#define FIRST(i)	OPEN(i)
#define SECOND(i)	CHECK(i)
#endif
#define HELD(i)		(ok && fd == gen[PID(i)])	/* else ESRCH: who was held is gone */

#define TREAT(pick, i, done)						\
	d_step { pick; FIRST(i) };					\
	d_step { SECOND(i) };						\
	d_step {							\
		PROMISE(SPARED, !(HELD(i) && who[PID(i)] == STRANGER));	\
		if :: HELD(i) && ALIVE(PID(i)) -> killed[PID(i)] = true :: else fi;	\
		fd = 0; ok = false; done				\
	}

#define ENTRY(p)	(members[p] && members[p] != OTHER -> BIT(ID(p, members[p])) : 0)
#ifdef SWEEP_BY_MAP
#define SWEPT		(ENTRY(0) | ENTRY(1) | ENTRY(2))	/* one of them at a time: each step looks anew */
#else
#define SWEPT		index
#endif

inline sweep()
{
	do
	:: TREAT(SWEPT >> one -> do :: !(SWEPT & BIT(one)) -> one++ :: else -> break od; one++, one - 1, skip)
	:: else -> break
	od;
	one = 0
}

/* Law 8: the incident's id is put into the death's record, then told (one step here; when it is told and does not stand
 * there, that is ID_IN_MEMORY), so that the next guard, should this one die, goes on with the same incident. Law 3:
 * condemn, then sweep. */
inline open_incident()
{
	d_step {
		open = true;
#ifdef ID_IN_MEMORY			/* fault, law 8: each guard gives an id of its own */
		minted++; death_id = minted;
#else
		if :: death_id == 0 -> minted++; death_id = minted :: else fi;
#endif
		PROMISE(ONCE, told == 0 || told == death_id);
		told = death_id
	}
#ifdef MARK_AFTER_SWEEP			/* fault, law 3 */
	sweep();
	condemned = true
#else
	condemned = true;
	sweep()
#endif
}

/* Law 6. Closed when the index is empty, and can be believed: nothing was lost since the maps were read, and the ring
 * has been read at least as far as it was filled when that reading ended. Law 8: told, and only then forgotten. */
inline close_incident()
{
#ifdef FORGET_BEFORE_TELL		/* fault, law 8 */
	d_step { PROMISE(PROVEN, !TREE_LIVES); death = false; death_id = 0 }
	d_step { told_closed = true; open = false }
#else
	d_step { PROMISE(PROVEN, !TREE_LIVES); told_closed = true }
	d_step { death = false; death_id = 0; open = false }
#endif
}

#ifdef TWO_RINGS			/* fault, law 1: ends come by another ring, so an end can overtake a birth */
#define EXIT_EVENT	ring??EXITED,one
#else
#define EXIT_EVENT	ring?EXITED,one
#endif
#ifdef NO_TICK
#define CONSUMED	behind = (behind -> behind - 1 : 0); woken = true
#else
#define CONSUMED	behind = (behind -> behind - 1 : 0)
#endif
#define TAKE_IN		:: ring?FORKED,one -> index = index | BIT(one)					\
			:: ring?EXITED,one -> index = index & ~BIT(one)					\
			:: ring?DIED,one -> index = index & ~BIT(one)

/* Law 1, the whole reading: the counters, then the ring as far as it is filled, then the maps. */
#ifdef MAPS_BEFORE_RING			/* fault, law 1: a birth is read after the map whose end, lost, was seen in it */
#define DRAIN		skip
#else
#define DRAIN		d_step { fd = 0; do TAKE_IN :: empty(ring) -> break od; one = 0; behind = 0 }
#endif

/* Not atomic: who is entered behind the reader by a parent that is gone before the reader comes to it is seen nowhere.
 * But then its fork's event is in the ring when the reading ends, or its loss was counted. */
#define READ(p)		d_step { index = (index & ~(3 << (2 * p))) | ENTRY(p) }
#ifdef CLOSE_BEFORE_DRAIN		/* fault, law 1: the reading is believed without what the ring has to add */
#define READ_MAPS	READ(0); READ(1); READ(2)
#else
#define READ_MAPS	READ(0); READ(1); READ(2); behind = len(ring)
#endif

inline resync()
{
#if defined(BASELINE_AFTER_READ)	/* fault, law 1: what was lost while reading is taken for seen */
	DRAIN;
	READ_MAPS;
	moved = false;
#elif defined(READ_BEFORE_LISTEN)	/* fault, law 1: what was sent while reading is thrown away */
	moved = false;
	READ_MAPS;
	d_step { fd = 0; do :: ring?_,_ :: empty(ring) -> break od; behind = 0 }
#else
	moved = false;
	DRAIN;
	READ_MAPS;
#endif
	if
	:: death && !open -> open_incident()
#ifndef SWEEP_BY_MAP
	:: open -> sweep()		/* whoever the reading brought to light */
#endif
	:: else
	fi
}

#if defined(TRUST_DEATH_EVENT) || defined(DEATH_EVENT_ONLY)
#define DEATH_STANDS	true		/* fault, law 1: the event is taken for the death */
#else
#define DEATH_STANDS	death
#endif
#ifdef CLOSE_BY_COUNT			/* fault, law 1: the index is believed although something was lost */
#define NOTHING_LOST	true
#else
#define NOTHING_LOST	(!moved)
#endif

proctype Guard()
{
	byte index;			/* members as far as known, a bit for each identity */
	byte behind;			/* events in the ring from before the last reading's end */
	bool open;			/* an incident is open */
	byte one;			/* whoever is being treated: identity + 1 */
	byte fd;			/* pidfd: the gen of the process that it is bound to, 0: none */
	bool ok;			/* the entry stands */
#ifdef NO_TICK
	bool woken;
#endif

again:
	{
#ifdef NO_RESYNC_AT_START		/* fault, law 1 and law 8 */
		moved = false;
#else
		resync();
#endif
end_idle:
		do
		:: d_step { EXIT_EVENT -> index = index & ~BIT(one); CONSUMED; one = 0 }
#ifdef SWEEP_BY_MAP
		:: d_step { ring?FORKED,one -> index = index | BIT(one); CONSUMED; one = 0 }
#else
		:: d_step { ring?FORKED,one -> index = index | BIT(one); CONSUMED; one = (open -> one + 1 : 0) }
		   if
		   :: one -> TREAT(skip, one - 1, one = 0)	/* born into a condemned tree */
		   :: else
		   fi
#endif
		:: d_step { ring?DIED,one -> index = index & ~BIT(one); CONSUMED; one = 0 }
		   if
		   :: DEATH_STANDS && !open -> open_incident()
		   :: else
		   fi
#if defined(NO_RESYNC)			/* fault, law 1: a loss is counted, and nothing more */
		:: empty(ring) && moved -> moved = false
#elif defined(NO_TICK)			/* fault, law 1: the counters are looked at only when an event woke the guard */
		:: empty(ring) && woken -> woken = false; if :: moved -> resync() :: else fi
#else
		:: empty(ring) && moved -> resync()	/* looked at by a timer too: a loss rings no bell */
#endif
		:: open && index == 0 && NOTHING_LOST && behind == 0 -> close_incident()
		od
	} unless {
		d_step {		/* law 8: the next guard knows what is pinned, and nothing else */
			sigkill?_;
			index = 0; behind = 0; open = false; one = 0; fd = 0; ok = false;
#ifdef NO_TICK
			woken = false
#endif
		}
	};
	goto again
}

/* Kills the guard at any step, or never. Not before it wrote something that outlives it: until then, to be killed is no
 * more than to have started later. */
proctype Killer()
{
	byte n;

end_never:
	do
	:: atomic { n < KILLS && minted && !calm -> sigkill!0; n++ }
	od
}

/* ---- when nothing more can happen ---- */

proctype Rest()
{
	timeout ->
	PROMISE(CLEARED, !TREE_LIVES);
	PROMISE(TOLD, told && told_closed && !death)
}

init
{
	atomic {
		gen[0] = 1; who[0] = LIVE; members[0] = 1;
		run Root();
#ifdef THREADS
		run Leader();
#endif
		run Member(0); run Member(1); run Member(2); run Host();
		run Guard(); run Killer(); run Calm(); run Rest()
	}
}
