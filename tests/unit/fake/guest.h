/* A guest on the fake machine: its frames, the p2m it publishes, its page tables, its vCPUs. */
#ifndef FAKE_GUEST_H
#define FAKE_GUEST_H

#include "fake.h"

struct guest {
	struct domain *domain;
	const struct layout *layout;
	uint64_t count; /* pfns */
	mfn_t *mfn;	/* by pfn */
	uint64_t next;	/* from this pfn on they are taken, by p2m and tables */
	uint64_t root;	/* pfn of the top level's table */
	uint64_t *leaf; /* pfns of the p2m's pages */
	uint64_t leaves;
	uint8_t *shared_info;
};

/* Frames for all pfns, a root, a p2m that nobody knows of yet. */
void guest_make(struct guest *guest, unsigned int width, uint64_t pfns);
void guest_release(struct guest *guest);

/* A pfn that the guest needs for itself. */
uint64_t guest_take(struct guest *guest);
void *guest_page(const struct guest *guest, uint64_t pfn);
/* As type says; a hole loses its frame. */
void guest_set_type(struct guest *guest, uint64_t pfn, unsigned int type);
/* What the guest's p2m says of a pfn. */
void guest_set_entry(struct guest *guest, uint64_t pfn, uint64_t value);

void guest_publish_linear(struct guest *guest, uint64_t address);
void guest_publish_list(struct guest *guest);

/* Maps a page at an address below the root; tables come into being. Flags beside PTE_PRESENT. */
void guest_map(struct guest *guest, uint64_t address, uint64_t pfn, uint64_t flags);
/* The entry of a level that leads to an address. */
uint64_t *guest_entry(struct guest *guest, unsigned int level, uint64_t address);

/* Start info, GDTs, contexts for all vCPUs; a second root for the user where there is one. */
void guest_add_vcpus(struct guest *guest);

#endif
