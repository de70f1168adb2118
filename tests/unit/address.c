/* daemon/address.c: addresses there and back, and which of them are one host. */
#include "unit.h"

#include "daemon/address.h"

static void fine_ones_come_back(void **state)
{
	static const char *const fine[] = { "127.0.0.1:0", "192.0.2.1:8666", "0.0.0.0:65535", "[::]:8666",
					    "[2001:db8::1]:1" };
	struct address address;
	char text[ADDRESS_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(fine); i++) {
		assert_true(address_parse(&address, fine[i]));
		assert_string_equal(address_text(&address, text), fine[i]);
	}
	assert_true(address_parse(&address, "[::ffff:192.0.2.1]:7"));
	assert_string_equal(address_text(&address, text), "192.0.2.1:7");
}

static void others_are_refused(void **state)
{
	static const char *const wrong[] = { "",	 ":",	       ":1",	    "1.2.3.4",
					     "1.2.3.4:", "host:1",     "1.2.3.4:x", "1.2.3.4:65536",
					     "::1:8666", "[::1]",      "[::1]8666", "[::1:8666",
					     "[]:1",	 "1.2.3.4:-1", "1.2.3.4: 1" };
	struct address address;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		if (address_parse(&address, wrong[i]))
			fail_test("\"%s\" was taken", wrong[i]);
}

static void hosts_are_told_apart(void **state)
{
	static const struct {
		const char *one, *other;
		bool is_same;
	} rows[] = {
		{ "192.0.2.1:1", "192.0.2.1:2", true },
		{ "192.0.2.1:1", "192.0.2.2:1", false },
		{ "192.0.2.1:1", "[::ffff:192.0.2.1]:2", true },
		{ "[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1", false },
		{ "[2001:db8::1]:1", "[2001:db8::2]:1", true },
		{ "[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1", false },
		{ "192.0.2.1:1", "[2001:db8::1]:1", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct address one, other;

		assert_true(address_parse(&one, rows[i].one) && address_parse(&other, rows[i].other));
		assert_int_equal(address_same_host(&one, &other), rows[i].is_same);
		assert_false(address_is(&one, &other));
		assert_true(address_is(&one, &one));
	}
}

static void networks_are_told_apart(void **state)
{
	static const struct {
		const char *one, *other;
		bool is_same;
	} rows[] = {
		{ "192.0.2.1:1", "192.0.2.1:2", true },
		{ "192.0.2.1:1", "192.0.2.2:1", false },
		{ "[2001:db8:0:1::1]:1", "[2001:db8:0:ff::1]:1", true },
		{ "[2001:db8:0:1::1]:1", "[2001:db8:0:100::1]:1", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct address one, other;

		assert_true(address_parse(&one, rows[i].one) && address_parse(&other, rows[i].other));
		assert_int_equal(address_same_network(&one, &other), rows[i].is_same);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fine_ones_come_back),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(hosts_are_told_apart),
		cmocka_unit_test(networks_are_told_apart),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
