/* machine/config-flatten.c, config-rebuild.c: a config on its way from the expander, which may lie, to the builder. */
#include "unit.h"

#include <json-c/json.h>
#include <math.h>

#include "machine/config-flat.h"
#include "stream/format.h"

static struct config config;
static struct bytes flat;

static int teardown(void **state)
{
	(void)state;
	config_release(&config);
	bytes_release(&flat);
	fail_forget();
	return 0;
}

#define WITH(rest) \
	"{\"c_info\": {\"type\": \"pv\", \"name\": \"web1\"}, \"b_info\": {\"max_vcpus\": 4}" rest "}"

/* --- honest ------------------------------------------------------------------ */

static void nothing_is_lost(const char *text)
{
	struct config parsed;

	assert_done(config_parse(&parsed, text));
	assert_done(config_flatten(text, &flat));
	assert_done(config_rebuild(&config, flat.at, flat.count));
	assert_string_equal(config_text(&config), config_text(&parsed));
	config_release(&parsed);
	teardown(NULL);
}

static void each_kind_of_value_comes_over(void **state)
{
	(void)state;
	nothing_is_lost(WITH(""));
	nothing_is_lost(WITH(", \"n\": null, \"t\": true, \"f\": false, \"l\": [], \"o\": {}, \"\": \"\""));
	nothing_is_lost(WITH(", \"l\": [0, -1, 9223372036854775807, -9223372036854775808, 1.5, -0.25]"));
	nothing_is_lost(
		WITH(", \"s\": [\"a\\u0000b\", \"\\u00e4\\n\\\"\", \"/\"], \"o\": {\"a\": {\"b\": [[{}]]}}"));
	nothing_is_lost(WITH(", \"a\": 1, \"b\": 2, \"a\": 3"));
}

/* "{..., "x": [ITEM, ITEM, ... ]}": as many as the parser takes. */
static char *longest_text(const char *item)
{
	static const char begin[] = WITH(", \"x\": [");
	size_t separators = 0, length = strlen(item) + 1, count;
	char *text, *at;

	for (const char *c = item; *c; c++)
		separators += *c == '[' ? 6 : *c == '{' ? 13 : *c == ',' || *c == ':';
	count = (CONFIG_MOST_VALUES - 64) / (separators + 1);
	text = malloc(sizeof(begin) + count * length + 8);
	assert_non_null(text);
	at = text + sprintf(text, "%.*s", (int)sizeof(begin) - 2, begin);
	while (count--)
		at += sprintf(at, "%s,", item);
	strcpy(at - 1, "]}");
	return text;
}

static void what_the_parser_takes_is_never_too_much(void **state)
{
	static const char *const items[] = { "1", "[]", "{}", "[[]]", "[1]", "{\"a\":1}", "[{},{}]" };

	(void)state;
	for (size_t i = 0; i < COUNT(items); i++) {
		char *text = longest_text(items[i]);

		assert_done(config_flatten(text, &flat));
		assert_true(flat.count <= CONFIG_MAX_BYTES + CONFIG_MOST_VALUES * sizeof(struct flat_value));
		assert_done(config_rebuild(&config, flat.at, flat.count));
		teardown(NULL);
		free(text);
	}
}

static void as_deep_as_the_parser_goes(void **state)
{
	char text[256];
	unsigned int depth = 0;

	(void)state;
	for (;; depth++) {
		char *at = text + sprintf(text, "%s", WITH(", \"x\": "));

		at--; /* over the brace */
		at += sprintf(at, "%.*s1%.*s}", depth, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", depth,
			      "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
		if (config_flatten(text, &flat))
			break;
		assert_done(config_rebuild(&config, flat.at, flat.count));
		teardown(NULL);
	}
	assert_in_range(depth, CONFIG_DEPTH - 2, CONFIG_DEPTH);
}

static void what_is_no_json_is_refused_by_the_parser(void **state)
{
	(void)state;
	assert_fails(config_flatten("{", &flat), EBADMSG, "is not JSON");
	assert_fails(config_flatten("null", &flat), EBADMSG, "is not JSON");
	assert_int_equal(flat.count, 0);
}

/* --- lies --------------------------------------------------------------------- */

static void put(enum flat_kind kind, const char *key, uint32_t count)
{
	struct flat_value value = { .kind = kind, .key_bytes = key ? strlen(key) + 1 : 0, .count = count };

	bytes_put(&flat, &value, sizeof(value));
	if (key)
		bytes_put(&flat, key, value.key_bytes);
}

/* As the expander could send them; what is behind the bytes is out of bounds. */
static void is_refused(const char *words)
{
	uint8_t *exact = malloc(flat.count);

	assert_true(exact || !flat.count);
	if (flat.count)
		memcpy(exact, flat.at, flat.count);
	assert_fails(config_rebuild(&config, exact, flat.count), EPROTO, words);
	assert_null(config.root);
	free(exact);
	bytes_release(&flat);
}

/* Written again they would be what no reader of JSON takes. */
static void numbers_without_an_end_are_refused(void **state)
{
	static const char *const numbers[] = { "1e999", "-1e999", "Infinity", "NaN" };
	static const double fractions[] = { INFINITY, -INFINITY, NAN };
	char text[64];

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		snprintf(text, sizeof(text), "{\"a\": [1.5, %s]}", numbers[i]);
		assert_fails(config_flatten(text, &flat), EBADMSG,
			     "a number that is too large, or not a number");
		assert_int_equal(flat.count, 0);
	}
	for (size_t i = 0; i < COUNT(fractions); i++) {
		struct flat_value value = { .kind = FLAT_FRACTION, .fraction = fractions[i] };

		bytes_put(&flat, &value, sizeof(value));
		is_refused("a number that is too large, or not a number");
	}
}

static void what_is_cut_short_is_refused(void **state)
{
	uint8_t *whole;
	size_t bytes;

	(void)state;
	is_refused("is cut short");
	assert_done(config_flatten(WITH(", \"s\": \"text\""), &flat));
	whole = flat.at;
	bytes = flat.count;
	for (size_t count = 0; count < bytes; count++) {
		flat = (struct bytes){ 0 };
		bytes_put(&flat, whole, count);
		is_refused("is cut short");
	}
	flat = (struct bytes){ 0 };
	bytes_put(&flat, whole, bytes);
	bytes_put(&flat, "", 1);
	is_refused("has more bytes behind its end");
	free(whole);
}

static void lengths_that_lie_are_refused(void **state)
{
	(void)state;
	put(FLAT_TEXT, NULL, 1);
	is_refused("is cut short");
	put(FLAT_TEXT, NULL, UINT32_MAX);
	is_refused("is cut short");
	put(FLAT_LIST, NULL, UINT32_MAX);
	is_refused("has too many values");
	put(FLAT_OBJECT, NULL, CONFIG_MOST_VALUES);
	is_refused("has too many values");
	put(FLAT_NULL, "abc", 0);
	((struct flat_value *)flat.at)->key_bytes = 3;
	is_refused("has a key that does not end");
	put(FLAT_NULL, "abc", 0);
	flat.at[sizeof(struct flat_value) + 1] = '\0';
	is_refused("has a key that does not end");
	put(FLAT_NULL, "abc", 0);
	((struct flat_value *)flat.at)->key_bytes = UINT32_MAX;
	is_refused("is cut short");
}

static void counts_are_of_the_whole(void **state)
{
	(void)state;
	put(FLAT_LIST, NULL, CONFIG_MOST_VALUES - 1);
	for (unsigned int i = 0; i < 2; i++)
		put(FLAT_LIST, NULL, 1), put(FLAT_NULL, NULL, 0);
	is_refused("has too many values");
	put(FLAT_LIST, NULL, CONFIG_MOST_VALUES / 2 + 1);
	for (unsigned int i = 0; i < CONFIG_MOST_VALUES / 2 + 1; i++)
		put(FLAT_OBJECT, NULL, 0);
	is_refused("has too many values");
	for (unsigned int i = 0; i <= CONFIG_DEPTH; i++)
		put(FLAT_LIST, NULL, 1);
	is_refused("is too deep");
}

static void shapes_that_lie_are_refused(void **state)
{
	(void)state;
	put(FLAT_OBJECT + 1, NULL, 0);
	is_refused("has a value of no kind");
	put(UINT32_MAX, NULL, 0);
	is_refused("has a value of no kind");
	put(FLAT_LIST, NULL, 1), put(FLAT_NUMBER, "a", 0);
	is_refused("has a key in a list");
	put(FLAT_OBJECT, NULL, 1), put(FLAT_OBJECT, NULL, 0);
	is_refused("has a member without a key");
	put(FLAT_OBJECT, "root", 0);
	is_refused("has more bytes behind its end");
}

/* What config_parse() refuses too, as the expander does not look for it. */
static void what_a_restore_needs_is_asked_for_here(void **state)
{
	(void)state;
	put(FLAT_NULL, NULL, 0);
	assert_fails(config_rebuild(&config, flat.at, flat.count), EBADMSG, "no c_info");
	assert_null(config.root);
	teardown(NULL);
	assert_done(
		config_flatten("{\"c_info\": {\"type\": \"pvh\", \"name\": \"a\"}, \"b_info\": {}}", &flat));
	assert_fails(config_rebuild(&config, flat.at, flat.count), EMEDIUMTYPE, "of type \"pvh\"");
	assert_null(config.root);
}

/* With a sanitizer nothing is read that is not there, and nothing is lost. */
static void any_byte_may_lie(void **state)
{
	static const char text[] = WITH(", \"x\": [null, {\"a\": \"text\"}, [1.5, true]]");
	uint64_t random = 1;

	(void)state;
	for (unsigned int i = 0; i < 20000; i++) {
		assert_done(config_flatten(text, &flat));
		for (unsigned int changes = 1 + i % 3; changes--;)
			flat.at[next_random(&random) % flat.count] = next_random(&random);
		if (config_rebuild(&config, flat.at, flat.count))
			assert_null(config.root);
		else
			assert_non_null(config_name(&config));
		teardown(NULL);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(each_kind_of_value_comes_over, teardown),
		cmocka_unit_test_teardown(what_the_parser_takes_is_never_too_much, teardown),
		cmocka_unit_test_teardown(as_deep_as_the_parser_goes, teardown),
		cmocka_unit_test_teardown(what_is_no_json_is_refused_by_the_parser, teardown),
		cmocka_unit_test_teardown(numbers_without_an_end_are_refused, teardown),
		cmocka_unit_test_teardown(what_is_cut_short_is_refused, teardown),
		cmocka_unit_test_teardown(lengths_that_lie_are_refused, teardown),
		cmocka_unit_test_teardown(counts_are_of_the_whole, teardown),
		cmocka_unit_test_teardown(shapes_that_lie_are_refused, teardown),
		cmocka_unit_test_teardown(what_a_restore_needs_is_asked_for_here, teardown),
		cmocka_unit_test_teardown(any_byte_may_lie, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
