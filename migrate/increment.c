/*
 * See increment.h. What an image with an index does differently: each page gets a digest of 128 bits, and an increment
 * leaves out what its parent has. In: a filled batch. Out: the same batch with fewer words. The trap: of a guest that
 * is held, records are copied first and cut later, so a batch must not depend on what other batches found.
 */
#include "migrate/increment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "migrate/digest.h"

static bool is_increment(const struct migrate_options *options)
{
	return options->index && options->index->parent.count;
}

/* Pages stay in their places for as long as all before them go; behind one that does not, they move up. */
static void keep_page(struct batch *batch, unsigned int from, unsigned int to)
{
	if (from != to)
		memcpy(batch_place(batch, to), batch_place(batch, from), PAGE_BYTES);
}

int increment_cut(struct batch *batch, const struct index_draft *draft)
{
	unsigned int words = batch->words, pages = 0, kept = 0;

	if (!batch->digest)
		batch->digest = malloc(BATCH_PAGES * sizeof(*batch->digest));
	if (!batch->digest)
		return fail(ENOMEM, "out of memory");
	batch->words = 0;
	for (unsigned int i = 0; i < words; i++) {
		uint64_t word = batch->frame[i];
		bool has_data = frame_has_data(word >> 60);
		struct page_digest digest = { 0, 0 };

		if (has_data)
			digest = page_digest(batch_place(batch, pages), draft->head.key);
		if (index_draft_needs(draft, word, &digest)) {
			batch->frame[batch->words++] = word;
			if (has_data) {
				keep_page(batch, pages, kept);
				batch->digest[kept++] = digest;
			}
		}
		pages += has_data;
	}
	batch->record_bytes = 0;
	if (batch->words)
		batch_seal(batch, kept);
	return 0;
}

int increment_note(const struct batch *batch, struct migration *m)
{
	return index_draft_note(m->options.index, writer_frames(&m->writer), batch->frame, batch->digest,
				batch->words);
}

/* XXH3's 64 bits are the low half of its 128, for a page and the same secret. */
void increment_seed(const struct index_draft *draft, struct guest_view *view)
{
	const struct memory_state *parent = &draft->parent;

	digest_use_key(draft->head.key);
	for (uint64_t pfn = 0; pfn < view->count && pfn < parent->count; pfn++) {
		view->sent[pfn] = parent->type[pfn];
		view->digest[pfn] = parent->digest[pfn].low;
	}
}

int increment_follow(const struct migration *m)
{
	return m->options.index ? index_draft_grow(m->options.index, m->p2m.count) : 0;
}

uint32_t increment_features(const struct migrate_options *options)
{
	return (options->index ? FEATURE_INDEX : 0) | (is_increment(options) ? FEATURE_INCREMENT : 0);
}

void increment_mark(const struct migrate_options *options, struct bytes *opening)
{
	struct xl_header header;

	if (!is_increment(options) || opening->count < sizeof(header))
		return;
	memcpy(&header, opening->at, sizeof(header));
	/*
	 * An xl that restored an increment as if it were whole would build a guest without most of its memory: this
	 * flag makes it refuse.
	 */
	header.mandatory_flags |= XL_FLAG_INCREMENT;
	memcpy(opening->at, &header, sizeof(header));
}
