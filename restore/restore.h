/*
 * Builds a guest from a stream: the same stages whether it comes from a file
 * or from a host.
 *
 * Mirror: migrate/migrate.h
 */
#ifndef RESTORE_RESTORE_H
#define RESTORE_RESTORE_H

#include "machine/config.h"
#include "restore/receive.h"

struct restore_options {
	unsigned int threads;
	const char *name;     /* instead of the one in the image; NULL: that one */
	bool force;	      /* even if the host lacks CPU features */
	bool without_devices; /* even if the config names devices */
	/* How far we are, in pages; called by one thread. May be NULL. */
	void (*progress)(uint64_t done, uint64_t total);
};

struct kept_mapping {
	void *at;
	size_t count;
};

/* Zero it before use, but for on_created and context. */
struct restoration {
	struct host *host; /* the caller's */
	struct restore_options options;
	struct reader *reader;
	struct config config;
	struct domain *domain; /* NULL until it is created */
	struct incoming incoming;
	mfn_t *mfn;		/* by pfn; invalid: none */
	uint64_t frames;	/* given to the domain so far */
	uint64_t frames_wanted; /* as far as head or config tell */
	struct pipeline *copies;
	struct kept_mapping *kept;
	size_t kept_count;
	uint16_t *kept_in; /* by pfn: which of them it is mapped in */
	bool has_repeats;  /* a live stream: nothing stays mapped */
	struct connections connections;
	struct pipeline *entry; /* one job: enters the domain into xenstore meanwhile */
	/* Called as soon as there is a domain; for those who clean up behind us. May be NULL. */
	void (*on_created)(uint32_t id, void *context);
	void *context; /* the caller's */
};

/*
 * All stages but the last: the domain is complete and paused. It may run only
 * when this process has ended, see receive-batch.c. After a failure there is
 * no domain.
 */
int restore_domain(struct restoration *restoration, struct host *host, struct channel *from,
		   const struct restore_options *options);
void restoration_release(struct restoration *restoration);

#endif
