/* Each vCPU is in user mode most of the time, on a user root of its own: the suspend finds it there. */
#include "scenario.h"

enum { PAGES = 6, SUMS = 2000 };

static struct mm *spaces[MAX_VCPUS];
static uint64_t runs[MAX_VCPUS];

static uint64_t expected(uint64_t number)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < PAGE_BYTES / sizeof(sum); i++)
		sum += pattern_word(number, 1, i);
	return sum;
}

static enum outcome user_roots_start(void)
{
	for (unsigned int i = 0; i < MAX_VCPUS; i++) {
		if (!vcpus[i].exists)
			continue;
		spaces[i] = space_make(i * PAGES, PAGES);
		user_map_text(spaces[i]);
		if (i % 2)
			mm_pin(spaces[i]); /* pinned and not: both kinds of root are in a vCPU's state */
	}
	return success("%u vCPUs, each with a user root", vcpus_up());
}

static void user_roots_work(unsigned int vcpu)
{
	unsigned int page = runs[vcpu] % PAGES;
	uint64_t sum;

	mm_load(spaces[vcpu]);
	sum = user_sum(space_va(page), SUMS);
	if (sum != SUMS * expected(vcpu * PAGES + page))
		wrong("vCPU %u: the user's sum of page %u is %lx, should be %lx", vcpu, page, sum,
		      SUMS * expected(vcpu * PAGES + page));
	ONCE(runs[vcpu]) = runs[vcpu] + 1;
}

static enum outcome user_roots_check(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < MAX_VCPUS; i++) {
		if (!spaces[i])
			continue;
		space_sound(spaces[i]);
		sum += runs[i];
	}
	return success("%lu runs in user mode", sum);
}

SCENARIO(.name = "user-roots", .says = "vCPUs in user mode keep both roots", .start = user_roots_start,
	 .check = user_roots_check, .work = user_roots_work);
