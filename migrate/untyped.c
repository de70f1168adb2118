/* See untyped.h. */
#include "migrate/untyped.h"

#include <errno.h>
#include <stdlib.h>

#include "log.h"
#include "pagetable-canon/table-heuristic.h"
#include "process/stop.h"

enum { ROOT = 4 };

/*
 * A byte a pfn: the page looked like a table when it went; and, a bit for each level,
 * it was examined as a table of that level and the tree below it has no end. Without
 * the second a guest could make four pages that are walked 512^3 times.
 */
enum { NOTED = 1 };
static uint8_t examined(unsigned int level)
{
	return 1 << level;
}

int untyped_init(struct migration *m)
{
	if (m->untyped || m->layout->width != 8)
		return 0;
	m->untyped = calloc(m->p2m.count, 1);
	m->untyped_count = m->p2m.count;
	return m->untyped ? 0 : fail(ENOMEM, "out of memory");
}

void untyped_release(struct migration *m)
{
	free(m->untyped);
	m->untyped = NULL;
}

void untyped_note(const struct migration *m, uint64_t pfn, const uint8_t *page)
{
	if (m->untyped && pfn < m->untyped_count)
		m->untyped[pfn] = looks_like_table((const uint64_t *)page, &m->inverse) ? NOTED : 0;
}

static bool has_no_type(const struct migration *m, uint64_t pfn)
{
	return pfn < m->p2m.count && m->p2m.type[pfn] == FRAME_NOTAB;
}

static bool is_noted(const struct migration *m, uint64_t pfn)
{
	return pfn < m->untyped_count && m->untyped[pfn] & NOTED && has_no_type(m, pfn);
}

static int is_tree(const struct migration *m, uint64_t pfn, unsigned int level);

static int names_tree(const struct migration *m, const uint64_t *table, unsigned int level)
{
	int rc = stop_requested();

	for (unsigned int slot = 0; !rc && slot < TABLE_SLOTS; slot++) {
		uint64_t pfn = table[slot] & PTE_PRESENT
				     ? inverse_pfn_once(&m->inverse, pte_frame(table[slot]))
				     : INVALID_FRAME;

		if (pfn != INVALID_FRAME)
			rc = is_tree(m, pfn, level - 1);
	}
	return rc;
}

/*
 * Of what the kernel's half of a root names some has types, for the kernel runs
 * on it now. Not so in a root of some earlier life: a guest may get its memory
 * with whole address spaces of who had it before, and leaves what it never
 * uses. A root without that half is the user's, and may be alive.
 */
static bool may_be_alive(const struct migration *m, const uint64_t *root)
{
	unsigned int xen_first, xen_count, entries = 0;

	xen_slots(8, ROOT, &xen_first, &xen_count);
	for (unsigned int slot = xen_first + xen_count; slot < TABLE_SLOTS; slot++) {
		uint64_t pfn;

		if (!(root[slot] & PTE_PRESENT))
			continue;
		entries++;
		pfn = inverse_pfn_once(&m->inverse, pte_frame(root[slot]));
		if (pfn < m->p2m.count && frame_level(m->p2m.type[pfn]) == ROOT - 1)
			return true;
	}
	return !entries;
}

static int examine(const struct migration *m, uint64_t pfn, unsigned int level)
{
	uint64_t *table = domain_map(m->domain, &m->p2m.mfn[pfn], 1, false, NULL);
	int is = 0;

	if (!table)
		return 0;
	if (level == 1)
		is = looks_like_lowest_table(table, &m->inverse);
	else if (looks_like_table(table, &m->inverse) && (level < ROOT || may_be_alive(m, table)))
		is = names_tree(m, table, level);
	domain_unmap(m->domain, table, 1);
	return is;
}

/*
 * 1: a table of this level, without a type, and below it one of each lower level, without
 * a type either. Once for each pfn and level: one that is ends the whole search.
 */
static int is_tree(const struct migration *m, uint64_t pfn, unsigned int level)
{
	if (level > 1 ? !is_noted(m, pfn) : !has_no_type(m, pfn) || pfn >= m->untyped_count)
		return 0;
	if (m->untyped[pfn] & examined(level))
		return 0;
	m->untyped[pfn] |= examined(level);
	return examine(m, pfn, level);
}

int untyped_refuse(struct migration *m)
{
	int rc = 0;

	for (uint64_t pfn = 0; !rc && m->untyped && pfn < m->untyped_count; pfn++) {
		rc = is_noted(m, pfn) ? is_tree(m, pfn, ROOT) : 0;
		if (rc > 0)
			rc = fail(EUCLEAN,
				  "pfn %#lx and frames below it look like page tables but have no type: the "
				  "guest stopped without pinning them, and they cannot be translated",
				  pfn);
	}
	return rc;
}
