/*
 * stream/chain.c, chain-seal.c, feed-chain.c, cut-chain.c, merge.c: a full image and increments of a memory that changes
 * come out as one stream in which each pfn is named once, with its newest page; whatever is wrong with a file of the chain
 * is found, and the file named.
 */
#include "unit.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "fake/chain.h"
#include "stream/merge.h"

enum { THREADS = 2, FLIPS = 1000 };

/* What came out. */
static uint8_t seen_type[PFNS];
static uint32_t seen[PFNS];

static int setup(void **state)
{
	(void)state;
	chain_begin();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	chain_end();
	fail_forget();
	return 0;
}

static int take_pages(struct reader *reader, struct record *record)
{
	const struct page_data *data = (const void *)record->body;
	const uint8_t *page = record->pages;

	for (uint32_t i = 0; i < data->count; i++) {
		uint64_t pfn = data->frame[i] & FRAME_PFN_MASK;
		unsigned int type = data->frame[i] >> 60;

		assert_int_equal(seen_type[pfn], 0xff); /* once */
		seen_type[pfn] = type;
		if (frame_has_data(type)) {
			memcpy(&seen[pfn], page + 8, sizeof(seen[pfn]));
			page += PAGE_BYTES;
		}
	}
	(void)reader;
	return 0;
}

/* All of it, or the first failure. */
static int read_chain(void)
{
	struct channel from;
	struct reader *reader;
	struct record record;
	int rc;

	memset(seen_type, 0xff, sizeof(seen_type));
	lseek(t.chain.files[0].fd, 0, SEEK_SET);
	assert_done(channel_init(&from, t.chain.files[0].fd, chain_names[0]));
	from.chain = &t.chain;
	rc = reader_open(&reader, &from, THREADS);
	while (!rc && (rc = reader_next(reader, &record)) == 1) {
		rc = record.type == RECORD_PAGE_DATA ? take_pages(reader, &record) : 0;
		record_release(reader, &record);
	}
	reader_close(reader);
	channel_release(&from);
	return rc;
}

static void assert_seen(void)
{
	for (uint64_t pfn = 0; pfn < PFNS; pfn++) {
		assert_int_equal(seen_type[pfn], t.type[pfn]);
		if (frame_has_data(t.type[pfn]))
			assert_int_equal(seen[pfn], t.content[pfn]);
	}
}

static void each_pfn_comes_once_and_newest(void **state)
{
	(void)state;
	assert_done(read_chain());
	assert_seen();
}

static void merged_they_are_one(void **state)
{
	int fd = memfd_create("merged", MFD_CLOEXEC);
	struct channel from, to;
	struct merge merge = { .from = &from, .to = &to, .level = 1, .threads = THREADS };

	(void)state;
	lseek(t.chain.files[0].fd, 0, SEEK_SET);
	assert_done(channel_init(&from, t.chain.files[0].fd, chain_names[0]));
	assert_done(channel_init(&to, fd, "merged"));
	from.chain = &t.chain;
	assert_done(merge_chain(&merge));
	channel_release(&from);
	channel_release(&to);
	assert_memory_equal(merge.state, t.head.state, STATE_BYTES);
	for (unsigned int i = 0; i < LINKS; i++)
		close(t.chain.files[i].fd);
	t.chain.files[0] = (struct chain_file){ .fd = fd, .name = chain_names[0] };
	t.chain.count = 1;
	assert_done(read_chain());
	assert_seen();
	for (unsigned int i = 1; i < LINKS; i++)
		t.chain.files[i].fd = -1;
}

static void flip(unsigned int file, uint64_t at, unsigned int bit)
{
	int fd = t.chain.files[file].fd;
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1u << bit;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static int check_all(void)
{
	int rc;

	t.chain.checks_seals = true;
	rc = read_chain();
	t.chain.checks_seals = false;
	return rc;
}

static void each_flipped_bit_is_found_in_its_file(void **state)
{
	(void)state;
	for (int i = 0; i < FLIPS; i++) {
		unsigned int file = next_random(&t.random) % LINKS, bit = next_random(&t.random) % 8;
		uint64_t at = next_random(&t.random) % lseek(t.chain.files[file].fd, 0, SEEK_END);
		int rc;

		flip(file, at, bit);
		rc = check_all();
		if (!rc || !strstr(fail_reason(), chain_names[file]))
			if (!(file == 0 && rc)) /* the head of the newest needs no name */
				fail_test("bit %u of byte %lu of %s: %d \"%s\"", bit, at, chain_names[file],
					  rc, fail_reason());
		fail_forget();
		flip(file, at, bit);
	}
	assert_done(check_all());
}

/* In place of the frame: the same words, and zeros as pages. */
static void put_zero_pages(const struct chain_file *file, const struct chain_frame *frame)
{
	ZSTD_CCtx *compressor = frame_compressor(1);
	struct skippable rest = { SEAL_MAGIC, 0 }; /* zstd passes it over */
	uint8_t *stored = malloc(frame->stored), *content = malloc(frame->expanded);
	struct page_data data;
	size_t words;
	ssize_t count;

	assert_int_equal(pread(file->fd, stored, frame->stored, frame->at), frame->stored);
	assert_int_equal(ZSTD_decompress(content, frame->expanded, stored, frame->stored), frame->expanded);
	memcpy(&data, content + sizeof(struct record_header), sizeof(data));
	words = sizeof(struct record_header) + sizeof(data) + data.count * sizeof(uint64_t);
	memset(content + words, 0, frame->expanded - words);
	count = frame_compress(compressor, stored, frame->stored, content, frame->expanded);
	assert_true(count > 0 && count + sizeof(rest) <= frame->stored);
	assert_int_equal(pwrite(file->fd, stored, count, frame->at), count);
	rest.bytes = frame->stored - count - sizeof(rest);
	assert_int_equal(pwrite(file->fd, &rest, sizeof(rest), frame->at + count), sizeof(rest));
	ZSTD_freeCCtx(compressor);
	free(stored);
	free(content);
}

/* A frame that says by its own checksum that it is right, and has other pages than the index means. */
static void another_page_than_the_index_says_is_found(void **state)
{
	const struct chain_frame *frame;
	struct chain_map map;

	(void)state;
	assert_done(chain_open(&t.chain));
	assert_done(chain_load(&map, &t.chain));
	frame = chain_frame_at(&map, chain_frame_count(&map) - 1);
	assert_int_equal(frame->file, LINKS - 1);
	put_zero_pages(&t.chain.files[LINKS - 1], frame);
	assert_fails(read_chain(), EBADMSG, "is another page than the index says, needed for pfns");
	assert_fails(check_all(), EBADMSG, "is another page than the index says, needed for pfns");
	chain_unload(&map);
}

/* The head of a parent is not read for its pages. */
static void a_byte_that_no_page_needs_is_found_by_the_seal(void **state)
{
	(void)state;
	flip(LINKS - 1, sizeof(struct skippable), 3);
	assert_done(read_chain());
	assert_fails(check_all(), EBADMSG, "full.pvf: the seal does not fit");
	flip(LINKS - 1, sizeof(struct skippable), 3);
	assert_done(check_all());
}

/* The head of the index of a file, with its hash made anew. */
static void put_index_head(unsigned int file, const struct index_head *head)
{
	const struct index_place *place = &t.chain.files[file].place;
	struct index_head copy = *head;

	copy.hash = XXH64(&copy, offsetof(struct index_head, hash), 0);
	assert_int_equal(pwrite(t.chain.files[file].fd, &copy, sizeof(copy), place->at - sizeof(copy)),
			 sizeof(copy));
}

static void other_parents_are_refused(void **state)
{
	struct chain_file swapped;
	struct index_head head;

	(void)state;
	assert_done(chain_open(&t.chain));
	head = t.chain.files[2].place.head;
	head.root.low ^= 1;
	put_index_head(2, &head);
	assert_fails(chain_open(&t.chain), EBADMSG, "second.pvf holds state");
	head.root.low ^= 1;
	head.key[0] ^= 1;
	put_index_head(2, &head);
	assert_fails(chain_open(&t.chain), EBADMSG, "with other contents than third.pvf");
	head.key[0] ^= 1;
	put_index_head(2, &head);
	swapped = t.chain.files[2];
	t.chain.files[2] = t.chain.files[1];
	t.chain.files[1] = swapped;
	assert_fails(chain_open(&t.chain), EBADMSG, "does not hold state");
	t.chain.files[1] = t.chain.files[2];
	t.chain.files[2] = swapped;
	t.chain.count--;
	assert_fails(chain_open(&t.chain), EBADMSG, "is missing");
	t.chain.count++;
	assert_done(chain_open(&t.chain));
}

/* What the newest says is not believed before memory is taken for it. */
static void more_pfns_than_words_are_refused(void **state)
{
	struct index_head head;

	(void)state;
	assert_done(chain_open(&t.chain));
	head = t.chain.files[0].place.head;
	head.pfns = 1ULL << 40;
	put_index_head(0, &head);
	assert_fails(chain_open(&t.chain), EBADMSG, "1099511627776 pfns");
	head.pfns = PFNS + 1; /* the parents have as many words together, but none on that pfn */
	put_index_head(0, &head);
	assert_fails(read_chain(), EBADMSG, "is in none of its chain's files");
	head.pfns = PFNS;
	head.root.high ^= 1;
	put_index_head(0, &head);
	assert_fails(read_chain(), EBADMSG, "its root is not");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_pfn_comes_once_and_newest, setup, teardown),
		cmocka_unit_test_setup_teardown(merged_they_are_one, setup, teardown),
		cmocka_unit_test_setup_teardown(each_flipped_bit_is_found_in_its_file, setup, teardown),
		cmocka_unit_test_setup_teardown(another_page_than_the_index_says_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(a_byte_that_no_page_needs_is_found_by_the_seal, setup,
						teardown),
		cmocka_unit_test_setup_teardown(other_parents_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(more_pfns_than_words_are_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
