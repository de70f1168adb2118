/*
 * What stands in a data page: enough of it is particular to the guest, the page and
 * the version to tell a lost, stale or foreign page, and it compresses as memory does.
 */
#include <errno.h>
#include <string.h>

#include "layout.h"

enum { WORDS = 512, HEAD_WORDS = 4 };

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ul;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebul;
	return x ^ (x >> 31);
}

void stamp_page(void *page, uint64_t seed, uint64_t pfn, uint32_t version)
{
	uint64_t *words = page, key = mix(seed ^ mix(pfn * 0x9e3779b97f4a7c15ul + version));

	if (!version) {
		memset(page, 0, WORDS * sizeof(*words));
		return;
	}
	words[0] = GUEST_MAGIC;
	words[1] = seed;
	words[2] = pfn;
	words[3] = version;
	for (unsigned i = HEAD_WORDS; i < WORDS; i++)
		words[i] = i % 4 ? key & 0xffff : mix(key + i);
}

static const char *const names[WORKLOADS] = {
	[WORKLOAD_IDLE] = "idle",   [WORKLOAD_WRITE] = "write",	    [WORKLOAD_FORK] = "fork",
	[WORKLOAD_REMAP] = "remap", [WORKLOAD_BALLOON] = "balloon", [WORKLOAD_GRANT] = "grant",
	[WORKLOAD_MIX] = "mix",
};

const char *workload_name(enum guest_workload workload)
{
	return workload < WORKLOADS ? names[workload] : "?";
}

int workload_from_name(const char *name)
{
	for (int i = 0; i < WORKLOADS; i++)
		if (!strcmp(names[i], name))
			return i;
	return -EINVAL;
}
