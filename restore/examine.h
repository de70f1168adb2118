/*
 * A restore that builds nothing: goes through a stream as restore does, and
 * checks all that can be known without Xen; counts what is in it on the way.
 * 27 bytes a pfn.
 */
#ifndef RESTORE_EXAMINE_H
#define RESTORE_EXAMINE_H

#include "machine/config.h"
#include "restore/receive.h"

struct demand;

struct examination {
	struct incoming incoming;
	struct config config;
	const struct stream_facts *facts;	/* lent by the reader, until examination_release() */
	struct reader *reader;
	uint64_t frames_by_type[16];
	uint64_t frames, zero_pages, records;
	uint64_t user_roots;			/* vCPUs that have one */
	uint64_t stored_bytes, expanded_bytes;
	/* of the checks: */
	struct demand *demands;			/* by pfn: as what the tables name it */
	uint32_t *record_of;			/* by pfn: the record that brought it */
	uint64_t next_window;			/* images of ours */
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
