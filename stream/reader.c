/* See reader.h. Mirror: stream/writer.c */
#include "stream/reader.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zstd.h>

#include "log.h"
#include "stop.h"
#include "stream/feed.h"

struct reader {
	struct stream_facts facts;
	struct feed feed;
	struct pipeline *chunks;
	pthread_t thread;
	bool thread_runs;
	ZSTD_DCtx **decompressors;	/* one a worker */
	unsigned int threads;
	struct chunk *current;
	size_t offset;			/* into it */
	enum phase phase;
	uint64_t records;
};

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

/* --- chunks ---------------------------------------------------------- */

int intake_need(struct intake *in, size_t count)
{
	while (in->end - in->start < count) {
		size_t room;
		ssize_t got;

		memmove(in->at, in->at + in->start, in->end - in->start);
		in->end -= in->start;
		in->start = 0;
		room = in->capacity;
		while (room < count + (64 << 10))
			room = room ? room * 2 : 1 << 20;
		if (room != in->capacity) {
			uint8_t *at = realloc(in->at, room);

			if (!at)
				return fail(ENOMEM, "out of memory");
			in->at = at;
			in->capacity = room;
		}
		got = channel_read_some(in->from, in->at + in->end, in->capacity - in->end);
		if (got <= 0)
			return got;
		in->end += got;
	}
	return 1;
}

int chunk_reserve(struct chunk *chunk, size_t count)
{
	if (chunk->capacity < count) {
		free(chunk->at);
		chunk->at = malloc(count);
		chunk->capacity = chunk->at ? count : 0;
		if (!chunk->at)
			return fail(ENOMEM, "out of memory");
	}
	return 0;
}

static void free_chunk(void *job, void *context)
{
	struct chunk *chunk = job;

	(void)context;
	bytes_release(&chunk->stored);
	free(chunk->at);
}

static int expand(void *job, unsigned int worker, void *context)
{
	struct reader *r = context;

	return r->facts.is_image ? feed_image_expand(job, r->decompressors[worker]) : 0;
}

static void *run_feed(void *argument)
{
	struct reader *r = argument;
	int rc = r->facts.is_image ? feed_image(&r->feed) : feed_plain(&r->feed);

	if (rc)
		pipeline_fail(r->chunks, rc);
	pipeline_end(r->chunks);
	return NULL;
}

static void drop(struct reader *r, struct chunk *chunk)
{
	if (chunk && atomic_fetch_sub(&chunk->holds, 1) == 1)
		pipeline_release(r->chunks, chunk);
}

/* 1 if a chunk with bytes in it is at hand, 0 at the end of the input. */
static int next_chunk(struct reader *r)
{
	while (!r->current || r->offset == r->current->count) {
		drop(r, r->current);
		r->current = pipeline_collect(r->chunks);
		r->offset = 0;
		if (!r->current)
			return pipeline_error(r->chunks);
		atomic_store(&r->current->holds, 1);
	}
	return 1;
}

/* So many bytes out of one chunk. */
static int take(struct reader *r, size_t count, const uint8_t **at)
{
	int rc = next_chunk(r);

	if (rc <= 0)
		return rc ? rc : fail(ENODATA, "%s ends before its last record", r->feed.intake.from->name);
	if (r->current->count - r->offset < count)
		return fail(EBADMSG, "frame %lu: a record crosses its end", r->current->number);
	*at = r->current->at + r->offset;
	r->offset += count;
	return 0;
}

/* --- headers --------------------------------------------------------- */

/* What is not known here inside an image of ours cannot have been written by us: that is damage. */
static int unknown(const struct reader *r)
{
	return r->facts.is_image ? EBADMSG : EMEDIUMTYPE;
}

static int read_config(struct reader *r, const struct xl_header *header)
{
	const uint8_t *at;
	uint32_t bytes;
	int rc = take(r, header->optional_bytes, &at);

	if (rc)
		return rc;
	if (header->optional_bytes < sizeof(bytes))
		return fail(EBADMSG, "xl header: no config");
	memcpy(&bytes, at, sizeof(bytes));
	if (bytes > header->optional_bytes - sizeof(bytes))
		return fail(EBADMSG, "xl header: a config of %u bytes does not fit into %u",
			    bytes, header->optional_bytes);
	if (!bytes || at[sizeof(bytes) + bytes - 1])
		return fail(EBADMSG, "xl header: the config does not end with a zero byte");
	if (r->facts.is_image && (header->optional_flags || bytes != header->optional_bytes - sizeof(bytes)))
		return fail(EBADMSG, "xl header: optional flags %#x, %zu optional bytes: not as pvferry writes it",
			    header->optional_flags, header->optional_bytes - sizeof(bytes) - bytes);
	r->facts.config = strndup((const char *)at + sizeof(bytes), bytes);
	return r->facts.config ? 0 : fail(ENOMEM, "out of memory");
}

static int read_xl_header(struct reader *r)
{
	struct xl_header header;
	const uint8_t *at;
	int rc = take(r, sizeof(header), &at);

	if (rc)
		return rc;
	memcpy(&header, at, sizeof(header));
	if (memcmp(header.magic, XL_MAGIC, sizeof(header.magic)) || header.byteorder != XL_BYTEORDER)
		return fail(unknown(r), "not an xl save file of this byte order");
	if (header.mandatory_flags & ~(XL_FLAG_JSON | XL_FLAG_STREAM_V2))
		return fail(unknown(r), "xl header: unknown mandatory flags %#x", header.mandatory_flags);
	if (!(header.mandatory_flags & XL_FLAG_STREAM_V2))
		return fail(unknown(r), "a stream from before Xen 4.6: let xl restore it");
	if (header.optional_bytes > CONFIG_MAX_BYTES)
		return fail(EBADMSG, "xl header: %u bytes of optional data", header.optional_bytes);
	r->facts.xl_flags = header.mandatory_flags;
	return read_config(r, &header);
}

static int read_libxl_header(struct reader *r)
{
	struct libxl_header header;
	struct record_header record;
	const uint8_t *at;
	int rc = take(r, sizeof(header) + sizeof(record), &at);

	if (rc)
		return rc;
	memcpy(&header, at, sizeof(header));
	memcpy(&record, at + sizeof(header), sizeof(record));
	if (be64toh(header.magic_be) != LIBXL_MAGIC)
		return fail(EBADMSG, "libxl header: wrong magic number");
	if (be32toh(header.version_be) != LIBXL_VERSION || header.options_be)
		return fail(unknown(r), "libxl header: version %u, options %#x: not known here",
			    be32toh(header.version_be), be32toh(header.options_be));
	if (record.type != LIBXL_LIBXC_CONTEXT || record.bytes)
		return fail(EBADMSG, "libxl record %u of %u bytes where the domain should begin",
			    record.type, record.bytes);
	return 0;
}

static int read_libxc_headers(struct reader *r)
{
	struct image_header image;
	struct domain_header domain;
	const uint8_t *at;
	int rc = take(r, sizeof(image) + sizeof(domain), &at);

	if (rc)
		return rc;
	memcpy(&image, at, sizeof(image));
	memcpy(&domain, at + sizeof(image), sizeof(domain));
	r->facts.version = be32toh(image.version_be);
	if (image.marker != IMAGE_MARKER || be32toh(image.id_be) != IMAGE_ID)
		return fail(EBADMSG, "image header: wrong marker");
	if (r->facts.version < IMAGE_VERSION_OLDEST || r->facts.version > IMAGE_VERSION || image.options_be)
		return fail(unknown(r), "libxc stream of version %u, options %#x: known are 2 and 3, little-endian",
			    r->facts.version, be16toh(image.options_be));
	if (domain.type == DOMAIN_X86_HVM)
		return fail(unknown(r), "an HVM or PVH domain: let xl restore it");
	if (domain.type != DOMAIN_X86_PV || domain.page_shift != PAGE_BITS)
		return fail(unknown(r), "domain header: type %u with pages of 2^%u bytes: not known here",
			    domain.type, domain.page_shift);
	if (domain.zero)
		return fail(EBADMSG, "domain header: %#x where zero should be", domain.zero);
	r->facts.xen_major = domain.xen_major;
	r->facts.xen_minor = domain.xen_minor;
	return 0;
}

/* What kind of input is it? Reads a little, and an image's head. */
static int recognise(struct reader *r)
{
	struct intake *in = &r->feed.intake;
	uint32_t magic;

	in->at = malloc(sizeof(magic));
	in->capacity = in->at ? sizeof(magic) : 0;
	if (!in->at)
		return fail(ENOMEM, "out of memory");
	while (in->end < sizeof(magic)) {
		ssize_t got = channel_read_some(in->from, in->at + in->end, sizeof(magic) - in->end);

		if (got < 0)
			return got;
		if (!got)
			return fail(EMEDIUMTYPE, "%s is %s", in->from->name,
				    in->end ? "too short for an image" : "empty");
		in->end += got;
	}
	memcpy(&magic, in->at, sizeof(magic));
	if (magic == HEAD_MAGIC)
		return feed_image_head(&r->feed);
	if (!memcmp(&magic, XL_MAGIC, sizeof(magic)))
		return 0;
	if (magic == ZSTD_FRAME_MAGIC)
		return fail(EMEDIUMTYPE, "%s was compressed by somebody else: pipe it through zstd -dc", in->from->name);
	return fail(EMEDIUMTYPE, "%s is neither an image of pvferry nor an xl save file", in->from->name);
}

static int start(struct reader *r)
{
	struct pipeline_plan plan = {
		.name = "expand", .threads = r->threads, .jobs = 3 * r->threads + 2,
		.job_bytes = sizeof(struct chunk), .work = expand, .context = r,
	};
	int rc;

	r->decompressors = calloc(r->threads, sizeof(*r->decompressors));
	if (!r->decompressors)
		return fail(ENOMEM, "out of memory");
	for (unsigned int i = 0; i < r->threads; i++) {
		r->decompressors[i] = ZSTD_createDCtx();
		if (!r->decompressors[i])
			return fail(ENOMEM, "out of memory");
	}
	rc = pipeline_start(&r->chunks, &plan);
	if (rc)
		return rc;
	r->feed.to = r->chunks;
	if (pthread_create(&r->thread, NULL, run_feed, r))
		return fail(EAGAIN, "cannot start a thread");
	r->thread_runs = true;
	return 0;
}

int reader_open(struct reader **reader, struct channel *from, unsigned int threads)
{
	struct reader *r = calloc(1, sizeof(*r));
	int rc;

	*reader = NULL;
	if (!r)
		return fail(ENOMEM, "out of memory");
	r->threads = threads;
	r->feed.intake.from = from;
	from->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->feed.facts = &r->facts;
	rc = recognise(r);
	if (!rc)
		rc = start(r);
	if (!rc)
		rc = read_xl_header(r);
	if (!rc)
		rc = read_libxl_header(r);
	if (!rc)
		rc = read_libxc_headers(r);
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
	return r->feed.expanded;
}

/* --- records --------------------------------------------------------- */

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
	for (uint32_t i = record->bytes; i & 7; i++)
		if (record->body[i])
			return fail(EBADMSG, "record %lu: %s is padded with other than zero",
				    record->number, record_name(record->type));
	return 0;
}

/* After libxc's END: libxl's, and then the input must be at its end in good order. */
static int finish(struct reader *r)
{
	const struct record_header *record;
	const uint8_t *at;
	int rc = take(r, sizeof(*record), &at);

	if (rc)
		return rc;
	record = (const void *)at;
	if (record->type != LIBXL_END || record->bytes)
		return fail(EBADMSG, "libxl record %u of %u bytes where its END should be",
			    record->type, record->bytes);
	rc = next_chunk(r);
	return rc > 0 ? fail(EBADMSG, "something follows the last record") : rc;
}

static int read_record(struct reader *r, struct record *record)
{
	struct record_header header;
	const uint8_t *at;
	int rc = take(r, sizeof(header), &at);

	if (rc)
		return rc;
	memcpy(&header, at, sizeof(header));
	if (header.bytes > RECORD_MAX_BYTES)
		return fail(EBADMSG, "record %lu: %s of %u bytes", r->records,
			    record_name(header.type), header.bytes);
	rc = take(r, (header.bytes + 7) & ~7UL, &at);
	if (rc)
		return rc;
	*record = (struct record){ header.type, header.bytes, at, r->records++, r->current->number, r->current };
	return check_padding(record);
}

int reader_next(struct reader *r, struct record *record)
{
	int rc;

	if (r->phase == PHASE_END)
		return finish(r);
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

void record_release(struct reader *r, struct record *record)
{
	drop(r, record->chunk);
	record->chunk = NULL;
}

void reader_close(struct reader *r)
{
	if (!r)
		return;
	if (r->chunks)
		pipeline_fail(r->chunks, -ECANCELED);
	eventfd_write(r->feed.intake.from->cancel_fd, 1);
	if (r->thread_runs)
		pthread_join(r->thread, NULL);
	pipeline_stop(r->chunks, free_chunk);
	for (unsigned int i = 0; r->decompressors && i < r->threads; i++)
		ZSTD_freeDCtx(r->decompressors[i]);
	free(r->decompressors);
	XXH64_freeState(r->feed.hash);
	bytes_release(&r->feed.table);
	free(r->feed.intake.at);
	close(r->feed.intake.from->cancel_fd);
	r->feed.intake.from->cancel_fd = -1;
	free(r->facts.provenance);
	free(r->facts.config);
	free(r);
}
