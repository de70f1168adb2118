/*
 * The newer form, Linux 3.19 and later: the p2m is an array in the guest's
 * virtual memory, and p2m_cr3 the tables that map it. We walk them level by
 * level over the whole range. An entry is numbered by its absolute place at
 * its level, so nothing depends on how the array is aligned.
 */
#include <errno.h>
#include <stdlib.h>

#include "log.h"
#include "p2m/find.h"
#include "xen/pte.h"
#include "stream/format.h"

#define ADDRESS_MASK ((1ULL << 48) - 1)

struct range {
	uint64_t first, last; /* addresses, both inside */
};

/* Sign-extension off: 48 bits of a 64-bit address, 32 of a 32-bit guest's. */
static int find_range(const struct p2m *p2m, const void *shared_info, uint64_t first, struct range *range)
{
	const struct layout *layout = p2m->layout;
	uint64_t start = word_get(layout, shared_info, layout->shared_info.p2m_vaddr);
	uint64_t bytes = p2m->leaves * PAGE_BYTES;
	uint64_t last = start + bytes - 1;
	bool fits = last > start && !(start & (PAGE_BYTES - 1));

	if (layout->width == 4)
		fits = fits && last <= UINT32_MAX;
	else
		fits = fits && (int64_t)(start << 16) >> 16 == (int64_t)start &&
		       (int64_t)(last << 16) >> 16 == (int64_t)last && start >> 63 == last >> 63;
	if (!fits)
		return fail(ERANGE, "%lu bytes from %#lx are not a valid address range of the p2m", bytes,
			    start);
	range->first = (start + first * PAGE_BYTES) & ADDRESS_MASK;
	range->last = last & ADDRESS_MASK;
	return 0;
}

/* Entries of one level, from the tables of it that the range needs. */
static int read_level(struct domain *domain, unsigned int level, const struct range *range, mfn_t *tables,
		      uint64_t **entries)
{
	static const struct layout tables_are_wide = { .width = 8 };
	unsigned int shift = PAGE_BITS + 9 * (level - 1);
	uint64_t first = range->first >> shift, count = (range->last >> shift) - first + 1;
	struct word_run run;
	int rc;

	*entries = malloc(count * sizeof(**entries));
	if (!*entries)
		return fail(ENOMEM, "out of memory");
	run = (struct word_run){ &tables_are_wide, tables, first % TABLE_SLOTS, count };
	rc = p2m_read_words(domain, &run, *entries, "page tables");
	for (uint64_t i = 0; !rc && i < count; i++) {
		uint64_t entry = (*entries)[i];

		if (!(entry & PTE_PRESENT) || (level > 1 && entry & PTE_SUPERPAGE))
			rc = fail(ERANGE, "the p2m's level-%u entry %lu is %#lx: no way to its pages there",
				  level, (first + i) % TABLE_SLOTS, entry);
		(*entries)[i] = pte_frame(entry);
	}
	return rc;
}

int p2m_find_linear(struct p2m *p2m, struct domain *domain, const void *shared_info, uint64_t first)
{
	uint64_t cr3 = word_get(p2m->layout, shared_info, p2m->layout->shared_info.p2m_cr3);
	mfn_t root = { p2m->layout->width == 8 ? cr3 >> PAGE_BITS : compat_cr3_frame(cr3) };
	mfn_t *tables = &root;
	struct range range = { 0 };
	int rc = find_range(p2m, shared_info, first, &range);

	for (unsigned int level = p2m->layout->levels; !rc && level; level--) {
		uint64_t *entries = NULL;

		rc = read_level(domain, level, &range, tables, &entries);
		if (tables != &root)
			free(tables);
		tables = (mfn_t *)entries;
	}
	for (uint64_t i = first; !rc && i < p2m->leaves; i++)
		p2m->leaf[i] = tables[i - first];
	if (tables != &root)
		free(tables);
	return rc;
}
