/*
 * A sound chain of images, in which the input changes bytes: of the files as they are, of the heads of their indexes, and of
 * what is in the indexes (groups, words, digests), packed anew. Hashes, roots and seals are made anew, or are not, as the input
 * has it, so that what is odd reaches the code behind them. Whatever comes out names each pfn once, and all of them.
 *
 * Input: flags, then edits of 7 bytes.
 */
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "fuzz.h"
#include "../unit/fake/chain.h"
#include "stream/bytes.h"
#include "stream/reader.h"

enum { THREADS = 2, EDITS = 16 };
enum flags { ROOTS_ANEW = 1, SEALS_ANEW = 2, SEALS_CHECKED = 4, ONE_LESS = 8, SWAPPED = 16 };
enum where { RAW, HEAD, HEAD_HASHED, CONTENT, CUT, PLACES };

struct edit {
	uint8_t file, where;
	uint16_t at, at_high;
	uint8_t value;
} __attribute__((packed));

/* As they were made. */
static struct original {
	struct bytes file;
	struct index_place place;
	struct index_piece piece;
	struct bytes content;
} originals[LINKS];
static uint8_t sound_type[PFNS];
static struct chain_file files[LINKS];

static void keep_file(unsigned int number)
{
	struct original *o = &originals[number];
	int fd = t.chain.files[number].fd;
	size_t count = lseek(fd, 0, SEEK_END), bytes;

	expect(pread(fd, bytes_grow(&o->file, count), count, 0) == (ssize_t)count);
	expect(index_find(fd, chain_names[number], &o->place) == 1);
	memcpy(&o->piece, o->file.at + o->place.at, sizeof(o->piece));
	/* The whole index is one piece. */
	expect(o->piece.stored + sizeof(o->piece) == o->place.bytes);
	bytes = o->piece.groups * sizeof(struct index_group) + o->piece.words * 8UL + o->piece.pages * 16UL;
	expect(ZSTD_decompress(bytes_grow(&o->content, bytes), bytes,
			       o->file.at + o->place.at + sizeof(o->piece), o->piece.stored) == bytes);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	chain_begin();
	memcpy(sound_type, t.type, sizeof(sound_type));
	memcpy(files, t.chain.files, sizeof(files));
	for (unsigned int i = 0; i < LINKS; i++)
		keep_file(i);
	return 0;
}

/* --- the files of this input ------------------------------------------------------------------ */

static struct edit edits[EDITS];
static unsigned int edit_count;

static bool applies(const struct edit *edit, unsigned int file, enum where where)
{
	return edit->file % LINKS == file && edit->where % PLACES == where;
}

static void change_bytes(unsigned int file, enum where where, uint8_t *at, size_t count)
{
	for (unsigned int i = 0; i < edit_count; i++)
		if (applies(&edits[i], file, where))
			at[(edits[i].at | (size_t)edits[i].at_high << 16) % count] ^= edits[i].value;
}

/* What the words of one index make of the memory of its parent. */
static void lay_over(struct memory_state *memory, const struct original *o, const uint8_t *content)
{
	const uint8_t *words = content + o->piece.groups * sizeof(struct index_group);
	const uint8_t *digest = words + o->piece.words * sizeof(uint64_t);
	const uint8_t *end = content + o->content.count;

	for (uint32_t i = 0; i < o->piece.words; i++) {
		uint64_t word, pfn;

		memcpy(&word, words + i * sizeof(word), sizeof(word));
		pfn = word & FRAME_PFN_MASK;
		if (pfn < PFNS)
			memory->type[pfn] = word >> 60;
		if (!frame_has_data(word >> 60) || digest == end)
			continue;
		if (pfn < PFNS)
			memcpy(&memory->digest[pfn], digest, sizeof(struct page_digest));
		digest += sizeof(struct page_digest);
	}
}

static void put_index(struct bytes *out, unsigned int number, const struct index_head *head,
		      const uint8_t *content)
{
	const struct original *o = &originals[number];
	size_t room = ZSTD_compressBound(o->content.count), start = out->count;
	struct skippable cover = { INDEX_MAGIC, 0 };
	struct index_head changed = *head;
	struct index_piece piece = o->piece;
	uint8_t *stored = malloc(room);

	expect(stored);
	piece.stored = ZSTD_compress(stored, room, content, o->content.count, 1);
	change_bytes(number, HEAD_HASHED, (uint8_t *)&changed, sizeof(changed));
	changed.hash = XXH64(&changed, offsetof(struct index_head, hash), 0);
	change_bytes(number, HEAD, (uint8_t *)&changed, sizeof(changed));
	bytes_put(out, &cover, sizeof(cover));
	bytes_put(out, &changed, sizeof(changed));
	bytes_put(out, &piece, sizeof(piece));
	bytes_put(out, stored, piece.stored);
	free(stored);
	cover.bytes = out->count - start - sizeof(cover);
	memcpy(out->at + start, &cover, sizeof(cover));
}

/* The seal and the seek table, which follow the index. */
static void put_end(struct bytes *out, const struct original *o, bool is_sealed)
{
	const uint8_t *end = o->file.at + o->file.count;
	size_t index_bytes = out->count - o->place.start, table, entry;
	struct seek_footer footer;
	struct seal seal;

	memcpy(&footer, end - sizeof(footer), sizeof(footer));
	table = sizeof(footer) + footer.frames * sizeof(struct seek_entry) + sizeof(struct skippable);
	memcpy(&seal, end - table - sizeof(seal), sizeof(seal));
	seal.stored = out->count;
	if (is_sealed)
		seal.hash = XXH64(out->at, out->count, 0);
	seal.self = XXH64(&seal, offsetof(struct seal, self), 0);
	bytes_put(out, end - table - sizeof(seal) - sizeof(struct skippable), sizeof(struct skippable));
	bytes_put(out, &seal, sizeof(seal));
	bytes_put(out, end - table, table);
	/* The last but one is the index. */
	entry = out->count - sizeof(footer) - 2 * sizeof(struct seek_entry);
	memcpy(out->at + entry, &(uint32_t){ index_bytes }, sizeof(uint32_t));
}

static void write_file(unsigned int number, struct bytes *out)
{
	size_t count = out->count;
	int fd = files[number].fd;

	change_bytes(number, RAW, out->at, out->count);
	for (unsigned int i = 0; i < edit_count; i++)
		if (applies(&edits[i], number, CUT))
			count = (edits[i].at | (size_t)edits[i].at_high << 16) % out->count;
	expect(!ftruncate(fd, 0) && pwrite(fd, out->at, count, 0) == (ssize_t)count);
}

/* From the full one on, as each index is of the memory that it makes of its parent's. */
static void make_files(unsigned int flags)
{
	static uint8_t type[PFNS];
	static struct page_digest digest[PFNS];
	struct memory_state memory = { PFNS, type, digest };
	struct page_digest parent_root = { 0, 0 };

	memset(type, 0, sizeof(type));
	memset(digest, 0, sizeof(digest));
	for (unsigned int number = LINKS; number-- > 0;) {
		const struct original *o = &originals[number];
		struct index_head head = o->place.head;
		struct bytes out = { 0 }, content = { 0 };

		bytes_put(&content, o->content.at, o->content.count);
		change_bytes(number, CONTENT, content.at, content.count);
		lay_over(&memory, o, content.at);
		if (flags & ROOTS_ANEW) {
			expect(!memory_root(&memory, head.key, &head.root));
			head.parent_root = parent_root;
			parent_root = head.root;
		}
		bytes_put(&out, o->file.at, o->place.start);
		put_index(&out, number, &head, content.at);
		put_end(&out, o, flags & SEALS_ANEW);
		expect(!bytes_check(&out) && !bytes_check(&content));
		write_file(number, &out);
		bytes_release(&out);
		bytes_release(&content);
	}
}

/* --- what comes out -------------------------------------------------------------------------------- */

static uint8_t seen[PFNS];

static void take_pages(const struct record *record)
{
	const struct page_data *data = (const void *)record->body;
	const uint8_t *page = record->pages;
	uint32_t sum = 0;

	for (uint32_t i = 0; i < data->count; i++) {
		uint64_t pfn = data->frame[i] & FRAME_PFN_MASK;

		expect(pfn < PFNS && seen[pfn] == 0xff);
		seen[pfn] = data->frame[i] >> 60;
		if (!frame_has_data(seen[pfn]))
			continue;
		for (unsigned int byte = 0; byte < PAGE_BYTES; byte += 64)
			sum += page[byte]; /* read, for the sanitizers */
		page += PAGE_BYTES;
	}
	expect(sum != 1 || data->count);
}

static int read_all(void)
{
	struct channel from;
	struct reader *reader = NULL;
	struct record record;
	int rc;

	memset(seen, 0xff, sizeof(seen));
	lseek(t.chain.files[0].fd, 0, SEEK_SET);
	expect(!channel_init(&from, t.chain.files[0].fd, t.chain.files[0].name));
	from.chain = &t.chain;
	rc = reader_open(&reader, &from, THREADS);
	while (!rc && (rc = reader_next(reader, &record)) == 1) {
		rc = 0;
		if (record.type == RECORD_PAGE_DATA)
			take_pages(&record);
		record_release(reader, &record);
	}
	reader_close(reader);
	channel_release(&from);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	struct input in = { data, count };
	uint8_t flags = take8(&in);
	int rc;

	edit_count = 0;
	while (in.left && edit_count < EDITS)
		take(&in, &edits[edit_count++], sizeof(*edits));
	make_files(flags);
	memcpy(t.chain.files, files, sizeof(files));
	if (flags & SWAPPED) {
		t.chain.files[1] = files[2];
		t.chain.files[2] = files[1];
	}
	t.chain.count = flags & ONE_LESS ? LINKS - 1 : LINKS;
	t.chain.checks_seals = flags & SEALS_CHECKED;
	fail_forget();
	rc = read_all();
	expect_reason(rc);
	expect(rc || !memchr(seen, 0xff, PFNS));
	if (!edit_count && !(flags & (ONE_LESS | SWAPPED)) &&
	    (!(flags & SEALS_CHECKED) || flags & SEALS_ANEW))
		expect(!rc && !memcmp(seen, sound_type, PFNS));
	fail_forget();
	return 0;
}
