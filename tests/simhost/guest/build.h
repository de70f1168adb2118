/*
 * Builds a guest as a domain builder does: memory, kernel page tables, p2m, registers.
 */
#ifndef SIMHOST_BUILD_H
#define SIMHOST_BUILD_H

#include "../machine/host.h"
#include "layout.h"

struct guest_options {
	char name[GUEST_NAME_BYTES];
	uint64_t mem_mib, vcpus, seed, rate;
	bool is_32bit, p2m_is_linear, keeps_foreign;
	enum guest_workload workload;
	uint64_t unannounced; /* pfns at its end that max_pfn leaves out */
	const char *label; /* FLASK's; NULL: the usual one */
	unsigned holes; /* one page in so many is not there; 0: none */
};

struct built {
	uint16_t domid;
	uint64_t store_mfn, console_mfn;
	uint32_t store_port, console_port;
};

/* The domain is left paused.  -errno: whatever was made of it is destroyed again. */
int guest_build(struct host *host, const struct guest_options *options, struct built *built);

/* While it is being built. */
struct build {
	struct host *host;
	const struct guest_options *options;
	struct built *built;
	uint64_t nr_pages, next_pfn, first_leaf;
	uint64_t *p2m;
	uint8_t *uses;
	struct guest_state *state;
	struct domain *domain;
};

void *build_page(struct build *build, uint64_t pfn);
uint64_t build_take(struct build *build, uint64_t pages, enum guest_use use);

/* The kernel's address space, and with it state->root. */
void build_tables(struct build *build);

/* The guest's own p2m and how the toolstack finds it. */
void build_p2m(struct build *build);

/* Registers, and the check of all tables they name. */
int build_vcpus(struct build *build);

#endif
