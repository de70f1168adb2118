/* See guest-view.h. */
#include "migrate/guest-view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "migrate/map-ahead.h"

void guest_view_release(struct guest_view *view)
{
	free(view->at);
	free(view->mfn);
	free(view->sent);
	free(view->digest);
	*view = (struct guest_view){ 0 };
}

static void *grow_one(void *pointer, uint64_t count, size_t each)
{
	void **array = pointer;
	void *grown = realloc(*array, count * each);

	if (grown)
		*array = grown;
	return grown;
}

static int guest_view_grow(struct guest_view *view, uint64_t count)
{
	if (!grow_one(&view->at, count, sizeof(*view->at)) ||
	    !grow_one(&view->mfn, count, sizeof(*view->mfn)) ||
	    !grow_one(&view->sent, count, sizeof(*view->sent)) ||
	    !grow_one(&view->digest, count, sizeof(*view->digest)))
		return fail(ENOMEM, "out of memory for %lu pfns", count);
	for (uint64_t pfn = view->count; pfn < count; pfn++) {
		view->at[pfn] = NULL;
		view->mfn[pfn] = MFN(INVALID_FRAME);
		view->sent[pfn] = NEVER_SENT;
	}
	view->count = count;
	return 0;
}

int guest_view_follow(struct guest_view *view, const struct p2m *p2m, struct dirty *dirty)
{
	int rc = p2m->count > view->count ? guest_view_grow(view, p2m->count) : 0;

	if (!rc)
		rc = dirty_grow(dirty, p2m->count);
	for (uint64_t pfn = 0; !rc && pfn < p2m->count; pfn++) {
		if (view->mfn[pfn].n == p2m->mfn[pfn].n)
			continue;
		view->mfn[pfn] = p2m->mfn[pfn];
		view->at[pfn] = NULL;
		dirty_note(dirty, pfn);
	}
	return rc;
}

void guest_view_map(struct guest_view *view, struct domain *domain, uint64_t first, uint64_t end)
{
	uint64_t pfns[WINDOW_PFNS];
	mfn_t mfns[WINDOW_PFNS];
	int errors[WINDOW_PFNS];
	size_t count = 0;
	const uint8_t *at;

	for (uint64_t pfn = first; pfn < end; pfn++) {
		if (view->at[pfn] || !mfn_is_valid(view->mfn[pfn]))
			continue;
		mfns[count] = view->mfn[pfn];
		pfns[count++] = pfn;
	}
	at = count ? domain_map(domain, mfns, count, false, errors) : NULL;
	if (count && !at)
		fail_forget();
	for (size_t i = 0; at && i < count; i++)
		view->at[pfns[i]] = errors[i] ? NULL : at + i * PAGE_BYTES;
}
