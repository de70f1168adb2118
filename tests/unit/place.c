/* cli/place.c: a target is found once; what takes its place later is not opened. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/place.h"

static char folder[32], path[64];
static struct place place;

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/place-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/target", folder);
	place = (struct place){ .directory = -1 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	place_release(&place);
	unlink(path);
	rmdir(folder);
	fail_forget();
	return 0;
}

static void find_fifo(void)
{
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_done(place_find(&place, path));
	assert_true(S_ISFIFO(place.facts.st_mode));
	assert_string_equal(place.name, "target");
	assert_int_equal(unlink(path), 0);
}

/* A link that takes the place of a FIFO between the look and the open() is not followed. */
static void swapped_link_is_not_followed(void **state)
{
	int fd;

	(void)state;
	find_fifo();
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_fails(place_open(&place, path, &fd), ELOOP, "cannot write");
}

static void swapped_file_is_not_written(void **state)
{
	int fd;

	(void)state;
	find_fifo();
	close(open(path, O_WRONLY | O_CREAT, 0600));
	assert_fails(place_open(&place, path, &fd), ESTALE, "was replaced by another file");
	close(fd);
}

static void what_is_not_there_has_a_place(void **state)
{
	(void)state;
	assert_done(place_find(&place, path));
	assert_int_equal(place.facts.st_mode, 0);
	assert_true(place.directory >= 0);
	assert_int_equal(place.descriptor, -1);
}

static void directories_have_none(void **state)
{
	char inside[80];
	static const char *const ends[] = { "/", "/.", "/.." };

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		snprintf(inside, sizeof(inside), "%s%s", folder, ends[i]);
		assert_fails(place_find(&place, inside), EISDIR, "is a directory");
		fail_forget();
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(swapped_link_is_not_followed),
		TEST(swapped_file_is_not_written),
		TEST(what_is_not_there_has_a_place),
		TEST(directories_have_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
