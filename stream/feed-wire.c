/*
 * What a helper of libxl sends to another one compressed, in chunks: each
 * frame is one, and the cover before it says how long it is. Nothing is read
 * beyond the cover that says that there are no more.
 *
 * Mirror: stream/writer.c
 */
#include <errno.h>
#include <zstd.h>

#include "log.h"
#include "stream/feed.h"
#include "stream/format.h"

static int check_cover(const struct feed *feed, const struct wire_cover *cover)
{
	if (cover->magic != WIRE_MAGIC || cover->bytes != sizeof(*cover) - sizeof(struct skippable))
		return fail(EBADMSG, "no frame starts before byte %lu (%#x)",
			    (unsigned long)feed->input.from->bytes, cover->magic);
	if (!cover->stored != !cover->expanded || cover->expanded > FRAME_MAX_BYTES ||
	    cover->stored > ZSTD_compressBound(cover->expanded))
		return fail(EBADMSG, "a frame of %u bytes that expands to %u", cover->stored,
			    cover->expanded);
	return 0;
}

static int feed_frame(struct feed *feed, const struct wire_cover *cover, uint64_t number)
{
	struct chunk *chunk;
	int rc = chunk_claim(feed, cover->stored, cover->expanded, &chunk);

	if (rc)
		return rc;
	chunk->number = number;
	rc = chunk_own_stored(chunk);
	if (!rc)
		rc = feed_take(feed, chunk->stored, cover->stored);
	if (!rc)
		pipeline_submit(feed->to, chunk);
	return rc;
}

int feed_wire(struct feed *feed)
{
	struct wire_cover cover;
	int rc = 0;

	for (uint64_t number = 1; !rc; number++) {
		rc = feed_take(feed, &cover, sizeof(cover));
		if (!rc)
			rc = check_cover(feed, &cover);
		if (rc || !cover.stored)
			break;
		rc = feed_frame(feed, &cover, number);
	}
	return rc;
}
