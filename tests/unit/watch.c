/* cli/watch.c: the screen of `pvferry jobs --watch` keeps to its rows and to 80 columns, whatever the jobs are. */
#include "unit.h"

#include <json-c/json.h>

#include "cli/watch.h"

static char *screen;
static size_t bytes;

static void draw(const char *jobs, unsigned int rows)
{
	struct json_object *list = json_tokener_parse(jobs);
	FILE *to = open_memstream(&screen, &bytes);

	assert_non_null(list);
	watch_print(to, list, rows);
	fclose(to);
	json_object_put(list);
}

/* All but the heading, which has the host and the time. */
static const char *body(void)
{
	return strchr(screen, '\n') + 2;
}

static const char running[] =
	"{\"job\":\"aa\",\"role\":\"source\",\"state\":\"running\",\"domain\":\"web1\",\"peer\":\"hostb\","
	"\"status\":"
	"{\"status\":\"active\",\"expected-downtime\":48,\"ram\":{\"total\":1000,\"remaining\":250,"
	"\"mbps\":838.8608,\"dirty-sync-count\":2,\"dirty-pages-rate\":1200}}}";
static const char ended[] =
	"{\"job\":\"bb\",\"role\":\"destination\",\"state\":\"ended\",\"domain\":\"db1\",\"peer\":"
	"\"hostc\",\"end\":{\"status\":\"completed\",\"downtime\":29}}";

static void a_running_job_has_a_bar(void **state)
{
	char jobs[2048];

	(void)state;
	snprintf(jobs, sizeof(jobs), "[%s,%s]", ended, running);
	draw(jobs, 24);
	assert_non_null(strstr(screen, "  1 running,   2 in all\n"));
	assert_string_equal(body(),
			    "web1             to   hostb            [######################........]  75 %\n"
			    "    active, round 2, 100 MiB/s, 1200 pages/s dirtied, stop of 48 ms\n"
			    "\n"
			    "db1              from hostc            completed, stopped for 29 ms\n");
	free(screen);
}

static void what_is_not_known_is_a_hyphen(void **state)
{
	(void)state;
	draw("[{\"role\":\"source\",\"state\":\"running\",\"domain\":\"a\",\"peer\":\"b\",\"status\":{"
	     "\"status\":\"setup\","
	     "\"ram\":{\"total\":0}}}]",
	     24);
	assert_non_null(strstr(screen, "[..............................]   0 %\n"));
	assert_non_null(strstr(screen, "setup, round -, - MiB/s, - pages/s dirtied, stop of - ms\n"));
	free(screen);
}

static void a_screen_is_enough(void **state)
{
	static char jobs[64 << 10];
	size_t n = snprintf(jobs, sizeof(jobs), "[");
	unsigned int lines = 0;

	(void)state;
	for (int i = 0; i < 40; i++)
		n += snprintf(jobs + n, sizeof(jobs) - n, "%s,%s,", running, ended);
	snprintf(jobs + n, sizeof(jobs) - n,
		 "{\"state\":\"ended\",\"domain\":\"%060d\",\"peer\":\"%060d\",\"end\":{\"status\":"
		 "\"failed\",\"error-desc\":"
		 "\"%0200d\"}}]",
		 1, 2, 3);
	for (unsigned int rows = 0; rows < 100; rows += 11) {
		draw(jobs, rows);
		lines = 0;
		for (char *line = screen, *end; (end = strchr(line, '\n')); line = end + 1, lines++)
			assert_true(end - line <= 80);
		assert_true(lines < (rows > 4 ? rows : 4));
		free(screen);
	}
	assert_true(lines > 90);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_running_job_has_a_bar),
		cmocka_unit_test(what_is_not_known_is_a_hyphen),
		cmocka_unit_test(a_screen_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
