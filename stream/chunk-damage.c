/*
 * What a person can do with a damaged chunk: where in the file it is, and which pages it held. The head of what it expands to
 * names them; it is there if only the checksum, which comes last, does not fit. It is for people, and nothing is done by it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zstd_errors.h>

#include "log.h"
#include "stream/feed.h"
#include "stream/format.h"

/* " (pages 0x600 to 0x7ff)"; nothing unless the head looks as pvferry writes it. */
static void find_pages(const struct chunk *chunk, char *text, size_t room)
{
	struct record_header header;
	struct page_data data;
	uint64_t word, first = UINT64_MAX, last = 0;
	size_t head = sizeof(header) + sizeof(data);

	*text = '\0';
	if (chunk->count < head)
		return;
	memcpy(&header, chunk->at, sizeof(header));
	memcpy(&data, chunk->at + sizeof(header), sizeof(data));
	if (header.type != RECORD_PAGE_DATA || !data.count || data.count > BATCH_PAGES ||
	    chunk->count - head < data.count * sizeof(word))
		return;
	for (uint32_t i = 0; i < data.count; i++) {
		memcpy(&word, chunk->at + head + i * sizeof(word), sizeof(word));
		word &= FRAME_PFN_MASK;
		first = word < first ? word : first;
		last = word > last ? word : last;
	}
	snprintf(text, room, " (pages %#lx to %#lx)", first, last);
}

int chunk_damaged(const struct chunk *chunk, size_t error)
{
	char pages[64] = "";

	if (ZSTD_getErrorCode(error) == ZSTD_error_checksum_wrong)
		find_pages(chunk, pages, sizeof(pages));
	return fail(EBADMSG, "bytes %lu to %lu of the file are damaged%s: %s", chunk->stored_at,
		    chunk->stored_at + chunk->stored_count - 1, pages,
		    ZSTD_getErrorString(ZSTD_getErrorCode(error)));
}
