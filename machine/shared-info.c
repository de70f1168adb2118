/*
 * SHARED_INFO: the page the guest shares with Xen. It travels as it is; only
 * what is the guest's to keep is loaded. Its event channels do not exist on
 * the other side: the guest binds new ones when it resumes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "machine/machine.h"

void shared_info_save(const void *shared_info, struct bytes *out)
{
	record_put(out, RECORD_SHARED_INFO, shared_info, PAGE_BYTES);
}

int shared_info_take(struct machine *machine, const struct record *record)
{
	if (!machine->shared_info)
		machine->shared_info = malloc(PAGE_BYTES);
	if (!machine->shared_info)
		return fail(ENOMEM, "out of memory");
	memcpy(machine->shared_info, record->body, PAGE_BYTES);
	return 0;
}

static void page_fill(uint8_t *page, const struct layout *layout, const uint8_t *saved)
{
	const struct shared_info_layout *at = &layout->shared_info;

	memcpy(page, saved, SHARED_INFO_VCPUS * at->vcpu_info_bytes);
	memcpy(page + at->arch, saved + at->arch, at->arch_bytes);
	word_set(layout, page, at->frame_list_list, 0);
	/* The source's frames: they mean nothing here, and the guest sets them when it resumes. */
	word_set(layout, page, at->p2m_cr3, 0);
	for (unsigned int i = 0; i < SHARED_INFO_VCPUS; i++)
		word_set(layout, page, i * at->vcpu_info_bytes + at->pending_sel, 0);
	memset(page + at->evtchn_pending, 0, at->evtchn_bytes);
	memset(page + at->evtchn_mask, 0xff, at->evtchn_bytes);
}

int shared_info_load(struct domain *domain, const struct machine *machine)
{
	struct domain_facts facts;
	void *page;
	int rc = domain_facts(domain, &facts);

	if (rc)
		return rc;
	page = domain_map(domain, &facts.shared_info, 1, true, NULL);
	if (!page)
		return fail(EFAULT, "cannot map the shared info page");
	page_fill(page, machine->layout, machine->shared_info);
	domain_unmap(domain, page, 1);
	return 0;
}

/* Of the rest, Xen writes clocks and events as it likes. */
int shared_info_prove(struct domain *domain, const struct machine *machine)
{
	const struct layout *layout = machine->layout;
	const size_t kept[] = { layout->shared_info.max_pfn, layout->shared_info.p2m_vaddr,
				layout->shared_info.p2m_generation };
	struct domain_facts facts;
	const uint8_t *page;
	int rc = domain_facts(domain, &facts);

	if (rc)
		return rc;
	page = domain_map(domain, &facts.shared_info, 1, false, NULL);
	if (!page)
		return fail(EFAULT, "cannot map the shared info page");
	for (size_t i = 0; !rc && i < sizeof(kept) / sizeof(*kept); i++)
		if (word_get(layout, page, kept[i]) != word_get(layout, machine->shared_info, kept[i]))
			rc = fail(EUCLEAN,
				  "the domain that was built is not the image's: its shared info differs at "
				  "byte %zu",
				  kept[i]);
	domain_unmap(domain, (void *)page, 1);
	return rc;
}
