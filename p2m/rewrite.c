/* See rewrite.h. */
#include "p2m/rewrite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "p2m/p2m.h"
#include "stream/format.h"

enum { PAGES_AT_ONCE = 512 };

/* Linux: the highest bit marks a foreign frame, the next one an identity entry. */
static uint64_t rewritten(const struct layout *layout, uint64_t old)
{
	uint64_t identity = 1ULL << (layout->width * 8 - 2);

	return old != INVALID_FRAME && old & identity && !(old & identity << 1) ? old : INVALID_FRAME;
}

static void rewrite_page(uint8_t *page, const struct layout *layout, const mfn_t *mfn, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		uint64_t old = word_get(layout, page, i * layout->width);

		word_set(layout, page, i * layout->width,
			 mfn_is_valid(mfn[i]) ? mfn[i].n : rewritten(layout, old));
	}
}

static bool has_frames(const mfn_t *mfn, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		if (mfn_is_valid(mfn[i]))
			return true;
	return false;
}

/* A page may serve several ranges only if none of them has a frame. */
static int check_leaf(uint64_t leaf, const uint8_t *type, uint64_t count, uint8_t *used, bool frames)
{
	bool was_used, had_frames;

	if (leaf >= count || type[leaf] != FRAME_NOTAB)
		return fail(EBADMSG, "pfn %#lx should hold a part of the p2m but is no ordinary page", leaf);
	was_used = used[leaf / 4] >> leaf % 4 * 2 & 1;
	had_frames = used[leaf / 4] >> leaf % 4 * 2 & 2;
	if (was_used && (frames || had_frames))
		return fail(EBADMSG, "pfn %#lx would hold two different parts of the p2m", leaf);
	used[leaf / 4] |= (frames ? 3 : 1) << leaf % 4 * 2;
	return 0;
}

static int rewrite_some(struct domain *domain, const struct layout *layout, const uint64_t *leaf,
			uint64_t leaves, const mfn_t *mfn_of, const mfn_t *mfn, uint64_t count)
{
	uint64_t per_page = p2m_per_page(layout);
	mfn_t frames[PAGES_AT_ONCE];
	uint8_t *at;

	for (uint64_t i = 0; i < leaves; i++)
		frames[i] = mfn_of[leaf[i]];
	at = domain_map(domain, frames, leaves, true, NULL);
	if (!at)
		return fail(EFAULT, "cannot map the pages of the p2m");
	for (uint64_t i = 0; i < leaves; i++)
		rewrite_page(at + i * PAGE_BYTES, layout, mfn + i * per_page,
			     count - i * per_page < per_page ? count - i * per_page : per_page);
	domain_unmap(domain, at, leaves);
	return 0;
}

int p2m_rewrite(struct domain *domain, const struct layout *layout, const uint64_t *leaf,
		const mfn_t *mfn, const uint8_t *type, uint64_t count)
{
	uint64_t per_page = p2m_per_page(layout);
	uint64_t leaves = (count + per_page - 1) / per_page;
	uint8_t *used = calloc(count / 4 + 1, 1);
	int rc = used ? 0 : fail(ENOMEM, "out of memory");

	for (uint64_t i = 0; !rc && i < leaves; i++) {
		uint64_t here = count - i * per_page < per_page ? count - i * per_page : per_page;

		rc = check_leaf(leaf[i], type, count, used, has_frames(mfn + i * per_page, here));
	}
	free(used);
	for (uint64_t i = 0; !rc && i < leaves; i += PAGES_AT_ONCE)
		rc = rewrite_some(domain, layout, leaf + i,
				  leaves - i < PAGES_AT_ONCE ? leaves - i : PAGES_AT_ONCE,
				  mfn, mfn + i * per_page, count - i * per_page);
	return rc;
}
