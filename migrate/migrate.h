/*
 * Sends a guest: the same stages whether into a file or to a host, in the
 * order of the stream.
 *
 * Mirror: restore/restore.h
 */
#ifndef MIGRATE_MIGRATE_H
#define MIGRATE_MIGRATE_H

#include "machine/config.h"
#include "machine/machine.h"
#include "migrate/live.h"
#include "p2m/inverse.h"
#include "stream/writer.h"

/*
 * What others do at the moment at which the guest is stopped, beside the copying of its memory: snapshots of its disks.
 * Begun as soon as it has suspended, awaited before it runs on; a failure is the save's. cancel(): in any case, at the end.
 */
struct moment {
	int (*begin)(struct moment *moment);
	int (*await)(struct moment *moment);
	void (*cancel)(struct moment *moment);
};

struct migrate_options {
	int level;	    /* zstd's; LEVEL_PLAIN for an xl save file */
	const char *config; /* libxl's, of a domain with devices; NULL: as config_fetch() has it */
	bool bare; /* libxc's stream and nothing else: the rest is the caller's, or its toolstack's */
	unsigned int threads;
	unsigned int timeout_seconds;	    /* for the guest to suspend */
	unsigned int max_suspended_seconds; /* then it is resumed and the job fails; 0: no limit */
	/* Has the guest suspended by another program (libxl), whose it is afterwards. NULL: we ask it, and resume it. */
	int (*suspend)(struct domain *domain, void *context);
	void *context;	       /* suspend's */
	struct moment *moment; /* NULL: nothing else is done then */
	/*
	 * What goes while the guest is stopped is copied into a buffer (migrate/hold.h), and the guest is resumed before
	 * that is compressed and written. Not with suspend().
	 */
	bool runs_on;
	size_t buffer_bytes; /* of that buffer; 0: as large as seems right */
	enum p2m_form p2m;
	/* How far we are, in pages; called by one thread at a time. May be NULL. */
	void (*progress)(uint64_t done, uint64_t total);
	struct index_draft *index; /* of the image, as it was begun; NULL: none is written */
	struct live *live;	   /* NULL: the guest is stopped before its memory is looked at */
	enum dirty_tracking tracking;
	struct precopy_limits limits;
};

struct migrate_figures {
	uint64_t pfns, frames, tables, pinned;
	uint64_t expanded_bytes, stored_bytes;
	/* CLOCK_MONOTONIC; 0: not yet. */
	uint64_t asked_at_ns;	/* the guest, to suspend */
	uint64_t stopped_at_ns; /* it has suspended */
	uint64_t copied_at_ns;	/* all its memory is written, or held */
	uint64_t ready_at_ns;	/* and its state */
	uint64_t resumed_at_ns; /* it runs on, with runs_on */
	uint64_t buffer_bytes;
	uint64_t copied_bytes; /* while it was stopped */
	uint64_t late_bytes;   /* of these, that did not fit and were written while it was stopped */
};

/* Zero it before use, but for asking, note, sent and context. */
struct migration {
	struct domain *domain; /* the caller's */
	struct channel *to;    /* the caller's */
	struct migrate_options options;
	struct migrate_figures figures;
	bool is_asked;	   /* the guest was asked to suspend, and may yet do so */
	bool is_suspended; /* it has: the caller has to resume or destroy it */
	bool has_ended;	   /* it shut down instead, or is gone */
	/* Called before the guest is asked; a failure is the stage's. May be NULL. */
	int (*asking)(const struct migration *migration);
	/* Called when one of the three changes; for those who clean up behind us. May be NULL. */
	void (*note)(const struct migration *migration);
	/* All is written; called before anything is tidied up, which may take a while. May be NULL. */
	void (*sent)(const struct migration *migration);
	void *context; /* the caller's */

	struct domain_facts facts;
	const struct layout *layout;
	void *shared_info; /* the guest's page, mapped */
	struct config config;
	struct bytes policy; /* records, fetched before the guest stops */
	struct p2m p2m;
	struct inverse inverse;
	uint8_t *untyped; /* by pfn: looked like a table when it went (migrate/untyped.h) */
	uint64_t untyped_count;
	struct writer writer;
	struct hold *hold;	 /* NULL unless options.runs_on */
	bool is_held;		 /* nothing is written now, all goes into the buffer */
	struct precopy *precopy; /* NULL unless live */
};

/*
 * All stages; the domain must be one without obstacles. Afterwards
 * is_suspended tells whether the guest is stopped and waits for the caller's
 * word; after a failure it is to be resumed. With options.runs_on it runs
 * already, unless Xen refused to resume it, which is said; a failure that comes
 * later is one of the stream only.
 */
int migration_send(struct migration *migration, struct domain *domain, struct channel *to,
		   const struct migrate_options *options);
void migration_release(struct migration *migration);

uint64_t now_ns(void);

#endif
