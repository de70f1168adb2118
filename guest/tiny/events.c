/*
 * Event channels, two levels: a word of vcpu_info names words of shared_info's
 * bitmap. A word may hold ports of several vCPUs; each takes only its own.
 * After a resume all ports are gone, and who had one binds anew.
 */
#include "tiny.h"

enum { PORTS = 4096, BITS = 64 };

struct port {
	event_fn *handler;
	unsigned int vcpu;
};

struct shared_info *shared_info;
static char shared_info_page[PAGE_BYTES] PAGE_ALIGNED;
static struct port ports[PORTS];

void shared_info_map(uint64_t machine)
{
	uint64_t value = machine ? machine | KERNEL_WRITE : entry(pfn_of(shared_info_page), KERNEL_WRITE);

	shared_info = machine ? (void *)shared_info_page : NULL;
	if (HYPERCALL(update_va_mapping, shared_info_page, value, UVMF_INVLPG | UVMF_ALL, 0))
		panic("cannot map %lx as shared info", machine);
}

static struct vcpu_info *vcpu_info(void)
{
	return &shared_info->vcpu_info[this_vcpu()];
}

bool events_close(void)
{
	uint8_t *mask = &vcpu_info()->evtchn_upcall_mask;
	bool open = !ONCE(*mask);

	ONCE(*mask) = 1;
	asm volatile("" ::: "memory");
	return open;
}

/* Xen looks for pending events whenever a hypercall ends; the one that does nothing else. */
void events_open(void)
{
	asm volatile("" ::: "memory");
	ONCE(vcpu_info()->evtchn_upcall_mask) = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (ONCE(vcpu_info()->evtchn_upcall_pending))
		HYPERCALL(xen_version, 0, 0, 0, 0);
}

void events_restore(bool open)
{
	if (open)
		events_open();
}

void events_block(void)
{
	sched_op(SCHEDOP_block, 0);
}

bool lock(struct lock *lock)
{
	bool open = events_close();

	while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE)) {
		events_restore(open);
		sched_op(SCHEDOP_yield, 0);
		events_close();
	}
	return open;
}

void unlock(struct lock *lock, bool open)
{
	__atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
	events_restore(open);
}

static void deliver(unsigned int word)
{
	uint64_t pending = ONCE(shared_info->evtchn_pending[word]) & ~ONCE(shared_info->evtchn_mask[word]);

	for (; pending; pending &= pending - 1) {
		unsigned int bit = __builtin_ctzl(pending), port = word * BITS + bit;

		if (!ports[port].handler || ports[port].vcpu != this_vcpu())
			continue;
		__atomic_fetch_and(&shared_info->evtchn_pending[word], ~(1ul << bit), __ATOMIC_SEQ_CST);
		ports[port].handler();
	}
}

void events_upcall(void)
{
	struct vcpu_info *info = vcpu_info();

	while (ONCE(info->evtchn_upcall_pending)) {
		uint64_t words;

		ONCE(info->evtchn_upcall_pending) = 0;
		words = __atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
		for (; words; words &= words - 1)
			deliver(__builtin_ctzl(words));
	}
}

void events_forget(void)
{
	memset(ports, 0, sizeof(ports));
}

void events_bind(unsigned int port, unsigned int vcpu, event_fn *handler)
{
	struct evtchn_unmask unmask = { port };

	ports[port] = (struct port){ handler, vcpu };
	if (event_channel_op(EVTCHNOP_unmask, &unmask))
		panic("cannot unmask port %u", port);
}

unsigned int events_bind_virq(unsigned int virq, unsigned int vcpu, event_fn *handler)
{
	struct evtchn_bind_virq bind = { .virq = virq, .vcpu = vcpu };

	if (event_channel_op(EVTCHNOP_bind_virq, &bind))
		panic("vCPU %u: no VIRQ %u", vcpu, virq);
	events_bind(bind.port, vcpu, handler);
	return bind.port;
}

unsigned int events_bind_ipi(unsigned int vcpu, event_fn *handler)
{
	struct evtchn_bind_ipi bind = { .vcpu = vcpu };

	if (event_channel_op(EVTCHNOP_bind_ipi, &bind))
		panic("vCPU %u: no port for calls", vcpu);
	events_bind(bind.port, vcpu, handler);
	return bind.port;
}

void events_notify(unsigned int port)
{
	struct evtchn_send send = { port };

	if (port)
		event_channel_op(EVTCHNOP_send, &send);
}
