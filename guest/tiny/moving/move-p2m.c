/*
 * The p2m itself moves: leaves go to other pages, pages to pfns far up, where
 * leaves and lists are made for them, and back. The others count meanwhile.
 */
#include "scenario.h"

enum { PAGES = 32 };

static uint64_t page[PAGES], away[PAGES], moves, counted[MAX_VCPUS], state = 1;

static enum outcome move_p2m_start(void)
{
	for (unsigned int i = 0; i < PAGES; i++) {
		page[i] = page_alloc();
		pattern_fill(page[i], i, 1);
	}
	return success("%u pages, %lu leaves", PAGES, (p2m_count + P2M_SPAN - 1) / P2M_SPAN);
}

static void move_page(uint64_t random)
{
	unsigned int i = random % PAGES;
	uint64_t far = P2M_LIST_SPAN + random / PAGES % 16 * P2M_SPAN + i;

	if (away[i]) {
		page_move(away[i], page[i]);
		away[i] = 0;
	} else {
		page_move(page[i], far);
		away[i] = far;
	}
	pattern_check(away[i] ?: page[i], i, 1);
}

static void move_p2m_work(unsigned int vcpu)
{
	uint64_t random;

	if (vcpu) {
		ONCE(counted[vcpu]) = counted[vcpu] + 1;
		return;
	}
	random = random_next(&state);
	if (random >> 60)
		p2m_move_leaf(random % p2m_count);
	else
		move_page(random);
	moves++;
}

static enum outcome move_p2m_check(void)
{
	for (unsigned int i = 0; i < PAGES; i++)
		pattern_check(away[i] ?: page[i], i, 1);
	return success("%lu moves, the p2m has %lu entries", moves, p2m_count);
}

SCENARIO(.name = "move-p2m", .says = "the p2m moves while it is read", .start = move_p2m_start,
	 .check = move_p2m_check, .work = move_p2m_work);
