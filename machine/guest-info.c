/* X86_PV_INFO: how wide the guest's words are and how many levels its tables have. */
#include <errno.h>
#include <string.h>

#include "log.h"
#include "machine/machine.h"

void guest_info_save(const struct layout *layout, struct bytes *out)
{
	struct pv_info info = { .width = layout->width, .levels = layout->levels };

	record_put(out, RECORD_X86_PV_INFO, &info, sizeof(info));
}

int guest_info_take(struct machine *machine, const struct record *record)
{
	struct pv_info info;

	memcpy(&info, record->body, sizeof(info));
	machine->layout = layout_of(info.width);
	if (!machine->layout || machine->layout->levels != info.levels || memcmp(info.zero, "\0\0\0\0\0", 6))
		return fail(EBADMSG, "record %lu: X86_PV_INFO: words of %u bytes with tables of %u levels",
			    record->number, info.width, info.levels);
	return 0;
}
