/*
 * Upstream's rule for an entry on its way out, in the shape its library has: a
 * function that says whether a frame is the guest's, and one that says which
 * pfn it is, both called for each entry from another file.
 */
#ifndef TESTS_BENCH_RULE_H
#define TESTS_BENCH_RULE_H

#include <stdbool.h>
#include <stdint.h>

struct rule {
	uint64_t max_mfn, max_pfn;
	unsigned int width;
	const uint64_t *m2p;
	const void *p2m; /* of words of width */
};

uint64_t rule_pfn(const struct rule *rule, uint64_t mfn);
bool rule_is_guests(const struct rule *rule, uint64_t mfn);

#endif
