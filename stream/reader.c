/*
 * See reader.h. What a record may be and where it may stand is in format.h, in
 * one table; this goes through it. Mirror: stream/writer.c
 */
#include "stream/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "process/stop.h"
#include "stream/reader-state.h"

static const struct rule {
	const char *name;
	enum phase first, last, next;
	uint32_t least, most;
} rules[] = {
#define RULE(name, number, first, last, next, least, most) \
	[number] = { #name, first, last, next, least, most },
	STREAM_RECORDS(RULE)
};

static const struct rule *find_rule(uint32_t type)
{
	if (type >= sizeof(rules) / sizeof(*rules) || !rules[type].name)
		return NULL;
	return &rules[type];
}

const char *record_name(uint32_t type)
{
	const struct rule *rule = find_rule(type);

	return rule ? rule->name : "record of unknown type";
}

static int check_record(struct reader *r, const struct record *record)
{
	const struct rule *rule = find_rule(record->type);
	bool is_old = r->facts.version < IMAGE_VERSION;

	if (!rule)
		return fail(EBADMSG, "record %lu: unknown type %#x", record->number, record->type);
	/* Version 2 has no STATIC_DATA_END: the memory's records imply it. */
	if (is_old && r->phase == PHASE_STATIC && rule->first >= PHASE_P2M)
		r->phase = PHASE_P2M;
	if (r->phase < rule->first || r->phase > rule->last)
		return fail(EBADMSG, "record %lu: %s out of order", record->number, rule->name);
	if (record->bytes < rule->least || record->bytes > rule->most)
		return fail(EBADMSG, "record %lu: %s of %u bytes", record->number, rule->name, record->bytes);
	if (rule->next > r->phase)
		r->phase = rule->next;
	return 0;
}

static int check_padding(const struct record *record)
{
	for (uint32_t i = record->bytes; i & 7 && i < record->body_bytes; i++)
		if (record->body[i])
			return fail(EBADMSG, "record %lu: %s is padded with other than zero", record->number,
				    record_name(record->type));
	return 0;
}

static int finish_libxl(struct reader *r)
{
	struct record_header record;
	const uint8_t *at;
	int rc = cursor_take(&r->cursor, sizeof(record), &at);

	if (rc)
		return rc;
	memcpy(&record, at, sizeof(record));
	if (record.type != LIBXL_END || record.bytes)
		return fail(EBADMSG, "libxl record %u of %u bytes where its END should be", record.type,
			    record.bytes);
	return 0;
}

/* After libxc's END: libxl's, and then the input must be at its end in good order, which its feed sees to. */
static int reader_finish(struct reader *r)
{
	int rc = r->facts.is_bare ? 0 : finish_libxl(r);

	if (!rc)
		rc = cursor_next(&r->cursor);
	return rc > 0 ? fail(EBADMSG, "something follows the last record") : rc;
}

/* How much of a record's content is copied: all, or of PAGE_DATA all but the pages. */
static size_t body_bytes(uint32_t type, const uint8_t *at, size_t there)
{
	struct page_data data;
	size_t words;

	if (type != RECORD_PAGE_DATA || there < sizeof(data))
		return there;
	memcpy(&data, at, sizeof(data));
	words = (size_t)data.count * sizeof(uint64_t);
	return sizeof(data) + (words < there - sizeof(data) ? words : there - sizeof(data));
}

/*
 * What is checked is read once, into memory of ours: a chunk may lie in memory that its expander can
 * still write to. Pages stay where they are, as they are copied into the guest before a look at them.
 */
static int keep_body(struct record *record, const uint8_t *at, size_t there)
{
	size_t bytes = body_bytes(record->type, at, there);

	record->body = chunk_keep(record->chunk, at, bytes);
	record->body_bytes = bytes;
	if (record->type == RECORD_PAGE_DATA)
		record->pages = at + bytes;
	return record->body ? 0 : -ENOMEM;
}

static int read_record(struct reader *r, struct record *record)
{
	struct record_header header;
	struct chunk *chunk;
	uint64_t left;
	size_t there;
	const uint8_t *at;
	int rc = cursor_take(&r->cursor, sizeof(header), &at);

	if (rc)
		return rc;
	memcpy(&header, at, sizeof(header));
	if (header.bytes > RECORD_MAX_BYTES)
		return fail(EBADMSG, "record %lu: %s of %u bytes", r->records, record_name(header.type),
			    header.bytes);
	there = (header.bytes + 7) & ~7UL;
	left = r->cursor.current->left;
	if (left && (header.type != RECORD_PAGE_DATA || left > there))
		return fail(EBADMSG, "record %lu: %s of %u bytes, of which %lu stayed in the file",
			    r->records, record_name(header.type), header.bytes, left);
	/* Behind an empty body there may be nothing more. */
	if (header.bytes)
		rc = cursor_take(&r->cursor, there - left, &at);
	if (rc)
		return rc;
	chunk = r->cursor.current;
	if (left != chunk->left)
		return fail(EBADMSG, "record %lu: %s crosses the end of its chunk", r->records,
			    record_name(header.type));
	*record = (struct record){ .type = header.type,
				   .bytes = header.bytes,
				   .number = r->records++,
				   .frame = chunk->number,
				   .chunk = chunk,
				   .pages_at = chunk->left ? chunk->left_at : 0 };
	rc = keep_body(record, at, there - left);
	return rc ? rc : check_padding(record);
}

int reader_fetch(struct reader *r, void *to, size_t bytes, uint64_t at)
{
	return channel_read_at(r->cursor.feed.input.from, to, bytes, at);
}

int reader_next(struct reader *r, struct record *record)
{
	int rc;

	if (r->phase == PHASE_END)
		return reader_finish(r);
	do {
		rc = stop_requested();
		if (!rc)
			rc = read_record(r, record);
	} while (!rc && record->type & RECORD_OPTIONAL && !r->facts.is_image);
	if (!rc)
		rc = check_record(r, record);
	if (rc)
		return rc;
	atomic_fetch_add(&record->chunk->holds, 1);
	return 1;
}

void record_hold(struct record *record)
{
	atomic_fetch_add(&record->chunk->holds, 1);
}

void record_release(struct reader *r, struct record *record)
{
	cursor_drop(&r->cursor, record->chunk);
	record->chunk = NULL;
}

int reader_attach(struct reader **reader, const struct expansion *expansion, struct channel *pages)
{
	struct reader *r = calloc(1, sizeof(*r));
	int rc;

	*reader = NULL;
	if (!r)
		return fail(ENOMEM, "out of memory");
	rc = cursor_attach(&r->cursor, expansion, pages, &r->facts);
	if (rc)
		reader_close(r);
	else
		*reader = r;
	return rc;
}

const struct stream_facts *reader_facts(const struct reader *r)
{
	return &r->facts;
}

uint64_t reader_expanded(const struct reader *r)
{
	return r->cursor.feed.expanded;
}

void reader_close(struct reader *r)
{
	if (!r)
		return;
	cursor_close(&r->cursor);
	free(r->facts.provenance);
	free(r->facts.config);
	bytes_release(&r->facts.flat_config);
	free(r);
}
