/* A program in user mode (head.S): it sums a page and makes a system call. */
#include "tiny.h"

extern char user_program[], user_program_end[];
uint64_t user_enter(uint64_t ip, uint64_t argument, uint64_t count);

void user_map_text(struct mm *mm)
{
	uint64_t pfn = page_alloc();

	memcpy(virt(pfn), user_program, user_program_end - user_program);
	mm_map(mm, USER_TEXT_VA, pfn, KERNEL_READ);
	page_put(pfn);
}

uint64_t user_sum(uint64_t va, uint64_t count)
{
	uint64_t sum;

	events_close();
	sum = user_enter(USER_TEXT_VA, va, count);
	events_open();
	return sum;
}
