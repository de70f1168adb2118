/*
 * One batch of a round, by a worker: which of its pages are not as they were
 * sent, and these into a record. Inside migrate/ only.
 *
 * Mirror: restore/receive-batch.h
 */
#ifndef MIGRATE_SEND_CHANGED_H
#define MIGRATE_SEND_CHANGED_H

#include "migrate/guest-view.h"
#include "migrate/precopy-policy.h"
#include "migrate/precopy.h"
#include "migrate/send-queue.h"

struct precopy {
	struct guest_view view;
	struct dirty dirty;
	struct send_queue *queue;
	struct bytes frames; /* the last X86_PV_P2M_FRAMES that was sent */
	bool is_stopped;     /* the guest is */
	bool is_last;	     /* and what does not go now never will */
	struct precopy_memory memory;
	uint64_t began_ns;
	uint64_t snapshot_ns, snapshot_took_ns; /* the last snapshot's end, and its length; 0: not yet */
	uint64_t best_speed;			/* bytes a second */
	uint64_t read_all_ns;			/* the middle of the last round that was not partial */
	uint64_t page_ns;			/* to read a page, by one thread */
	uint64_t left_pages;			/* expected to be left when the guest is stopped now */
	/* of this round, by the workers */
	_Atomic uint64_t sent_pages, fresh_pages, idle_ns, idle_pages;
};

static inline uint64_t precopy_elapsed_ms(const struct precopy *precopy)
{
	return (now_ns() - precopy->began_ns) / 1000000;
}

/* Has the page to be looked at in this round? Tables have to go at the end, whatever the log says. */
bool send_is_due(const struct migration *migration, uint64_t pfn);

int fill_changed(struct batch *batch, struct migration *migration);

/* Between rounds: how many of the pages that went have changed since, as far as a few of them tell. */
uint64_t send_sample(const struct migration *migration);

#endif
