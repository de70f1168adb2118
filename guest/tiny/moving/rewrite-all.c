/*
 * All free memory is rewritten again and again, each page with a version. A
 * page that is one version behind shows. While the others are parked, at most
 * the one page each of them was writing is half old and half new.
 */
#include "scenario.h"

enum { MOST = 65536 };

static uint32_t version[MOST]; /* 0: not ours */
static uint64_t list[MOST], count, at[MAX_VCPUS], rewritten[MAX_VCPUS];
static bool writing[MAX_VCPUS];

static enum outcome rewrite_all_start(void)
{
	uint64_t pfn;

	if (page_count > MOST)
		return skip("made for guests of at most %u pages", MOST);
	while (pages_free() > 128 && page_try_alloc(&pfn)) {
		pattern_fill(pfn, pfn, 1);
		version[pfn] = 1;
		list[count++] = pfn;
	}
	for (unsigned int i = 0; i < MAX_VCPUS; i++)
		at[i] = i;
	return success("%lu pages", count);
}

/* vCPU n has every so-many-th page, beginning with its number. */
static void rewrite_all_work(unsigned int vcpu)
{
	uint64_t pfn = list[at[vcpu]];

	pattern_check(pfn, pfn, version[pfn]);
	ONCE(writing[vcpu]) = true;
	pattern_fill(pfn, pfn, version[pfn] + 1);
	version[pfn]++;
	ONCE(writing[vcpu]) = false;
	at[vcpu] += MAX_VCPUS;
	if (at[vcpu] >= count)
		at[vcpu] = vcpu;
	rewritten[vcpu]++;
}

static bool is_half(uint64_t pfn)
{
	const uint64_t *word = virt(pfn);

	for (unsigned int i = 0; i < 512; i++)
		if (word[i] != pattern_word(pfn, version[pfn], i) &&
		    word[i] != pattern_word(pfn, version[pfn] + 1, i) &&
		    word[i] != pattern_word(pfn, version[pfn] - 1, i))
			return false;
	return true;
}

static bool is_being_written(uint64_t pfn)
{
	for (unsigned int i = 0; i < MAX_VCPUS; i++)
		if (writing[i] && list[at[i]] == pfn)
			return true;
	return false;
}

static enum outcome rewrite_all_check(void)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < count; i++)
		if (!is_being_written(list[i]))
			pattern_check(list[i], list[i], version[list[i]]);
		else if (!is_half(list[i]))
			wrong("pfn %lx is neither old nor new", list[i]);
	for (unsigned int i = 0; i < MAX_VCPUS; i++)
		sum += rewritten[i];
	return success("%lu pages, rewritten %lu times in all", count, sum);
}

SCENARIO(.name = "rewrite-all", .says = "every page is rewritten all the time", .start = rewrite_all_start,
	 .check = rewrite_all_check, .work = rewrite_all_work);
