/* stream/chunk-damage.c: what is damaged is named by its place in the file, and by its pages where these can be read. */
#include "unit.h"

#include <zstd.h>

#include "stream/feed.h"
#include "stream/format.h"

enum { PAGES = 4, HEAD = sizeof(struct record_header) + sizeof(struct page_data), ROOM = 1 << 16 };

static uint8_t content[ROOM], stored[ROOM], expanded[ROOM];

/* A record of pages, compressed with a checksum; flip: a byte counted from the end that is not as it was written, 0: none. */
static int expand(uint32_t type, uint32_t count, unsigned int flip)
{
	struct record_header header = { .type = type, .bytes = ROOM - sizeof(header) };
	struct page_data data = { .count = count };
	ZSTD_CCtx *compressor = ZSTD_createCCtx();
	ZSTD_DCtx *decompressor = ZSTD_createDCtx();
	struct chunk chunk = { .stored = stored, .at = expanded, .count = ROOM, .stored_at = 1000 };
	int rc;

	memcpy(content, &header, sizeof(header));
	memcpy(content + sizeof(header), &data, sizeof(data));
	for (uint64_t i = 0; i < PAGES; i++) {
		uint64_t word = (i ? 0ULL : 5ULL << 60) | (0x600 + (i ^ 1));

		memcpy(content + HEAD + i * sizeof(word), &word, sizeof(word));
	}
	ZSTD_CCtx_setParameter(compressor, ZSTD_c_checksumFlag, 1);
	chunk.stored_count = ZSTD_compress2(compressor, stored, sizeof(stored), content, sizeof(content));
	assert_false(ZSTD_isError(chunk.stored_count));
	stored[chunk.stored_count - flip] ^= flip ? 1 : 0;
	rc = feed_image_expand(&chunk, decompressor);
	ZSTD_freeCCtx(compressor);
	ZSTD_freeDCtx(decompressor);
	return rc;
}

static void place_and_pages_are_named(void **state)
{
	(void)state;
	assert_done(expand(RECORD_PAGE_DATA, PAGES, 0));
	assert_fails(expand(RECORD_PAGE_DATA, PAGES, 1), EBADMSG,
		     "of the file are damaged (pages 0x600 to 0x603): Restored data doesn't match checksum");
	assert_fails(expand(RECORD_PAGE_DATA, PAGES, 1), EBADMSG, "bytes 1000 to 1");
}

/* What is not a record of pages, or says that it has more than fit, names none. */
static void odd_heads_name_no_pages(void **state)
{
	(void)state;
	assert_fails(expand(RECORD_END, PAGES, 1), EBADMSG, "of the file are damaged: Restored");
	assert_fails(expand(RECORD_PAGE_DATA, 0, 1), EBADMSG, "of the file are damaged: Restored");
	assert_fails(expand(RECORD_PAGE_DATA, UINT32_MAX, 1), EBADMSG, "of the file are damaged: Restored");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(place_and_pages_are_named),
		cmocka_unit_test(odd_heads_name_no_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
