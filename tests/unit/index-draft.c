/*
 * stream/index-draft.c: what is in the memory is put into a room of the caller's, as long as the guest fits into that; one
 * that grows beyond does not lose it. What becomes of it in a file: tests/unit/index.c.
 */
#include "unit.h"

#include "stream/index-draft.h"

enum { PFNS = 100 };

static void memory_is_put_into_a_room(void **state)
{
	static uint8_t type[PFNS];
	static struct page_digest digest[PFNS];
	struct index_draft draft = { .room = { PFNS, type, digest } };
	struct page_digest one = { 3, 4 };
	uint64_t word = (uint64_t)FRAME_L1 << 60 | 11;

	(void)state;
	assert_done(index_draft_begin(&draft));
	assert_done(index_draft_grow(&draft, PFNS / 2));
	assert_done(index_draft_grow(&draft, PFNS));
	assert_done(index_draft_note(&draft, 1, &word, &one, 1));
	assert_ptr_equal(draft.memory.type, type);
	assert_int_equal(type[11], FRAME_L1);
	assert_true(page_digest_equals(digest[11], one));
	assert_int_equal(type[12], FRAME_XTAB);
	for (unsigned int more = 1; more < 3; more++) {
		assert_done(index_draft_grow(&draft, PFNS + more));
		assert_ptr_not_equal(draft.memory.type, type);
		assert_int_equal(draft.memory.type[11], FRAME_L1);
		assert_true(page_digest_equals(draft.memory.digest[11], one));
		assert_int_equal(draft.memory.type[PFNS + more - 1], FRAME_XTAB);
	}
	index_draft_release(&draft);
	assert_int_equal(type[11], FRAME_L1);
}

/* The parent's memory in one room, what follows in the other. */
static void the_next_begins_as_its_parent(void **state)
{
	static uint8_t type[2][PFNS];
	static struct page_digest digest[2][PFNS];
	struct memory_state parent = { PFNS / 2, type[0], digest[0] };
	struct index_draft draft = { .room = { PFNS, type[1], digest[1] } };
	struct index_head head = { .state = "a state" };

	(void)state;
	type[0][7] = FRAME_L2;
	digest[0][7].low = 5;
	assert_done(index_draft_begin_increment(&draft, &head, &parent));
	assert_done(index_draft_grow(&draft, PFNS));
	assert_int_equal(type[1][7], FRAME_L2);
	assert_int_equal(digest[1][7].low, 5);
	assert_int_equal(type[1][PFNS / 2], FRAME_XTAB);
	index_draft_release(&draft);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_put_into_a_room),
		cmocka_unit_test(the_next_begins_as_its_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
