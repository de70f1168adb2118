/* helper/order.c: the arguments of libxl, and for whom an order is. */
#include "unit.h"

#include "fake/fake.h"
#include "helper/order.h"

enum { WORDS = 12 };

/* The words of a line, as argv has them. */
static bool parse(struct order *order, const char *line)
{
	char text[256], *words[WORDS + 1] = { "pvferry-save-helper" }, *rest = NULL;
	int count = 1;

	snprintf(text, sizeof(text), "%s", line);
	for (char *word = strtok_r(text, " ", &rest); word && count < WORDS;
	     word = strtok_r(NULL, " ", &rest))
		words[count++] = strcmp(word, "''") ? word : "";
	return order_parse(order, count, words);
}

static void a_save_is_read(void **state)
{
	struct order order;

	(void)state;
	assert_true(parse(&order, "--save-domain 12 0 7 3 136 0"));
	assert_false(order.is_restore);
	assert_int_equal(order.stream_fd, 12);
	assert_int_equal(order.domain, 7);
	assert_true(order.is_live && order.is_debug);
	assert_int_equal(order.callbacks, 0x88);
	assert_int_equal(order.stream_type, 0);
	assert_true(parse(&order, "--save-domain 12 -1 7 0 136 2"));
	assert_false(order.is_live || order.is_debug);
	assert_int_equal(order.stream_type, 2);
	assert_true(parse(&order, "--save-domain 12 0 7 2 136 1"));
	assert_true(!order.is_live && order.is_debug && order.stream_type == 1);
}

static void a_restore_is_read(void **state)
{
	struct order order;

	(void)state;
	assert_true(parse(&order, "--restore-domain 9 -1 4294967295 3 40 5 60 768 1"));
	assert_true(order.is_restore);
	assert_int_equal(order.stream_fd, 9);
	assert_int_equal(order.domain, UINT32_MAX);
	assert_int_equal(order.store_port, 3);
	assert_int_equal(order.store_domain, 40);
	assert_int_equal(order.console_port, 5);
	assert_int_equal(order.console_domain, 60);
	assert_int_equal(order.callbacks, 0x300);
	assert_int_equal(order.stream_type, 1);
}

/* Then it is of a libxl that is not known here. */
static void another_form_is_not_read(void **state)
{
	static const char *const others[] = {
		"",
		"--save-domain",
		"--save-domain 12 0 7 3 136",
		"--save-domain 12 0 7 3 136 0 0",
		"--save-domain 12 0 7 4 136 0",
		"--save-domain 12 0 7 -1 136 0",
		"--save-domain 12 0 7 3 128 0", /* nobody there who suspends the guest */
		"--save-domain 12 0 seven 3 136 0",
		"--save-domain 12 0 7x 3 136 0",
		"--save-domain 12 0 '' 3 136 0",
		"--save-domain 12 0 -2 3 136 0",
		"--save-domain 12 0 4294967296 3 136 0",
		"--save-domain 12 0 99999999999999999999 3 136 0",
		"--restore-domain 9 -1 7 3 0 5 0 768",
		"--restore-domain 9 -1 7 3 0 5 0 768 0 0",
		"--restore-domain 9 -1 7 3 0 5 0 0x300 0",
		"--save-domain 9 -1 7 3 0 5 0 768 0",
		"--restore-domain 12 0 7 3 136 0",
		"--another 12 0 7 3 136 0",
	};
	struct order order;

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++)
		if (parse(&order, others[i]))
			fail_test("taken: %s", others[i]);
}

static void only_plain_streams_of_pv_domains_are_ours(void **state)
{
	struct order order = { 0 };
	bool is_ours = false;

	(void)state;
	fake_reset();
	order.domain = fake_domain(8, 1)->id;
	assert_done(order_is_ours(&order, &is_ours));
	assert_true(is_ours);
	for (order.stream_type = 1; order.stream_type < 4; order.stream_type++) {
		assert_done(order_is_ours(&order, &is_ours));
		assert_false(is_ours);
	}
	order.stream_type = 0;
	fake_find(order.domain)->is_hvm = true; /* as Xen says of PVH too */
	is_ours = true;
	assert_done(order_is_ours(&order, &is_ours));
	assert_false(is_ours);
	fake_reset();
}

/* Remus and COLO are told by the arguments alone: whoever cannot ask Xen hands them over all the same. */
static void xen_is_asked_only_where_it_matters(void **state)
{
	struct order order = { .domain = 5, .stream_type = 1 };
	bool is_ours = true;

	(void)state;
	fake_reset();
	assert_done(order_is_ours(&order, &is_ours));
	assert_int_equal(fake_calls, 0);
	order.stream_type = 0;
	is_ours = true;
	assert_int_equal(order_is_ours(&order, &is_ours), -ESRCH);
	assert_false(is_ours);
	order.domain = fake_domain(8, 1)->id;
	fake_calls = 0;
	fake_fail_at = 1;
	assert_fails(order_is_ours(&order, &is_ours), ESRCH, "fails");
	fake_reset();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_save_is_read),
		cmocka_unit_test(a_restore_is_read),
		cmocka_unit_test(another_form_is_not_read),
		cmocka_unit_test(only_plain_streams_of_pv_domains_are_ours),
		cmocka_unit_test(xen_is_asked_only_where_it_matters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
