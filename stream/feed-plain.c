/*
 * A plain xl save file in chunks: xl's header with the config, the fixed
 * headers, then record by record, then libxl's END; or the libxc stream in it
 * alone. Nothing is read beyond it.
 * Pages may stay in the file, for those who want them elsewhere than here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "stream/feed.h"
#include "stream/format.h"

enum {
	LIBXL_BYTES = sizeof(struct libxl_header) + sizeof(struct record_header),
	LIBXC_BYTES = sizeof(struct image_header) + sizeof(struct domain_header)
};

/* What the input buffer already holds comes first. */
int feed_take(struct feed *feed, void *to, size_t count)
{
	struct input_buffer *in = &feed->input;
	size_t held = in->end - in->start;

	if (held > count)
		held = count;
	if (held)
		memcpy(to, input_at(in), held);
	in->start += held;
	return count > held ? channel_read(in->from, (char *)to + held, count - held) : 0;
}

/* Goes on behind what stays in the file. */
static int leave(struct feed *feed, struct chunk *chunk, size_t count)
{
	struct channel *from = feed->input.from;
	off_t behind = lseek(from->fd, count, SEEK_CUR);

	if (behind < 0)
		return fail_errno("cannot go on in %s", from->name);
	chunk->left = count;
	chunk->left_at = behind - count;
	from->bytes += count;
	return 0;
}

/* A header that was read already, and behind it so many bytes more, the last ones of which stay in the file. */
static int feed_item(struct feed *feed, const void *header, size_t header_bytes, size_t rest, size_t left)
{
	struct chunk *chunk;
	int rc = chunk_claim(feed, 0, header_bytes + rest - left, &chunk);

	if (rc)
		return rc;
	rest -= left;
	if (header_bytes)
		memcpy(chunk->at, header, header_bytes);
	rc = feed_take(feed, chunk->at + header_bytes, rest);
	if (!rc && left)
		rc = leave(feed, chunk, left);
	if (!rc)
		pipeline_submit(feed->to, chunk);
	return rc;
}

static int feed_xl_header(struct feed *feed)
{
	struct xl_header header;
	int rc = feed_take(feed, &header, sizeof(header));

	if (rc)
		return rc;
	if (header.optional_bytes > CONFIG_MAX_BYTES)
		return fail(EBADMSG, "xl header: %u bytes of optional data", header.optional_bytes);
	return feed_item(feed, &header, sizeof(header), header.optional_bytes, 0);
}

/* All that is to come of a record is in the file. What ends too early is read, and found to do so. */
static bool has_all(const struct feed *feed, size_t rest)
{
	int fd = feed->input.from->fd;
	off_t here = lseek(fd, 0, SEEK_CUR);
	struct stat facts;

	return here >= 0 && !fstat(fd, &facts) && S_ISREG(facts.st_mode) &&
	       (uint64_t)here + rest <= (uint64_t)facts.st_size;
}

/* Of a PAGE_DATA the words, and the pages too if they cannot stay where they are. */
static int feed_pages(struct feed *feed, const struct record_header *header)
{
	struct page_data data;
	uint8_t both[sizeof(*header) + sizeof(data)];
	size_t rest = header->bytes - sizeof(data), words;
	int rc = feed_take(feed, &data, sizeof(data));

	if (rc)
		return rc;
	memcpy(mempcpy(both, header, sizeof(*header)), &data, sizeof(data));
	words = data.count * sizeof(uint64_t);
	return feed_item(feed, both, sizeof(both), rest,
			 words < rest && has_all(feed, rest) ? rest - words : 0);
}

static int feed_record(struct feed *feed, uint32_t *type)
{
	struct record_header header;
	int rc = feed_take(feed, &header, sizeof(header));

	if (rc)
		return rc;
	if (header.bytes > RECORD_MAX_BYTES)
		return fail(EBADMSG, "%s: %u bytes, more than a record may have", record_name(header.type),
			    header.bytes);
	*type = header.type;
	if (header.type == RECORD_PAGE_DATA && feed->input.from->leave_pages &&
	    header.bytes >= sizeof(struct page_data) && !(header.bytes & 7))
		return feed_pages(feed, &header);
	return feed_item(feed, &header, sizeof(header), (header.bytes + 7) & ~7UL, 0);
}

int feed_plain(struct feed *feed)
{
	bool is_bare = feed->facts->is_bare;
	uint32_t type = RECORD_PAGE_DATA;
	int rc = is_bare ? 0 : feed_xl_header(feed);

	if (!rc)
		rc = feed_item(feed, NULL, 0, is_bare ? LIBXC_BYTES : LIBXL_BYTES + LIBXC_BYTES, 0);
	while (!rc && type != RECORD_END)
		rc = feed_record(feed, &type);
	if (!rc && !is_bare)
		rc = feed_item(feed, NULL, 0, sizeof(struct record_header), 0);
	/* Only a regular file can be asked without reading from what may be the next stream. */
	if (!rc && !is_bare && channel_has_tail(feed->input.from))
		rc = fail(EBADMSG, "something follows the last record; head -c %lu gives the image alone",
			  feed->input.from->bytes);
	return rc;
}
