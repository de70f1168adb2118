/*
 * stream/index.c, index-draft.c, page-digest.c: what was noted of each frame while an image was written stands
 * in its index; an index that says otherwise of its file than can be is refused.
 */
#include "unit.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "stream/index-draft.h"
#include "stream/index.h"
#include "stream/writer.h"

enum { PFNS = 20000, FRAMES = 40 };

static struct {
	int fd;
	struct channel to;
	struct writer writer;
	struct index_draft draft;
	/* What the visit found. */
	struct memory_state seen;
	uint32_t frame[PFNS];
	uint64_t groups, bare_groups;
} t;

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.fd = memfd_create("image", MFD_CLOEXEC);
	assert_done(channel_init(&t.to, t.fd, "the image"));
	assert_done(index_draft_begin(&t.draft));
	t.seen = (struct memory_state){ PFNS, calloc(PFNS, 1), calloc(PFNS, sizeof(struct page_digest)) };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	index_draft_release(&t.draft);
	writer_release(&t.writer);
	channel_release(&t.to);
	free(t.seen.type);
	free(t.seen.digest);
	close(t.fd);
	fail_forget();
	return 0;
}

static void put_group(const char *text)
{
	struct bytes group = { 0 };

	bytes_put(&group, text, strlen(text));
	assert_done(writer_group(&t.writer, &group));
	bytes_release(&group);
}

static void begin_image(void)
{
	assert_done(
		writer_init(&t.writer, &t.to, 1,
			    &(struct writer_head){ .frames = 7, .features = FEATURE_INDEX, .json = "{}" }));
	t.writer.index = &t.draft;
	assert_done(index_draft_grow(&t.draft, PFNS));
	put_group("opening");
}

static unsigned int type_of(uint64_t pfn)
{
	return pfn % 7 == 0 ? FRAME_XTAB : pfn % 5 == 0 ? FRAME_L1 : FRAME_NOTAB;
}

static struct page_digest digest_of(uint64_t pfn)
{
	return (struct page_digest){ pfn * 3, ~pfn };
}

/* A frame with these pfns. */
static void put_pages(uint64_t first, uint64_t step, unsigned int count)
{
	uint64_t words[BATCH_PAGES];
	struct page_digest digests[BATCH_PAGES];
	unsigned int pages = 0;

	for (unsigned int i = 0; i < count; i++) {
		uint64_t pfn = first + i * step;

		words[i] = (uint64_t)type_of(pfn) << 60 | pfn;
		if (frame_has_data(type_of(pfn)))
			digests[pages++] = digest_of(pfn);
	}
	assert_done(index_draft_note(&t.draft, writer_frames(&t.writer), words, digests, count));
	put_group("pages");
}

static void put_all(void)
{
	begin_image();
	for (uint64_t pfn = 0; pfn < PFNS; pfn += BATCH_PAGES)
		put_pages(pfn, 1, PFNS - pfn < BATCH_PAGES ? PFNS - pfn : BATCH_PAGES);
}

static void end_image(void)
{
	put_group("closing");
	assert_done(writer_finish(&t.writer));
}

static int see(const struct index_group *group, const uint64_t *words, const struct page_digest *digests,
	       void *context)
{
	(void)context;
	t.groups++;
	t.bare_groups += !group->words;
	for (uint32_t i = 0; i < group->words; i++) {
		uint64_t pfn = words[i] & FRAME_PFN_MASK;

		assert_int_equal(t.frame[pfn], 0);
		t.frame[pfn] = group->frame;
		t.seen.type[pfn] = words[i] >> 60;
		if (frame_has_data(words[i] >> 60))
			t.seen.digest[pfn] = *digests++;
	}
	return 0;
}

static int read_all(struct index_place *place)
{
	struct index_visit visit = { see, NULL };
	int rc = index_find(t.fd, "the image", place);

	memset(t.frame, 0, sizeof(t.frame));
	t.groups = t.bare_groups = 0;
	return rc < 0 ? rc : rc == 0 ? 1 : index_read(t.fd, "the image", place, &visit);
}

static void what_was_noted_is_read(void **state)
{
	struct index_place place;
	struct page_digest root;

	(void)state;
	put_all();
	end_image();
	assert_done(read_all(&place));
	assert_int_equal(t.groups, (PFNS + BATCH_PAGES - 1) / BATCH_PAGES + 2);
	assert_int_equal(t.bare_groups, 2);
	assert_int_equal(place.head.words, PFNS);
	for (uint64_t pfn = 0; pfn < PFNS; pfn++) {
		assert_int_equal(t.frame[pfn], 2 + pfn / BATCH_PAGES);
		assert_int_equal(t.seen.type[pfn], type_of(pfn));
		if (frame_has_data(type_of(pfn)))
			assert_true(page_digest_equals(t.seen.digest[pfn], digest_of(pfn)));
	}
	assert_done(memory_root(&t.seen, place.head.key, &root));
	assert_true(page_digest_equals(root, place.head.root));
	assert_memory_equal(place.head.state, t.draft.head.state, STATE_BYTES);
	assert_false(index_is_increment(&place.head));
}

static void the_last_word_on_a_pfn_counts(void **state)
{
	struct index_place place;

	(void)state;
	put_all();
	put_pages(0, 1, BATCH_PAGES); /* the first frame is dead now */
	put_group("another p2m");
	put_pages(1000, 9, 3);
	end_image();
	assert_done(read_all(&place));
	assert_int_equal(t.frame[5], 2 + (PFNS + BATCH_PAGES - 1) / BATCH_PAGES);
	assert_int_equal(t.frame[1009], t.frame[5] + 2);
	assert_int_equal(t.frame[1010], 2 + 1010 / BATCH_PAGES);
	assert_int_equal(t.bare_groups, 3);
	assert_int_equal(t.groups, 1 + (PFNS + BATCH_PAGES - 1) / BATCH_PAGES - 1 + 1 + 1 + 1 + 1);
}

static void an_increment_has_what_differs(void **state)
{
	static uint8_t type[PFNS];
	static struct page_digest digest[PFNS];
	struct memory_state parent = { PFNS, type, digest };
	struct index_head head = { .state = "a state", .root = { 1, 2 }, .key = "a key" };
	struct page_digest other = { 1, 1 };
	struct index_place place;

	(void)state;
	for (uint64_t pfn = 0; pfn < PFNS; pfn++) {
		type[pfn] = type_of(pfn);
		digest[pfn] = digest_of(pfn);
	}
	index_draft_release(&t.draft);
	assert_done(index_draft_begin_increment(&t.draft, &head, &parent));
	begin_image();
	index_draft_count(&t.draft, (uint64_t[]){ 11 }, 1);
	assert_false(index_draft_needs(&t.draft, 11, &digest[11]));
	assert_true(index_draft_needs(&t.draft, 11, &other));
	assert_true(index_draft_needs(&t.draft, 1ULL << 60 | 11, &digest[11]));
	assert_false(index_draft_needs(&t.draft, 15ULL << 60 | 14, &other));
	assert_true(index_draft_needs(&t.draft, 15ULL << 60 | 11, &other));
	put_pages(11, 1, 1);
	index_draft_count(&t.draft, (uint64_t[]){ 11 }, 1);
	assert_true(index_draft_needs(&t.draft, 11, &digest[11])); /* went as another before */
	end_image();
	assert_done(read_all(&place));
	assert_int_equal(place.head.words, 1);
	assert_true(index_is_increment(&place.head));
	assert_memory_equal(place.head.parent, head.state, STATE_BYTES);
	assert_memory_equal(place.head.key, head.key, KEY_BYTES);
	assert_int_equal(place.head.parent_root.high, 2);
	assert_done(memory_root(&parent, head.key, &other));
	assert_true(page_digest_equals(other, place.head.root));
}

static void files_without_one_have_none(void **state)
{
	struct index_place place;

	(void)state;
	assert_int_equal(read_all(&place), 1); /* empty */
	begin_image();
	t.writer.index = NULL;
	end_image();
	assert_int_equal(read_all(&place), 1);
	assert_int_equal(index_find(STDIN_FILENO, "no regular file", &place), 0);
}

static void flip(uint64_t at, unsigned int bit)
{
	uint8_t byte;

	assert_int_equal(pread(t.fd, &byte, 1, at), 1);
	byte ^= 1u << bit;
	assert_int_equal(pwrite(t.fd, &byte, 1, at), 1);
}

/* Some bits of a zstd frame mean nothing. */
static bool is_as_noted(const struct index_place *place)
{
	struct page_digest root;

	assert_done(memory_root(&t.seen, place->head.key, &root));
	return page_digest_equals(root, place->head.root);
}

static void each_flipped_bit_is_found(void **state)
{
	struct index_place place, again;

	(void)state;
	put_all();
	end_image();
	assert_done(read_all(&place));
	for (uint64_t at = place.start; at < place.at + place.bytes; at += at < place.at + 64 ? 1 : 61) {
		unsigned int bit = at % 8;
		int rc;

		flip(at, bit);
		rc = index_find(t.fd, "the image", &again);
		if (rc > 0)
			rc = read_all(&again);
		if (!rc && !is_as_noted(&place))
			fail_test("byte %lu of the index", at - place.start);
		fail_forget();
		flip(at, bit);
	}
	assert_done(read_all(&again));
}

/* The hash of the head made anew. */
static void put_head(const struct index_place *place, struct index_head head)
{
	head.hash = XXH64(&head, offsetof(struct index_head, hash), 0);
	assert_int_equal(pwrite(t.fd, &head, sizeof(head), place->at - sizeof(head)), sizeof(head));
}

static void heads_that_cannot_be_are_refused(void **state)
{
	struct index_place place, again;
	struct index_head head;

	(void)state;
	put_all();
	end_image();
	assert_done(read_all(&place));
	head = place.head;
	head.pfns = 1ULL << 50;
	head.words = 1ULL << 50;
	put_head(&place, head);
	assert_fails(read_all(&again), EBADMSG, "1125899906842624 pfns");
	head = place.head;
	head.words--;
	put_head(&place, head);
	assert_fails(read_all(&again), EBADMSG, "full image");
	head = place.head;
	head.pages--;
	put_head(&place, head);
	assert_fails(read_all(&again), EBADMSG, "other numbers");
	head = place.head;
	head.pfns = head.words = head.pages = PFNS / 2;
	put_head(&place, head);
	assert_fails(read_all(&again), EBADMSG, "a word is wrong");
	put_head(&place, place.head);
	assert_done(read_all(&again));
}

/* The last frame but one lies where the index says: behind the end of the frames it cannot. */
static void frames_lie_before_the_index(void **state)
{
	struct index_place place;
	struct index_visit visit = { see, NULL };

	(void)state;
	put_all();
	end_image();
	assert_done(read_all(&place));
	place.start = 100;
	memset(t.frame, 0, sizeof(t.frame));
	assert_fails(index_read(t.fd, "the image", &place, &visit), EBADMSG, "where none can be");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_noted_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_word_on_a_pfn_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(an_increment_has_what_differs, setup, teardown),
		cmocka_unit_test_setup_teardown(files_without_one_have_none, setup, teardown),
		cmocka_unit_test_setup_teardown(each_flipped_bit_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(heads_that_cannot_be_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(frames_lie_before_the_index, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
