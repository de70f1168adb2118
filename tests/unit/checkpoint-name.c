/* checkpoint/name.c: what a name says comes back from it; no other name is taken for one of a checkpoint. */
#include "unit.h"

#include "checkpoint/name.h"

static void names_come_back(void **state)
{
	static const struct point_name names[] = {
		{ 1, 0, "" },
		{ 17, 1795676776, "before-upgrade" },
		{ 999999999999, 4102444800, "a" },
		{ 1000000, 1795676776, "T070616Z" },
	};
	char text[POINT_NAME_BYTES];
	struct point_name again;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		point_name_format(&names[i], text);
		assert_true(point_name_parse(text, &again));
		assert_int_equal(again.number, names[i].number);
		assert_int_equal(again.time, names[i].time);
		assert_string_equal(again.tag, names[i].tag);
	}
	point_name_format(&names[1], text);
	assert_string_equal(text, "000017-20261126T070616Z-before-upgrade.pvf");
}

static void others_are_none(void **state)
{
	static const char *const others[] = {
		"",
		".pvf",
		"web1.pvf",
		"17-20261126T070616Z.pvf",
		"000000-20261126T070616Z.pvf",
		"0000017-20261126T070616Z.pvf", /* another name of 17 */
		"9999999999999-20261126T070616Z.pvf",
		"000017-20261126T070616Z",
		"000017-20261126T070616Z.pvf.old",
		"000017-20261126T070616Z-.pvf",
		"000017-20261126T070616Z-1.pvf",
		"000017-20261126T070616Z-a b.pvf",
		"000017-20261126T070616Z-latest.pvf",
		"000017-20261126T070616Z-..%2f.pvf",
		"000017-20261126T070616.pvf",
		"000017-20261126T076616Z.pvf",
		"000017-20261131T070616Z.pvf",
		"000017- 0261126T070616Z.pvf",
		"+00017-20261126T070616Z.pvf",
	};
	struct point_name name;

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++)
		if (point_name_parse(others[i], &name))
			fail_test("\"%s\" is taken for number %lu", others[i], name.number);
}

static void tags_are_neither_numbers_nor_times(void **state)
{
	char longest[TAG_BYTES + 1];

	(void)state;
	assert_null(tag_defect("a"));
	assert_null(tag_defect("Before_upgrade-1.2"));
	assert_non_null(tag_defect(""));
	assert_non_null(tag_defect("17"));
	assert_non_null(tag_defect("-1"));
	assert_non_null(tag_defect("latest"));
	assert_non_null(tag_defect("20261126T070616Z"));
	assert_non_null(tag_defect("a/b"));
	assert_non_null(tag_defect("a\nb"));
	memset(longest, 'a', TAG_BYTES);
	longest[TAG_BYTES] = '\0';
	assert_non_null(tag_defect(longest));
	longest[TAG_BYTES - 1] = '\0';
	assert_null(tag_defect(longest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_come_back),
		cmocka_unit_test(others_are_none),
		cmocka_unit_test(tags_are_neither_numbers_nor_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
