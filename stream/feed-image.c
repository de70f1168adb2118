/*
 * An image in chunks: each zstd frame is one. Keeps the hashes of all stored bytes
 * and of the list of frames, and holds them against seal and seek table.
 */
#define ZSTD_STATIC_LINKING_ONLY
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <zstd.h>

#include "log.h"
#include "stream/feed.h"
#include "stream/format.h"

static int cut_short(struct feed *feed)
{
	return fail(ENODATA, "%s is cut short: it ends at byte %lu, in frame %lu", feed->input.from->name,
		    (unsigned long)feed->input.from->bytes, feed->frames);
}

static int need(struct feed *feed, size_t count)
{
	int rc = input_need(&feed->input, count);

	return rc == 0 ? cut_short(feed) : rc < 0 ? rc : 0;
}

static void use(struct feed *feed, size_t count)
{
	feed->stored += count;
	feed->input.start += count;
}

/* A frame that the seal and the table cover. */
static void use_frame(struct feed *feed, size_t stored, size_t expanded)
{
	struct seek_entry entry = { stored, expanded };

	XXH64_update(feed->hash, input_at(&feed->input), stored);
	XXH64_update(feed->table, &entry, sizeof(entry));
	feed->frames++;
	feed->expanded += expanded;
	use(feed, stored);
}

/* A skippable frame of one kind, whole in the input buffer. */
static int need_skippable(struct feed *feed, const char *what, size_t most, struct skippable *cover)
{
	int rc = need(feed, sizeof(*cover));

	if (rc)
		return rc;
	memcpy(cover, input_at(&feed->input), sizeof(*cover));
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
	if (head->features & ~FEATURES)
		return fail(EMEDIUMTYPE, "image features %#x: this program does not know them",
			    head->features);
	if ((head->features & (FEATURE_INCREMENT | FEATURE_INDEX)) == FEATURE_INCREMENT)
		return fail(EBADMSG, "head: an increment without an index");
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
	content = input_at(&feed->input) + sizeof(cover);
	rc = check_head(content, cover.bytes, &head);
	if (rc)
		return rc;
	feed->hash = XXH64_createState();
	feed->facts->provenance = strndup((const char *)content + sizeof(head), head.json_bytes);
	feed->table = XXH64_createState();
	if (!feed->hash || !feed->table || !feed->facts->provenance)
		return fail(ENOMEM, "out of memory");
	XXH64_reset(feed->hash, 0);
	XXH64_reset(feed->table, 0);
	feed->facts->is_image = true;
	feed->facts->frames = head.frames;
	feed->facts->has_rounds = head.features & FEATURE_ROUNDS;
	feed->facts->has_index = head.features & FEATURE_INDEX;
	feed->facts->is_increment = head.features & FEATURE_INCREMENT;
	use_frame(feed, sizeof(cover) + cover.bytes, 0);
	return 0;
}

static int odd_frame(const struct feed *feed, const char *what)
{
	return fail(EBADMSG, "frame %lu at byte %lu is not a zstd frame of an image: %s", feed->frames,
		    feed->stored, what);
}

/* Its header, as which it is known how long it may be. */
static int need_frame_header(struct feed *feed, ZSTD_frameHeader *header)
{
	size_t bytes = ZSTD_FRAMEHEADERSIZE_MIN(ZSTD_f_zstd1);
	int rc = need(feed, bytes);

	if (rc)
		return rc;
	bytes = ZSTD_frameHeaderSize(input_at(&feed->input), bytes);
	if (ZSTD_isError(bytes))
		return odd_frame(feed, ZSTD_getErrorName(bytes));
	rc = need(feed, bytes);
	if (rc)
		return rc;
	if (ZSTD_getFrameHeader(header, input_at(&feed->input), bytes) || !header->checksumFlag ||
	    header->dictID)
		return fail(EBADMSG, "frame %lu: its header is not one of ours", feed->frames);
	if (header->frameContentSize > FRAME_MAX_BYTES || !header->frameContentSize)
		return fail(EBADMSG, "frame %lu: expands to %llu bytes", feed->frames,
			    header->frameContentSize);
	feed->walked = bytes;
	return 0;
}

/*
 * How long is the zstd frame that the input buffer stands at? Reads until it is all there, and goes over its blocks
 * (RFC 8878, 3.1.1.2) once, however little comes at a time.
 */
static int need_frame(struct feed *feed, size_t *stored, size_t *expanded)
{
	enum { BLOCK_HEADER = 3, TYPE_RLE = 1, TYPE_RESERVED = 3, CHECKSUM = 4 };
	ZSTD_frameHeader header;
	bool is_last = false;
	size_t most;
	int rc = need_frame_header(feed, &header);

	if (rc)
		return rc;
	most = ZSTD_compressBound(header.frameContentSize) + ZSTD_FRAMEHEADERSIZE_MAX;
	while (!is_last) {
		uint32_t block = 0, type;

		rc = need(feed, feed->walked + BLOCK_HEADER);
		if (rc)
			return rc;
		memcpy(&block, input_at(&feed->input) + feed->walked, BLOCK_HEADER);
		type = block >> 1 & 3;
		if (type == TYPE_RESERVED)
			return odd_frame(feed, "a block of an unknown type");
		feed->walked += BLOCK_HEADER + (type == TYPE_RLE ? 1 : block >> 3);
		is_last = block & 1;
		if (feed->walked + CHECKSUM > most)
			return odd_frame(feed, "it is longer than what it expands to");
	}
	*stored = feed->walked + CHECKSUM;
	*expanded = header.frameContentSize;
	return need(feed, *stored);
}

static int feed_frame(struct feed *feed)
{
	struct chunk *chunk;
	size_t stored = 0, expanded = 0;
	int rc = need_frame(feed, &stored, &expanded);

	if (!rc && feed->only_looks)
		use_frame(feed, stored, expanded);
	else if (!rc)
		rc = chunk_claim(feed, stored, expanded, &chunk);
	if (rc || feed->only_looks)
		return rc;
	chunk->number = feed->frames;
	chunk->stored_at = feed->stored;
	chunk_lend_stored(chunk, &feed->input);
	use_frame(feed, stored, expanded);
	pipeline_submit(feed->to, chunk);
	return 0;
}

int feed_image_expand(struct chunk *chunk, void *decompressor)
{
	size_t got = ZSTD_decompressDCtx(decompressor, chunk->at, chunk->count, chunk->stored,
					 chunk->stored_count);

	if (ZSTD_isError(got))
		return chunk_damaged(chunk, got);
	if (got != chunk->count)
		return fail(EBADMSG, "frame %lu: expands to %zu bytes, not %zu", chunk->number, got,
			    chunk->count);
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
	memcpy(&seal, input_at(&feed->input) + sizeof(cover), sizeof(seal));
	if (memcmp(seal.mark, SEAL_MARK, sizeof(seal.mark)) ||
	    seal.self != XXH64(&seal, offsetof(struct seal, self), 0))
		return fail(EBADMSG, "the seal itself is damaged");
	if (seal.stored != feed->stored || seal.expanded != feed->expanded || seal.hash != hash)
		return fail(EBADMSG, "the seal does not fit: some byte before it is not as it was written");
	use_frame(feed, sizeof(cover) + cover.bytes, 0);
	return 0;
}

/* Through the hash and no further: the index is for those who read frame by frame. */
static int pass_index(struct feed *feed)
{
	enum { AT_ONCE = 64 << 10 };
	struct skippable cover;
	struct seek_entry entry = { 0 };
	int rc = need(feed, sizeof(cover));

	if (rc)
		return rc;
	if (!feed->facts->has_index)
		return fail(EBADMSG, "frame %lu is an index, which the head does not announce", feed->frames);
	memcpy(&cover, input_at(&feed->input), sizeof(cover));
	if (cover.bytes < sizeof(struct index_head))
		return fail(EBADMSG, "index: only %u bytes", cover.bytes);
	for (uint64_t left = sizeof(cover) + (uint64_t)cover.bytes; left;) {
		size_t bytes = left < AT_ONCE ? left : AT_ONCE;

		rc = need(feed, bytes);
		if (rc)
			return rc;
		XXH64_update(feed->hash, input_at(&feed->input), bytes);
		use(feed, bytes);
		left -= bytes;
	}
	entry.stored = sizeof(cover) + cover.bytes;
	XXH64_update(feed->table, &entry, sizeof(entry));
	feed->frames++;
	return 0;
}

/* As the frames themselves, the table is not held in memory: its hash is that of what we met. */
static int check_seek_entries(struct feed *feed)
{
	enum { AT_ONCE = 4096 };
	uint64_t wanted = XXH64_digest(feed->table), left = feed->frames;

	XXH64_reset(feed->table, 0);
	while (left) {
		size_t bytes = (left < AT_ONCE ? left : AT_ONCE) * sizeof(struct seek_entry);
		int rc = need(feed, bytes);

		if (rc)
			return rc;
		XXH64_update(feed->table, input_at(&feed->input), bytes);
		use(feed, bytes);
		left -= bytes / sizeof(struct seek_entry);
	}
	return XXH64_digest(feed->table) == wanted ? 0 : -EBADMSG;
}

static int check_seek_table(struct feed *feed)
{
	struct seek_footer footer = { .frames = feed->frames, .magic = SEEK_FOOTER_MAGIC };
	uint64_t bytes = feed->frames * sizeof(struct seek_entry) + sizeof(footer);
	struct skippable wanted = { SEEK_TABLE_MAGIC, bytes };
	int rc = need(feed, sizeof(wanted));

	if (rc)
		return rc;
	if (memcmp(input_at(&feed->input), &wanted, sizeof(wanted)))
		return fail(EBADMSG, "the seek table does not fit the frames");
	use(feed, sizeof(wanted));
	rc = check_seek_entries(feed);
	if (!rc)
		rc = need(feed, sizeof(footer));
	if (!rc && memcmp(input_at(&feed->input), &footer, sizeof(footer)))
		rc = -EBADMSG;
	if (rc)
		return rc == -EBADMSG ? fail(EBADMSG, "the seek table does not fit the frames") : rc;
	use(feed, sizeof(footer));
	return 0;
}

/* A block device is larger than the image in it: what stands behind the seek table does not count. */
static int check_end(struct feed *feed, uint32_t magic)
{
	struct channel *from = feed->input.from;
	int rc = magic == INDEX_MAGIC ? pass_index(feed) : 0;

	if (!rc && feed->facts->has_index && magic != INDEX_MAGIC)
		rc = fail(EBADMSG, "the head announces an index, but a seal stands in its place");
	if (!rc)
		rc = check_seal(feed);
	if (!rc)
		rc = check_seek_table(feed);
	if (rc)
		return rc;
	if (from->kind == S_IFBLK) {
		from->bytes = feed->stored;
		return 0;
	}
	rc = input_need(&feed->input, 1);
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
		memcpy(&magic, input_at(&feed->input), sizeof(magic));
		if (magic == SEAL_MAGIC || magic == INDEX_MAGIC)
			return check_end(feed, magic);
		if (magic != ZSTD_FRAME_MAGIC)
			return fail(EBADMSG, "no frame starts at byte %lu (%#x)", feed->stored, magic);
		rc = feed_frame(feed);
		if (rc)
			return rc;
	}
}
