/*
 * Suspend and resume as Linux does them.
 */
#include "mm.h"
#include "p2m.h"
#include "suspend.h"
#include "xenbus.h"

struct field {
	size_t at_64, at_32;
};

static const struct field store_field = {
	offsetof(struct start_info_x86_64, store_mfn),
	offsetof(struct start_info_x86_32, store_mfn),
};

static const struct field console_field = {
	offsetof(struct start_info_x86_64, console.domU.mfn),
	offsetof(struct start_info_x86_32, console.domU.mfn),
};

static void put_field(struct guest *guest, struct field field, uint64_t value)
{
	kernel_store(guest, GET(guest, start_info), guest->is_32bit ? field.at_32 : field.at_64, &value,
		     guest->is_32bit ? 4 : 8);
}

static uint64_t get_field(struct guest *guest, struct field field)
{
	uint64_t value = 0;

	kernel_load(guest, GET(guest, start_info), guest->is_32bit ? field.at_32 : field.at_64, &value,
		    guest->is_32bit ? 4 : 8);
	return value;
}

void suspend_guest(struct guest *guest)
{
	struct sched_shutdown shutdown = { .reason = SHUTDOWN_suspend };

	if (!GET(guest, keeps_foreign))
		mm_unmap_foreign(guest);
	mm_pin_all(guest);
	put_field(guest, store_field, GET(guest, store));
	put_field(guest, console_field, GET(guest, console));
	cpu_set(&guest->cpu, CPU_DX, kernel_mfn(guest, GET(guest, start_info)));
	cpu_set(&guest->cpu, CPU_AX, 0);
	PUT(guest, suspends, GET(guest, suspends) + 1);
	PUT(guest, phase, GUEST_SUSPENDED);
	cpu_call(&guest->cpu, __HYPERVISOR_sched_op, SCHEDOP_shutdown, (uintptr_t)&shutdown, 0, 0);
}

static void cancelled(struct guest *guest)
{
	put_field(guest, store_field, kernel_mfn(guest, GET(guest, store)));
	put_field(guest, console_field, kernel_mfn(guest, GET(guest, console)));
	PUT(guest, cancels, GET(guest, cancels) + 1);
}

static void restored(struct guest *guest)
{
	if (get_field(guest, store_field) != kernel_mfn(guest, GET(guest, store)))
		kernel_complain(guest, "start_info has the wrong store", get_field(guest, store_field));
	if (get_field(guest, console_field) != kernel_mfn(guest, GET(guest, console)))
		kernel_complain(guest, "start_info has the wrong console", get_field(guest, console_field));
	p2m_announce(guest);
	xenbus_start(guest);
	PUT(guest, restores, GET(guest, restores) + 1);
}

void resume_guest(struct guest *guest)
{
	if (cpu_get(&guest->cpu, CPU_AX) == 1)
		cancelled(guest);
	else
		restored(guest);
	mm_unpin_all(guest);
	mm_map_foreign(guest);
	PUT(guest, phase, GUEST_RUN);
}
