/*
 * A machine and its hypervisor, as far as xen/domain.h asks for them: frames
 * with owners, types and mappings; domains with vCPUs; a xenstore. What real
 * Xen would refuse is refused here: a foreign frame, a table that is mapped
 * writable or names what it may not. Any call can be made to fail.
 */
#ifndef FAKE_H
#define FAKE_H

#include "stream/format.h"
#include "xen/domain.h"
#include "xen/layout.h"

#ifndef FAKE_FRAME_BITS
#define FAKE_FRAME_BITS 21
#endif

enum { FAKE_FRAMES = 1 << FAKE_FRAME_BITS, FAKE_VCPUS = 4, FAKE_DOMAINS = 8, FAKE_XEN = 0xffff };

struct fake_frame {
	uint16_t owner;	   /* id of a domain, FAKE_XEN, or 0: nobody */
	uint8_t type;	   /* enum frame_type */
	uint32_t writable; /* how often it is mapped so */
};

struct fake_vcpu {
	bool is_online;
	uint8_t *state[VCPU_STATES];
	size_t bytes[VCPU_STATES];
};

struct domain {
	uint32_t id;
	unsigned int width;
	uint64_t frames, most_frames;
	uint8_t uuid[16];
	mfn_t shared_info;
	bool is_paused, is_suspended, is_hvm, is_destroyed;
	unsigned int vcpu_count;
	struct fake_vcpu vcpus[FAKE_VCPUS];
	struct tsc_info tsc;
	struct cpu_policy policy;
	mfn_t granted[2], ring;
	uint32_t ports, ssidref; /* FLASK's number of its label; 0: the usual one */
};

/* An empty machine; what was in it is gone. */
void fake_reset(void);
struct domain *fake_domain(unsigned int width, unsigned int vcpus);
struct fake_frame *fake_frame(mfn_t mfn);
/* The frame's page. */
void *fake_page(mfn_t mfn);
/* A frame for the owner, far from the one before; zeroed. */
mfn_t fake_allocate(uint16_t owner);
/* What stands at a path of xenstore; NULL if nothing does. */
const char *fake_store_at(const char *path);
void fake_store_set(const char *path, const char *value);
/* Mappings that nobody has taken down, and domains that are there. */
unsigned int fake_mappings(void);
unsigned int fake_domains(void);
struct domain *fake_find(uint32_t id);
/* Takes down what is mapped of a domain. */
void fake_unmap(struct domain *domain);
/* As if it had never been. */
void fake_remove(struct domain *domain);

/* The Nth call from now on fails, counted from 1; 0: none. Calls so far are counted. */
extern unsigned int fake_calls, fake_fail_at;
/* Called by each fake: true if this one is to fail, with errno and a reason set. */
bool fake_fails(const char *what);
/* Called at the start of each domain_map(), for guests that change while they are read. */
extern void (*fake_on_map)(void);
/* What Xen makes of every CPU policy that is set, if not NULL. */
extern const struct cpu_policy *fake_drop_policy;
/* What the host has to show; NULL: nothing. */
extern const struct cpu_policy *fake_host_policy;
/* Xen's log of written pages, if it has one: bits by pfn, set by whoever writes for the guest. */
enum { FAKE_LOG_WORDS = 1 << 10 };
extern bool fake_has_log;
extern uint64_t fake_log[FAKE_LOG_WORDS];
/* Xen resumes no domain. */
extern bool fake_refuses_resume;
/* The one frame that a guest has granted to another. */
extern mfn_t fake_granted;
/* FLASK's labels, whose numbers are their places from 1 on; NULL ends them. NULL: Xen has no FLASK. */
extern const char *const *fake_labels;
/* Of host_facts(). */
extern uint64_t fake_free_frames;
extern unsigned int fake_nodes;

/* Inside fake/ only. */
void fake_forget_mappings(void);
void fake_store_reset(void);
void fake_store_forget(uint32_t id);
/* Makes sure that the frame is a table of this level, and all it names is what it may name. */
int fake_validate(struct domain *domain, mfn_t mfn, unsigned int level);

/* Had the domain its name in xenstore still when the toolstack's files of it were removed last? */
extern bool fake_forgets_named;

#endif
