/*
 * The handover of a guest from one host to another, man/pvferry-protocol.7, for
 * spin to check. tests/model/check runs it and says how; tests/model/names checks
 * that each function that is named here exists.
 *
 * What can go wrong, at each step:
 *	- any process is killed: at most KILLS of them in one run;
 *	- a host loses power, at most POWER_CUTS in one run, each once: its processes
 *	  and domains are gone, and of its journals what was not synced;
 *	- each wait and each send may fail at any time: so the connection breaks, a
 *	  message is late or lost, a person cancels, a call fails, a time is over;
 *	- `pvferry resolve` runs at any time on either host, with --here or --moved or
 *	  without; a guard and a QUERY settle as it does;
 *	- the guest takes as long to suspend as it likes, but for an hour
 *	  (migrate/settle.c: has_dropped()).
 *
 * What is claimed:
 *	never two	the guest never runs on both hosts
 *	never none	when all processes have ended, `pvferry resolve` leaves a copy
 *			that runs. LOST says which exceptions there are
 *	no lie		an end in a journal says what is
 *	every wait ends	no run is endless or gets stuck
 *
 * Devices write what a guest that runs asks for, whether those of the destination are made early or at END:
 * "never two" is said of them, too.
 *
 * Switches:
 *	LOCAL		source and destination are one host; a loss of power leaves nothing to claim, so none is tried
 *	STRANGER	a third host, which may send to the source, has offered it the same job
 *	LIAR		the destination says whatever it likes, and never has to read; of the
 *			claims only the last is left, and then clocks count
 *	DEFECT_...	a defect that pvferry has had, or could have: spin must find it
 */
#ifndef KILLS
#define KILLS 1
#endif
#ifndef POWER_CUTS
#define POWER_CUTS 1
#endif

mtype = {
	/* a domain */
	NONE, RUNS, ASKED, TAKEN, STOPPED, PARTIAL, PAUSED,
	/* a journal: journal/journal.h, enum journal_stage; and messages of the same name */
	ABSENT, STREAMING, SUSPENDING, SUSPENDED, BUILDING, READY, GO, DONE, KEPT, RUNNING, DESTROYED,
	/* messages */
	OFFER, ACCEPT, END, FAILED, PROGRESS
};

/* The guest at the source, and its copy at the destination. */
mtype src = RUNS, dst = NONE;
#define runs_here (src == RUNS || src == ASKED || src == TAKEN)
#define runs_there (dst == RUNS)
#define NEVER_TWO assert(!(runs_here && runs_there))

/* Journals: as a process reads them, and what of them a loss of power leaves. */
mtype s_journal = ABSENT, s_disk = ABSENT, d_journal = ABSENT, d_disk = ABSENT;
#define s_is_settled (s_journal == ABSENT || s_journal == DONE || s_journal == KEPT)
#define d_is_settled (d_journal == ABSENT || d_journal == RUNNING || d_journal == DESTROYED)

/* Processes that are there; the lock of a job is free when none that holds it is. */
bool guard, mover, sender, waiter;	/* the source's */
bool watcher, taker, builder;	/* the destination's: its guard, the taker, the builder */
bool s_held, d_held;		/* by a process that settles */
#define s_lock_is_free (!guard && !mover && !sender && !waiter && !s_held)
#define d_lock_is_free (!taker && !builder && !d_held)

/* Shared by the supervisor (guard), the source session (mover) and the sender: migrate/handover.h, struct move_status. */
mtype m_stage = NONE;
bool m_said_end, is_complete, word, leash_is_cut, mover_was_killed;
/* Shared by the supervisor (watcher), the destination session (taker) and the builder: restore/handover.h, struct take_status. */
bool is_known, has_end, is_built, taker_was_killed, take_is_running;

#ifdef LIAR
bool it_reads_all;
chan to_d = [1] of { mtype };
#else
#define it_reads_all true
chan to_d = [2] of { mtype };
#endif
chan to_s = [2] of { mtype };

byte kills, power_cuts;
bool cut_s, cut_d;		/* the host has lost power */
bool read_go, ran_there;	/* the destination has GO in its journal; the guest has run there */
bool could_not;			/* after GO, a call failed there */
bool at_rest;			/* all processes have ended; from here on nothing fails */

/*
 * What no protocol can give back, as protocol(7) says:
 *	1 the source lost power before the destination had read GO: the guest was the source's alone;
 *	2 the source lost power, and Xen or the disk of the destination failed it between GO and the guest's first step;
 *	3 the destination lost power after the guest ran there: it was the destination's alone;
 *	4 both lost power.
 */
#define LOST ((cut_s && (!read_go || could_not)) || (cut_d && ran_there) || (cut_s && cut_d))

/* What no process will read any more is forgotten: it would only make states. */
#define FLUSH(from) do :: nempty(from) -> from?_ :: empty(from) -> break od

#define FORGET_HERE m_stage = NONE; m_said_end = false; is_complete = false; word = false; leash_is_cut = false; mover_was_killed = false
#define FORGET_THERE is_known = false; has_end = false; is_built = false; taker_was_killed = false; take_is_running = false

/* --- steps -------------------------------------------------------------------- */

/* This step is the process's last, and it does not do it. */
#define KILLED d_step { kills < KILLS && !at_rest -> kills++ } -> goto killed
#define STEP(what) if :: atomic { what } :: KILLED fi
/* journal/journal.c: journal_write(). In place first, then on the disk. */
#define WRITE(journal, stage) STEP(journal = stage)
#define SYNC(journal, disk) STEP(disk = journal)
/* One step that may fail. */
#define TRY(what, otherwise) if :: atomic { what } :: goto otherwise :: KILLED fi
/* A reader that is gone hears nothing; whether the sender learns of that, it learns later. */
#define TO_THERE(message) if :: taker -> to_d!message :: else fi
#define TO_HERE(message) if :: mover -> to_s!message :: else fi

#ifdef LIAR	/* stream/message.c: message_wait() message_expect() */
byte ticks;	/* of the clock; 2: the time is over */
#define late (ticks == 2)
#define TIME_IS_OVER late
#define HEARS_PROGRESS atomic { !late && to_s?[PROGRESS] -> to_s?PROGRESS; PROGRESS_COUNTS }
#ifdef DEFECT_PROGRESS
#define PROGRESS_COUNTS ticks = 0 /* the time begins anew */
#else
#define PROGRESS_COUNTS skip
#endif
#else
#define TIME_IS_OVER true
#define HEARS_PROGRESS false
#endif
#define AWAIT(what, otherwise) do :: what -> break :: HEARS_PROGRESS :: TIME_IS_OVER -> goto otherwise :: KILLED od
#define SEND_THERE(before, message, otherwise) \
	do \
	:: atomic { !taker -> before } -> break \
	:: atomic { taker && nfull(to_d) -> before; to_d!message } -> break \
	:: HEARS_PROGRESS \
	:: TIME_IS_OVER -> goto otherwise \
	:: KILLED \
	od

/* An end. Whether it is on the disk decides nothing: until then the journal says GO, or less, and the same end is found again. */
#define WRITE_END(journal, disk, stage, says) STEP(journal = stage; disk = stage; says)

/* --- the guest ------------------------------------------------------------------ */

/* It takes its time. */
active proctype the_guest()
{
end:	do
	:: d_step { src == ASKED -> src = TAKEN }
	:: d_step { src == TAKEN -> src = STOPPED }
	od
}

/*
 * migrate/settle.c: source_keep() guest_resume(); xen/suspend.c: domain_withdraw().
 * A guest that has taken the request cannot be called back: it is waited for,
 * and if that takes too long it is not known to run on.
 */
#define KEEP(kept) \
	if \
	:: d_step { src == STOPPED -> src = RUNS; kept = true; NEVER_TWO } \
	:: d_step { src == ASKED -> src = RUNS; kept = true } \
	:: d_step { src == RUNS || src == NONE -> kept = true } \
	:: d_step { src == TAKEN && !at_rest -> kept = LATE_IS_KEPT } \
	:: KILLED \
	fi
#ifdef DEFECT_LATE
#define LATE_IS_KEPT true
#else
#define LATE_IS_KEPT false
#endif
#define SAYS_KEPT assert(src == RUNS || src == NONE) /* of a domain that is gone the reason tells */
#define SAYS_RUNNING assert(dst == RUNS)
#define SAYS_DONE assert(src == NONE)
#define SAYS_DESTROYED assert(dst == NONE)

/* --- the source ------------------------------------------------------------------- */

/*
 * migrate/sender.c: send_on_leash() stay_on_leash(); xen/suspend.c: domain_suspend().
 * Below the mover. Whatever makes it end before all is sent, what it leaves is told in what is shared.
 */
proctype the_sender()
{
	bool kept;
	{
		STEP(s_journal = SUSPENDING);
		TRY(src = ASKED, over);
		if
		:: src == STOPPED
		:: true ->	/* it has not suspended in time */
			KEEP(kept);
			goto over
		:: KILLED
		fi;
		TRY(it_reads_all -> is_complete = true, over);
		if	/* migrate/sender.c: wait_for_word() */
		:: word
		:: !word && (leash_is_cut || !mover) -> KEEP(kept) /* migrate/let-go.c: sender_let_go_on() */
		:: KILLED
		fi;
over:		skip;
killed:		atomic { sender = false; kept = false }
	} unless { cut_s && !sender }
}

proctype the_mover()
{
	bool kept;
	{
		/* migrate/handover.c: make_offer() */
		SEND_THERE(skip, OFFER, over);
		AWAIT(to_s?ACCEPT, over);
		/* migrate/handover.c: source_session_begin() */
		STEP(s_journal = STREAMING; m_stage = STREAMING; sender = true; run the_sender());
		/* migrate/handover.c: send_image() */
		AWAIT(is_complete, keep_guest);
		SEND_THERE(s_journal = SUSPENDED, END, keep_guest);
		/* migrate/handover.c: wait_ready() */
		AWAIT(to_s?READY, keep_guest);
		/* migrate/handover.c: send_go(); migrate/sender.c: sender_release() */
		TRY(sender -> word = true, keep_guest);
		WRITE(s_journal, GO);
		SYNC(s_journal, s_disk);
		TRY(m_stage = GO, keep_guest);
		SEND_THERE(skip, GO, over);
		/* migrate/handover.c: wait_running() */
		do
		:: to_s?RUNNING -> break
		:: to_s?FAILED -> goto keep_guest
		:: HEARS_PROGRESS
		:: TIME_IS_OVER -> goto over
		:: KILLED
		od;
		/* migrate/handover.c: hand_over(); migrate/settle.c: source_remove() */
		STEP(m_stage = RUNNING);
		STEP(src = NONE);
		STEP(m_said_end = true);
		WRITE_END(s_journal, s_disk, DONE, SAYS_DONE);
		goto over;
keep_guest:	/* migrate/handover.c: keep_guest(); migrate/sender.c: sender_abort() */
		leash_is_cut = true;
		if :: !sender :: KILLED fi;
		KEEP(kept);
		if
		:: kept ->
			STEP(m_said_end = true);
			WRITE_END(s_journal, s_disk, KEPT, SAYS_KEPT)
		:: else
		fi;
		goto over;
killed:		mover_was_killed = true;
over:		atomic { mover = false; kept = false; FLUSH(to_s) }
	} unless { cut_s && !mover }
}

#define KEEP_HERE \
	KEEP(kept); \
	if \
	:: kept -> WRITE_END(s_journal, s_disk, KEPT, SAYS_KEPT) \
	:: else \
	fi

/* migrate/settle.c: source_stay() wait_for_guest(). Has the locks, and waits as long as the guest takes. */
proctype the_waiter()
{
	bool kept;
	{
		if :: src != TAKEN :: KILLED fi;
		KEEP_HERE;
killed:		atomic { waiter = false; kept = false }
	} unless { cut_s && !waiter }
}

/* migrate/supervisor.c: move_start() move_finish() */
proctype the_guard()
{
	bool kept;
	{
		STEP(mover = true; run the_mover());
		if :: !mover && !sender :: KILLED fi;
		/* migrate/supervisor.c: move_settle() */
		if
		:: m_stage == RUNNING && !m_said_end ->
			/* migrate/supervisor.c: finish_move() */
			STEP(src = NONE);
			WRITE_END(s_journal, s_disk, DONE, SAYS_DONE)
		:: m_stage == STREAMING && !m_said_end ->
			/* migrate/supervisor.c: keep_guest() */
			KEEP_HERE;
#ifndef DEFECT_LATE
			if
			:: !kept -> STEP(waiter = true; run the_waiter())
			:: else
			fi
#endif
		:: else
		fi;
killed:		atomic { guard = false; kept = false; if :: !mover && !sender -> FORGET_HERE :: else fi }
	} unless { cut_s && !guard }
}

/* --- the destination ------------------------------------------------------------------ */

/* builder/main.c: build(); restore/restore.c: restore_domain() */
proctype the_builder()
{
	{
		STEP(dst = PARTIAL);
#ifdef DEFECT_ORPHAN
		STEP(is_known = true);	/* builder/main.c: note_created() */
#endif
		if
		:: d_step { has_end -> dst = PAUSED; is_built = true }
		:: dst = NONE
		:: KILLED
		fi;
killed:		builder = false
	} unless { cut_d && !builder }
}

proctype the_taker()
{
	{
		AWAIT(to_d?OFFER, over);
		/* restore/take-offer.c: begin_journal() */
		STEP(d_journal = BUILDING; d_disk = BUILDING);
		/* restore/handover.c: accept_offer() */
		STEP(builder = true; run the_builder());
		TRY(TO_HERE(ACCEPT), give_up);
		/* restore/take-image.c: take_image() take_end() */
		AWAIT(to_d?END, give_up);
		STEP(has_end = true);
		/* restore/finish-building.c: finish_building() */
		AWAIT(!builder && is_built, give_up);
		/* restore/handover.c: send_ready() */
		TRY(d_journal = READY; TO_HERE(READY), give_up);
		/* restore/handover.c: wait_go() */
		AWAIT(to_d?GO, give_up);
		/* restore/handover.c: run_guest() */
		TRY(d_journal = GO; read_go = true, fails);
		TRY(d_disk = GO, fails);
		/* restore/settle.c: destination_run() */
		TRY(dst = RUNS; ran_there = true; NEVER_TWO, fails);
		STEP(take_is_running = true);
		if
		:: atomic { TO_HERE(RUNNING) }
		:: true
		:: KILLED
		fi;
		WRITE_END(d_journal, d_disk, RUNNING, SAYS_RUNNING);
		goto over;
fails:		could_not = true;
give_up:	/* restore/handover.c: give_up(); restore/builder.c: builder_abort() builder_clean_up() */
		if :: !builder :: KILLED fi;
#ifdef DEFECT_ORPHAN
		if :: d_step { is_known -> dst = NONE } :: !is_known :: KILLED fi;
#else
		STEP(dst = NONE);	/* restore/settle.c: destination_remove() find_unfinished() */
#endif
		WRITE_END(d_journal, d_disk, DESTROYED, SAYS_DESTROYED);
		if	/* restore/handover.c: tell_failure() */
		:: atomic { TO_HERE(FAILED) }
		:: true
		:: KILLED
		fi;
		goto over;
killed:		taker_was_killed = true;
over:		atomic { taker = false; FLUSH(to_d) }
	} unless { cut_d && !taker }
}

/* restore/settle.c: destination_recover(); the lock is held. */
#define RECOVER_THERE \
	if \
	:: d_journal == GO && dst == PAUSED -> \
		STEP(dst = RUNS; ran_there = true; NEVER_TWO); \
		WRITE_END(d_journal, d_disk, RUNNING, SAYS_RUNNING) \
	:: d_journal == GO && dst == RUNS -> \
		WRITE_END(d_journal, d_disk, RUNNING, SAYS_RUNNING) \
	:: !d_is_settled && !(d_journal == GO && (dst == PAUSED || dst == RUNS)) -> \
		STEP(dst = NONE); \
		WRITE_END(d_journal, d_disk, DESTROYED, SAYS_DESTROYED) \
	:: d_is_settled \
	fi

/* restore/supervisor.c: take_start() take_finish() put_right() */
proctype the_watcher()
{
	{
		STEP(taker = true; run the_taker());
		if :: !taker && !builder :: KILLED fi;
		if
		:: d_step { taker_was_killed && !take_is_running && d_lock_is_free -> d_held = true };
			RECOVER_THERE;
killed:			d_held = false
		:: !taker_was_killed || take_is_running || d_held
		fi;
		atomic { watcher = false; if :: !taker && !builder -> FORGET_THERE :: else fi }
	} unless { cut_d && !watcher }
}

/* --- the settlers ------------------------------------------------------------------------- */

/* cli/resolve.c: entry_settle(), on the destination, and restore/query.c: query_settle(), for the source. */
proctype settle_there()
{
	bool holds, had_cut;
end:	{
		atomic { d_lock_is_free && !d_is_settled -> d_held = true; had_cut = cut_d; holds = true };
		RECOVER_THERE;
killed:		atomic { d_held = false; holds = false; had_cut = false }
	} unless { holds && cut_d != had_cut }
}

/* What a person has made sure of before saying --here or --moved: cli/resolve.c: is_said() */
#define SEES_IT_THERE (dst == RUNS)
#ifdef DEFECT_HASTY	/* looked only whether it runs there now */
#define SEES_IT_NEVER_RUNS_THERE (dst != RUNS)
#else		/* and has resolved it there, or knows that the host was down */
#define SEES_IT_NEVER_RUNS_THERE (cut_d || d_journal == DESTROYED)
#endif

/* cli/resolve.c: find_answer_here(). What a stranger has made of its own move to this host, which is another one. */
#ifdef STRANGER
mtype s_other = ABSENT;
proctype the_stranger()
{
end:	if
	:: atomic { s_journal != ABSENT -> s_other = DESTROYED }
	:: atomic { s_journal != ABSENT -> s_other = RUNNING }
	fi
}
#endif
#if defined(STRANGER) && defined(DEFECT_STRANGER)
#define FOUND_HERE s_other
#elif defined(LOCAL)
#define FOUND_HERE d_journal
#else
#define FOUND_HERE ABSENT
#endif

#define REMOVE_HERE \
	STEP(src = NONE); \
	WRITE_END(s_journal, s_disk, DONE, SAYS_DONE)

/* cli/resolve.c: entry_settle() settle_source() find_out(); migrate/settle.c: source_conclude() */
proctype settle_here()
{
	bool kept, holds, had_cut;
end:	{
		atomic { s_lock_is_free && !s_is_settled -> s_held = true; had_cut = cut_s; holds = true };
		if
		:: s_journal == STREAMING || s_journal == SUSPENDING || s_journal == SUSPENDED -> KEEP_HERE
		:: s_journal == GO ->
			if	/* the other host, asked by migrate/query.c: query_destination() */
			:: FOUND_HERE == RUNNING -> REMOVE_HERE
			:: FOUND_HERE == DESTROYED -> KEEP_HERE
			:: d_journal == RUNNING -> REMOVE_HERE
			:: d_journal == DESTROYED -> KEEP_HERE
			:: !at_rest -> skip
			:: !at_rest && SEES_IT_THERE -> REMOVE_HERE
			:: !at_rest && SEES_IT_NEVER_RUNS_THERE -> KEEP_HERE
			fi
		fi;
killed:		atomic { s_held = false; holds = false; kept = false; had_cut = false }
	} unless { holds && cut_s != had_cut }
}

#define CUT_HERE cut_s = true; \
	src = NONE; guard = false; mover = false; sender = false; waiter = false; s_held = false; FORGET_HERE; FLUSH(to_s); \
	if :: s_journal = s_disk :: s_disk = s_journal fi
#define CUT_THERE cut_d = true; \
	dst = NONE; watcher = false; taker = false; builder = false; d_held = false; FORGET_THERE; FLUSH(to_d); \
	if :: d_journal = d_disk :: d_disk = d_journal fi

proctype the_power()
{
end:	do
	:: atomic { power_cuts < POWER_CUTS && !cut_s && !at_rest -> power_cuts++; CUT_HERE }
	:: atomic { power_cuts < POWER_CUTS && !cut_d && !at_rest -> power_cuts++; CUT_THERE }
	od
}

#ifdef LIAR

proctype the_liar()
{
end:	do
	:: to_s!ACCEPT
	:: to_s!PROGRESS
	:: to_s!READY
	:: to_s!RUNNING
	:: to_s!FAILED
	:: to_d?_
	:: it_reads_all = true
	od
}

proctype the_clock()
{
end:	do
	:: atomic { !late && (mover || sender) -> ticks++ }
	od
}

ltl wait_ends { [] ((guard || mover || sender) -> <> (!guard && !mover && !sender)) }

init
{
	atomic { guard = true; taker = true; run the_liar(); run the_clock(); run the_guard() }
}

#else

#define NOTHING_IS_LEFT (!guard && !mover && !sender && !waiter && !watcher && !taker && !builder && !s_held && !d_held)

init
{
	atomic {
		guard = true; watcher = true;
		run the_guard(); run the_watcher(); run settle_here(); run settle_there(); run the_power();
#ifdef STRANGER
		run the_stranger()
#endif
	};
	atomic { NOTHING_IS_LEFT -> at_rest = true };
	if :: d_is_settled :: else -> run settle_there() fi;
	d_is_settled && !d_held;
	if :: s_is_settled :: else -> run settle_here() fi;
	s_is_settled && !s_held;
	assert(runs_here || runs_there || LOST);
	assert(dst == NONE || dst == RUNS)
}

#endif
