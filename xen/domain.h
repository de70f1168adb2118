/*
 * All that is asked of the hypervisor and of xenstore. Only xen/ includes
 * Xen's library headers; everything above speaks of struct domain.
 *
 * Functions return 0 or -errno, with the reason given to fail(), unless
 * their comment says otherwise.
 */
#ifndef XEN_DOMAIN_H
#define XEN_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xen/frame.h"

/* --- the host (xen/host.c) ------------------------------------------- */

struct host;

/* Connects to the hypervisor and to xenstore; says what is missing where there is no Xen. */
int host_open(struct host **host);
void host_close(struct host *host);

struct host_facts {
	unsigned int xen_major, xen_minor;
	char xen_version[64]; /* "4.17.7" and what the builder added */
	uint64_t free_frames, all_frames;
	unsigned int nodes; /* of processors and memory: NUMA */
	bool has_shadow;    /* shadow paging, which log-dirty of a PV guest is made of */
};
int host_facts(struct host *host, struct host_facts *facts);
/*
 * -EOPNOTSUPP for a Xen that would damage a guest which is saved or built there,
 * with the release that mends it: ask before a guest is stopped or built.
 */
int host_check(struct host *host);

/* --- a domain (xen/domain.c) ----------------------------------------- */

struct domain;

struct domain_facts {
	uint32_t id;
	uint8_t uuid[16];
	bool is_hvm, is_paused, is_dying, is_shut_down;
	unsigned int shutdown_reason; /* SHUTDOWN_*, if is_shut_down */
	uint64_t frames, most_frames; /* owned now, and at most */
	mfn_t shared_info;
	unsigned int vcpus; /* highest id + 1 */
	unsigned int vcpus_online;
	uint64_t cpu_ns;
	uint32_t cpupool;
};

enum { SHUTDOWN_REASON_SUSPEND = 2 }; /* SHUTDOWN_suspend */

/* By id if it is all digits, as in xl, else by name; -ESRCH if no domain matches. */
int domain_find(struct host *host, const char *name_or_id, uint32_t *id);
/* A name only; -ESRCH without a reason if no domain has it. */
int domain_find_name(struct host *host, const char *name, uint32_t *id);
/* Ids of all domains, ascending; the caller frees the array. */
int domain_list(struct host *host, uint32_t **ids, size_t *count);

int domain_open(struct domain **domain, struct host *host, uint32_t id);
/* NULL is fine. The domain itself is not touched. */
void domain_close(struct domain *domain);
uint32_t domain_id(const struct domain *domain);
struct host *domain_host(const struct domain *domain);
int domain_facts(struct domain *domain, struct domain_facts *facts);

int domain_pause(struct domain *domain);
int domain_unpause(struct domain *domain);
/* Destroys it in the hypervisor; what it owned is freed. */
int domain_destroy(struct domain *domain);

/* --- building one (xen/create.c) ------------------------------------- */

struct domain_plan {
	uint8_t uuid[16];
	unsigned int vcpus, event_channels;
	int grant_frames, maptrack_frames; /* -1: the hypervisor's default */
	unsigned int grant_version;	   /* 0: the newest there is */
	uint32_t cpupool;
	uint32_t ssidref;	/* of its FLASK label; 0: what domains have that no label was asked for */
	bool msr_relaxed;	/* reads of unknown MSRs give 0 */
	uint64_t most_kib;	/* of memory, the toolstack's slack included */
	uint64_t map_limit_kib; /* of its e820 */
	/* Told as soon as there is a domain, which is long before it is ready. May be NULL. */
	void (*on_created)(uint32_t id, void *context);
	void *context;
};

/* An empty, paused PV domain. */
int domain_create(struct domain **domain, struct host *host, const struct domain_plan *plan);
/* Bytes of a guest word, 4 or 8. Only while the domain has no memory. */
int domain_set_width(struct domain *domain, unsigned int width);
int domain_width(struct domain *domain, unsigned int *width);
/* An event channel of the domain that domain 0 may bind. */
int domain_alloc_port(struct domain *domain, uint32_t *port);
/* The first two grants: the pages of console and xenstore, for the domains that serve them; 0, as a rule. */
int domain_seed_grants(struct domain *domain, mfn_t console, uint32_t console_domain, mfn_t store,
		       uint32_t store_domain);

/* --- FLASK labels (xen/label.c) --------------------------------------- */

enum { LABEL_BYTES = 256 };

/*
 * The label as text; "" where Xen has no FLASK. is_usual: it is the one that
 * domains have that no label was asked for, or there is none.
 */
int domain_label(struct domain *domain, char label[LABEL_BYTES], bool *is_usual);
/* Xen's number for it. -EOPNOTSUPP without a reason where Xen has no FLASK; -EINVAL: its policy has no such label. */
int host_find_label(struct host *host, const char *label, uint32_t *ssidref);
/* Another label for a domain that is there. */
int domain_set_label(struct domain *domain, uint32_t ssidref);

/* --- memory (xen/memory.c) ------------------------------------------- */

/*
 * Maps count frames side by side; NULL after a failure. With errors[] the
 * frames that cannot be mapped are marked with their errno there and leave a
 * hole; without, one of them fails all.
 */
void *domain_map(struct domain *domain, const mfn_t *mfns, size_t count, bool writable, int *errors);
/* A whole mapping: Linux takes down no part of one (EINVAL). */
void domain_unmap(struct domain *domain, void *at, size_t count);

/* enum frame_type of each frame, as Xen sees it now: XTAB if it is not the domain's. */
int domain_frame_types(struct domain *domain, const mfn_t *mfns, size_t count, uint8_t *types);

/*
 * Gives the domain a frame for each pfn; the mfns come back in their place.
 * Runs of 512 that begin at a multiple of 512 are asked for in one piece.
 */
int domain_populate(struct domain *domain, const pfn_t *pfns, size_t count, mfn_t *mfns);

/* Xen's M2P says from now on that the domain's frame is this pfn of it. */
int domain_set_pfn(struct domain *domain, mfn_t mfn, pfn_t pfn);

/* Takes frames back from the domain; nothing of the guest's may name them. Returns the first failure. */
int domain_depopulate(struct domain *domain, const mfn_t *mfns, size_t count);
/* How many KiB the domain may own from now on. */
int domain_limit(struct domain *domain, uint64_t most_kib);

struct pin {
	mfn_t mfn;
	uint8_t level;
};
/* In order; on failure, of which the caller says why, *failed is the one that Xen refused. */
int domain_pin(struct domain *domain, const struct pin *pins, size_t count, size_t *failed);

/* --- what a running guest changes (xen/dirty-log.c, xen/grants.c) ------ */

/* -EOPNOTSUPP where Xen has no such log for PV guests. */
int domain_log_start(struct domain *domain);
void domain_log_stop(struct domain *domain);
/* Sets the bits of the pfns that were written to since the last call, and clears Xen's. */
int domain_log_take(struct domain *domain, uint64_t *bits, uint64_t pfns);

/* Every frame that others may write to now, by the domain's own grant table. */
int domain_each_granted(struct domain *domain, void (*each)(mfn_t mfn, void *context), void *context);

/* --- vCPUs and what belongs to the whole machine (xen/vcpu.c) --------- */

enum vcpu_state { VCPU_BASIC, VCPU_EXTENDED, VCPU_XSAVE, VCPU_MSRS, VCPU_STATES };

int domain_vcpu_is_online(struct domain *domain, unsigned int vcpu, bool *online);
/* Allocates *state, the caller frees it; *bytes is 0 where there is nothing to carry. */
int domain_get_vcpu(struct domain *domain, unsigned int vcpu, enum vcpu_state kind, void **state,
		    size_t *bytes);
/* BASIC takes its frames as mfns and has Xen check all that they name. */
int domain_set_vcpu(struct domain *domain, unsigned int vcpu, enum vcpu_state kind, const void *state,
		    size_t bytes);

struct tsc_info;
int domain_get_tsc(struct domain *domain, struct tsc_info *tsc);
int domain_set_tsc(struct domain *domain, const struct tsc_info *tsc);

/* In the form of the records X86_CPUID_POLICY and X86_MSR_POLICY. */
struct cpu_policy {
	void *leaves, *msrs;
	size_t leaves_bytes, msrs_bytes;
};
void cpu_policy_release(struct cpu_policy *policy);
int domain_get_cpu_policy(struct domain *domain, struct cpu_policy *policy);
int domain_set_cpu_policy(struct domain *domain, const struct cpu_policy *policy);
/* The most that a PV domain can be shown here. */
int host_cpu_policy(struct host *host, struct cpu_policy *policy);

/* --- stopping and going on (xen/suspend.c) --------------------------- */

/*
 * Asks the guest to suspend and waits until it has. -EBUSY: another request
 * stands in xenstore, which the guest has not taken; this one was not made.
 * -ESHUTDOWN, -ESRCH: the guest has ended instead. After any other failure the
 * request is withdrawn and the guest runs on, unless *is_on_its_way says that it
 * has taken the request and may suspend at any time: then domain_withdraw() has
 * to be called until that no longer says -EINPROGRESS.
 */
int domain_suspend(struct domain *domain, unsigned int timeout_seconds, bool *is_on_its_way);
/*
 * For a request to suspend that no process waits for any more: takes it back,
 * or, if the guest has taken it, waits some seconds for the guest to suspend
 * and resumes it. -EINPROGRESS: it has not suspended yet and may still do so.
 * -ESHUTDOWN, -ESRCH: it has ended instead.
 */
int domain_withdraw(struct domain *domain);
/* What a guest did that has shut down for this reason: "powered off". */
const char *domain_end(unsigned int shutdown_reason);
/*
 * For one who has another ask the guest: opens a watch, by which can be told
 * later whether he did. Guests of old may be asked by an event channel, which
 * leaves no trace: of those it is always said.
 */
struct store_watch;
int domain_watch_request(struct domain *domain, struct store_watch **watch);
bool domain_was_asked(struct domain *domain, struct store_watch *watch);
/* After a suspend; the guest sees that it was cancelled and goes on where it was. */
int domain_resume(struct domain *domain);

/* --- grants (xen/grant.c) --------------------------------------------- */

/* The first bytes of a page that a domain has granted to domain 0. */
int grant_peek(uint32_t domain, uint32_t ref, void *to, size_t bytes);

/* --- xenstore (xen/store.c) ------------------------------------------ */

/* What stands at a path made of format and so on; NULL if nothing does. The caller frees it. */
char *store_read(struct host *host, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Names of the nodes below; the caller frees it as one. NULL and *count 0 if there are none. */
char **store_list(struct host *host, unsigned int *count, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool store_exists(struct host *host, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Domain 0 may do everything in any case; the last one is said of what a frontend leaves to its backend. */
enum store_access { STORE_NONE, STORE_GUEST_READS, STORE_GUEST_OWNS, STORE_GUEST_OWNS_0_READS };

struct store_node {
	char path[256];
	char *value;
	enum store_access access;
	uint32_t guest; /* whom access speaks of */
};
/* All of them or none, after everything below the paths in removals (may be NULL) is gone. */
int store_write(struct host *host, const char *const *removals, size_t removal_count,
		const struct store_node *nodes, size_t count);
int store_remove(struct host *host, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Makes xenstored serve a domain. */
int store_introduce(struct domain *domain, mfn_t ring, uint32_t port);
/* Makes it forget one; xenstored may never have known it, or have noticed its end by itself. */
void store_release(struct domain *domain);

/*
 * Wakes up when something at one of the paths changes. It stays until the process
 * ends: to close it libxenstore cancels a thread, which waits without end where the
 * kernel can queue no signal and aborts without libgcc_s.so.1, and the guest may be
 * stopped by then. A watch that is not taken from costs a few bytes an event.
 */
int store_watch_open(struct store_watch **watch, struct host *host, const char *const *paths, size_t count);
/* 1 something may have changed, 0 the time is over; or a failure, a stop that was asked for among them. */
int store_watch_wait(struct store_watch *watch, int timeout_ms);
/* The same, whether a stop was asked for or not; a failure is no change. */
bool store_watch_take(struct store_watch *watch, int timeout_ms);
/* Sets path to value if it has value expected now; *done tells. A node that is not there counts as empty. */
int store_exchange(struct host *host, const char *path, const char *expected, const char *value, bool *done);

#endif
