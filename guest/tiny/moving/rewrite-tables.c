/*
 * Entries of live tables change all the time: pages swap places, by an update
 * Xen is asked for and by a plain write that it emulates; tables of level 1
 * change places too. Who reads the tables meanwhile sees entries old and new.
 */
#include "scenario.h"

enum { PAGES = 64, BACK = PAGES, FRONT_VA = 0x40000000, OTHER_VA = 0x40200000 };

static struct mm *spaces[MAX_VCPUS];
static uint64_t pool[MAX_VCPUS][PAGES]; /* pfns, as they are mapped */
static uint64_t swaps[MAX_VCPUS], state[MAX_VCPUS];
static bool swapping[MAX_VCPUS];

static enum outcome rewrite_tables_start(void)
{
	HYPERCALL(vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables, 0, 0);
	for (unsigned int i = 0; i < MAX_VCPUS; i++) {
		if (!vcpus[i].exists)
			continue;
		spaces[i] = mm_new();
		state[i] = i + 1;
		for (unsigned int j = 0; j < PAGES; j++) {
			pool[i][j] = page_alloc();
			pattern_fill(pool[i][j], pool[i][j], 1);
			mm_map(spaces[i], FRONT_VA + j * PAGE_BYTES, pool[i][j], KERNEL_WRITE);
		}
		mm_map(spaces[i], OTHER_VA, pool[i][0], KERNEL_WRITE);
		if (i % 2)
			mm_pin(spaces[i]);
	}
	return success("%u vCPUs, %u pages each", vcpus_up(), PAGES);
}

static void entry_put(struct mm *mm, unsigned int place, uint64_t pfn, bool emulated)
{
	uint64_t va = FRONT_VA + place * PAGE_BYTES;

	if (emulated) {
		ONCE(*tables_find(mm->root, va)) = entry(pfn, KERNEL_WRITE);
		asm volatile("" ::: "memory");
	} else {
		mm_set_entry(mm, va, entry(pfn, KERNEL_WRITE));
	}
}

static void flush(void)
{
	struct mmuext_op all = { .cmd = MMUEXT_TLB_FLUSH_LOCAL };

	mmuext_op(&all);
}

static void rewrite_tables_work(unsigned int vcpu)
{
	uint64_t random = random_next(&state[vcpu]), *mine = pool[vcpu];
	unsigned int a = random % PAGES, b = random / PAGES % PAGES;
	bool emulated = random >> 40 & 1;
	uint64_t first = mine[a], second = mine[b];

	mm_load(spaces[vcpu]);
	ONCE(swapping[vcpu]) = true;
	entry_put(spaces[vcpu], a, second, emulated);
	entry_put(spaces[vcpu], b, first, emulated);
	mine[a] = second;
	mine[b] = first;
	ONCE(swapping[vcpu]) = false;
	flush();
	pattern_check_at((void *)(uint64_t)(FRONT_VA + a * PAGE_BYTES), mine[a], 1);
	pattern_check_at((void *)(uint64_t)(FRONT_VA + b * PAGE_BYTES), mine[b], 1);
	swaps[vcpu]++;
}

/* Of a vCPU that was caught swapping, two places may be otherwise. */
static unsigned int misplaced(unsigned int vcpu)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < PAGES; i++) {
		uint64_t pfn = mm_frame(spaces[vcpu], FRONT_VA + i * PAGE_BYTES);

		count += pfn != pool[vcpu][i];
		if (pfn == INVALID)
			wrong("vCPU %u: place %u names a frame that is not ours", vcpu, i);
		else
			pattern_check(pfn, pfn, 1);
	}
	return count;
}

static enum outcome rewrite_tables_check(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < MAX_VCPUS; i++) {
		unsigned int count = spaces[i] && space_sound(spaces[i]) ? misplaced(i) : 0;

		if (count > (swapping[i] ? 2 : 0))
			wrong("vCPU %u: %u entries are not as they were written", i, count);
		sum += swaps[i];
	}
	return success("%lu swaps", sum);
}

SCENARIO(.name = "rewrite-tables", .says = "entries change under the carrier's eyes",
	 .start = rewrite_tables_start, .check = rewrite_tables_check, .work = rewrite_tables_work);
