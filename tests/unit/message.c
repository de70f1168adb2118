/* stream/message.c, line.c, body.c: what is a message, what is none, and what a line does when the other side is slow or gone. */
#include "unit.h"

#include <json-c/json.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stream/message.h"

static struct line ours, theirs;

static int setup(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_done(line_init(&ours, ends[0], ends[0], "the peer"));
	assert_done(line_init(&theirs, ends[1], ends[1], "us"));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	line_close(&ours);
	line_close(&theirs);
	fail_forget();
	return 0;
}

static void hear(struct line *line)
{
	while (line_wait(line, NULL, 0, 0) > 0 && !line->is_over)
		;
}

static void send_header(uint32_t type, uint32_t bytes)
{
	struct message_header header = { type, bytes };

	assert_done(line_write(&theirs, &header, sizeof(header)));
	hear(&ours);
}

static void messages_come_whole_and_in_order(void **state)
{
	struct message message;
	struct message_end end = { 7, 8 };

	(void)state;
	assert_int_equal(message_next(&ours, &message), 0);
	assert_done(message_send(&theirs, MESSAGE_DATA, "abc", 3));
	assert_done(message_send(&theirs, MESSAGE_END, &end, sizeof(end)));
	assert_done(message_send(&theirs, MESSAGE_GO, NULL, 0));
	hear(&ours);
	assert_int_equal(message_peek(&ours, &message), 1);
	assert_int_equal(message_next(&ours, &message), 1);
	assert_int_equal(message.type, MESSAGE_DATA);
	assert_int_equal(message.bytes, 3);
	assert_memory_equal(message.body, "abc", 3);
	assert_int_equal(message_next(&ours, &message), 1);
	assert_memory_equal(message.body, &end, sizeof(end));
	assert_int_equal(message_next(&ours, &message), 1);
	assert_int_equal(message.type, MESSAGE_GO);
	assert_int_equal(message_next(&ours, &message), 0);
}

static void a_part_is_no_message(void **state)
{
	struct message_header header = { MESSAGE_MARK | MESSAGE_DATA, 2 };
	struct message message;

	(void)state;
	for (size_t i = 0; i < sizeof(header); i++) {
		assert_done(line_write(&theirs, (uint8_t *)&header + i, 1));
		hear(&ours);
		assert_int_equal(message_next(&ours, &message), 0);
	}
	assert_done(line_write(&theirs, "x", 1));
	hear(&ours);
	assert_int_equal(message_next(&ours, &message), 0);
	assert_done(line_write(&theirs, "y", 1));
	hear(&ours);
	assert_int_equal(message_next(&ours, &message), 1);
	assert_memory_equal(message.body, "xy", 2);
}

/* Each type at the least and the most it may have, and one beyond; nothing is read of what is too long. */
static void lengths_are_bounded_by_type(void **state)
{
	static const struct {
		uint32_t least, most;
	} bounds[] = {
#define BOUND(name, number, least, most) [number] = { least, most },
		MESSAGES(BOUND)
	};
	struct message message;

	teardown(state);
	for (uint32_t type = 1; type < COUNT(bounds); type++) {
		setup(state);
		ours.is_inner = type >= MESSAGE_PEER;
		send_header(MESSAGE_MARK | type, bounds[type].most + 1);
		assert_fails(message_next(&ours, &message), EPROTO, message_name(type));
		teardown(state);
		setup(state);
		ours.is_inner = type >= MESSAGE_PEER;
		send_header(MESSAGE_MARK | type, bounds[type].most);
		assert_int_equal(message_next(&ours, &message), bounds[type].most ? 0 : 1);
		teardown(state);
		setup(state);
		ours.is_inner = type >= MESSAGE_PEER;
		if (bounds[type].least) {
			send_header(MESSAGE_MARK | type, bounds[type].least - 1);
			assert_fails(message_next(&ours, &message), EPROTO, message_name(type));
		}
		teardown(state);
	}
	setup(state);
}

static void what_is_no_message_is_told(void **state)
{
	struct message message;

	send_header(0x20544547, 8);
	assert_fails(message_next(&ours, &message), EPROTO, "not pvferry's protocol");
	teardown(state);
	setup(state);
	send_header(MESSAGE_MARK | 21, 0);
	assert_fails(message_next(&ours, &message), EPROTO, "unknown type 21");
	teardown(state);
	setup(state);
	send_header(MESSAGE_MARK | MESSAGE_LOST, 5);
	assert_fails(message_next(&ours, &message), EPROTO, "unknown type 20");
	teardown(state);
	setup(state);
	send_header(MESSAGE_MARK, 0);
	assert_fails(message_next(&ours, &message), EPROTO, "unknown type 0");
	assert_string_equal(message_name(21), "message of unknown type");
}

/* What the process that hears the other host says to its parent: a failure of the peer's, as it was found. */
static void what_is_lost_is_a_failure(void **state)
{
	static const struct {
		const char *text;
		int error;
		const char *words;
	} rows[] = { { "110 nothing was heard", ETIMEDOUT, "nothing was heard" },
		     { "-5 odd", EPROTO, "odd" },
		     { "99999999999999999999 odd", EPROTO, "odd" },
		     { "125 never", EPROTO, "never" },
		     { "104 ", ECONNRESET, "no reason given" },
		     { "text", EPROTO, "text" } };
	struct message message;

	for (size_t i = 0; i < COUNT(rows); i++) {
		ours.is_inner = true;
		assert_done(message_send(&theirs, MESSAGE_LOST, rows[i].text, strlen(rows[i].text)));
		hear(&ours);
		assert_fails(message_next(&ours, &message), rows[i].error, rows[i].words);
		teardown(state);
		setup(state);
	}
}

static void an_end_is_told_apart_from_a_cut(void **state)
{
	struct message message;

	(void)state;
	assert_done(message_send(&theirs, MESSAGE_GO, NULL, 0));
	send_header(MESSAGE_MARK | MESSAGE_DATA, 5);
	line_hang_up(&theirs);
	hear(&ours);
	assert_int_equal(message_next(&ours, &message), 1);
	assert_fails(message_next(&ours, &message), ECONNRESET, "in the midst of a message");
	assert_fails(message_send(&ours, MESSAGE_GO, NULL, 0), ECONNRESET, "has closed the connection");
}

static void *send_much(void *argument)
{
	static uint8_t piece[DATA_MAX_BYTES];

	for (int i = 0; i < 8; i++) {
		memset(piece, i, sizeof(piece));
		if (message_send(&theirs, MESSAGE_DATA, piece, sizeof(piece) - i))
			return NULL;
	}
	return argument;
}

/* Both write more than the socket holds, and neither reads before it has written. */
static void two_who_write_do_not_block_each_other(void **state)
{
	static uint8_t piece[300 << 10];
	struct message message;
	pthread_t thread;
	int sent = 0;

	(void)state;
	pthread_create(&thread, NULL, send_much, NULL);
	for (int i = 0; i < 3; i++)
		assert_done(message_send(&ours, MESSAGE_DATA, piece, sizeof(piece)));
	while (sent < 8) {
		assert_done(message_wait(&ours, &message, "DATA", 10000));
		assert_int_equal(message.bytes, DATA_MAX_BYTES - sent);
		assert_int_equal(message.body[message.bytes - 1], sent);
		sent++;
	}
	pthread_join(thread, NULL);
}

static void silence_breaks_a_line(void **state)
{
	struct message message;

	(void)state;
	assert_fails(message_wait(&ours, &message, "READY", 20), ETIMEDOUT,
		     "no READY from the peer within 0 s");
	ours.heard_ns -= 31 * 1000000000ULL;
	assert_fails(message_wait(&ours, &message, "READY", 20), ETIMEDOUT,
		     "nothing was heard from the peer for 30 s");
}

static void a_silent_side_pings(void **state)
{
	struct message message;

	(void)state;
	assert_done(message_keep_alive(&theirs));
	hear(&ours);
	assert_int_equal(message_next(&ours, &message), 0);
	theirs.said_ns -= PING_SECONDS * 1000000000ULL;
	assert_done(message_keep_alive(&theirs));
	hear(&ours);
	assert_int_equal(message_peek(&ours, &message), 1);
	assert_int_equal(message.type, MESSAGE_PING);
	assert_done(message_send(&theirs, MESSAGE_GO, NULL, 0));
	assert_done(message_wait(&ours, &message, "GO", 1000));
	assert_int_equal(message.type, MESSAGE_GO);
}

static void send_text(enum message_type type, const char *text)
{
	assert_done(message_send(&theirs, type, text, strlen(text)));
}

static void reasons_come_over_fit_for_a_terminal(void **state)
{
	(void)state;
	send_text(MESSAGE_FAILED, "{\"reason\":\"no \\u001b[2Jmemory\"}");
	assert_null(message_expect(&ours, MESSAGE_READY, 1000));
	assert_string_equal(fail_reason(), "the peer: no \\x1b[2Jmemory");
	fail_forget();
	send_text(MESSAGE_ACCEPT, "{}");
	assert_null(message_expect(&ours, MESSAGE_READY, 1000));
	assert_string_equal(fail_reason(), "the peer sends ACCEPT instead of READY");
}

/* What went wrong here is often only what follows from what went wrong there. */
static void their_reason_goes_before_ours(void **state)
{
	(void)state;
	send_text(MESSAGE_PROGRESS, "{\"frames\":1}");
	send_text(MESSAGE_FAILED, "{\"reason\":\"no memory\"}");
	fail(EPIPE, "it was closed");
	message_prefer_reason(&ours);
	assert_string_equal(fail_reason(), "the peer: no memory");
	fail_forget();
	line_hang_up(&theirs);
	fail(EPIPE, "it was closed");
	message_prefer_reason(&ours);
	assert_string_equal(fail_reason(), "it was closed");
}

static int parse(const char *text)
{
	struct json_object *body = body_parse(text, strlen(text));

	json_object_put(body);
	return body ? 0 : -EBADMSG;
}

static void bodies_are_one_object(void **state)
{
	static const char *const wrong[] = {
		"",
		"1",
		"[]",
		"null",
		"{",
		"{}x",
		"{}{}",
		"{\"a\":\"\xc3\xbc\"}x",
		"{\"a\":\"\xff\"}",
		"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}"
	};
	static const char right[] = "{\"t\":\"long enough\",\"n\":5,\"f\":true}";
	struct json_object *body;
	char text[8];

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		if (!parse(wrong[i]))
			fail_test("taken: %s", wrong[i]);
	assert_done(parse("{\"a\":{\"a\":1}}"));
	assert_done(parse("{\"\xc3\xbc\":\"\xe2\x82\xac\"}"));
	body = body_parse(right, sizeof(right) - 1);
	assert_non_null(body);
	body_copy(body, "t", text, sizeof(text));
	assert_string_equal(text, "long en");
	assert_int_equal(body_number(body, "n", 1), 5);
	assert_int_equal(body_number(body, "t", 1), 1);
	assert_true(body_flag(body, "f"));
	assert_false(body_flag(body, "n"));
	assert_null(body_text(body, "n"));
	json_object_put(body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(messages_come_whole_and_in_order),
		TEST(a_part_is_no_message),
		TEST(lengths_are_bounded_by_type),
		TEST(what_is_no_message_is_told),
		TEST(what_is_lost_is_a_failure),
		TEST(an_end_is_told_apart_from_a_cut),
		TEST(two_who_write_do_not_block_each_other),
		TEST(silence_breaks_a_line),
		TEST(a_silent_side_pings),
		TEST(reasons_come_over_fit_for_a_terminal),
		TEST(their_reason_goes_before_ours),
		TEST(bodies_are_one_object),
	};

	alarm(60);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
