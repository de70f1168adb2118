/*
 * The vCPUs: bringing them up, taking them down, having one of them do
 * something, and parking all but the first for a suspend. A parked one spins
 * in its upcall with events closed, and touches nothing of Xen's: shared info
 * may be gone.
 */
#include "tiny.h"

extern char secondary_entry[], upcall_entry[], failsafe_entry[], syscall_entry[];
void secondary(unsigned int vcpu);

struct vcpu vcpus[MAX_VCPUS] = { [0] = { .exists = true, .up = true } };
char stacks[MAX_VCPUS][STACK_BYTES] __attribute__((aligned(STACK_BYTES)));
static bool parking;

void vcpus_find(void)
{
	for (unsigned int i = 0; i < MAX_VCPUS; i++) {
		vcpus[i].exists = vcpu_op(VCPUOP_is_up, i, 0) >= 0;
		vcpus[i].mm = &kernel_mm;
		((struct stack *)stacks[i])->vcpu = i;
	}
}

unsigned int vcpus_up(void)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < MAX_VCPUS; i++)
		count += vcpus[i].up;
	return count;
}

static void serve(struct vcpu *self)
{
	struct call *call = __atomic_exchange_n(&self->call, NULL, __ATOMIC_ACQUIRE);

	if (!call)
		return;
	call->request(call->argument);
	__atomic_store_n(&call->done, true, __ATOMIC_RELEASE);
}

static void called(void)
{
	struct vcpu *self = &vcpus[this_vcpu()];

	serve(self);
	if (!this_vcpu())
		return;
	while (ONCE(parking) && !ONCE(self->leave)) {
		ONCE(self->parked) = true;
		serve(self);
		relax();
	}
	ONCE(self->parked) = false;
}

static void connect(unsigned int vcpu)
{
	vcpus[vcpu].port = events_bind_ipi(vcpu, called);
	clock_connect(vcpu);
}

void vcpus_connect(void)
{
	for (unsigned int i = 0; i < MAX_VCPUS; i++) {
		vcpus[i].port = 0;
		if (vcpus[i].up)
			connect(i);
	}
}

void vcpu_call(unsigned int vcpu, void (*request)(void *), void *argument)
{
	struct call call = { request, argument, false }, *none = NULL;
	struct vcpu *other = &vcpus[vcpu];

	if (vcpu == this_vcpu()) {
		request(argument);
		return;
	}
	while (!__atomic_compare_exchange_n(&other->call, &none, &call, false, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED)) {
		none = NULL;
		sched_op(SCHEDOP_yield, 0);
	}
	events_notify(other->port);
	while (!__atomic_load_n(&call.done, __ATOMIC_ACQUIRE))
		sched_op(SCHEDOP_yield, 0);
}

void vcpus_park(void)
{
	ONCE(parking) = true;
	for (unsigned int i = 1; i < MAX_VCPUS; i++) {
		if (!vcpus[i].up)
			continue;
		events_notify(vcpus[i].port);
		while (!ONCE(vcpus[i].parked))
			sched_op(SCHEDOP_yield, 0);
	}
}

void vcpus_release(void)
{
	ONCE(parking) = false;
	for (unsigned int i = 1; i < MAX_VCPUS; i++)
		while (ONCE(vcpus[i].parked))
			sched_op(SCHEDOP_yield, 0);
}

static void describe(struct vcpu_guest_context *context, unsigned int vcpu)
{
	memset(context, 0, sizeof(*context));
	context->flags = VGCF_IN_KERNEL | VGCF_failsafe_disables_events | VGCF_syscall_disables_events;
	context->user_regs.rip = (uint64_t)secondary_entry;
	context->user_regs.cs = FLAT_KERNEL_CS;
	context->user_regs.ss = FLAT_KERNEL_SS;
	context->user_regs.rsp = (uint64_t)stacks[vcpu] + STACK_BYTES;
	context->user_regs.rdi = vcpu;
	context->kernel_ss = FLAT_KERNEL_SS;
	context->kernel_sp = (uint64_t)stacks[vcpu] + STACK_BYTES / 2;
	context->event_callback_eip = (uint64_t)upcall_entry;
	context->failsafe_callback_eip = (uint64_t)failsafe_entry;
	context->syscall_callback_eip = (uint64_t)syscall_entry;
	context->ctrlreg[3] = xen_pfn_to_cr3(mfn_of(pfn_of(kernel_mm.root)));
	traps_fill(context->trap_ctxt);
}

/* One that was taken down on this host goes on after its hypercall; one that was carried, or never was up, begins. */
void vcpu_bring_up(unsigned int vcpu)
{
	static struct vcpu_guest_context context;
	long result;

	describe(&context, vcpu);
	result = vcpu_op(VCPUOP_initialise, vcpu, &context);
	if (result && result != -17)
		panic("cannot initialise vCPU %u: %ld", vcpu, result);
	if (!vcpus[vcpu].port)
		connect(vcpu);
	if (vcpu_op(VCPUOP_up, vcpu, 0))
		panic("cannot start vCPU %u", vcpu);
	while (!ONCE(vcpus[vcpu].up))
		sched_op(SCHEDOP_yield, 0);
}

void vcpu_take_down(unsigned int vcpu)
{
	ONCE(vcpus[vcpu].leave) = true;
	events_notify(vcpus[vcpu].port);
	while (vcpu_op(VCPUOP_is_up, vcpu, 0) == 1)
		sched_op(SCHEDOP_yield, 0);
}

static void leave(unsigned int vcpu)
{
	struct vcpu *self = &vcpus[vcpu];

	mm_load(&kernel_mm);
	events_close();
	self->leave = self->up = false;
	vcpu_op(VCPUOP_down, vcpu, 0);
	ONCE(self->up) = true;
	events_open();
}

/* A vCPU that sleeps in its work is woken by a call. */
void secondary(unsigned int vcpu)
{
	ONCE(vcpus[vcpu].up) = true;
	events_open();
	for (;;) {
		if (ONCE(vcpus[vcpu].leave))
			leave(vcpu);
		scenario_work(vcpu);
	}
}
