/*
 * An image in chunks: each zstd frame is one. Keeps the hash of all stored
 * bytes and the list of frames, and holds them against seal and seek table.
 */
#define ZSTD_STATIC_LINKING_ONLY
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "log.h"
#include "stream/feed.h"
#include "stream/format.h"

static int cut_short(struct feed *feed)
{
	return fail(ENODATA, "%s is cut short: it ends at byte %lu, in frame %lu", feed->intake.from->name,
		    (unsigned long)feed->intake.from->bytes,
		    (unsigned long)(feed->table.count / sizeof(struct seek_entry)));
}

static int need(struct feed *feed, size_t count)
{
	int rc = intake_need(&feed->intake, count);

	return rc == 0 ? cut_short(feed) : rc < 0 ? rc : 0;
}

static void use(struct feed *feed, size_t count)
{
	feed->stored += count;
	feed->intake.start += count;
}

/* A frame that the seal and the table cover. */
static void use_frame(struct feed *feed, size_t stored, size_t expanded)
{
	struct seek_entry entry = { stored, expanded };

	XXH64_update(feed->hash, intake_at(&feed->intake), stored);
	bytes_put(&feed->table, &entry, sizeof(entry));
	feed->expanded += expanded;
	use(feed, stored);
}

/* A skippable frame of one kind, whole in the intake. */
static int need_skippable(struct feed *feed, const char *what, size_t most, struct skippable *cover)
{
	int rc = need(feed, sizeof(*cover));

	if (rc)
		return rc;
	memcpy(cover, intake_at(&feed->intake), sizeof(*cover));
	if (cover->bytes > most)
		return fail(EBADMSG, "%s: %u bytes, more than there can be", what, cover->bytes);
	return need(feed, sizeof(*cover) + cover->bytes);
}

static int check_head(const uint8_t *content, uint32_t bytes, struct head *head)
{
	uint64_t hash;

	if (bytes < sizeof(*head) + sizeof(hash))
		return fail(EBADMSG, "head: only %u bytes", bytes);
	memcpy(head, content, sizeof(*head));
	if (memcmp(head->mark, HEAD_MARK, sizeof(head->mark)))
		return fail(EMEDIUMTYPE, "not an image of pvferry: the head has no mark");
	if (head->version > IMAGE_FORMAT_VERSION)
		return fail(EMEDIUMTYPE, "image version %u: this program knows up to %u", head->version,
			    IMAGE_FORMAT_VERSION);
	memcpy(&hash, content + bytes - sizeof(hash), sizeof(hash));
	if (hash != XXH64(content, bytes - sizeof(hash), 0))
		return fail(EBADMSG, "head: its hash does not fit its content");
	if (!head->version)
		return fail(EBADMSG, "head: version 0");
	if (head->features & ~FEATURE_ROUNDS)
		return fail(EMEDIUMTYPE, "image features %#x: this program does not know them",
			    head->features);
	if (head->json_bytes != bytes - sizeof(*head) - sizeof(hash))
		return fail(EBADMSG, "head: %u bytes of provenance do not fit", head->json_bytes);
	return 0;
}

int feed_image_head(struct feed *feed)
{
	struct skippable cover;
	struct head head;
	const uint8_t *content;
	int rc = need_skippable(feed, "head", HEAD_MAX_BYTES, &cover);

	if (rc)
		return rc;
	content = intake_at(&feed->intake) + sizeof(cover);
	rc = check_head(content, cover.bytes, &head);
	if (rc)
		return rc;
	feed->hash = XXH64_createState();
	feed->facts->provenance = strndup((const char *)content + sizeof(head), head.json_bytes);
	if (!feed->hash || !feed->facts->provenance)
		return fail(ENOMEM, "out of memory");
	XXH64_reset(feed->hash, 0);
	feed->facts->is_image = true;
	feed->facts->frames = head.frames;
	feed->facts->has_rounds = head.features & FEATURE_ROUNDS;
	use_frame(feed, sizeof(cover) + cover.bytes, 0);
	return 0;
}

/* How long is the zstd frame that the intake stands at? Reads until it is all there. */
static int need_frame(struct feed *feed, uint64_t number, size_t *stored)
{
	struct intake *in = &feed->intake;
	size_t most = ZSTD_compressBound(FRAME_MAX_BYTES);

	for (;;) {
		size_t held = in->end - in->start;
		int rc;

		*stored = ZSTD_findFrameCompressedSize(intake_at(in), held);
		if (!ZSTD_isError(*stored))
			return 0;
		if (ZSTD_getErrorCode(*stored) != ZSTD_error_srcSize_wrong || held >= most)
			return fail(EBADMSG, "frame %lu at byte %lu is no zstd frame of ours: %s", number,
				    feed->stored, ZSTD_getErrorName(*stored));
		rc = need(feed, held + 1);
		if (rc)
			return rc;
	}
}

static int check_frame_header(const uint8_t *at, size_t stored, uint64_t number, unsigned long long *expanded)
{
	ZSTD_frameHeader header;

	if (ZSTD_getFrameHeader(&header, at, stored) || !header.checksumFlag || header.dictID)
		return fail(EBADMSG, "frame %lu: its header is not one of ours", number);
	*expanded = header.frameContentSize;
	if (*expanded > FRAME_MAX_BYTES || !*expanded)
		return fail(EBADMSG, "frame %lu: expands to %llu bytes", number, *expanded);
	return 0;
}

static int feed_frame(struct feed *feed)
{
	uint64_t number = feed->table.count / sizeof(struct seek_entry);
	unsigned long long expanded = 0;
	struct chunk *chunk;
	size_t stored;
	int rc = need_frame(feed, number, &stored);

	if (!rc)
		rc = check_frame_header(intake_at(&feed->intake), stored, number, &expanded);
	if (rc)
		return rc;
	chunk = pipeline_claim(feed->to);
	if (!chunk)
		return pipeline_error(feed->to);
	chunk->number = number;
	chunk->count = expanded;
	chunk->stored.count = 0;
	bytes_put(&chunk->stored, intake_at(&feed->intake), stored);
	rc = bytes_check(&chunk->stored);
	if (rc)
		return rc;
	use_frame(feed, stored, expanded);
	pipeline_submit(feed->to, chunk);
	return 0;
}

int feed_image_expand(struct chunk *chunk, void *decompressor)
{
	size_t expanded = chunk->count, got;
	int rc = chunk_reserve(chunk, expanded);

	if (rc)
		return rc;
	got = ZSTD_decompressDCtx(decompressor, chunk->at, expanded, chunk->stored.at, chunk->stored.count);
	if (ZSTD_isError(got))
		return fail(EBADMSG, "frame %lu: %s", chunk->number, ZSTD_getErrorName(got));
	if (got != expanded)
		return fail(EBADMSG, "frame %lu: expands to %zu bytes, not %zu", chunk->number, got,
			    expanded);
	chunk->count = expanded;
	return 0;
}

static int check_seal(struct feed *feed)
{
	struct skippable cover;
	struct seal seal;
	uint64_t hash = XXH64_digest(feed->hash);
	int rc = need_skippable(feed, "seal", sizeof(seal), &cover);

	if (rc)
		return rc;
	if (cover.bytes != sizeof(seal))
		return fail(EBADMSG, "seal: %u bytes", cover.bytes);
	memcpy(&seal, intake_at(&feed->intake) + sizeof(cover), sizeof(seal));
	if (memcmp(seal.mark, SEAL_MARK, sizeof(seal.mark)) ||
	    seal.self != XXH64(&seal, offsetof(struct seal, self), 0))
		return fail(EBADMSG, "the seal itself is damaged");
	if (seal.stored != feed->stored || seal.expanded != feed->expanded || seal.hash != hash)
		return fail(EBADMSG, "the seal does not fit: some byte before it is not as it was written");
	use_frame(feed, sizeof(cover) + cover.bytes, 0);
	return 0;
}

static int check_seek_table(struct feed *feed)
{
	struct seek_footer footer = { .frames = feed->table.count / sizeof(struct seek_entry),
				      .magic = SEEK_FOOTER_MAGIC };
	struct skippable cover, wanted = { SEEK_TABLE_MAGIC, feed->table.count + sizeof(footer) };
	const uint8_t *content;
	int rc = bytes_check(&feed->table);

	if (!rc)
		rc = need_skippable(feed, "seek table", wanted.bytes, &cover);
	if (rc)
		return rc;
	content = intake_at(&feed->intake) + sizeof(cover);
	if (memcmp(&cover, &wanted, sizeof(cover)) || memcmp(content, feed->table.at, feed->table.count) ||
	    memcmp(content + feed->table.count, &footer, sizeof(footer)))
		return fail(EBADMSG, "the seek table does not fit the frames");
	use(feed, sizeof(cover) + cover.bytes);
	return 0;
}

/* A block device is larger than the image in it: what stands behind the seek table does not count. */
static int check_end(struct feed *feed)
{
	struct channel *from = feed->intake.from;
	int rc = check_seal(feed);

	if (!rc)
		rc = check_seek_table(feed);
	if (rc)
		return rc;
	if (from->kind == S_IFBLK) {
		from->bytes = feed->stored;
		return 0;
	}
	rc = intake_need(&feed->intake, 1);
	if (rc > 0)
		return fail(EBADMSG, "something follows the seek table; head -c %lu gives the image alone",
			    feed->stored);
	return rc;
}

int feed_image(struct feed *feed)
{
	for (;;) {
		uint32_t magic;
		int rc = need(feed, sizeof(magic));

		if (rc)
			return rc;
		memcpy(&magic, intake_at(&feed->intake), sizeof(magic));
		if (magic == SEAL_MAGIC)
			return check_end(feed);
		if (magic != ZSTD_FRAME_MAGIC)
			return fail(EBADMSG, "no frame starts at byte %lu (%#x)", feed->stored, magic);
		rc = feed_frame(feed);
		if (rc)
			return rc;
	}
}
