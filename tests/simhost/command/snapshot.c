/*
 * Canonical form of a guest's pages and registers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../guest/layout.h"
#include "../machine/domain.h"
#include "../machine/pte.h"
#include "../machine/types.h"
#include "snapshot.h"

enum { PINNED = 8 };

#define NOT_THE_GUESTS (1ul << 39)

/* Whole leaves: max_pfn may leave pages of the last one out, or all of them. */
enum { LEAF_PFNS = 1024 };

static uint64_t max_pfn(const struct snapshot *snapshot)
{
	void *shared = host_page(snapshot->host, snapshot->domain->shared_info);

	return snapshot->domain->is_32bit ? ((struct shared_info_x86_32 *)shared)->arch.max_pfn
					  : ((struct shared_info_x86_64 *)shared)->arch.max_pfn;
}

/* The guest's own account of itself, in its first page. */
static const struct guest_state *state_of(const struct snapshot *snapshot)
{
	const struct guest_state *state;

	if (snapshot->mfns[0] == NO_FRAME)
		return NULL;
	state = host_page(snapshot->host, snapshot->mfns[0]);
	return state->magic == GUEST_MAGIC ? state : NULL;
}

/* The last of them counts if the guest says that it has pages there. */
static void drop_last_leaf(struct snapshot *snapshot)
{
	const struct guest_state *state = state_of(snapshot);
	uint64_t end = snapshot->nr_pages - LEAF_PFNS;

	if (max_pfn(snapshot) <= end && !(state && state->nr_pages > end))
		snapshot->nr_pages = end;
}

int snapshot_init(struct snapshot *snapshot, struct host *host, uint16_t domid)
{
	snapshot->host = host;
	snapshot->mfns = NULL;
	snapshot->domain = domain_find(host, domid);
	if (!snapshot->domain)
		return -ESRCH;
	snapshot->nr_pages = (max_pfn(snapshot) / LEAF_PFNS + 1) * LEAF_PFNS;
	if (!snapshot->nr_pages || snapshot->nr_pages > host->machine->nr_frames * 4)
		return -EINVAL;
	snapshot->mfns = malloc(snapshot->nr_pages * sizeof(*snapshot->mfns));
	if (!snapshot->mfns)
		return -ENOMEM;
	memset(snapshot->mfns, 0xff, snapshot->nr_pages * sizeof(*snapshot->mfns));
	for (uint64_t mfn = 0; mfn < host->machine->nr_frames; mfn++) {
		const struct frame *frame = &host->frames[mfn];
		uint64_t pfn = host_m2p(host)[mfn];

		if (frame->refs && frame->owner == domid && pfn < snapshot->nr_pages &&
		    frame->flags & FRAME_ALLOCATED)
			snapshot->mfns[pfn] = mfn;
	}
	drop_last_leaf(snapshot);
	return 0;
}

void snapshot_release(struct snapshot *snapshot)
{
	free(snapshot->mfns);
}

uint64_t snapshot_pfn(const struct snapshot *snapshot, uint64_t mfn)
{
	uint64_t pfn;

	if (mfn >= snapshot->host->machine->nr_frames)
		return mfn | NOT_THE_GUESTS;
	pfn = host_m2p(snapshot->host)[mfn];
	if (pfn >= snapshot->nr_pages || snapshot->mfns[pfn] != mfn)
		return mfn | NOT_THE_GUESTS;
	return pfn;
}

unsigned snapshot_type(const struct snapshot *snapshot, uint64_t pfn)
{
	const struct frame *frame = &snapshot->host->frames[snapshot->mfns[pfn]];
	unsigned level = frame_level(frame->type);

	if (snapshot->mfns[pfn] == NO_FRAME || !level || !(frame->flags & FRAME_VALIDATED))
		return 0;
	return level | (frame->flags & FRAME_PINNED ? PINNED : 0);
}

static uint64_t plain_entry(const struct snapshot *snapshot, uint64_t entry, unsigned level)
{
	bool is_32bit = snapshot->domain->is_32bit;

	if (!(entry & PTE_PRESENT))
		return entry;
	entry = (entry & ~PTE_FRAME) | snapshot_pfn(snapshot, pte_mfn(entry)) << 12;
	return pte_adjust(entry, level, is_32bit) & ~(PTE_ACCESSED | (level > 1 ? PTE_DIRTY : 0));
}

static void plain_table(const struct snapshot *snapshot, uint64_t mfn, uint64_t *slots)
{
	unsigned level = frame_level(snapshot->host->frames[mfn].type);

	for (unsigned slot = 0; slot < SLOTS; slot++) {
		bool is_xens = level == 4 ? slot >= L4_XEN_FIRST && slot <= L4_XEN_LAST
					  : snapshot->host->frames[mfn].type == FRAME_L2_XEN &&
						    slot >= PAE_L2_XEN_FIRST;

		slots[slot] = is_xens ? 0 : plain_entry(snapshot, slots[slot], level);
	}
}

static void plain_list(const struct snapshot *snapshot, uint8_t *page)
{
	bool is_32bit = snapshot->domain->is_32bit;

	for (unsigned i = 0; i < PAGE_BYTES / (is_32bit ? 4 : 8); i++) {
		uint32_t *narrow = (uint32_t *)page + i;
		uint64_t *wide = (uint64_t *)page + i;

		if (is_32bit && *narrow != ~0u)
			*narrow = snapshot_pfn(snapshot, *narrow);
		else if (!is_32bit && *wide != NO_FRAME)
			*wide = snapshot_pfn(snapshot, *wide);
	}
}

static void plain_start_info(const struct snapshot *snapshot, uint8_t *page)
{
	struct start_info_x86_64 *wide = (void *)page;
	struct start_info_x86_32 *narrow = (void *)page;

	/* the toolstack writes these anew for each domain */
	if (snapshot->domain->is_32bit) {
		narrow->shared_info = narrow->flags = narrow->store_evtchn = 0;
		narrow->console.domU.evtchn = narrow->store_mfn = narrow->console.domU.mfn = 0;
	} else {
		wide->shared_info = wide->flags = wide->store_evtchn = 0;
		wide->console.domU.evtchn = wide->store_mfn = wide->console.domU.mfn = 0;
	}
}

static bool within(uint64_t pfn, uint64_t first, uint64_t nr)
{
	return pfn >= first && pfn < first + nr;
}

static bool is_leaf(const struct snapshot *snapshot, const struct guest_state *state, uint64_t pfn)
{
	for (uint64_t i = 0; i < state->p2m_pages; i++) {
		const uint64_t *leaves = host_page(snapshot->host,
						   snapshot->mfns[state->leaves + i * 8 / PAGE_BYTES]);

		if (leaves[i % (PAGE_BYTES / 8)] == pfn)
			return true;
	}
	return false;
}

/* The lists of leaves, which the guest makes anew when it has been moved. */
static bool is_in_lists(const struct guest_state *state, uint64_t pfn)
{
	return !state->p2m_is_linear &&
	       within(pfn, state->p2m_middle, state->p2m_top + 1 - state->p2m_middle);
}

const uint8_t *snapshot_page(const struct snapshot *snapshot, uint64_t pfn, uint8_t *buffer)
{
	const struct guest_state *state = state_of(snapshot);
	uint64_t mfn = snapshot->mfns[pfn];

	if (mfn == NO_FRAME)
		return NULL;
	memcpy(buffer, host_page(snapshot->host, mfn), PAGE_BYTES);
	if (snapshot_type(snapshot, pfn))
		plain_table(snapshot, mfn, (uint64_t *)buffer);
	else if (!state)
		return buffer;
	else if (is_leaf(snapshot, state, pfn))
		plain_list(snapshot, buffer);
	else if (is_in_lists(state, pfn))
		memset(buffer, 0, PAGE_BYTES);
	else if (pfn == state->store)
		memset(buffer, 0, PAGE_BYTES); /* xenstored writes to it as it pleases */
	else if (pfn == state->start_info)
		plain_start_info(snapshot, buffer);
	return buffer;
}

static void plain_vcpu_64(const struct snapshot *snapshot, unsigned number,
			  vcpu_guest_context_x86_64_t *context)
{
	const struct vcpu *vcpu = &snapshot->domain->vcpus[number];

	context->ctrlreg[3] = snapshot_pfn(snapshot, vcpu->root);
	context->ctrlreg[1] = vcpu->user_root ? snapshot_pfn(snapshot, vcpu->user_root) + 1 : 0;
	for (unsigned i = 0; i * 512 < context->gdt_ents; i++)
		context->gdt_frames[i] = snapshot_pfn(snapshot, context->gdt_frames[i]);
	context->vm_assist = 0; /* the domain's, given with vCPU 0 only */
	if (!number)
		context->user_regs.rdx = snapshot_pfn(snapshot, context->user_regs.rdx);
}

static void plain_vcpu_32(const struct snapshot *snapshot, unsigned number,
			  vcpu_guest_context_x86_32_t *context)
{
	context->ctrlreg[3] = snapshot_pfn(snapshot, snapshot->domain->vcpus[number].root);
	context->ctrlreg[1] = context->vm_assist = 0;
	for (unsigned i = 0; i * 512 < context->gdt_ents; i++)
		context->gdt_frames[i] = snapshot_pfn(snapshot, context->gdt_frames[i]);
	if (!number)
		context->user_regs.edx = snapshot_pfn(snapshot, context->user_regs.edx);
}

size_t snapshot_vcpu(const struct snapshot *snapshot, unsigned number, void *buffer)
{
	const struct vcpu *vcpu = &snapshot->domain->vcpus[number];

	memcpy(buffer, &vcpu->context, sizeof(vcpu->context));
	if (snapshot->domain->is_32bit) {
		plain_vcpu_32(snapshot, number, buffer);
		return sizeof(vcpu->context.x32);
	}
	plain_vcpu_64(snapshot, number, buffer);
	return sizeof(vcpu->context.x64);
}
