/*
 * A PV guest's own calls about its page tables, and the toolstack's pins.
 */
#include <errno.h>

#include "../machine/dirty.h"
#include "../machine/domain.h"
#include "../machine/frames.h"
#include "../machine/pte.h"
#include "../machine/refs.h"
#include "../machine/shadow.h"
#include "../machine/tables.h"
#include "../machine/types.h"
#include "call.h"

static struct domain *frame_owner(struct call *call, uint16_t domid)
{
	if (domid == DOMID_SELF || domid == call->caller->domid)
		return call->caller;
	return call->caller->privileged ? domain_find(call->host, domid) : NULL;
}

/* Exchanges a root of the vCPU for another, which may be none. */
static long new_root(struct call *call, uint64_t *root, uint64_t mfn)
{
	enum frame_type top = call->caller->is_32bit ? FRAME_L3 : FRAME_L4;
	uint64_t old = *root;
	int err;

	if (mfn == old)
		return 0;
	if (mfn) {
		err = frame_get_as(call->host, mfn, top, call->caller);
		if (err)
			return err;
	}
	*root = mfn;
	if (old)
		frame_put_as(call->host, old);
	return 0;
}

static long base_pointer(struct call *call, struct domain *domain, const struct mmuext_op *op)
{
	struct vcpu *vcpu = call->vcpu;

	if (domain != call->caller)
		return -EPERM;
	if (op->cmd == MMUEXT_NEW_BASEPTR)
		return op->arg1.mfn ? new_root(call, &vcpu->root, op->arg1.mfn) : -EINVAL;
	if (domain->is_32bit)
		return -EINVAL;
	return new_root(call, &vcpu->user_root, op->arg1.mfn);
}

/* What a process that is dead had mapped writable does not stand in the way. */
static long pin(struct call *call, struct domain *domain, uint64_t mfn, enum frame_type type)
{
	int err = frame_pin(call->host, domain, mfn, type);

	if (err && refs_reap(call->host))
		err = frame_pin(call->host, domain, mfn, type);
	return err;
}

static long flush(struct call *call, const struct mmuext_op *op)
{
	switch (op->cmd) {
	case MMUEXT_TLB_FLUSH_LOCAL:
	case MMUEXT_TLB_FLUSH_MULTI:
	case MMUEXT_INVLPG_LOCAL:
	case MMUEXT_INVLPG_MULTI: shadow_flush_user(call->host, call->caller); return 0;
	case MMUEXT_TLB_FLUSH_ALL:
	case MMUEXT_INVLPG_ALL: shadow_flush_all(call->host, call->caller); return 0;
	case MMUEXT_FLUSH_CACHE: return 0;
	}
	return -ENOSYS;
}

static long mmuext(struct call *call, struct domain *domain, const struct mmuext_op *op)
{
	switch (op->cmd) {
	case MMUEXT_PIN_L4_TABLE:
		if (domain->is_32bit)
			return 0;
		/* fall through */
	case MMUEXT_PIN_L1_TABLE:
	case MMUEXT_PIN_L2_TABLE:
	case MMUEXT_PIN_L3_TABLE:
		return pin(call, domain, op->arg1.mfn, FRAME_L1 + op->cmd - MMUEXT_PIN_L1_TABLE);
	case MMUEXT_UNPIN_TABLE: return frame_unpin(call->host, domain, op->arg1.mfn);
	case MMUEXT_NEW_BASEPTR:
	case MMUEXT_NEW_USER_BASEPTR: return base_pointer(call, domain, op);
	}
	return domain == call->caller ? flush(call, op) : -EPERM;
}

long call_mmuext(struct call *call, struct mmuext_op *ops, unsigned nr, uint32_t *done, uint16_t foreign)
{
	struct domain *domain = frame_owner(call, foreign);
	long ret = 0;
	unsigned i;

	if (!domain)
		return foreign == DOMID_IO || foreign == DOMID_XEN ? -EPERM : -ESRCH;
	for (i = 0; i < nr && !ret; i++)
		ret = mmuext(call, domain, &ops[i]);
	if (done)
		*done = ret ? i - 1 : i;
	return ret;
}

static long update_table(struct call *call, const struct mmu_update *update, bool keep_ad,
			 const struct domain *owner)
{
	uint64_t mfn = update->ptr / PAGE_BYTES;
	struct frame *frame = &call->host->frames[mfn];
	unsigned slot = update->ptr % PAGE_BYTES / sizeof(uint64_t);
	long ret;

	if (frame_get(call->host, mfn, call->caller))
		return -EINVAL;
	if (frame->type_refs && frame_level(frame->type)) {
		ret = table_update(call->host, mfn, slot, update->val, keep_ad, owner);
	} else if (frame_get_type(call->host, mfn, FRAME_WRITABLE)) {
		ret = -EINVAL;
	} else {
		((uint64_t *)host_page(call->host, mfn))[slot] = update->val;
		dirty_mark(call->host, mfn);
		frame_put_type(call->host, mfn);
		ret = 0;
	}
	frame_put(call->host, mfn);
	return ret;
}

static long update_m2p(struct call *call, const struct mmu_update *update, struct domain *owner)
{
	uint64_t mfn = update->ptr / PAGE_BYTES;

	if (frame_get(call->host, mfn, owner))
		return -EINVAL;
	frame_set_pfn(call->host, mfn, update->val);
	dirty_mark(call->host, mfn);
	frame_put(call->host, mfn);
	return 0;
}

static long mmu_update(struct call *call, const struct mmu_update *from, struct domain *owner)
{
	struct mmu_update update = { .ptr = from->ptr & ~3ul, .val = from->val };

	switch (from->ptr & 3) {
	case MMU_NORMAL_PT_UPDATE: return update_table(call, &update, false, owner);
	case MMU_PT_UPDATE_PRESERVE_AD: return update_table(call, &update, true, owner);
	case MMU_MACHPHYS_UPDATE: return update_m2p(call, &update, owner);
	}
	return -ENOSYS;
}

long call_mmu_update(struct call *call, struct mmu_update *updates, unsigned nr, uint32_t *done,
		     uint32_t foreign)
{
	struct domain *owner = frame_owner(call, foreign & 0xffff);
	long ret = 0;
	unsigned i;

	if (!owner)
		return -ESRCH;
	if (foreign >> 16)
		return -EINVAL;
	for (i = 0; i < nr && !ret; i++)
		ret = mmu_update(call, &updates[i], owner);
	if (done)
		*done = ret ? i - 1 : i;
	return ret;
}

/* The level 1 table that maps the address below a root, or NO_FRAME. */
static uint64_t find_level1(struct host *host, uint64_t root, unsigned level, uint64_t va)
{
	for (; level > 1; level--) {
		unsigned slot = va >> (12 + 9 * (level - 1)) & (SLOTS - 1);
		uint64_t entry = ((uint64_t *)host_page(host, root))[slot];

		if (!(entry & PTE_PRESENT))
			return NO_FRAME;
		root = pte_mfn(entry);
	}
	return root;
}

long call_update_va_mapping(struct call *call, uint64_t va, uint64_t entry, uint64_t flags)
{
	unsigned levels = call->caller->is_32bit ? 3 : 4;
	uint64_t mfn = find_level1(call->host, call->vcpu->root, levels, va);

	(void)flags;
	if (mfn == NO_FRAME || host_m2p(call->host)[mfn] == NO_FRAME)
		return -EINVAL;
	return table_update(call->host, mfn, va >> 12 & (SLOTS - 1), entry, false, call->caller);
}
