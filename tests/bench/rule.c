/* See rule.h. */
#include "tests/bench/rule.h"

#include <assert.h>

uint64_t rule_pfn(const struct rule *rule, uint64_t mfn)
{
	assert(mfn <= rule->max_mfn);
	return rule->m2p[mfn];
}

static uint64_t rule_mfn(const struct rule *rule, uint64_t pfn)
{
	if (rule->width == 8)
		return ((const uint64_t *)rule->p2m)[pfn];
	return ((const uint32_t *)rule->p2m)[pfn] == UINT32_MAX ? UINT64_MAX
								: ((const uint32_t *)rule->p2m)[pfn];
}

/* Below the host's last frame, named by M2P as a pfn below the guest's last, and named again by P2M. */
__attribute__((noinline)) bool rule_is_guests(const struct rule *rule, uint64_t mfn)
{
	return mfn <= rule->max_mfn && rule_pfn(rule, mfn) <= rule->max_pfn &&
	       rule_mfn(rule, rule_pfn(rule, mfn)) == mfn;
}
