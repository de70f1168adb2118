/*
 * Address spaces are cloned, pinned or not, run in user mode, and destroyed,
 * by all vCPUs at once; some are loaded elsewhere when their end comes.
 */
#include "scenario.h"

enum { PAGES = 5, CHILDREN = 6, SUMS = 20 };

static struct mm *parent[MAX_VCPUS], *child[MAX_VCPUS][CHILDREN];
static uint64_t forks[MAX_VCPUS], state[MAX_VCPUS];

static enum outcome fork_storm_start(void)
{
	for (unsigned int i = 0; i < MAX_VCPUS; i++) {
		if (!vcpus[i].exists)
			continue;
		parent[i] = space_make(i * PAGES, PAGES);
		user_map_text(parent[i]);
		state[i] = i + 1;
	}
	return success("%u vCPUs fork", vcpus_up());
}

static struct mm *fork(unsigned int vcpu, uint64_t random)
{
	struct mm *mm = space_clone(parent[vcpu], PAGES);

	user_map_text(mm);
	if (random & 1)
		mm_pin(mm);
	return mm;
}

static void child_run(unsigned int vcpu, struct mm *mm)
{
	uint64_t expected = 0;

	space_check(mm, vcpu * PAGES, PAGES);
	for (unsigned int i = 0; i < PAGE_BYTES / sizeof(expected); i++)
		expected += pattern_word(vcpu * PAGES, 1, i);
	if (user_sum(space_va(0), SUMS) != SUMS * expected)
		wrong("vCPU %u: a child's sum is not its parent's", vcpu);
}

/* A child is run, and stays loaded; or it ends, perhaps loaded on this vCPU. */
static void fork_storm_work(unsigned int vcpu)
{
	uint64_t random = random_next(&state[vcpu]);
	struct mm **slot = &child[vcpu][random / 8 % CHILDREN];

	if (!*slot) {
		*slot = fork(vcpu, random);
		forks[vcpu]++;
	} else if (random & 6) {
		child_run(vcpu, *slot);
	} else {
		struct mm *mm = *slot;

		*slot = NULL;
		mm_destroy(mm);
	}
}

static enum outcome fork_storm_check(void)
{
	uint64_t sum = 0, sound = 0;

	for (unsigned int i = 0; i < MAX_VCPUS; i++) {
		for (unsigned int j = 0; j < CHILDREN; j++)
			sound += child[i][j] && space_sound(child[i][j]);
		sum += forks[i];
	}
	return success("%lu forks, %lu children, %lu spaces", sum, sound, mm_count());
}

SCENARIO(.name = "fork-storm", .says = "address spaces come and go", .start = fork_storm_start,
	 .check = fork_storm_check, .work = fork_storm_work);
