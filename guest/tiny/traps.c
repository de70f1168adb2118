/* Exceptions and upcalls. An exception is a defect of ours, or of who carried us: it ends the domain. */
#include "tiny.h"

enum { UPCALL = 32, PAGE_FAULT = 14, EXCEPTIONS = 20 };

extern const uint64_t trap_entries[EXCEPTIONS];
extern char upcall_entry[], failsafe_entry[], syscall_entry[], probe_instruction[], probe_failed[];
void trap(struct frame *frame);

void trap(struct frame *frame)
{
	if (frame->number == UPCALL) {
		events_upcall();
		return;
	}
	if (frame->number == PAGE_FAULT && frame->rip == (uint64_t)probe_instruction) {
		frame->rip = (uint64_t)probe_failed;
		return;
	}
	panic("exception %lu, error %lx, at %lx, cr2 %lx, cs %lx, rsp %lx", frame->number, frame->error,
	      frame->rip, shared_info->vcpu_info[this_vcpu()].arch.cr2, frame->cs, frame->rsp);
}

void traps_fill(struct trap_info *table)
{
	for (unsigned int i = 0; i < EXCEPTIONS; i++)
		table[i] = (struct trap_info){
			.vector = i,
			.flags = 4, /* events closed */
			.cs = FLAT_KERNEL_CS,
			.address = trap_entries[i],
		};
	table[EXCEPTIONS] = (struct trap_info){ 0 };
}

static void set_callback(unsigned int type, const void *at)
{
	struct callback_register callback = { type, CALLBACKF_mask_events, (uint64_t)at };

	if (HYPERCALL(callback_op, CALLBACKOP_register, &callback, 0, 0))
		panic("Xen refuses callback %u", type);
}

void traps_connect(void)
{
	static struct trap_info table[EXCEPTIONS + 1];
	unsigned int vcpu = this_vcpu();

	traps_fill(table);
	if (HYPERCALL(set_trap_table, table, 0, 0, 0))
		panic("Xen refuses the trap table");
	set_callback(CALLBACKTYPE_event, upcall_entry);
	set_callback(CALLBACKTYPE_failsafe, failsafe_entry);
	set_callback(CALLBACKTYPE_syscall, syscall_entry);
	HYPERCALL(stack_switch, FLAT_KERNEL_SS, stacks[vcpu] + STACK_BYTES / 2, 0, 0);
}
