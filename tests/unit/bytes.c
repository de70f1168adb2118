/* stream/bytes.c: runs of bytes that grow, records in them. */
#include "unit.h"

#include "stream/bytes.h"
#include "stream/format.h"

static void bytes_grow_and_keep_what_they_have(void **state)
{
	struct bytes bytes = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 100000; i++)
		bytes_put(&bytes, &i, sizeof(i));
	assert_int_equal(bytes.count, 400000);
	for (uint32_t i = 0; i < 100000; i++)
		assert_int_equal(((uint32_t *)bytes.at)[i], i);
	assert_done(bytes_check(&bytes));
	bytes_release(&bytes);
	assert_null(bytes.at);
	assert_int_equal(bytes.count, 0);
}

static void new_room_is_zeroed(void **state)
{
	struct bytes bytes = { 0 };
	uint8_t *at;

	(void)state;
	bytes_put(&bytes, "\xff\xff\xff\xff", 4);
	bytes.count = 1; /* what was there before must not shine through */
	at = bytes_grow(&bytes, 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(at[i], 0);
	assert_int_equal(bytes.count, 101);
	assert_int_equal(bytes.at[0], 0xff);
	bytes_release(&bytes);
}

static void nothing_can_be_put(void **state)
{
	struct bytes bytes = { 0 };

	(void)state;
	bytes_put(&bytes, NULL, 0);
	assert_int_equal(bytes.count, 0);
	assert_done(bytes_check(&bytes));
	bytes_release(&bytes);
}

static void failed_allocation_is_remembered(void **state)
{
	struct bytes bytes = { 0 };

	(void)state;
	bytes_put(&bytes, "abcd", 4);
	bytes.no_memory = true;
	assert_null(bytes_grow(&bytes, 4));
	bytes_put(&bytes, "efgh", 4);
	assert_int_equal(bytes.count, 4);
	assert_fails(bytes_check(&bytes), ENOMEM, "out of memory");
	bytes_release(&bytes);
}

static void records_are_padded_to_8(void **state)
{
	(void)state;
	for (uint32_t length = 0; length <= 17; length++) {
		struct bytes bytes = { 0 };
		struct record_header header;

		record_put(&bytes, RECORD_SHARED_INFO, "0123456789abcdefg", length);
		assert_int_equal(bytes.count, 8 + (length + 7) / 8 * 8);
		memcpy(&header, bytes.at, sizeof(header));
		assert_int_equal(header.type, RECORD_SHARED_INFO);
		assert_int_equal(header.bytes, length);
		assert_memory_equal(bytes.at + 8, "0123456789abcdefg", length);
		for (size_t i = 8 + length; i < bytes.count; i++)
			assert_int_equal(bytes.at[i], 0);
		bytes_release(&bytes);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_grow_and_keep_what_they_have),
		cmocka_unit_test(new_room_is_zeroed),
		cmocka_unit_test(nothing_can_be_put),
		cmocka_unit_test(failed_allocation_is_remembered),
		cmocka_unit_test(records_are_padded_to_8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
