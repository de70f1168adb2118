/*
 * The locks of jobs, domains and names, journal/lock.c, for spin to check; see
 * handover.pml. Each process takes the lock of one name and lets it go, others
 * sweep; any process is killed at any step, as often as it likes.
 *
 * What is claimed: no two processes have the lock of one name, and a holder's
 * file is never removed by another process.
 */
#ifndef WORKERS
#define WORKERS 3
#endif
#ifndef SWEEPERS
#define SWEEPERS 1
#endif
#define FILES 8

byte name;		/* the file that has the name; 0: none */
byte made;		/* so many files there were */
bool locked[FILES];	/* by flock() */
byte at_work;

#define DIES goto over

/* journal/lock.c: lock_is_taken(). Jumps if it is not; a file without a name is no lock. */
#define TAKE(fd, otherwise) \
	if :: atomic { !locked[fd] -> locked[fd] = true; has = true } :: atomic { locked[fd] -> goto otherwise } fi;

active [WORKERS] proctype worker()
{
	byte fd;
	bool has;

	/* journal/lock.c: lock_file() */
again:	atomic {
		if
		:: name -> fd = name
		:: !name && made < FILES - 1 -> made++; name = made; fd = made
		:: !name && made == FILES - 1 -> DIES
		fi
	};
	TAKE(fd, over)
	if
	:: name == fd
	:: atomic { name != fd -> locked[fd] = false; has = false } goto again
	:: DIES
	fi;
	at_work++;
	assert(at_work == 1);
	assert(name == fd);
	/* journal/lock.c: unlock_file() */
	if
	:: atomic { at_work--; name = 0 }
	:: atomic { at_work-- } DIES
	fi;
over:	atomic { if :: has -> locked[fd] = false :: else fi; has = false; fd = 0 }
}

/* journal/lock.c: sweep_one() */
active [SWEEPERS] proctype sweeper()
{
	byte fd;
	bool has;

	if
	:: atomic { name -> fd = name }
	:: DIES
	fi;
	TAKE(fd, over)
#ifndef DEFECT_SWEEP
	if
	:: name == fd
	:: name != fd -> goto over
	:: DIES
	fi;
#endif
	name = 0;
over:	atomic { if :: has -> locked[fd] = false :: else fi; has = false; fd = 0 }
}
