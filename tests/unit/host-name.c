/* cli/host-name.c: names of hosts, and what is none. */
#include "unit.h"

#include "cli/host-name.h"

static const char *const none[] = { NULL };

static void what_is_no_name_is_refused(void **state)
{
	static const char *const bad[] = { "",	  ".",	       "..",  "a..b",	   "-a",  "a-",	 "a.-b",
					   "a/b", "../a",      "*.a", "a b",	   "a,b", "a:b", "a\nb",
					   "a_b", "h\xc3\xa4", "a.",  "127.0.0.1", "::1" };
	static const char *const good[] = { "a", "host1", "Host-1.example", "1a", "x.y.z.0" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_non_null(host_name_defect(bad[i]));
	for (size_t i = 0; i < COUNT(good); i++)
		assert_null(host_name_defect(good[i]));
}

static void lengths_have_a_limit(void **state)
{
	char text[300];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[64] = '\0';
	assert_non_null(host_name_defect(text));
	text[63] = '\0';
	assert_null(host_name_defect(text));
	text[64] = 'a';
	for (int i = 63; i < 255; i += 64)
		text[i] = '.';
	text[254] = '\0';
	assert_non_null(host_name_defect(text));
	text[253] = '\0';
	assert_null(host_name_defect(text));
}

static void names_become_an_extension(void **state)
{
	static const char *const also[] = { "a.example", "192.0.2.7", "2001:db8::7", NULL };
	static const char *const hostile[] = { "a,DNS:evil", NULL };
	char names[HOST_NAMES_ROOM];

	(void)state;
	assert_done(host_names_collect(names, "a", none));
	assert_string_equal(names, "DNS:a");
	assert_done(host_names_collect(names, "a", also));
	assert_string_equal(names, "DNS:a,DNS:a.example,IP:192.0.2.7,IP:2001:db8::7");
	assert_fails(host_names_collect(names, "a", hostile), EINVAL, "--also");
	assert_fails(host_names_collect(names, "192.0.2.7", none), EINVAL, "it is an address");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_name_is_refused),
		cmocka_unit_test(lengths_have_a_limit),
		cmocka_unit_test(names_become_an_extension),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
