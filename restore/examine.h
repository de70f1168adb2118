/*
 * A restore that builds nothing: goes through a stream as restore does, and
 * checks all that can be known without Xen; counts what is in it on the way.
 * At most 32 bytes a pfn, whatever the stream has in it.
 */
#ifndef RESTORE_EXAMINE_H
#define RESTORE_EXAMINE_H

#include "machine/config.h"
#include "restore/receive.h"

struct demand;

struct examination {
	struct incoming incoming;
	struct config config;
	const struct stream_facts *facts; /* lent by the reader, until examination_release() */
	struct reader *reader;
	uint64_t frames_by_type[16];
	uint64_t frames, zero_pages, records;
	uint64_t user_roots; /* vCPUs that have one */
	uint64_t stored_bytes, expanded_bytes;
	/* of the checks: */
	struct demand *demands;	       /* by pfn: as what the tables name it */
	uint32_t *record_of;	       /* by pfn: the record that brought it */
	bool *is_zero;		       /* by pfn: an ordinary page, and of zeros */
	uint64_t next_window, windows; /* images of ours: the pfn to come, PAGE_DATA so far */
	uint64_t last_rank;	       /* and the place of the last other record */
	/* Of streams that may send a table again: */
	bool is_doubtful;    /* some table, perhaps not the last of its pfn, contradicts another one */
	bool lacks_tables;   /* there were too many to keep */
	uint32_t *table_at;  /* by pfn: place in tables + 1; if the stream cannot be read again */
	struct bytes tables; /* pointers to pages */
	uint64_t unshown;    /* words since progress() */
	struct channel *from;
	unsigned int threads;
	int64_t start; /* where in a file the stream begins; -1: it cannot be read again */
	void (*progress)(uint64_t done, uint64_t total);
};

/*
 * 0: sound. -EBADMSG or -ENODATA: damaged or cut short. Anything else: it could
 * not be read, or is nothing that is known here. What was found until then can
 * be looked at. Zero it before, but for progress.
 */
int examine(struct examination *examination, struct channel *from, unsigned int threads);
void examination_release(struct examination *examination);

#endif
