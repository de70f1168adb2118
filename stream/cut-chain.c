/*
 * What threads do with each frame of a chain, see stream/feed-chain.c: words that do not count are cut out of its
 * record, and each page that does is held against its digest. Of one image alone, which is read from its start to its
 * end, nothing is cut.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "stream/chain.h"
#include "stream/feed.h"

/* As chain_map's frame_of has it. */
static uint32_t place_of(const struct feed *feed, const struct chain_frame *frame)
{
	return frame - chain_frame_at(feed->chain, 0) + 1;
}

/* Which file it is, and what is lost without the frame. */
static int blame(const struct feed *feed, const struct chain_frame *frame, int rc)
{
	const struct chain_map *map = feed->chain;
	uint32_t place = place_of(feed, frame);
	uint64_t first = 0, last = 0;
	char why[512];

	snprintf(why, sizeof(why), "%s", fail_reason());
	fail_forget();
	if (frame->is_bare)
		return fail(-rc, "%s: %s", map->chain->files[frame->file].name, why);
	for (uint64_t pfn = map->memory.count; pfn-- > 0;)
		if (map->frame_of[pfn] == place) {
			last = last ? last : pfn;
			first = pfn;
		}
	return fail(-rc, "%s: %s, needed for pfns %#lx to %#lx", map->chain->files[frame->file].name, why,
		    first, last);
}

static int unlike_index(const struct chain_frame *frame, const char *what)
{
	return fail(EBADMSG, "frame %u: %s", frame->number, what);
}

/* Words, and pages, of one record; those that stay move up over those that do not. */
struct cutting {
	const struct chain_map *map;
	const struct chain_frame *frame;
	uint32_t place; /* of the frame, as chain_map's frame_of has it; 0: no word counts of it */
	uint64_t *words;
	uint8_t *pages;
	uint32_t count, kept, pages_kept;
};

static bool is_live(const struct cutting *c, uint64_t word)
{
	uint64_t pfn = word & FRAME_PFN_MASK;

	return pfn < c->map->memory.count && c->map->frame_of[pfn] == c->place;
}

static int check_word(const struct cutting *c, uint64_t word, const uint8_t *page)
{
	const struct chain_map *map = c->map;
	uint64_t pfn = word & FRAME_PFN_MASK;
	const uint8_t *key = map->chain->files[0].place.head.key;

	if (map->memory.type[pfn] != word >> 60)
		return fail(EBADMSG, "frame %u: pfn %#lx is of another type than the index says",
			    c->frame->number, pfn);
	if (frame_has_data(word >> 60) &&
	    !page_digest_equals(page_digest(page, key), map->memory.digest[pfn]))
		return fail(EBADMSG, "frame %u: pfn %#lx is another page than the index says",
			    c->frame->number, pfn);
	return 0;
}

static int cut_words(struct cutting *c, size_t pages_there)
{
	size_t page = 0;

	for (uint32_t i = 0; i < c->count; i++) {
		uint64_t word = c->words[i];
		bool has_data = frame_has_data(word >> 60);
		uint8_t *from = c->pages + page * PAGE_BYTES;
		int rc;

		page += has_data;
		if (page > pages_there)
			return unlike_index(c->frame, "its record is too short");
		if (!is_live(c, word))
			continue;
		rc = check_word(c, word, from);
		if (rc)
			return rc;
		c->words[c->kept++] = word;
		if (has_data && from != c->pages + (size_t)c->pages_kept * PAGE_BYTES)
			memcpy(c->pages + (size_t)c->pages_kept * PAGE_BYTES, from, PAGE_BYTES);
		c->pages_kept += has_data;
	}
	return page == pages_there && c->kept == c->frame->words
		     ? 0
		     : unlike_index(c->frame, "it has not the pfns that the index names");
}

/* One PAGE_DATA record, and nothing else. */
static int find_words(struct cutting *c, const struct chunk *chunk, size_t *pages)
{
	struct record_header header;
	struct page_data data;
	size_t head = sizeof(header) + sizeof(data);

	if (chunk->count < head)
		return unlike_index(c->frame, "it is too short for pages");
	memcpy(&header, chunk->at, sizeof(header));
	memcpy(&data, chunk->at + sizeof(header), sizeof(data));
	if (header.type != RECORD_PAGE_DATA || header.bytes != chunk->count - sizeof(header) ||
	    data.count > BATCH_PAGES || head + data.count * sizeof(uint64_t) > chunk->count ||
	    (chunk->count - head - data.count * sizeof(uint64_t)) % PAGE_BYTES)
		return unlike_index(c->frame, "it is not one record of pages");
	c->count = data.count;
	c->words = (uint64_t *)(chunk->at + head);
	c->pages = chunk->at + head + data.count * sizeof(uint64_t);
	*pages = (chunk->count - head - data.count * sizeof(uint64_t)) / PAGE_BYTES;
	return 0;
}

/* Fewer words end earlier, and the pages follow them at once. */
static void close_gap(const struct cutting *c, struct chunk *chunk)
{
	size_t bytes = (size_t)c->pages_kept * PAGE_BYTES;
	struct record_header header = { RECORD_PAGE_DATA,
					sizeof(struct page_data) + c->kept * sizeof(uint64_t) + bytes };

	if (c->kept == c->count)
		return;
	memmove(c->words + c->kept, c->pages, bytes);
	memcpy(chunk->at, &header, sizeof(header));
	memcpy(chunk->at + sizeof(header), &c->kept, sizeof(c->kept));
	chunk->count = sizeof(header) + header.bytes;
}

static int cut(const struct feed *feed, const struct chain_frame *frame, struct chunk *chunk)
{
	struct cutting c = { .map = feed->chain, .frame = frame, .place = place_of(feed, frame) };
	size_t pages = 0;
	int rc = find_words(&c, chunk, &pages);

	if (!rc)
		rc = cut_words(&c, pages);
	if (!rc)
		close_gap(&c, chunk);
	return rc;
}

/* Where a file is read from its start, a word that does not count must come again later. */
static int check_dead(const struct cutting *c, uint64_t word)
{
	uint64_t pfn = word & FRAME_PFN_MASK;

	return pfn < c->map->memory.count &&
			       chain_frame_at(c->map, c->map->frame_of[pfn] - 1)->number > c->frame->number
		     ? 0
		     : unlike_index(c->frame, "it has words that the index does not name");
}

/* As cut(), of one that is read as it is: words that do not count stay. */
static int chunk_check(const struct chunk *chunk, struct cutting *c)
{
	size_t pages, page = 0;
	uint32_t live = 0;
	int rc = find_words(c, chunk, &pages);

	for (uint32_t i = 0; !rc && i < c->count; i++) {
		bool has_data = frame_has_data(c->words[i] >> 60), counts = is_live(c, c->words[i]);

		if (page + has_data > pages)
			return unlike_index(c->frame, "its record is too short");
		rc = counts ? check_word(c, c->words[i], c->pages + page * PAGE_BYTES)
			    : check_dead(c, c->words[i]);
		live += counts;
		page += has_data;
	}
	if (!rc && live != c->frame->words)
		rc = unlike_index(c->frame, "it has not the pfns that the index names");
	return rc;
}

static int compare_number(const void *number, const void *frame)
{
	uint64_t a = *(const uint64_t *)number, b = ((const struct chain_frame *)frame)->number;

	return a < b ? -1 : a > b;
}

/* One that was found by the index is where that says. */
static int check_place(const struct chain_frame *frame, const struct chunk *chunk)
{
	return frame->at == chunk->stored_at && frame->stored == chunk->stored_count &&
			       frame->expanded == chunk->count
		     ? 0
		     : unlike_index(frame, "it is not where the index says, or of another size");
}

/* NULL: the index has no entry for it. */
static const struct chain_frame *find_frame(const struct chain_map *map, uint64_t number)
{
	if (!map->frames.at)
		return NULL;
	return bsearch(&number, map->frames.at, chain_frame_count(map), sizeof(struct chain_frame),
		       compare_number);
}

/* Of an image that is read from its start. A frame without an entry has pages of which none counts. */
static int check_alone(const struct feed *feed, struct chunk *chunk)
{
	const struct chain_map *map = feed->chain;
	const struct chain_frame unnamed = { .number = chunk->number };
	const struct chain_frame *named = find_frame(map, chunk->number);
	struct cutting c = { .map = map, .frame = named ? named : &unnamed };
	int rc = named ? check_place(named, chunk) : 0;

	c.place = named ? place_of(feed, named) : 0;
	return rc || (named && named->is_bare) ? rc : chunk_check(chunk, &c);
}

int feed_chain_expand(const struct feed *feed, struct chunk *chunk, void *decompressor)
{
	const struct chain_frame *frame = chain_is_alone(feed->chain)
						? NULL
						: chain_frame_at(feed->chain, chunk->part);
	int rc = feed_image_expand(chunk, decompressor);

	if (!rc && !frame)
		return check_alone(feed, chunk);
	if (!rc && !frame->is_bare)
		rc = cut(feed, frame, chunk);
	return rc && frame ? blame(feed, frame, rc) : rc;
}
