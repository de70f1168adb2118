/* The time: Xen's system time, in vcpu_time_info. It jumps when the domain goes on on another host. */
#include "tiny.h"

static void rang(void)
{
	/* A vCPU that waits looks at the clock. */
}

void clock_connect(unsigned int vcpu)
{
	events_bind_virq(VIRQ_TIMER, vcpu, rang);
}

static uint64_t read_tsc(void)
{
	uint32_t low, high;

	asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

uint64_t now_ns(void)
{
	const struct vcpu_time_info *time = &shared_info->vcpu_info[this_vcpu()].time;
	uint32_t version;
	uint64_t ns, ticks;

	do {
		version = ONCE(time->version);
		asm volatile("" ::: "memory");
		ticks = read_tsc() - time->tsc_timestamp;
		ticks = time->tsc_shift < 0 ? ticks >> -time->tsc_shift : ticks << time->tsc_shift;
		ns = time->system_time + (uint64_t)((unsigned __int128)ticks * time->tsc_to_system_mul >> 32);
		asm volatile("" ::: "memory");
	} while (version & 1 || version != ONCE(time->version));
	return ns;
}

void clock_wake_at(uint64_t ns)
{
	HYPERCALL(set_timer_op, ns, 0, 0, 0);
}

void clock_sleep(uint64_t ns)
{
	unsigned int round = suspend_round;
	uint64_t until = now_ns() + ns;

	/* Xen's clock may be a little ahead of what it tells: asked for anew each time. */
	wait_until((clock_wake_at(until), now_ns() >= until || ONCE(suspend_round) != round));
}
