/* Each vCPU counts, in many pages at once: no count goes back, and no page is behind the others by more than one. */
#include "scenario.h"

enum { PAGES = 16 };

static uint64_t *count[MAX_VCPUS][PAGES];
static uint64_t seen[MAX_VCPUS];

static enum outcome counter_start(void)
{
	for (unsigned int i = 0; i < MAX_VCPUS; i++)
		for (unsigned int j = 0; vcpus[i].exists && j < PAGES; j++)
			count[i][j] = virt(page_alloc());
	return success("%u vCPUs count in %u pages each", vcpus_up(), PAGES);
}

static void counter_work(unsigned int vcpu)
{
	for (unsigned int i = 0; i < PAGES; i++) {
		uint64_t *at = count[vcpu][i];
		unsigned int word = *at % 512;

		if (i && *at + 1 != *count[vcpu][i - 1])
			wrong("vCPU %u: page %u counts %lu, the one before %lu", vcpu, i, *at,
			      *count[vcpu][i - 1]);
		at[word ? word : 1] = *at;
		ONCE(*at) = *at + 1;
	}
}

static enum outcome counter_check(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < MAX_VCPUS; i++) {
		uint64_t first, last;

		if (!vcpus[i].up)
			continue;
		first = *count[i][0];
		last = *count[i][PAGES - 1];
		if (first < seen[i] || first - last > 1)
			wrong("vCPU %u counts %lu to %lu, and was at %lu", i, first, last, seen[i]);
		seen[i] = first;
		sum += first;
	}
	return success("counted to %lu", sum);
}

SCENARIO(.name = "counter", .says = "counting goes on where it was", .start = counter_start,
	 .check = counter_check, .work = counter_work);
