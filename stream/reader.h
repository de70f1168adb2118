/*
 * The stream on its way in: records, one at a time and in order, out of an
 * image of ours, a plain xl save file, or what the helpers of libxl exchange. A thread reads ahead, workers expand.
 * Framing, checksums, record order, lengths and padding are checked here;
 * what a record says is its taker's business.
 *
 * Errors, beside those of reading: -EBADMSG damaged, -ENODATA cut short,
 * -EMEDIUMTYPE not an image or none that this program knows.
 *
 * Mirror: stream/writer.h
 */
#ifndef STREAM_READER_H
#define STREAM_READER_H

#include "stream/bytes.h"
#include "stream/channel.h"
#include "stream/format.h"

struct reader;
struct chunk;
struct expansion;

struct stream_facts {
	bool is_image;		      /* ours, with frames, seal and seek table */
	bool has_rounds;	      /* an image of a guest that ran meanwhile: FEATURE_ROUNDS */
	bool has_index, is_increment; /* FEATURE_INDEX, FEATURE_INCREMENT */
	bool is_bare; /* libxc's stream without anything around it: no config, and nothing is read behind END */
	bool is_wire;	  /* the same, in frames with their lengths */
	uint64_t frames;  /* head: frames to allocate; 0 in a plain file */
	char *provenance; /* head: JSON; NULL in a plain file */
	char *config; /* xl's, a string; NULL if another process has read the input: it has made it flat */
	struct bytes flat_config; /* the same as machine/config-flat.h has it */
	uint32_t xl_flags;
	uint32_t version; /* of the libxc stream */
	uint32_t xen_major, xen_minor;
};

struct record {
	uint32_t type;
	uint32_t bytes;
	const uint8_t *
		body; /* lent until record_release(): the content, or of PAGE_DATA what stands before its pages */
	uint32_t body_bytes;
	uint64_t number; /* counts from 0 */
	uint64_t frame;	 /* of an image; the head is 0 */
	struct chunk *chunk;
	/* Of PAGE_DATA. They may change at any time, if another process has expanded them. */
	const uint8_t *pages;
	uint64_t pages_at; /* not 0: they are not there, but here in the file */
};

/* Reads up to the domain header. The channel stays the caller's and must outlive the reader. */
int reader_open(struct reader **reader, struct channel *from, unsigned int threads);
/*
 * The same, from a process that has been started to read the input: see expanded.h. What is checked
 * here is copied first. pages: the file that the pages of a plain stream have stayed in, if they have.
 */
int reader_attach(struct reader **reader, const struct expansion *expansion, struct channel *pages);
const struct stream_facts *reader_facts(const struct reader *reader);

/* How many bytes the frames of an image met so far expand to. */
uint64_t reader_expanded(const struct reader *reader);

/*
 * 1 and the next record, 0 after END and everything behind it were found in
 * order (seal and seek table of an image among it), or a failure.
 */
int reader_next(struct reader *reader, struct record *record);

/* Some of a record's pages that stayed in the file, from there on. Any thread. */
int reader_fetch(struct reader *reader, void *to, size_t bytes, uint64_t at);

/* Lends it once more: it must then be released once more. */
void record_hold(struct record *record);
/* Each record must be released, by any thread. */
void record_release(struct reader *reader, struct record *record);

/* All records must be released. NULL is fine. */
void reader_close(struct reader *reader);

/* "PAGE_DATA" or "record type 0x..."; for messages, so never NULL. */
const char *record_name(uint32_t type);

#endif
