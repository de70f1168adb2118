/* Hypercalls, by way of the page that Xen filled. All return 0 or more, or a negative errno of Xen's. */
#ifndef HYPERCALL_H
#define HYPERCALL_H

#include <xen/callback.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/xen.h>

extern char hypercall_page[];

static inline long hypercall(unsigned int number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	register uint64_t fourth __asm__("r10") = d;
	long result;

	asm volatile("call *%[at]"
		     : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(fourth)
		     : [at] "r"(hypercall_page + 32 * number)
		     : "rcx", "r8", "r9", "r11", "memory", "cc");
	return result;
}

#define HYPERCALL(name, a, b, c, d) \
	hypercall(__HYPERVISOR_##name, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d))

#define sched_op(command, argument)		 HYPERCALL(sched_op, command, argument, 0, 0)
#define event_channel_op(command, argument)	 HYPERCALL(event_channel_op, command, argument, 0, 0)
#define vcpu_op(command, vcpu, argument)	 HYPERCALL(vcpu_op, command, vcpu, argument, 0)
#define memory_op(command, argument)		 HYPERCALL(memory_op, command, argument, 0, 0)
#define grant_table_op(command, argument, count) HYPERCALL(grant_table_op, command, argument, count, 0)
#define multicall(calls, count)			 HYPERCALL(multicall, calls, count, 0, 0)
#define mmuext_op(op)				 HYPERCALL(mmuext_op, op, 1, 0, DOMID_SELF)

#endif
