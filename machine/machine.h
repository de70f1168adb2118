/*
 * All of a guest that is not memory. On save each part is fetched from the
 * domain, made free of machine frames, checked, and put into the stream; on
 * restore it is taken from the stream, kept, checked against the memory's
 * types, and loaded into the new domain.
 */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include "pagetable-canon/canon.h"
#include "stream/bytes.h"
#include "stream/format.h"
#include "stream/reader.h"
#include "xen/domain.h"
#include "xen/layout.h"

struct vcpu {
	uint8_t *state[VCPU_STATES]; /* NULL: nothing of this kind */
	size_t bytes[VCPU_STATES];
};

struct machine {
	const struct layout *layout; /* NULL until X86_PV_INFO was taken */
	struct cpu_policy policy;
	bool has_tsc;
	struct tsc_info tsc;
	uint8_t *shared_info; /* a page, NULL until taken */
	struct vcpu *vcpus;
	unsigned int vcpu_count; /* highest id seen + 1 */
	unsigned int most_vcpus; /* that the domain has; more are refused. 0: VCPU_MAX */
	size_t vcpu_bytes;	 /* of their states; at most VCPUS_MAX_BYTES */
};

void machine_release(struct machine *machine);

/* Keeps what a record says, if the record is one of the machine's; *taken tells. The last of its kind counts. */
int machine_take(struct machine *machine, const struct record *record, bool *taken);

/* After END: nothing that a restore needs is missing, and what is there fits the memory. */
int machine_check(const struct machine *machine, const struct destination *memory);

/* --- guest-info.c ---------------------------------------------------- */

void guest_info_save(const struct layout *layout, struct bytes *out);
int guest_info_take(struct machine *machine, const struct record *record);

/* --- cpu-policy.c ---------------------------------------------------- */

int cpu_policy_save(struct domain *domain, struct bytes *out);
int cpu_policy_take(struct machine *machine, const struct record *record);
/* At once after STATIC_DATA_END. Features the host lacks are an error, unless forced. */
int cpu_policy_load(struct domain *domain, const struct cpu_policy *policy, bool force);
/* Does the host have what a guest was shown? Records as cpu_policy_save() makes them, of whatever origin. */
int cpu_policy_check(struct host *host, const void *records, size_t bytes, bool force);
/*
 * The first CPUID feature word in which had[] has bits that has[] lacks: 1 and
 * the leaf, register ("ecx") and bits; 0 if there is none. Pure.
 */
int cpu_policy_missing(const struct cpu_policy *had, const struct cpu_policy *has, uint32_t leaf[2],
		       const char **name, uint32_t *bits);

/* --- tsc.c ----------------------------------------------------------- */

int tsc_save(struct domain *domain, struct bytes *out);
int tsc_take(struct machine *machine, const struct record *record);

/* --- shared-info.c --------------------------------------------------- */

void shared_info_save(const void *shared_info, struct bytes *out);
int shared_info_take(struct machine *machine, const struct record *record);
/* Into the new domain's own page: the vCPUs' and the architecture's part, all events masked. */
int shared_info_load(struct domain *domain, const struct machine *machine);
/* Has that page what the guest finds its p2m by? -EUCLEAN if not. */
int shared_info_prove(struct domain *domain, const struct machine *machine);

/* --- vcpu.c ---------------------------------------------------------- */

/* All online vCPUs, their frames canonicalised. */
int vcpus_save(struct domain *domain, const struct layout *layout, const struct inverse *inverse,
	       const struct destination *memory, struct bytes *out);
int vcpus_take(struct machine *machine, const struct record *record, enum vcpu_state kind);
int vcpus_check(const struct machine *machine, const struct destination *memory);
/* Every page table must be in place, and none mapped writable. */
int vcpus_load(struct domain *domain, const struct machine *machine, const struct destination *memory);
/* The pfn of the start info page: what vCPU 0 has in rdx. Only after vcpus_check(). */
pfn_t vcpus_start_info(const struct machine *machine);
/* Reads them again, and holds them against what was taken: -EUCLEAN says which differs. machine/vcpu-prove.c */
int vcpus_prove(struct domain *domain, const struct machine *machine, const struct inverse *inverse,
		const struct destination *memory);
/* Calls each() with every page of every GDT. Only after vcpus_check(). */
void vcpus_each_gdt_page(const struct machine *machine, void (*each)(pfn_t pfn, void *context),
			 void *context);
/* pfns of the kernel's and the user's root; the latter INVALID_FRAME if there is none. */
void vcpu_roots(const struct layout *layout, const struct vcpu *vcpu, pfn_t *kernel, pfn_t *user);

/* --- start-info.c ---------------------------------------------------- */

struct connections {
	uint32_t store_port, console_port;
	uint32_t store_domain, console_domain; /* who serves them */
	mfn_t store, console;
	bool are_served; /* the pages are mapped by those who serve them, who wrote to them already */
};
/*
 * Rewrites the guest's start info for the new domain, and finds the pages of
 * xenstore and console in it. The ports go in, the frames come out.
 */
int start_info_load(struct domain *domain, const struct machine *machine, const struct destination *memory,
		    struct connections *connections);
/* Does the page say so? -EUCLEAN if not. */
int start_info_prove(struct domain *domain, const struct machine *machine, const struct destination *memory,
		     const struct connections *connections);

#endif
