/* Pages go back to Xen and others come, all the time: what is there has its words, what is gone stays gone. */
#include "scenario.h"

enum { PAGES = 512 };

static uint64_t pfn[PAGES], version[PAGES], changes, refused, state = 1;

static enum outcome balloon_start(void)
{
	for (unsigned int i = 0; i < PAGES; i++) {
		pfn[i] = page_alloc();
		version[i] = 1;
		pattern_fill(pfn[i], i, 1);
	}
	return success("%u pages", PAGES);
}

static void balloon_work(unsigned int vcpu)
{
	unsigned int i;

	if (vcpu) {
		relax();
		return;
	}
	i = random_next(&state) % PAGES;
	if (version[i] % 2) {
		pattern_check(pfn[i], i, version[i]);
		balloon_out(pfn[i]);
	} else if (balloon_in(pfn[i])) {
		pattern_fill(pfn[i], i, version[i] + 1);
	} else {
		refused++;
		return;
	}
	version[i]++;
	changes++;
}

/* An odd version is there. */
static enum outcome balloon_check(void)
{
	uint64_t there = 0;

	for (unsigned int i = 0; i < PAGES; i++) {
		bool has_frame = p2m_get(pfn[i]) != INVALID;

		if (has_frame != (bool)(version[i] % 2))
			wrong("page %u: version %lu, and it has %s frame", i, version[i],
			      has_frame ? "a" : "no");
		else if (has_frame)
			pattern_check(pfn[i], i, version[i]);
		there += has_frame;
	}
	return success("%lu of %u pages there, %lu changes, %lu refused", there, PAGES, changes, refused);
}

SCENARIO(.name = "balloon", .says = "the guest grows and shrinks", .start = balloon_start,
	 .check = balloon_check, .work = balloon_work);
