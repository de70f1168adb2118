/*
 * Builds a guest from a stream: the same stages whether it comes from a file
 * or from a host.
 *
 * Mirror: migrate/migrate.h
 */
#ifndef RESTORE_RESTORE_H
#define RESTORE_RESTORE_H

#include <stdatomic.h>

#include "machine/config.h"
#include "machine/new-domain.h"
#include "restore/receive.h"

/* A domain that the caller's toolstack has made and keeps: it is filled, and whatever happens left to it. */
struct adoption {
	uint32_t domain;
	struct connections connections; /* but for the frames */
	bool accepts_wire;		/* frames too */
	/* The static data is loaded. missing: STATIC_LACKS_*, which the stream did not have. */
	int (*static_end)(unsigned int missing, void *context);
	void *context;
};

/* Has libxl make the domain and its devices: machine/toolstack.h. */
struct domain_maker {
	/* Returns as soon as the domain can be filled; connections with the pages that libxl has given it. */
	int (*make)(const struct new_domain *wanted, uint32_t *id, struct connections *connections,
		    void *context);
	/* A descriptor that is readable when there is news of the devices; -1: not any more. */
	int (*watch)(void *context);
	/* Takes the news. False: the devices cannot be had, and so the domain is not worth filling. */
	bool (*take)(void *context);
	/* So much is free: perhaps since domain 0 is smaller now. Else why not. */
	int (*make_room)(uint64_t kib, void *context);
	void *context;
}; /* watch and take are not called in the builder */

/* XGR_SDD_MISSING_* of Xen's xenguest.h. */
enum { STATIC_LACKS_CPUID = 1, STATIC_LACKS_MSR = 2 };

struct proof_wish; /* restore/prove.h */

struct restore_options {
	unsigned int threads;
	const char *name; /* instead of the one in the image; NULL: that one */
	bool force;	  /* even if the host lacks CPU features */
	const uint8_t
		*uuid; /* the one that the image must have, and keeps even if a domain has it; NULL: any */
	uint64_t most_pfns;		  /* what was offered; 0: not known */
	bool without_devices;		  /* even if the config names devices */
	bool is_file;			  /* the image lies in a file, and no guest waits for it */
	const struct domain_maker *maker; /* of a domain with devices; NULL: that is refused */
	unsigned int allowed;		  /* ALLOW_*: what the config may name of this host */
	const char *allow_devices; /* names of disks and bridges that it may, see text/allow.h; NULL: any */
	const char *redirect;	   /* other disks and bridges: config-redirect.h; NULL: none */
	const uint8_t *config;	   /* in place of the image's: config-flat.h; NULL: the image's */
	size_t config_bytes;
	/* How far we are, in pages; called by one thread. May be NULL. */
	void (*progress)(uint64_t done, uint64_t total);
	const struct adoption *adopt;	/* a bare libxc stream into that domain; NULL: a domain is made */
	const struct proof_wish *prove; /* read the built domain again; NULL: do not. Not of an adopted one */
	const int *locks;		/* descriptors that are held for as long as the domain is worked on */
	unsigned int lock_count;
};

struct kept_mapping {
	uint8_t *at;
	size_t count;
};

/* Zero it before use, but for on_created and context. */
struct restoration {
	struct host *host; /* the caller's */
	struct restore_options options;
	struct reader *reader;
	struct config config;
	struct {
		int name_lock, uuid_lock; /* -1: not taken */
		char uuid[37];
	} claim; /* from the look for domains of that name and UUID until this one is entered */
	uint32_t ssidref, exec_ssidref; /* FLASK labels while it is built, and then; 0: the usual, no other */
	struct domain *domain;		/* NULL until it is created */
	struct incoming incoming;
	uint64_t most_pfns; /* that are believed */
	unsigned int most_vcpus;
	bool by_libxl;		/* the domain is libxl's: it makes it, and the caller has it removed */
	uint64_t limit_kib;	/* of an adopted domain, as it was; of libxl's, while it is filled */
	mfn_t *mfn;		/* by pfn; invalid: none */
	uint64_t frames;	/* given to the domain so far */
	uint64_t frames_wanted; /* as far as head or config tell */
	struct pipeline *copies;
	struct kept_mapping *kept;
	atomic_size_t kept_count, kept_pages;
	bool has_repeats;	    /* pfns have come again: the first pass over the guest is over */
	uint8_t **at;		    /* by pfn: where an ordinary page stays mapped; NULL if it does not */
	struct bytes given_up;	    /* mfns that are mapped, but no pfn's any more */
	struct page_digest *digest; /* by pfn, of each page as it came; only if that is to be proven */
	uint64_t proven;	    /* pages */
	uint32_t *copy_of;	    /* by pfn: the number of the last copy to it; they wrap round */
	uint32_t next_copy;	    /* its number will be */
	uint32_t landed;	    /* all copies before this number are done */
	bool is_left;		    /* after a failure the domain could not be removed */
	struct connections connections;
	struct pipeline *entry; /* one job: enters the domain into xenstore meanwhile */
	/* Called as soon as there is a domain; for those who clean up behind us. May be NULL. */
	void (*on_created)(uint32_t id, void *context);
	void *context; /* the caller's */
};

/*
 * All stages but the last: the domain is complete and paused. It may run only
 * when this process has ended, see receive-batch.c. After a failure there is
 * no domain; an adopted one is left half-built. The reader is the restoration's from now on.
 */
int restore_domain(struct restoration *restoration, struct host *host, struct reader *reader,
		   const struct restore_options *options);
/* restore/adopt.c: the stages that are others for an adopted domain. */
int adopt_domain(struct restoration *restoration);
int adopt_static_end(const struct restoration *restoration);
int adopt_finish(struct restoration *restoration);

/* restore/label.c: finds the labels of the config; gives the domain that which it has when it is built. */
int label_find(struct restoration *restoration);
int label_load(struct restoration *restoration);
/* restore/made.c: the same of a domain that libxl makes, with its devices, while it is filled. */
int made_create(struct restoration *restoration, unsigned int width);
/* The pages of xenstore and console go into the frames that others have mapped already. */
int made_place_pages(struct restoration *restoration);

void restoration_release(struct restoration *restoration);

#endif
