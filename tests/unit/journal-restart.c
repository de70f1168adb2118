/* journal/watch.c: the config of a restart is found for three minutes, and neither after that nor from a future that a clock had. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "journal/watch.h"

static const char uuid[] = "01234567-89ab-cdef-0123-456789abcdef";
static char folder[64], path[160];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/pvferry-restart-XXXXXX");
	assert_non_null(mkdtemp(folder));
	setenv("PVFERRY_RUN", folder, 1);
	snprintf(path, sizeof(path), "%s/watch", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/watch/%s.restart", folder, uuid);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	fail_forget();
	return system(command);
}

static void put_aged(long seconds)
{
	struct timespec times[2] = { { time(NULL) - seconds, 0 }, { time(NULL) - seconds, 0 } };

	assert_done(watch_put_restart(uuid, "{}"));
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void a_restart_is_found_for_three_minutes(void **state)
{
	char *config = NULL;

	(void)state;
	put_aged(90);
	assert_done(watch_get_restart(uuid, &config));
	assert_string_equal(config, "{}");
	free(config);
	put_aged(300);
	assert_int_equal(watch_get_restart(uuid, &config), -ENOENT);
	assert_int_equal(access(path, F_OK), -1);
}

static void one_of_the_future_is_forgotten(void **state)
{
	char *config = NULL;

	(void)state;
	put_aged(-3600);
	assert_int_equal(watch_get_restart(uuid, &config), -ENOENT);
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_restart_is_found_for_three_minutes, setup, teardown),
		cmocka_unit_test_setup_teardown(one_of_the_future_is_forgotten, setup, teardown),
	};

	return cmocka_run_group_tests_name("journal-restart", tests, NULL, NULL);
}
