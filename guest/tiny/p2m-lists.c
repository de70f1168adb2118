/*
 * The lists published as pfn_to_mfn_frame_list_list: one page of machine
 * frames of lists, each list a page of machine frames of leaves. They hold
 * machine frames, which a carrier does not rewrite: rebuilt after each resume.
 */
#include "tiny.h"

static uint64_t lists[TABLE_SLOTS] PAGE_ALIGNED;
static uint64_t missing_list[TABLE_SLOTS] PAGE_ALIGNED;
static uint64_t *list_of[TABLE_SLOTS]; /* NULL: the missing one */

static uint64_t frame(const void *at)
{
	return mfn_of(pfn_of(at));
}

uint64_t p2m_lists_frame(void)
{
	return frame(lists);
}

/* Before the p2m is whole, machine frames are not known yet: p2m_lists_rebuild() puts them in. */
void p2m_lists_set(uint64_t pfn, const uint64_t *leaf)
{
	uint64_t **list = &list_of[pfn / P2M_LIST_SPAN];

	if (!*list) {
		*list = virt(page_alloc());
		if (p2m_count) {
			memcpy(*list, missing_list, PAGE_BYTES);
			lists[pfn / P2M_LIST_SPAN] = frame(*list);
		}
	}
	if (p2m_count)
		ONCE((*list)[pfn / P2M_SPAN % TABLE_SLOTS]) = frame(leaf);
}

void p2m_lists_rebuild(void)
{
	for (unsigned int i = 0; i < TABLE_SLOTS; i++)
		missing_list[i] = frame(p2m_missing_leaf());
	for (unsigned int i = 0; i < TABLE_SLOTS; i++) {
		lists[i] = frame(list_of[i] ? list_of[i] : missing_list);
		for (unsigned int j = 0; list_of[i] && j < TABLE_SLOTS; j++)
			list_of[i][j] = frame(p2m_leaf(((uint64_t)i * TABLE_SLOTS + j) * P2M_SPAN));
	}
}

uint64_t p2m_lists_check(void)
{
	uint64_t differences = 0;

	for (uint64_t pfn = 0; pfn < p2m_count; pfn += P2M_SPAN) {
		const uint64_t *list = list_of[pfn / P2M_LIST_SPAN] ?: missing_list;

		differences += lists[pfn / P2M_LIST_SPAN] != frame(list);
		differences += list[pfn / P2M_SPAN % TABLE_SLOTS] != frame(p2m_leaf(pfn));
	}
	return differences;
}
