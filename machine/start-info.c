/*
 * The start info page: not a record but a page of the guest, the one vCPU 0
 * names in rdx. A guest that suspends leaves pfns in it where mfns stood.
 *
 * The flag that tells Linux "the toolstack reads the linear p2m" is kept:
 * without it Linux would have to build the frame lists anew while stopped.
 */
#include <errno.h>
#include <string.h>

#include "log.h"
#include "machine/machine.h"

static int find_frame(const struct destination *memory, uint64_t pfn, const char *what, mfn_t *mfn)
{
	if (pfn >= memory->count || memory->type[pfn] != FRAME_NOTAB)
		return fail(EBADMSG, "start info: the %s page is pfn %#lx, which is not an ordinary page",
			    what, pfn);
	*mfn = memory->mfn[pfn];
	return 0;
}

static int rewrite(uint8_t *page, const struct layout *layout, const struct destination *memory,
		   uint64_t shared_info, struct connections *connections)
{
	const struct start_info_layout *at = &layout->start_info;
	uint32_t flags;
	int rc = find_frame(memory, word_get(layout, page, at->store_frame), "xenstore", &connections->store);

	if (!rc)
		rc = find_frame(memory, word_get(layout, page, at->console_frame), "console",
				&connections->console);
	if (rc)
		return rc;
	memcpy(&flags, page + at->flags, sizeof(flags));
	flags &= START_FLAG_P2M_4TOOLS;
	memcpy(page + at->flags, &flags, sizeof(flags));
	word_set(layout, page, at->nr_pages, memory->count);
	word_set(layout, page, at->shared_info, shared_info << PAGE_BITS);
	word_set(layout, page, at->store_frame, connections->store.n);
	word_set(layout, page, at->console_frame, connections->console.n);
	memcpy(page + at->store_port, &connections->store_port, sizeof(uint32_t));
	memcpy(page + at->console_port, &connections->console_port, sizeof(uint32_t));
	return 0;
}

/* Left as it came, a console that no xenconsoled here marks as connected stays mute for good (Linux 7.2, hvc_xen.c). */
static int reset_console(struct domain *domain, mfn_t frame)
{
	uint8_t *page = domain_map(domain, &frame, 1, true, NULL);

	if (!page)
		return fail(EFAULT, "cannot map the console page");
	page[CONSOLE_CONNECTION_AT] = console_connection_at_start();
	domain_unmap(domain, page, 1);
	return 0;
}

int start_info_load(struct domain *domain, const struct machine *machine, const struct destination *memory,
		    struct connections *connections)
{
	pfn_t pfn = vcpus_start_info(machine);
	struct domain_facts facts;
	uint8_t *page;
	int rc = domain_facts(domain, &facts);

	if (rc)
		return rc;
	page = domain_map(domain, &memory->mfn[pfn.n], 1, true, NULL);
	if (!page)
		return fail(EFAULT, "cannot map the start info page");
	rc = rewrite(page, machine->layout, memory, facts.shared_info.n, connections);
	domain_unmap(domain, page, 1);
	return rc || connections->are_served ? rc : reset_console(domain, connections->console);
}

/* NULL, or which of the fields that were rewritten is another one. An address is as wide as the guest's words. */
static const char *find_difference(const uint8_t *page, const struct layout *layout, uint64_t count,
				   uint64_t shared_info, const struct connections *c)
{
	const struct start_info_layout *at = &layout->start_info;
	uint64_t address = shared_info << PAGE_BITS & (layout->width == 8 ? UINT64_MAX : UINT32_MAX);

	if (word_get(layout, page, at->nr_pages) != count)
		return "number of pages";
	if (word_get(layout, page, at->shared_info) != address)
		return "shared info";
	if (word_get(layout, page, at->store_frame) != c->store.n ||
	    memcmp(page + at->store_port, &c->store_port, sizeof(uint32_t)))
		return "xenstore page or port";
	if (word_get(layout, page, at->console_frame) != c->console.n ||
	    memcmp(page + at->console_port, &c->console_port, sizeof(uint32_t)))
		return "console page or port";
	return NULL;
}

int start_info_prove(struct domain *domain, const struct machine *machine, const struct destination *memory,
		     const struct connections *connections)
{
	pfn_t pfn = vcpus_start_info(machine);
	struct domain_facts facts;
	const char *what;
	const uint8_t *page;
	int rc = domain_facts(domain, &facts);

	if (rc)
		return rc;
	page = domain_map(domain, &memory->mfn[pfn.n], 1, false, NULL);
	if (!page)
		return fail(EFAULT, "cannot map the start info page");
	what = find_difference(page, machine->layout, memory->count, facts.shared_info.n, connections);
	domain_unmap(domain, (void *)page, 1);
	return what ? fail(EUCLEAN, "the domain that was built is not the image's: start info has another %s",
			   what)
		    : 0;
}
