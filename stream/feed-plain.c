/*
 * A plain xl save file in chunks: xl's header with the config, the fixed
 * headers, then record by record, then libxl's END. Nothing is read beyond it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "stream/feed.h"
#include "stream/format.h"

enum { FIXED_BYTES = sizeof(struct libxl_header) + sizeof(struct record_header) +
		     sizeof(struct image_header) + sizeof(struct domain_header) };

/* What the intake already holds comes first. */
static int take(struct feed *feed, void *to, size_t count)
{
	struct intake *in = &feed->intake;
	size_t held = in->end - in->start;

	if (held > count)
		held = count;
	memcpy(to, intake_at(in), held);
	in->start += held;
	return count > held ? channel_read(in->from, (char *)to + held, count - held) : 0;
}

static int claim(struct feed *feed, size_t count, struct chunk **chunk)
{
	*chunk = pipeline_claim(feed->to);
	if (!*chunk)
		return pipeline_error(feed->to);
	return chunk_reserve(*chunk, count);
}

/* A header that was read already, and behind it so many bytes more. */
static int feed_item(struct feed *feed, const void *header, size_t header_bytes, size_t rest)
{
	struct chunk *chunk;
	int rc = claim(feed, header_bytes + rest, &chunk);

	if (rc)
		return rc;
	if (header_bytes)
		memcpy(chunk->at, header, header_bytes);
	chunk->count = header_bytes + rest;
	rc = take(feed, chunk->at + header_bytes, rest);
	if (!rc)
		pipeline_submit(feed->to, chunk);
	return rc;
}

static int feed_xl_header(struct feed *feed)
{
	struct xl_header header;
	int rc = take(feed, &header, sizeof(header));

	if (rc)
		return rc;
	if (header.optional_bytes > CONFIG_MAX_BYTES)
		return fail(EBADMSG, "xl header: %u bytes of optional data", header.optional_bytes);
	return feed_item(feed, &header, sizeof(header), header.optional_bytes);
}

static int feed_record(struct feed *feed, uint32_t *type)
{
	struct record_header header;
	int rc = take(feed, &header, sizeof(header));

	if (rc)
		return rc;
	if (header.bytes > RECORD_MAX_BYTES)
		return fail(EBADMSG, "%s: %u bytes, more than a record may have",
			    record_name(header.type), header.bytes);
	*type = header.type;
	return feed_item(feed, &header, sizeof(header), (header.bytes + 7) & ~7UL);
}

int feed_plain(struct feed *feed)
{
	uint32_t type = RECORD_PAGE_DATA;
	int rc = feed_xl_header(feed);

	if (!rc)
		rc = feed_item(feed, NULL, 0, FIXED_BYTES);
	while (!rc && type != RECORD_END)
		rc = feed_record(feed, &type);
	if (!rc)
		rc = feed_item(feed, NULL, 0, sizeof(struct record_header));
	return rc;
}
