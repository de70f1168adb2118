/* stream/expanded.c: what a lying expander sends. */
#include "unit.h"

#include <sys/socket.h>
#include <unistd.h>

#include "stream/cursor.h"
#include "stream/expanded.h"

enum { THREADS = 1 };

/* Both sides; the expander's is played by the tests. */
static struct {
	struct expansion ours;
	struct slots theirs;
	int socket;
	struct channel file;
	struct expanded *expanded;
	struct stream_facts facts;
} e;

static int setup(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	memset(&e, 0, sizeof(e));
	assert_done(slots_make(&e.theirs, THREADS));
	e.ours = (struct expansion){ pair[0], e.theirs.fd, THREADS };
	e.socket = pair[1];
	assert_done(slots_map(&e.theirs, e.theirs.fd, THREADS, true));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	expanded_close(e.expanded);
	slots_unmap(&e.theirs);
	bytes_release(&e.facts.flat_config);
	close(e.ours.slots);
	close(e.ours.socket);
	if (e.socket >= 0)
		close(e.socket);
	fail_forget();
	return 0;
}

static void lie(const void *packet, size_t bytes)
{
	assert_int_equal(send(e.socket, packet, bytes, MSG_NOSIGNAL), bytes);
}

static void send_config(uint32_t bytes)
{
	const struct expansion_message message = { .kind = EXPANSION_FACTS, .facts.config_bytes = bytes };

	lie(&message, sizeof(message));
}

static void send_chunk(struct expansion_chunk chunk)
{
	const struct expansion_message message = { .kind = EXPANSION_CHUNK, .chunk = chunk };

	lie(&message, sizeof(message));
}

static int attach(void)
{
	return expanded_open(&e.expanded, &e.ours, &e.file, &e.facts);
}

/* Facts that are in order, from where the tests of chunks begin. */
static void begin(bool leaves_pages)
{
	e.file.leave_pages = leaves_pages;
	send_config(0);
	assert_done(attach());
}

static int collect(struct chunk **chunk)
{
	*chunk = expanded_collect(e.expanded);
	return *chunk ? 0 : expanded_error(e.expanded);
}

/* It is not given out, and nothing that comes later is. */
static void chunk_is_refused(struct expansion_chunk lying, const char *words)
{
	struct chunk *chunk;

	send_chunk(lying);
	send_chunk((struct expansion_chunk){ .slot = 1, .count = 8 });
	assert_fails(collect(&chunk), EPROTO, words);
	assert_null(expanded_collect(e.expanded));
	assert_int_equal(expanded_error(e.expanded), -EPROTO);
	teardown(NULL);
	setup(NULL);
}

/* --- honest ------------------------------------------------------------------ */

static void chunks_go_there_and_back(void **state)
{
	const uint32_t large = e.theirs.count;
	struct chunk *first, *second;
	uint32_t slot;

	(void)state;
	memcpy(slots_config(&e.theirs), "flat", 4);
	send_config(4);
	assert_done(attach());
	assert_int_equal(e.facts.flat_config.count, 4);
	memcpy(slots_config(&e.theirs), "lies", 4);
	assert_memory_equal(e.facts.flat_config.at, "flat", 4);
	e.theirs.at[slot_offset(large) + 8] = 0x5a;
	send_chunk((struct expansion_chunk){
		.slot = large, .offset = 8, .count = LARGE_BYTES - 8, .number = 3 });
	send_chunk((struct expansion_chunk){ .slot = 0, .offset = SLOT_BYTES, .number = 4 });
	assert_done(collect(&first));
	assert_done(collect(&second));
	assert_int_equal(first->at[0], 0x5a);
	assert_int_equal(first->count, LARGE_BYTES - 8);
	assert_int_equal(first->number, 3);
	assert_int_equal(second->count, 0);
	expanded_release(e.expanded, first);
	assert_int_equal(recv(e.socket, &slot, sizeof(slot), MSG_DONTWAIT), sizeof(slot));
	assert_int_equal(slot, large);
	send_chunk((struct expansion_chunk){ .slot = large, .count = 8 });
	assert_done(collect(&first));
	lie(&(struct expansion_message){ .kind = EXPANSION_END }, sizeof(struct expansion_message));
	assert_done(collect(&second));
	assert_null(second);
}

/* --- lies --------------------------------------------------------------------- */

static void packets_of_another_length_are_refused(void **state)
{
	static const uint8_t packet[sizeof(struct expansion_message) + 1];
	static const size_t lengths[] = { 1, 4, sizeof(packet) - 2, sizeof(packet) };
	struct chunk *chunk;

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		lie(packet, lengths[i]);
		assert_fails(attach(), EPROTO, "sent a message of");
		teardown(NULL);
		setup(NULL);
		begin(false);
		lie(packet, lengths[i]);
		assert_fails(collect(&chunk), EPROTO, "sent a message of");
		teardown(NULL);
		setup(NULL);
	}
}

static void another_kind_is_refused(void **state)
{
	static const uint32_t first[] = { EXPANSION_CHUNK, EXPANSION_END, EXPANSION_FAILED + 1, UINT32_MAX };
	static const uint32_t later[] = { EXPANSION_FACTS, EXPANSION_FAILED + 1, UINT32_MAX };
	struct expansion_message message = { 0 };
	struct chunk *chunk;

	(void)state;
	for (size_t i = 0; i < COUNT(first); i++) {
		message.kind = first[i];
		lie(&message, sizeof(message));
		assert_fails(attach(), EPROTO, "began with a message of kind");
		teardown(NULL);
		setup(NULL);
	}
	for (size_t i = 0; i < COUNT(later); i++) {
		begin(false);
		message.kind = later[i];
		lie(&message, sizeof(message));
		assert_fails(collect(&chunk), EPROTO, "sent a message of kind");
		teardown(NULL);
		setup(NULL);
	}
}

static void slots_that_are_none_are_refused(void **state)
{
	(void)state;
	begin(false);
	chunk_is_refused((struct expansion_chunk){ .slot = e.theirs.count + 1, .count = 8 }, "of slot");
	begin(false);
	chunk_is_refused((struct expansion_chunk){ .slot = UINT32_MAX, .count = 8 }, "of slot");
}

static void a_slot_that_is_read_comes_no_second_time(void **state)
{
	struct chunk *chunk;

	(void)state;
	begin(false);
	send_chunk((struct expansion_chunk){ .slot = 0, .count = 8 });
	assert_done(collect(&chunk));
	chunk_is_refused((struct expansion_chunk){ .slot = 0, .count = 16 }, "sent 16 bytes at 0 of slot 0");
}

static void bytes_beyond_a_slot_are_refused(void **state)
{
	const uint32_t large = e.theirs.count;
	const struct expansion_chunk lies[] = {
		{ .slot = 0, .count = SLOT_BYTES + 1 },
		{ .slot = 0, .offset = 8, .count = SLOT_BYTES },
		{ .slot = 0, .offset = SLOT_BYTES + 8, .count = 0 },
		{ .slot = 0, .offset = 8, .count = UINT32_MAX - 7 }, /* their sum is 0 */
		{ .slot = 0, .offset = UINT32_MAX - 7, .count = 8 },
		{ .slot = large, .count = LARGE_BYTES + 1 },
		{ .slot = large, .offset = LARGE_BYTES + 8, .count = 0 },
		{ .slot = large - 1, .count = LARGE_BYTES },
		{ .slot = 0, .offset = 4, .count = 8 }, /* records are aligned */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lies); i++) {
		begin(false);
		chunk_is_refused(lies[i], "of slot");
	}
}

static void pages_left_elsewhere_are_refused(void **state)
{
	const struct expansion_chunk lies[] = {
		{ .count = 8, .left = RECORD_MAX_BYTES + 1ULL },
		{ .count = 8, .left = UINT64_MAX },
		{ .count = 8, .left = 4096, .left_at = INT64_MAX - 4095 },
		{ .count = 8, .left = 4096, .left_at = UINT64_MAX },
	};
	struct chunk *chunk;

	(void)state;
	for (size_t i = 0; i < COUNT(lies); i++) {
		begin(true);
		chunk_is_refused(lies[i], "of the file");
	}
	begin(false); /* in what is no file none are left */
	chunk_is_refused((struct expansion_chunk){ .count = 8, .left = 4096 }, "of the file");
	begin(true);
	send_chunk((struct expansion_chunk){ .count = 8, .left = 4096, .left_at = INT64_MAX - 4096 });
	assert_done(collect(&chunk));
	assert_int_equal(chunk->left, 4096);
}

static void a_config_beyond_its_room_is_refused(void **state)
{
	(void)state;
	send_config(FLAT_CONFIG_BYTES + 1);
	assert_fails(attach(), EPROTO, "sent a config of");
	teardown(NULL);
	setup(NULL);
	send_config(FLAT_CONFIG_BYTES);
	assert_done(attach());
	assert_int_equal(e.facts.flat_config.count, FLAT_CONFIG_BYTES);
}

/* A failure without an error, or whose reason does not end, is a failure all the same. */
static void failures_that_lie_are_failures(void **state)
{
	static const int32_t errors[] = { 0, 4096, -EBADMSG, INT32_MIN, INT32_MAX };
	struct expansion_message message = { .kind = EXPANSION_FAILED };
	struct chunk *chunk;

	(void)state;
	memset(message.failure.reason, 'x', sizeof(message.failure.reason));
	for (size_t i = 0; i < COUNT(errors); i++) {
		message.failure.error = errors[i];
		lie(&message, sizeof(message));
		assert_true(attach() < 0);
		teardown(NULL);
		setup(NULL);
		begin(false);
		lie(&message, sizeof(message));
		assert_true(collect(&chunk) < 0);
		assert_true(strlen(fail_reason()) < sizeof(message.failure.reason));
		teardown(NULL);
		setup(NULL);
	}
}

static void an_end_without_a_word_is_a_loss(void **state)
{
	struct chunk *chunk;

	(void)state;
	begin(false);
	close(e.socket);
	e.socket = -1;
	assert_fails(collect(&chunk), EXPANDER_LOST, "ended before the image did");
}

/* What is shared never shrinks: no access to it can fail. */
static void the_size_is_sealed(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(e.ours.slots, 0), -1);
	assert_int_equal(errno, EPERM);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(chunks_go_there_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(packets_of_another_length_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(another_kind_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(slots_that_are_none_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_slot_that_is_read_comes_no_second_time, setup, teardown),
		cmocka_unit_test_setup_teardown(bytes_beyond_a_slot_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(pages_left_elsewhere_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_config_beyond_its_room_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(failures_that_lie_are_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(an_end_without_a_word_is_a_loss, setup, teardown),
		cmocka_unit_test_setup_teardown(the_size_is_sealed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
