/*
 * A chain of images in chunks: of the newest the opening, of all the frames in which the newest word on some
 * pfn is, then the closing of the newest. Words that do not count are cut out of their record, and each page
 * that does is held against its digest. So what comes out is a stream in which each pfn is named once, and
 * those who read it know nothing of chains. Here frames are read; threads expand and cut them: stream/cut-chain.c
 *
 * Mirror: migrate/increment.c
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "log.h"
#include "stream/chain-seal.h"
#include "stream/feed.h"

/*
 * Who opened it looks for the parents by the index at the file's end. That of a file was not found: so its end is not as it was
 * written, and to read up to there tells what happened to it.
 */
static int without_parent(struct feed *feed)
{
	int rc;

	feed->only_looks = true;
	rc = feed->input.from->kind == S_IFREG ? feed_image(feed) : 0;

	return rc ? rc : fail(EMEDIUMTYPE, "an increment, which cannot be read without its parent");
}

int feed_chain_open(struct feed *feed)
{
	struct chain *chain = feed->input.from->chain;
	int rc = feed_image_head(feed);

	if (!rc && !chain && feed->facts->is_increment)
		rc = without_parent(feed);
	if (!rc && chain)
		rc = chain_open(chain);
	if (rc || !chain)
		return rc;
	feed->chain = calloc(1, sizeof(*feed->chain));
	if (!feed->chain)
		return fail(ENOMEM, "out of memory");
	/* Each pfn comes once, but in the order of files. */
	feed->facts->has_rounds |= chain->count > 1;
	return chain_load(feed->chain, chain);
}

void feed_chain_close(struct feed *feed)
{
	if (feed->chain)
		chain_unload(feed->chain);
	free(feed->chain);
	feed->chain = NULL;
}

/* sealed: of its file, NULL if that does not matter. */
static int feed_frame(struct feed *feed, uint32_t part, struct sealed *sealed)
{
	const struct chain_frame *frame = chain_frame_at(feed->chain, part);
	const struct chain_file *file = &feed->chain->chain->files[frame->file];
	struct chunk *chunk;
	int rc = chunk_claim(feed, frame->stored, frame->expanded, &chunk);

	if (rc)
		return rc;
	chunk->number = frame->number;
	chunk->stored_at = frame->at;
	chunk->part = part;
	rc = chunk_own_stored(chunk);
	if (!rc)
		rc = file_read_at(file->fd, file->name, chunk->stored, frame->stored, frame->at);
	if (!rc && sealed)
		rc = sealed_pass(sealed, chunk->stored, frame->stored, frame->at);
	if (rc)
		return rc;
	feed->input.from->bytes += frame->stored;
	feed->expanded += frame->expanded;
	pipeline_submit(feed->to, chunk);
	return 0;
}

/* The last frame without pages is the closing: it comes when all pages have. */
static uint32_t find_closing(const struct chain_map *map)
{
	uint32_t closing = 0;

	for (uint32_t i = 0; i < chain_frame_count(map); i++)
		if (chain_frame_at(map, i)->is_bare)
			closing = i;
	return closing;
}

/* From *next on, all of one file but that of the closing. */
static int feed_frames(struct feed *feed, uint32_t *next, uint32_t closing, struct sealed *sealed)
{
	const struct chain_map *map = feed->chain;
	unsigned int file = sealed ? sealed->file - map->chain->files : 0;
	int rc = 0;

	for (; !rc && *next < chain_frame_count(map); ++*next) {
		if (sealed && chain_frame_at(map, *next)->file != file)
			break;
		if (*next != closing)
			rc = feed_frame(feed, *next, sealed);
	}
	return rc;
}

/* Files of which no page counts, too. */
static int feed_sealed(struct feed *feed, uint32_t closing)
{
	const struct chain *chain = feed->chain->chain;
	uint32_t next = 0;
	int rc = 0;

	for (unsigned int i = 0; !rc && i < chain->count; i++) {
		struct sealed sealed;

		rc = sealed_open(&sealed, &chain->files[i]);
		if (!rc)
			rc = feed_frames(feed, &next, closing, &sealed);
		if (!rc)
			rc = sealed_check(&sealed);
		sealed_close(&sealed);
	}
	return rc;
}

static int feed_all(struct feed *feed)
{
	uint32_t closing = find_closing(feed->chain), next = 0;
	int rc = feed->chain->chain->checks_seals ? feed_sealed(feed, closing)
						  : feed_frames(feed, &next, closing, NULL);

	return rc ? rc : feed_frame(feed, closing, NULL);
}

int feed_chain(struct feed *feed)
{
	return chain_is_alone(feed->chain) ? feed_image(feed) : feed_all(feed);
}
