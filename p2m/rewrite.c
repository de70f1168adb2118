/* See rewrite.h. */
#include "p2m/rewrite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "stream/format.h"

enum { PAGES_AT_ONCE = 512 };

struct leaf_range {
	uint64_t first, end;
};

/* Linux: the highest bit marks a foreign frame, the next one an identity entry. */
static uint64_t rewritten(const struct layout *layout, uint64_t old)
{
	uint64_t identity = 1ULL << (layout->width * 8 - 2);

	return old != INVALID_FRAME && old & identity && !(old & identity << 1) ? old : INVALID_FRAME;
}

/* The entries of a run of pfns in one page: rewritten, or with wrong[], which is by pfn as mfn[] is, looked at only. */
struct entries {
	uint8_t *page;
	const mfn_t *mfn;
	uint8_t *wrong;
	uint64_t count;
};

static void rewrite_page(const struct layout *layout, const struct entries *entries)
{
	for (uint64_t i = 0; i < entries->count; i++) {
		uint64_t old = word_get(layout, entries->page, i * layout->width);
		uint64_t due = mfn_is_valid(entries->mfn[i]) ? entries->mfn[i].n : rewritten(layout, old);

		if (!entries->wrong)
			word_set(layout, entries->page, i * layout->width, due);
		else if (old != due)
			entries->wrong[i] = true;
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
static int check_leaf(uint64_t leaf, const struct destination *memory, uint8_t *used, bool frames)
{
	bool was_used, had_frames;

	if (leaf >= memory->count || memory->type[leaf] != FRAME_NOTAB)
		return fail(EBADMSG, "pfn %#lx should hold a part of the p2m but is not an ordinary page",
			    leaf);
	was_used = used[leaf / 4] >> leaf % 4 * 2 & 1;
	had_frames = used[leaf / 4] >> leaf % 4 * 2 & 2;
	if (was_used && (frames || had_frames))
		return fail(EBADMSG, "pfn %#lx would hold two different parts of the p2m", leaf);
	used[leaf / 4] |= (frames ? 3 : 1) << leaf % 4 * 2;
	return 0;
}

/* How many entries the leaf has: a page's worth, the last one maybe fewer. */
static uint64_t entries_of(uint64_t leaf, uint64_t per_page, uint64_t count)
{
	return count - leaf * per_page < per_page ? count - leaf * per_page : per_page;
}

static int check_leaves(const struct layout *layout, const uint64_t *leaf, const struct destination *memory)
{
	uint64_t per_page = p2m_per_page(layout);
	uint8_t *used = calloc(memory->count / 4 + 1, 1);
	int rc = used ? 0 : fail(ENOMEM, "out of memory");

	for (uint64_t i = 0; !rc && i * per_page < memory->count; i++)
		rc = check_leaf(
			leaf[i], memory, used,
			has_frames(memory->mfn + i * per_page, entries_of(i, per_page, memory->count)));
	free(used);
	return rc;
}

struct walk {
	struct domain *domain;
	const struct layout *layout;
	const uint64_t *leaf;
	const struct destination *memory;
	uint8_t *wrong; /* NULL: to rewrite */
};

/* Leaves first to end - 1. */
static int walk_some(const struct walk *walk, struct leaf_range range)
{
	const struct destination *memory = walk->memory;
	uint64_t per_page = p2m_per_page(walk->layout);
	mfn_t frames[PAGES_AT_ONCE] = { 0 };
	uint8_t *at;

	for (uint64_t i = range.first; i < range.end; i++)
		frames[i - range.first] = memory->mfn[walk->leaf[i]];
	at = domain_map(walk->domain, frames, range.end - range.first, !walk->wrong, NULL);
	if (!at)
		return fail(EFAULT, "cannot map the pages of the p2m");
	for (uint64_t i = range.first; i < range.end; i++)
		rewrite_page(walk->layout,
			     &(struct entries){ .page = at + (i - range.first) * PAGE_BYTES,
						.mfn = memory->mfn + i * per_page,
						.wrong = walk->wrong ? walk->wrong + i * per_page : NULL,
						.count = entries_of(i, per_page, memory->count) });
	domain_unmap(walk->domain, at, range.end - range.first);
	return 0;
}

static int walk_all(const struct walk *walk)
{
	uint64_t per_page = p2m_per_page(walk->layout);
	uint64_t leaves = (walk->memory->count + per_page - 1) / per_page;
	int rc = 0;

	for (uint64_t i = 0; !rc && i < leaves; i += PAGES_AT_ONCE) {
		uint64_t end = i + PAGES_AT_ONCE < leaves ? i + PAGES_AT_ONCE : leaves;

		rc = walk_some(walk, (struct leaf_range){ i, end });
	}
	return rc;
}

int p2m_rewrite(struct domain *domain, const struct layout *layout, const uint64_t *leaf,
		const struct destination *memory)
{
	struct walk walk = { domain, layout, leaf, memory, NULL };
	int rc = check_leaves(layout, leaf, memory);

	return rc ? rc : walk_all(&walk);
}

int p2m_reread(struct domain *domain, const struct layout *layout, const uint64_t *leaf,
	       const struct destination *memory, uint8_t *wrong)
{
	struct walk walk = { domain, layout, leaf, memory, NULL };

	walk.wrong = wrong;
	return walk_all(&walk);
}
