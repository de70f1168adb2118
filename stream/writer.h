/*
 * The stream on its way out, in groups of whole records: each becomes one
 * zstd frame of an image, or goes out as it is (level 0: a plain xl file). A
 * bare one is what a helper of libxl sends: libxc's stream and nothing else.
 *
 * Mirror: stream/reader.h
 */
#ifndef STREAM_WRITER_H
#define STREAM_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xxhash.h>
#include <zstd.h>

#include "stream/bytes.h"
#include "stream/channel.h"

/* LEVEL_AUTO: each batch as hard as there is time for, see migrate/level-policy.h. */
enum { LEVEL_PLAIN = 0, LEVEL_LEAST = -7, LEVEL_MOST = 19, LEVEL_AUTO = 20, LEVEL_DEFAULT = LEVEL_AUTO };

struct writer {
	struct channel *to; /* the caller's */
	int level;
	bool is_bare;	       /* frames for a wire: covers before them, no head, no seal */
	ZSTD_CCtx *compressor; /* for the small groups */
	XXH64_state_t *hash;   /* of all bytes stored so far */
	struct bytes table;    /* of struct seek_entry */
	uint64_t expanded;
	struct index_draft *index; /* the caller's: goes before the seal; NULL: none */
};

/* What an image's head says. */
struct writer_head {
	uint64_t frames;   /* to allocate at restore; after rounds, how many there were at the first look */
	uint32_t features; /* FEATURE_* */
	const char *json;  /* provenance */
};
/* No head: bare. */
int writer_init(struct writer *writer, struct channel *to, int level, const struct writer_head *head);
void writer_release(struct writer *writer);

/* Compresses and writes a group that lies in memory. */
int writer_group(struct writer *writer, const struct bytes *group);

/* Writes a group that a worker has compressed with frame_compress() (not for level 0). */
int writer_frame(struct writer *writer, const void *stored, size_t stored_bytes, size_t expanded_bytes);

/* How many frames an image has so far: the number of the next one. */
static inline uint32_t writer_frames(const struct writer *writer)
{
	return writer->table.count / (2 * sizeof(uint32_t));
}

/* A skippable frame of an image, as it is. */
int writer_skippable(struct writer *writer, uint32_t magic, const void *content, size_t bytes);

/* Index, seal and seek table; of a bare one the last cover. */
int writer_finish(struct writer *writer);

/* A compressor for one thread; NULL without memory. LEVEL_AUTO: until a level is set. */
ZSTD_CCtx *frame_compressor(int level);
/* From the next frame on. */
void frame_set_level(ZSTD_CCtx *compressor, int level);
/* One independent frame with size and checksum; how long it is, or a failure. */
ssize_t frame_compress(ZSTD_CCtx *compressor, void *to, size_t room, const void *from, size_t count);
/* The same without zstd, in frame_stored_bound() bytes: pages as they are, but for those of zeroes. They are the end. */
ssize_t frame_store(void *to, size_t room, const void *from, size_t count);
size_t frame_stored_bound(size_t count);
bool page_is_zero(const uint8_t *page);

#endif
