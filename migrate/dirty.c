/*
 * See dirty.h. A bit of bits[] means "look at this page"; what sets it is a round by content, Xen's log, or another
 * part of precopy (dirty_note()). The trap: the log forgets what it has told (dirty_collect()), so a bit may be cleared
 * only when the page was sent, or found equal to what was sent.
 */
#include "migrate/dirty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

enum { SCAN_PART = 3 }; /* of the downtime allowed: what reading all memory may take of it */

int dirty_begin(struct dirty *dirty, struct domain *domain, enum dirty_tracking tracking, uint64_t count)
{
	int rc;

	*dirty = (struct dirty){ .domain = domain, .tracking = tracking };
	rc = dirty_grow(dirty, count);
	/* Only to try it: a Xen without the log must refuse before the long first pass, which goes without it. */
	if (!rc && tracking == DIRTY_LOG)
		rc = domain_log_start(domain);
	if (!rc && tracking == DIRTY_LOG)
		domain_log_stop(domain);
	return rc;
}

int dirty_choose(struct dirty *dirty, uint64_t scan_ms, uint64_t expected_ms, uint64_t max_downtime_ms)
{
	bool is_short = scan_ms * SCAN_PART <= max_downtime_ms && expected_ms <= max_downtime_ms;
	int rc;

	if (dirty->uses_log || dirty->tracking == DIRTY_CONTENT)
		return 0;
	if (dirty->tracking == DIRTY_AUTO && is_short)
		return 0;
	rc = domain_log_start(dirty->domain);
	if (!rc) {
		/*
		 * The log begins here and knows nothing of what was written before: so all pages count as written to,
		 * once.
		 */
		dirty->uses_log = true;
		dirty->is_partial = false;
		memset(dirty->bits, 0xff, (dirty->count + 63) / 64 * sizeof(*dirty->bits));
		return 0;
	}
	if (dirty->tracking == DIRTY_LOG)
		return rc;
	say(SAY_DETAIL, "%s: changed pages are found by their content", fail_reason());
	fail_forget();
	/* Not tried again: Xen would give the same answer each round. */
	dirty->tracking = DIRTY_CONTENT;
	return 0;
}

void dirty_end(struct dirty *dirty)
{
	if (dirty->uses_log)
		domain_log_stop(dirty->domain);
	free(dirty->bits);
	free(dirty->hot);
	*dirty = (struct dirty){ 0 };
}

static bool bits_grow(uint64_t **bits, size_t old, size_t words)
{
	uint64_t *grown = realloc(*bits, words * sizeof(*grown));

	if (!grown)
		return false;
	memset(grown + old, 0, (words - old) * sizeof(*grown));
	*bits = grown;
	return true;
}

/* New pfns are not noted here: guest_view_follow() notes those that have a frame. */
int dirty_grow(struct dirty *dirty, uint64_t count)
{
	size_t words = (count + 63) / 64, old = (dirty->count + 63) / 64;

	if (count <= dirty->count)
		return 0;
	if (!bits_grow(&dirty->bits, old, words) || !bits_grow(&dirty->hot, old, words))
		return fail(ENOMEM, "out of memory for %lu pfns", count);
	dirty->count = count;
	return 0;
}

/* Counted anew each time: once a round, a bit a page, which is nothing beside the round. */
uint64_t dirty_hot(const struct dirty *dirty)
{
	uint64_t pages = 0;

	for (uint64_t i = 0; i < (dirty->count + 63) / 64; i++)
		pages += __builtin_popcountll(dirty->hot[i]);
	return pages;
}

void dirty_extend(struct dirty *dirty, enum dirty_extent extent)
{
	if (dirty->uses_log)
		return;
	dirty->is_partial = extent != DIRTY_ALL;
	for (uint64_t i = 0; extent == DIRTY_HOT && i < (dirty->count + 63) / 64; i++)
		dirty->bits[i] |= dirty->hot[i];
}

int dirty_collect(struct dirty *dirty)
{
	return dirty->uses_log ? domain_log_take(dirty->domain, dirty->bits, dirty->count) : 0;
}

struct granted {
	struct dirty *dirty;
	const struct inverse *inverse;
	uint64_t found;
};

/*
 * Other domains write to granted pages through mappings of their own, and until such a mapping ends Xen's log may lack
 * what they wrote. So each page that is granted for writing counts as written to when the guest has stopped.
 */
static void note_granted(mfn_t mfn, void *context)
{
	struct granted *granted = context;
	uint64_t pfn = inverse_pfn_once(granted->inverse, mfn.n);

	if (pfn >= granted->dirty->count)
		return;
	dirty_note(granted->dirty, pfn);
	granted->found++;
}

int dirty_collect_granted(struct dirty *dirty, const struct inverse *inverse)
{
	struct granted granted = { dirty, inverse, 0 };
	int rc = dirty->uses_log ? domain_each_granted(dirty->domain, note_granted, &granted) : 0;

	if (!rc && dirty->uses_log)
		say(SAY_DETAIL, "others may write to %lu pages", granted.found);
	return rc;
}
