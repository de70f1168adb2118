/* cli/move-table.c: what stands at the end of a move keeps to 80 columns, whatever the move was. */
#include "unit.h"

#include <json-c/json.h>

#include "cli/move-table.h"

static char *table;

static void draw(const char *end, bool is_utf8)
{
	struct json_object *json = json_tokener_parse(end);
	size_t bytes;
	FILE *to = open_memstream(&table, &bytes);

	assert_non_null(json);
	move_table_print(to, json, is_utf8);
	fclose(to);
	json_object_put(json);
}

static const char plain[] =
	"{\"rounds\":[{\"round\":1,\"stopped\":false,\"pages\":65536,\"bytes\":104857600,\"time\":1000},"
	"{\"round\":2,\"stopped\":false,\"pages\":256,\"bytes\":1048576,\"time\":0,\"expected-downtime\":40},"
	"{\"round\":3,\"stopped\":false,\"pages\":0,\"bytes\":0,\"time\":2,\"expected-downtime\":30},"
	"{\"stopped\":true,\"pages\":100,\"bytes\":524288,\"time\":2}],"
	"\"downtime-phases\":{\"last\":2,\"state\":0,\"send\":1,\"build\":30,\"odd\":11}}";

static void rounds_and_downtime(void **state)
{
	(void)state;
	draw(plain, false);
	assert_string_equal(table,
			    "    round       pages        MiB        ms     MiB/s  downtime ms\n"
			    "        1       65536      100.0      1000     100.0            -\n"
			    "        2         256        1.0         0         -           40\n"
			    "        3           0        0.0         2       0.0           30\n"
			    "  stopped         100        0.5         2     250.0            -\n"
			    "pages a round  #-_\n"
			    "     last pages         2 ms |##                                          |\n"
			    "    vCPUs, time         0 ms |                                            |\n"
			    "   rest is sent         1 ms |  #                                         |\n"
			    "    built there        30 ms |   ##############################           |\n"
			    "            odd        11 ms |                                 ###########|\n");
	free(table);
	draw(plain, true);
	assert_non_null(strstr(table, "\npages a round  \u2588\u2584\u2581\n"));
	free(table);
}

/* The longest move there can be: 64 rows, the last of which stands for all that came later. */
static void many_rounds_keep_to_the_screen(void **state)
{
	static char end[16384];
	unsigned int lines = 0;
	size_t n = 0;

	(void)state;
	n += snprintf(end + n, sizeof(end) - n, "{\"rounds\":[");
	for (unsigned int i = 1; i <= 64; i++)
		n += snprintf(end + n, sizeof(end) - n,
			      "{\"round\":%u,\"rounds\":%u,\"stopped\":false,\"pages\":%lu,\"bytes\":%lu,"
			      "\"time\":%u,\"expected-downtime\":%u},",
			      i, i < 64 ? 1 : 900, (1UL << 32) / i, (1UL << 44) / i, 100000000 / i, 3600000);
	snprintf(end + n, sizeof(end) - n, "{\"stopped\":true,\"pages\":1,\"bytes\":4096,\"time\":1}]}");
	draw(end, false);
	assert_non_null(strstr(table, "\n      ... 49 rounds more\n"));
	assert_non_null(strstr(table, "\n   64-963 "));
	for (char *line = strtok(table, "\n"); line; line = strtok(NULL, "\n")) {
		assert_true(strlen(line) <= 80);
		lines++;
	}
	assert_int_equal(lines, 1 + 16 + 1 + 1);
	free(table);
}

static void what_is_not_there_is_not_drawn(void **state)
{
	(void)state;
	draw("{\"rounds\":[],\"downtime-phases\":{\"last\":0,\"run\":0}}", false);
	assert_string_equal(table, "");
	free(table);
	draw("{\"rounds\":{},\"downtime-phases\":[]}", false);
	assert_string_equal(table, "");
	free(table);
}

/* No number leaves its bar. */
static void odd_times_stay_within_the_bar(void **state)
{
	(void)state;
	draw("{\"downtime-phases\":{\"last\":-7,\"build\":9223372036854775807,\"go\":1,\"run\":1}}", false);
	assert_non_null(strstr(table, "    handed over         1 ms |"));
	for (char *line = strtok(table, "\n"); line; line = strtok(NULL, "\n"))
		assert_int_equal(line[strlen(line) - 1], '|');
	free(table);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rounds_and_downtime),
		cmocka_unit_test(many_rounds_keep_to_the_screen),
		cmocka_unit_test(what_is_not_there_is_not_drawn),
		cmocka_unit_test(odd_times_stay_within_the_bar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
