/* cli/move-svg.c: the picture of a move has each round and each part of the downtime once, within its borders, whatever the move was. */
#include "unit.h"

#include <json-c/json.h>

#include "cli/move-report.h"

static char *picture;

static void draw(const char *report)
{
	struct json_object *json = json_tokener_parse(report);
	size_t bytes;
	FILE *to = open_memstream(&picture, &bytes);

	assert_non_null(json);
	move_svg_write(to, json);
	fclose(to);
	json_object_put(json);
	assert_non_null(strstr(picture, "</svg>\n"));
}

/* Bars of this colour; each lies within the picture. */
static unsigned int count_bars(const char *wanted)
{
	unsigned int bars = 0, all_width, all_height;
	double x, y, width, height;
	char colour[8];

	assert_int_equal(sscanf(strstr(picture, "viewBox"), "viewBox=\"0 0 %u %u\"", &all_width, &all_height),
			 2);
	for (const char *at = picture; (at = strstr(at, "<rect x=")); at++) {
		assert_int_equal(
			sscanf(at, "<rect x=\"%lf\" y=\"%lf\" width=\"%lf\" height=\"%lf\" fill=\"%7[^\"]\"",
			       &x, &y, &width, &height, colour),
			5);
		assert_true(x >= 0 && y >= 0 && width >= 0 && height >= 0);
		assert_true(x + width <= all_width && y + height <= all_height);
		bars += !strcmp(colour, wanted);
	}
	return bars;
}

#define ROUND(number, pages, bytes, ms) \
	"{\"round\":" #number ",\"stopped\":false,\"pages\":" #pages ",\"bytes\":" #bytes ",\"time\":" #ms \
	"},"
#define STOPPED "{\"stopped\":true,\"pages\":7,\"bytes\":30000,\"time\":0}"

static void each_round_and_part_is_drawn(void **state)
{
	(void)state;
	draw("{\"domain\":\"web1\",\"host\":\"a\",\"peer\":\"b\",\"end\":{\"status\":\"completed\",\"total-"
	     "time\":1500,"
	     "\"downtime\":48,\"suspend-time\":9,\"ram\":{\"transferred\":3145728},\"rounds\":[" ROUND(
		     1, 12288, 20000000, 900) ROUND(2, 64, 262144, 12) STOPPED
	     "],\"downtime-phases\":{\"last\":2,\"state\":0,\"build\":40,\"run\":6}}}");
	assert_int_equal(count_bars("#2b6ca3"), 3 * 2);
	assert_int_equal(count_bars("#d9822b"), 3 * 1 + 4);
	assert_non_null(strstr(picture, "completed after 1.5 s, 3.0 MiB</text>"));
	assert_non_null(strstr(picture, "stopped for 48 ms, after it had taken 9 ms to suspend</text>"));
	assert_non_null(strstr(picture, ">12k</text>"));
	assert_non_null(strstr(picture, ">40 ms</text>"));
	free(picture);
}

/* Names and reasons are other processes': they stay text, and in their place. */
static void texts_stay_texts(void **state)
{
	static char report[4096], name[300];

	(void)state;
	memset(name, 'W', sizeof(name) - 1);
	snprintf(report, sizeof(report),
		 "{\"domain\":\"<script>&\\u001b%s\",\"host\":\"%s\",\"peer\":\"%s\",\"end\":{\"status\":"
		 "\"failed\","
		 "\"error-desc\":\"<%s\",\"downtime-phases\":{\"</svg>\":5}}}",
		 name, name, name, name);
	draw(report);
	assert_non_null(strstr(picture, ">&lt;script&gt;&amp;\\x1bWW"));
	assert_non_null(strstr(picture, "W...</text>"));
	assert_non_null(strstr(picture, ">&lt;/svg&gt;</text>"));
	assert_null(strstr(picture, "<script"));
	assert_null(strchr(picture, '\x1b'));
	name[100] = '\0';
	assert_null(strstr(picture, name));
	free(picture);
}

static void odd_numbers_stay_within_the_picture(void **state)
{
	(void)state;
	draw("{\"end\":{\"status\":\"completed\",\"rounds\":[" ROUND(1, -5, 9223372036854775807, 1e308)
		     ROUND(2, 0, 1, -1) ROUND(3, "many", {}, []) STOPPED
	     "],\"downtime-phases\":{\"last\":9223372036854775807,\"build\":-9,\"go\":1}}}");
	assert_int_equal(count_bars("#2b6ca3"), 3 * 3);
	free(picture);
	draw("{\"end\":{\"rounds\":[" ROUND(1, 0, 0, 0) "{}],\"downtime-phases\":{\"last\":0}}}");
	assert_int_equal(count_bars("#2b6ca3"), 3 * 2);
	free(picture);
	draw("{\"end\":{\"rounds\":{},\"downtime-phases\":[1]}}");
	assert_int_equal(count_bars("#2b6ca3"), 0);
	free(picture);
	draw("{}");
	free(picture);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_round_and_part_is_drawn),
		cmocka_unit_test(texts_stay_texts),
		cmocka_unit_test(odd_numbers_stay_within_the_picture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
