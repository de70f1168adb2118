/* X86_TSC_INFO: how the guest's time stamp counter is to go on. */
#include <errno.h>
#include <string.h>

#include "log.h"
#include "machine/machine.h"

int tsc_save(struct domain *domain, struct bytes *out)
{
	struct tsc_info tsc;
	int rc = domain_get_tsc(domain, &tsc);

	if (!rc)
		record_put(out, RECORD_X86_TSC_INFO, &tsc, sizeof(tsc));
	return rc;
}

int tsc_take(struct machine *machine, const struct record *record)
{
	memcpy(&machine->tsc, record->body, sizeof(machine->tsc));
	if (machine->tsc.zero)
		return fail(EBADMSG, "record %lu: X86_TSC_INFO: %#x where zero should be", record->number,
			    machine->tsc.zero);
	machine->has_tsc = true;
	return 0;
}
