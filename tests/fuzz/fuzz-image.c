/*
 * Controls and a plain stream, packed -> an image of it, with frames, seal and
 * seek table -> all that verify does. All hashes are made anew, so that what
 * is odd reaches the code behind them; and the controls make them wrong, cut
 * and put frames elsewhere, and change bytes before and after each is hashed.
 */
#define ZSTD_STATIC_LINKING_ONLY
#include <stdbool.h>
#include <stddef.h>
#include <xxhash.h>
#include <zstd.h>

#include "fuzz.h"
#include "stream-model.h"
#include "stream/bytes.h"
#include "stream/format.h"

enum { EDITS = 8, FRAMES = 64 };

/* Where an edit changes bytes: each is after the one before, and before the next hash. */
enum stage {
	HEAD_CONTENT = 1,
	FRAME,
	SEAL_CONTENT,
	SEEK_TABLE,
	STORED,
	CUT,
	DROP_FRAME,
	COPY_FRAME,
	JUNK_FRAME,
	STAGES
};

struct controls {
	uint32_t cuts; /* bit i: the frame's border before item i is where it should not be, or not */
	uint8_t frames_more, version, features, json, json_more, level, zstd, spare;
	struct edit {
		uint8_t stage, value;
		uint16_t frame;
		uint16_t at;
	} edits[EDITS];
	uint32_t reserved;
} __attribute__((packed));
_Static_assert(sizeof(struct controls) == 64, "as make_seeds.py has it");

static struct model stream;
static struct controls controls;
static ZSTD_CCtx *compressor;

static const char json_whole[] =
	"{\"domain\":\"a\",\"uuid\":\"b\",\"domid\":7,\"host\":\"c\",\"saved\":\"d\","
	"\"pvferry\":\"0.1\",\"xen\":\"4.17\",\"p2m\":\"list\"}";
static const char *const jsons[] = {
	json_whole,
	"",
	"{}",
	"[]",
	"null",
	"{\"domain\":1",
	"{\"domain\":\"a\"}",
	"\"p2m\"",
	"{\"domain\":{},\"uuid\":[],\"domid\":null,\"host\":1.5,\"saved\":\"\",\"pvferry\":0,\"xen\":1,"
	"\"p2m\":\"linear\"}",
	"{\"domain\":1,\"uuid\":1,\"domid\":1,\"host\":1,\"saved\":1,\"pvferry\":1,\"xen\":1,\"p2m\":null}",
	"{\"domain\":1,\"uuid\":1,\"domid\":1,\"host\":1,\"saved\":1,\"pvferry\":1,\"xen\":1,\"p2m\":{\"a\":"
	"1}}",
	"{\"domain\":1,\"uuid\":1,\"domid\":1,\"host\":1,\"saved\":1,\"pvferry\":1,\"xen\":1,\"p2m\":"
	"\"auto\"}",
};

static void edit(enum stage stage, uint16_t frame, uint8_t *at, size_t count)
{
	for (unsigned int i = 0; count && i < EDITS; i++) {
		const struct edit *e = &controls.edits[i];

		if (e->stage % STAGES == stage && (stage != FRAME || e->frame % FRAMES == frame))
			at[e->at % count] ^= e->value;
	}
}

static const struct edit *asked(enum stage stage, uint16_t frame)
{
	for (unsigned int i = 0; i < EDITS; i++)
		if (controls.edits[i].stage % STAGES == stage && controls.edits[i].frame % FRAMES == frame)
			return &controls.edits[i];
	return NULL;
}

static void put_skippable(struct bytes *out, uint32_t magic, const struct bytes *content)
{
	struct skippable cover = { magic, content->count };

	bytes_put(out, &cover, sizeof(cover));
	bytes_put(out, content->at, content->count);
}

/* How many the last word of each pfn would have a restore allocate. */
static uint64_t frames_named(void)
{
	uint64_t frames = 0;

	for (unsigned int i = 2; i < stream.item_count; i++) {
		size_t at = stream.items[i].at;
		uint64_t count = model_get32(&stream, at + 8);

		if (model_type(&stream, i) != RECORD_PAGE_DATA || 16 + 8 * count > stream.items[i].count)
			continue;
		for (uint64_t word = 0; word < count; word++)
			frames += frame_is_populated(model_get32(&stream, at + 16 + 8 * word + 4) >> 28);
	}
	return frames;
}

static void put_head(struct bytes *out)
{
	const char *json = jsons[controls.json % (sizeof(jsons) / sizeof(*jsons))];
	struct head head = {
		.mark = HEAD_MARK,
		.version = IMAGE_FORMAT_VERSION ^ controls.version,
		.features = controls.features,
		.frames = frames_named() + (int8_t)controls.frames_more,
		.json_bytes = strlen(json) + (int8_t)controls.json_more,
	};
	struct bytes content = { 0 };
	uint64_t hash;

	bytes_put(&content, &head, sizeof(head));
	bytes_put(&content, json, strlen(json));
	edit(HEAD_CONTENT, 0, content.at, content.count);
	hash = XXH64(content.at, content.count, 0);
	bytes_put(&content, &hash, sizeof(hash));
	put_skippable(out, HEAD_MAGIC, &content);
	bytes_release(&content);
}

/* After how many items the frame that begins at first is over: as pvferry cuts it, or as the controls have it. */
static unsigned int frame_end(unsigned int first)
{
	unsigned int end = first + 1;

	for (; end < stream.item_count; end++) {
		bool is_border = model_type(&stream, end) == RECORD_PAGE_DATA ||
				 model_type(&stream, end - 1) == RECORD_PAGE_DATA;

		if (is_border != (controls.cuts >> end % 32 & 1))
			break;
	}
	return end;
}

static void put_compressed(struct bytes *out, uint16_t frame, const uint8_t *content, size_t count)
{
	size_t room = ZSTD_compressBound(count), stored;
	uint8_t *at = malloc(room);

	ZSTD_CCtx_reset(compressor, ZSTD_reset_session_and_parameters);
	ZSTD_CCtx_setParameter(compressor, ZSTD_c_compressionLevel, controls.level % 4);
	ZSTD_CCtx_setParameter(compressor, ZSTD_c_checksumFlag, !(controls.zstd & 1));
	ZSTD_CCtx_setParameter(compressor, ZSTD_c_contentSizeFlag, !(controls.zstd & 2));
	ZSTD_CCtx_setParameter(compressor, ZSTD_c_windowLog, controls.zstd & 4 ? 10 : 0);
	stored = ZSTD_compress2(compressor, at, room, content, count);
	expect(!ZSTD_isError(stored));
	edit(FRAME, frame, at, stored);
	bytes_put(out, at, stored);
	free(at);
}

struct image {
	struct bytes bytes, table;
	uint64_t expanded;
};

static void note_frame(struct image *image, size_t before, uint32_t expanded)
{
	struct seek_entry entry = { image->bytes.count - before, expanded };

	bytes_put(&image->table, &entry, sizeof(entry));
	image->expanded += expanded;
}

static void put_frame(struct image *image, uint16_t number, const uint8_t *content, size_t count)
{
	const struct edit *junk = asked(JUNK_FRAME, number);
	size_t before = image->bytes.count;
	struct bytes nothing = { 0 };

	if (junk) {
		put_skippable(&image->bytes, HEAD_MAGIC + junk->value % 16, &nothing);
		note_frame(image, before, 0);
	}
	for (int i = asked(DROP_FRAME, number) ? 1 : asked(COPY_FRAME, number) ? -1 : 0; i < 1; i++) {
		before = image->bytes.count;
		put_compressed(&image->bytes, number, content, count);
		note_frame(image, before, count);
	}
}

static void put_frames(struct image *image)
{
	uint16_t number = 0;

	for (unsigned int first = 0, end; first < stream.item_count; first = end, number++) {
		size_t from = stream.items[first].at;

		end = frame_end(first);
		put_frame(image, number, stream.bytes + from,
			  stream.items[end - 1].at + stream.items[end - 1].count - from);
	}
}

static void put_seal(struct image *image)
{
	struct seal seal = {
		.mark = SEAL_MARK,
		.stored = image->bytes.count,
		.expanded = image->expanded,
		.hash = XXH64(image->bytes.at, image->bytes.count, 0),
	};
	struct bytes content = { (uint8_t *)&seal, sizeof(seal), sizeof(seal), false };
	size_t before = image->bytes.count;

	edit(SEAL_CONTENT, 0, (uint8_t *)&seal, offsetof(struct seal, self));
	seal.self = XXH64(&seal, offsetof(struct seal, self), 0);
	put_skippable(&image->bytes, SEAL_MAGIC, &content);
	note_frame(image, before, 0);
}

static void put_seek_table(struct image *image)
{
	struct seek_footer footer = { .frames = image->table.count / sizeof(struct seek_entry),
				      .magic = SEEK_FOOTER_MAGIC };

	bytes_put(&image->table, &footer, sizeof(footer));
	edit(SEEK_TABLE, 0, image->table.at, image->table.count);
	put_skippable(&image->bytes, SEEK_TABLE_MAGIC, &image->table);
}

static void make_image(struct image *image)
{
	put_head(&image->bytes);
	note_frame(image, 0, 0);
	put_frames(image);
	put_seal(image);
	put_seek_table(image);
	edit(STORED, 0, image->bytes.at, image->bytes.count);
	for (unsigned int i = 0; i < EDITS; i++)
		if (controls.edits[i].stage % STAGES == CUT)
			image->bytes.count = controls.edits[i].at * image->bytes.count / UINT16_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	struct input in = { data, count };
	struct image image = { 0 };

	if (!compressor)
		compressor = ZSTD_createCCtx();
	take(&in, &controls, sizeof(controls));
	model_unpack(&stream, in.at, in.left);
	if (model_is_vast(&stream))
		return 0;
	make_image(&image);
	/* What an image expands to is a plain stream, and sound if the image is. */
	if (!examine_bytes(image.bytes.at, image.bytes.count))
		expect(!examine_bytes(stream.bytes, stream.count));
	bytes_release(&image.bytes);
	bytes_release(&image.table);
	return 0;
}

/* One time in four the controls, else the stream. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t count, size_t most, unsigned int seed)
{
	if (count < sizeof(controls) || most < sizeof(controls))
		return LLVMFuzzerMutate(data, count, most);
	if (seed % 4)
		return sizeof(controls) + model_mutate(data + sizeof(controls), count - sizeof(controls),
						       most - sizeof(controls), seed / 4);
	LLVMFuzzerMutate(data, sizeof(controls), sizeof(controls));
	return count;
}
