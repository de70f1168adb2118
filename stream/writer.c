/*
 * See writer.h; the layout is man/pvferry-image.5. Mirror: stream/reader.c. In: records, as groups or as frames that
 * workers have compressed. Out: the head, frames, an index if there is one, the seal and the seek table. The trap: the
 * seal has the hash of all that was written, so every byte of an image must go through put_frame(), and in order.
 */
#include "stream/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "stream/format.h"
#include "stream/index-draft.h"

/* What is written beside the batches is too little to count. */
enum { LEVEL_SMALL = 1 };

ZSTD_CCtx *frame_compressor(int level)
{
	ZSTD_CCtx *compressor = ZSTD_createCCtx();

	if (!compressor)
		return NULL;
	frame_set_level(compressor, level == LEVEL_AUTO ? LEVEL_SMALL : level);
	ZSTD_CCtx_setParameter(compressor, ZSTD_c_checksumFlag, 1);
	return compressor;
}

void frame_set_level(ZSTD_CCtx *compressor, int level)
{
	ZSTD_CCtx_setParameter(compressor, ZSTD_c_compressionLevel, level);
}

ssize_t frame_compress(ZSTD_CCtx *compressor, void *to, size_t room, const void *from, size_t count)
{
	size_t stored = ZSTD_compress2(compressor, to, room, from, count);

	if (ZSTD_isError(stored))
		return fail(EIO, "zstd: %s", ZSTD_getErrorName(stored));
	return stored;
}

/* Every byte of an image goes through here. */
static int put_frame(struct writer *w, struct iovec *parts, size_t count, size_t expanded)
{
	struct seek_entry entry = { 0, expanded };

	for (size_t i = 0; i < count; i++) {
		XXH64_update(w->hash, parts[i].iov_base, parts[i].iov_len);
		entry.stored += parts[i].iov_len;
	}
	bytes_put(&w->table, &entry, sizeof(entry));
	w->expanded += expanded;
	return channel_write_parts(w->to, parts, count);
}

static int put_head(struct writer *w, const struct writer_head *facts)
{
	struct head head = {
		.mark = HEAD_MARK,
		.version = IMAGE_FORMAT_VERSION,
		.features = facts->features,
		.frames = facts->frames,
		.json_bytes = strlen(facts->json),
	};
	struct bytes content = { 0 };
	struct skippable cover = { HEAD_MAGIC, 0 };
	uint64_t hash;
	int rc;

	bytes_put(&content, &head, sizeof(head));
	bytes_put(&content, facts->json, head.json_bytes);
	hash = content.at ? XXH64(content.at, content.count, 0) : 0;
	bytes_put(&content, &hash, sizeof(hash));
	cover.bytes = content.count;
	rc = bytes_check(&content);
	if (!rc)
		rc = put_frame(w,
			       (struct iovec[]){ { &cover, sizeof(cover) }, { content.at, content.count } },
			       2, 0);
	bytes_release(&content);
	return rc;
}

int writer_init(struct writer *w, struct channel *to, int level, const struct writer_head *head)
{
	*w = (struct writer){ .to = to, .level = level, .is_bare = !head };
	if (level == LEVEL_PLAIN)
		return 0;
	w->compressor = frame_compressor(level);
	if (!head)
		return w->compressor ? 0 : fail(ENOMEM, "out of memory");
	w->hash = XXH64_createState();
	if (!w->compressor || !w->hash)
		return fail(ENOMEM, "out of memory");
	XXH64_reset(w->hash, 0);
	return put_head(w, head);
}

void writer_release(struct writer *w)
{
	ZSTD_freeCCtx(w->compressor);
	XXH64_freeState(w->hash);
	bytes_release(&w->table);
	*w = (struct writer){ 0 };
}

/* Mirror: stream/feed-wire.c */
static int put_wire_frame(struct writer *w, const void *stored, size_t stored_bytes, size_t expanded_bytes)
{
	struct wire_cover cover = { WIRE_MAGIC, sizeof(cover) - sizeof(struct skippable), stored_bytes,
				    expanded_bytes };
	struct iovec parts[] = { { &cover, sizeof(cover) }, { (void *)stored, stored_bytes } };

	w->expanded += expanded_bytes;
	return channel_write_parts(w->to, parts, stored_bytes ? 2 : 1);
}

int writer_frame(struct writer *w, const void *stored, size_t stored_bytes, size_t expanded_bytes)
{
	struct iovec part = { (void *)stored, stored_bytes };

	if (w->is_bare)
		return put_wire_frame(w, stored, stored_bytes, expanded_bytes);
	return put_frame(w, &part, 1, expanded_bytes);
}

int writer_group(struct writer *w, const struct bytes *group)
{
	size_t room = ZSTD_compressBound(group->count);
	void *stored;
	ssize_t count;
	int rc = bytes_check(group);

	if (rc)
		return rc;
	if (w->level == LEVEL_PLAIN)
		return channel_write(w->to, group->at, group->count);
	stored = malloc(room);
	if (!stored)
		return fail(ENOMEM, "out of memory");
	count = frame_compress(w->compressor, stored, room, group->at, group->count);
	rc = count < 0 ? count : writer_frame(w, stored, count, group->count);
	free(stored);
	return rc;
}

int writer_skippable(struct writer *w, uint32_t magic, const void *content, size_t bytes)
{
	struct skippable cover = { magic, bytes };

	return put_frame(w, (struct iovec[]){ { &cover, sizeof(cover) }, { (void *)content, bytes } }, 2, 0);
}

/*
 * The seal says that the image is whole, so it is written last of all that it covers. It also has a hash of itself:
 * damage to it is not taken for damage to the image.
 */
static int put_seal(struct writer *w)
{
	struct seal seal = {
		.mark = SEAL_MARK,
		.stored = w->to->bytes,
		.expanded = w->expanded,
		.hash = XXH64_digest(w->hash),
	};

	seal.self = XXH64(&seal, offsetof(struct seal, self), 0);
	return writer_skippable(w, SEAL_MAGIC, &seal, sizeof(seal));
}

/*
 * Behind the seal, as zstd's seekable format wants it at the end of the file. Nothing depends on it but speed: what it
 * says follows from the frames.
 */
static int put_seek_table(struct writer *w)
{
	struct seek_footer footer = {
		.frames = w->table.count / sizeof(struct seek_entry),
		.magic = SEEK_FOOTER_MAGIC,
	};
	struct skippable cover = { SEEK_TABLE_MAGIC, w->table.count + sizeof(footer) };
	struct iovec parts[] = {
		{ &cover, sizeof(cover) },
		{ w->table.at, w->table.count },
		{ &footer, sizeof(footer) },
	};
	int rc = bytes_check(&w->table);

	return rc ? rc : channel_write_parts(w->to, parts, 3);
}

int writer_finish(struct writer *w)
{
	int rc;

	if (w->level == LEVEL_PLAIN)
		return 0;
	/* An empty frame: the reader must know the end from a connection that broke. */
	if (w->is_bare)
		return put_wire_frame(w, NULL, 0, 0);
	rc = w->index ? index_draft_write(w->index, w) : 0;
	if (!rc)
		rc = put_seal(w);
	return rc ? rc : put_seek_table(w);
}
