/* checkpoint/links.c: which checkpoint goes on from which, what of them can be restored, and which one is meant. */
#include "unit.h"

#include "checkpoint/links.h"

enum { POINTS = 8 };

static struct point at[POINTS];
static struct points points;

/* A state, and that of its parent, as one letter each; ' ': none. */
static void put(char state, char parent, const char *tag)
{
	struct point *point = &at[points.count++];

	*point = (struct point){ .name = { .number = points.count, .time = 1000 * points.count } };
	point->head.state[0] = state;
	point->head.root.low = state;
	point->head.key[0] = 'k';
	if (parent != ' ') {
		point->head.parent[0] = parent;
		point->head.parent_root.low = parent;
	}
	snprintf(point->name.tag, sizeof(point->name.tag), "%s", tag);
}

static int setup(void **state)
{
	(void)state;
	points = (struct points){ .path = "DIR", .directory = -1, .lock = -1, .at = at };
	return 0;
}

static void states_are(const char *expected)
{
	struct link *links = points_link(&points);

	assert_non_null(links);
	for (size_t i = 0; i < points.count; i++)
		if ("SDMOB"[links[i].state] != expected[i])
			fail_test("point %zu is %s, not %c", i, link_state_text(links[i].state), expected[i]);
	free(links);
}

static void chains_are_followed(void **state)
{
	struct link *links;

	(void)state;
	put('a', ' ', "");
	put('b', 'a', "");
	put('c', 'b', "");
	put('d', 'b', "");
	put('e', ' ', "");
	states_are("SSSSS");
	links = points_link(&points);
	assert_int_equal(links[2].parents, 2);
	assert_int_equal(links[2].parent, 1);
	assert_int_equal(links[1].children, 2);
	assert_int_equal(links[0].parent, -1);
	free(links);
	strcpy(at[1].defect, "its index is damaged");
	states_are("SDMMS");
}

static void what_is_missing_breaks_all_later(void **state)
{
	(void)state;
	put('b', 'a', "");
	put('c', 'b', "");
	put('d', 'c', "");
	put('e', ' ', "");
	states_are("MBBS");
	put('a', ' ', "");
	states_are("SSSSS");
	at[4].head.root.low++;
	states_are("OBBSS");
	at[4].head.root.low--;
	at[4].head.key[0]++;
	states_are("OBBSS");
}

/* A merged image of a state takes the place of its increment and of all before. */
static void a_full_one_is_preferred(void **state)
{
	struct link *links;

	(void)state;
	put('b', 'a', "");
	put('c', 'b', "");
	put('b', ' ', "");
	states_are("MSS");
	links = points_link(&points);
	assert_int_equal(links[1].parent, 2);
	assert_int_equal(links[1].parents, 1);
	free(links);
}

/* What each goes on from, by the letters of their files. */
static void parents_are(const char *expected)
{
	struct link *links = points_link(&points);

	assert_non_null(links);
	for (size_t i = 0; i < points.count; i++) {
		char parent = links[i].parent < 0 ? ' ' : *at[links[i].parent].file;

		if (parent != expected[i])
			fail_test("%s goes on from '%c', not '%c'", at[i].file, parent, expected[i]);
	}
	free(links);
}

/* The order in which they are listed decides nothing. */
static void of_two_the_one_that_has_all_is_taken(void **state)
{
	(void)state;
	put('a', ' ', "");
	put('c', 'b', "");
	put('c', 'a', "");
	put('d', 'c', "");
	for (size_t i = 0; i < points.count; i++)
		snprintf(at[i].file, sizeof(at[i].file), "%c", (char)('A' + i));
	states_are("SMSS");
	parents_are("  AC");
	strcpy(at[1].file, "Z");
	parents_are("  AC");
	put('b', 'a', "");
	strcpy(at[4].file, "E");
	states_are("SSSSS");
	parents_are(" EACA");
	strcpy(at[1].file, "B");
	parents_are(" EABA");
	/* A circle of two copies is no way to a full one. */
	at[0].head.state[0] = 'x';
	states_are("SBMBM");
}

static void circles_end(void **state)
{
	struct link *links;

	(void)state;
	put('a', 'b', "");
	put('b', 'a', "");
	put('c', 'b', "");
	put('d', ' ', "");
	put('e', 'e', "");
	states_are("BBBSM");
	links = points_link(&points);
	for (size_t i = 0; i < points.count; i++)
		assert_int_equal(links[i].parent, -1);
	free(links);
}

static void selects(const char *text, unsigned int number)
{
	const struct point *point = points_select(&points, text);

	if (!point || point->name.number != number)
		fail_test("@%s is %lu: %s", text, point ? point->name.number : 0, fail_reason());
}

static void refuses(const char *text, const char *words)
{
	if (points_select(&points, text) || !strstr(fail_reason(), words))
		fail_test("@%s: \"%s\"", text, fail_reason());
	fail_forget();
}

static void one_is_meant(void **state)
{
	(void)state;
	put('a', ' ', "before");
	put('b', 'a', "before");
	put('c', 'b', "");
	put('m', ' ', "");
	at[3].name.number = 0; /* another file that could be a parent */
	selects("1", 1);
	selects("latest", 3);
	selects("before", 2);
	selects("1970-01-01T00:33:20Z", 2); /* 2000 s */
	selects("1970-01-01T00:33:21", 2);
	selects("19700101T004959Z", 2);
	selects("1970-01-01T00:51", 3);
	selects("2030-01-01T00:00Z", 3);
	refuses("4", "no checkpoint @4 in DIR");
	refuses("1970-01-01T00:00", "no checkpoint @1970");
	refuses("after", "no checkpoint @after");
	refuses("-1", "is neither a number");
	refuses("", "is neither a number");
	refuses("2030-01-01T00:00Zx", "is neither a number");
	points.count = 0;
	refuses("latest", "there is no checkpoint in DIR");
}

/* A clock that was set back: the newest of those that were begun by then. */
static void times_need_not_ascend(void **state)
{
	(void)state;
	put('a', ' ', "");
	put('b', 'a', "");
	put('c', 'b', "");
	at[1].name.time = 500;
	selects("1970-01-01T00:10:00Z", 2);
	selects("1970-01-01T00:20:00Z", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(chains_are_followed, setup),
		cmocka_unit_test_setup(what_is_missing_breaks_all_later, setup),
		cmocka_unit_test_setup(a_full_one_is_preferred, setup),
		cmocka_unit_test_setup(of_two_the_one_that_has_all_is_taken, setup),
		cmocka_unit_test_setup(circles_end, setup),
		cmocka_unit_test_setup(one_is_meant, setup),
		cmocka_unit_test_setup(times_need_not_ascend, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
