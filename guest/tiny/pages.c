/* Pages: a list of free ones, threaded through themselves, and a count of who refers to the others. */
#include "tiny.h"

struct page *pages;
uint64_t page_count;
static uint64_t free_head = INVALID, free_count;
static struct lock pages_lock;

/* The array comes first of all that is free. */
void pages_init(uint64_t first_free, uint64_t mapped_end)
{
	uint64_t bytes = page_count * sizeof(*pages), own = (bytes + PAGE_BYTES - 1) / PAGE_BYTES;

	if (first_free + own >= mapped_end)
		panic("%lu pages are too many: no room for their descriptions", page_count);
	pages = virt(first_free);
	memset(pages, 0, bytes);
	for (uint64_t pfn = 0; pfn < first_free + own; pfn++)
		pages[pfn].refs = 1;
	pages_add(first_free + own, mapped_end);
}

void pages_add(uint64_t first, uint64_t end)
{
	while (end-- > first) {
		pages[end].refs = 1;
		page_put(end);
	}
}

bool page_try_alloc(uint64_t *pfn)
{
	bool open = lock(&pages_lock);

	*pfn = free_head;
	if (free_head != INVALID) {
		free_head = *(uint64_t *)virt(free_head);
		free_count--;
	}
	unlock(&pages_lock, open);
	if (*pfn == INVALID)
		return false;
	memset(virt(*pfn), 0, PAGE_BYTES);
	pages[*pfn].refs = 1;
	return true;
}

uint64_t page_alloc(void)
{
	uint64_t pfn;

	if (!page_try_alloc(&pfn))
		panic("no page is free");
	return pfn;
}

void page_get(uint64_t pfn)
{
	__atomic_fetch_add(&pages[pfn].refs, 1, __ATOMIC_RELAXED);
}

void page_put(uint64_t pfn)
{
	bool open;

	if (__atomic_sub_fetch(&pages[pfn].refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (pages[pfn].holds)
		panic("pfn %lx is freed, and still read-only", pfn);
	open = lock(&pages_lock);
	*(uint64_t *)virt(pfn) = free_head;
	free_head = pfn;
	free_count++;
	unlock(&pages_lock, open);
}

uint64_t pages_free(void)
{
	return ONCE(free_count);
}
