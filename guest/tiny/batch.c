/*
 * What is asked of Xen's memory management, gathered: updates of entries go
 * side by side into one mmu_update, operations into one mmuext_op, and both,
 * in the order in which they came, into one multicall.
 */
#include "tiny.h"

enum { UPDATES = 256, OPERATIONS = 64, CALLS = 32 };

struct batch_figures batch_figures;
static struct mmu_update updates[UPDATES];
static struct mmuext_op operations[OPERATIONS];
static struct multicall_entry calls[CALLS];
static unsigned int update_count, operation_count, call_count;

static void explain(const struct multicall_entry *call)
{
	if (call->op == __HYPERVISOR_mmu_update)
		panic("Xen refuses %lu updates: %ld; the first: at %lx %lx", call->args[1],
		      (long)call->result, ((struct mmu_update *)call->args[0])->ptr,
		      ((struct mmu_update *)call->args[0])->val);
	panic("Xen refuses %lu operations: %ld; the first: command %u on %lx", call->args[1],
	      (long)call->result, ((struct mmuext_op *)call->args[0])->cmd,
	      ((struct mmuext_op *)call->args[0])->arg1.mfn);
}

void batch_flush(void)
{
	unsigned int count = call_count;

	if (!count)
		return;
	batch_figures.hypercalls++;
	call_count = update_count = operation_count = 0;
	if (multicall(calls, count))
		panic("Xen refuses a multicall of %u", count);
	for (unsigned int i = 0; i < count; i++)
		if ((long)calls[i].result < 0)
			explain(&calls[i]);
}

/* One more of what this call already does, or a call of its own. */
static void append(unsigned int op, void *argument)
{
	struct multicall_entry *last = call_count ? &calls[call_count - 1] : NULL;

	if (!last || last->op != op)
		calls[call_count++] = (struct multicall_entry){
			.op = op,
			.args = { (uint64_t)argument, 1, 0, DOMID_SELF },
		};
	else
		last->args[1]++;
	if (call_count == CALLS || update_count == UPDATES || operation_count == OPERATIONS)
		batch_flush();
}

static void append_update(uint64_t pointer, uint64_t value)
{
	struct mmu_update *update = &updates[update_count++];

	*update = (struct mmu_update){ pointer, value };
	batch_figures.updates++;
	append(__HYPERVISOR_mmu_update, update);
}

void batch_entry(uint64_t *slot, uint64_t value)
{
	uint64_t machine = mfn_of(pfn_of(slot)) * PAGE_BYTES + (uint64_t)slot % PAGE_BYTES;

	append_update(machine | MMU_NORMAL_PT_UPDATE, value);
}

void batch_m2p(uint64_t mfn, uint64_t pfn)
{
	append_update(mfn * PAGE_BYTES | MMU_MACHPHYS_UPDATE, pfn);
}

void batch_operation(unsigned int command, uint64_t argument)
{
	struct mmuext_op *operation = &operations[operation_count++];

	*operation = (struct mmuext_op){ .cmd = command, .arg1.mfn = argument };
	batch_figures.operations++;
	append(__HYPERVISOR_mmuext_op, operation);
}
