/* cli/publish.c: a file that appears whole or not at all. */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/publish.h"

static char folder[] = "/tmp/publish-XXXXXX", path[64];
static struct publication file;

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/publish-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/image", folder);
	file = (struct publication){ .fd = -1, .place.directory = -1 };
	return 0;
}

/* How many files there are, hidden ones among them. */
static unsigned int files(void)
{
	DIR *list = opendir(folder);
	unsigned int count = 0;

	while (readdir(list))
		count++;
	closedir(list);
	return count - 2;
}

static void put_file(const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void check_file(const char *text)
{
	char has[64] = "";
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, has, sizeof(has) - 1) >= 0);
	close(fd);
	assert_string_equal(has, text);
}

static int teardown(void **state)
{
	(void)state;
	publication_abandon(&file);
	chmod(folder, 0700);
	unlink(path);
	assert_int_equal(files(), 0);
	rmdir(folder);
	fail_forget();
	return 0;
}

static void file_appears_at_commit(void **state)
{
	struct stat facts;

	(void)state;
	assert_done(publication_open(&file, path, false, false));
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(files(), 1);
	assert_false(fstat(file.fd, &facts));
	assert_int_equal(facts.st_mode & 07777, 0600);
	assert_int_equal(write(file.fd, "new", 3), 3);
	assert_done(publication_commit(&file));
	check_file("new");
	assert_false(stat(path, &facts));
	assert_int_equal(facts.st_mode & 07777, 0600);
	assert_int_equal(files(), 1);
	publication_abandon(&file);
	check_file("new");
}

static void abandoned_file_leaves_nothing(void **state)
{
	(void)state;
	assert_done(publication_open(&file, path, false, false));
	assert_int_equal(write(file.fd, "new", 3), 3);
	publication_abandon(&file);
	assert_int_equal(files(), 0);
	publication_abandon(&file);
}

static void existing_file_is_refused(void **state)
{
	(void)state;
	put_file("old");
	assert_fails(publication_open(&file, path, false, false), EEXIST, "exists; --force replaces it");
	assert_int_equal(files(), 1);
	check_file("old");
}

static void forced_the_old_lives_until_commit(void **state)
{
	(void)state;
	put_file("old");
	assert_done(publication_open(&file, path, true, false));
	assert_int_equal(write(file.fd, "new", 3), 3);
	check_file("old");
	assert_done(publication_commit(&file));
	check_file("new");
	assert_int_equal(files(), 1);
}

static void forced_and_abandoned_the_old_lives_on(void **state)
{
	(void)state;
	put_file("old");
	assert_done(publication_open(&file, path, true, false));
	publication_abandon(&file);
	check_file("old");
}

/* Somebody else made the file meanwhile: theirs stays. */
static void race_is_lost_politely(void **state)
{
	(void)state;
	assert_done(publication_open(&file, path, false, false));
	put_file("theirs");
	assert_fails(publication_commit(&file), EEXIST, "cannot name the image");
	check_file("theirs");
	publication_abandon(&file);
	assert_int_equal(files(), 1);
}

static void missing_directory_is_told(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/nowhere/image", folder);
	assert_fails(publication_open(&file, path, false, false), ENOENT, "cannot open the directory of");
}

static void directory_is_no_file(void **state)
{
	(void)state;
	assert_fails(publication_open(&file, folder, true, false), EISDIR, "is a directory");
}

/* Root may write anywhere, so this is somebody else, in a process of their own. */
static void read_only_directory_is_told(void **state)
{
	pid_t child;
	int status;

	(void)state;
	chmod(folder, 0555);
	child = fork();
	if (!child) {
		int rc = setuid(65534) ? 0 : publication_open(&file, path, false, false);

		publication_abandon(&file);
		_exit(rc == -EACCES && strstr(fail_reason(), "cannot create a file beside") ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(files(), 0);
}

static void name_without_a_folder_is_beside_us(void **state)
{
	char before[256];

	(void)state;
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(folder), 0);
	assert_done(publication_open(&file, "image", false, false));
	assert_done(publication_commit(&file));
	assert_int_equal(chdir(before), 0);
	check_file("");
}

static void device_is_written_as_it_is(void **state)
{
	(void)state;
	assert_fails(publication_open(&file, "/dev/null", false, true), EINVAL, "may keep nothing");
	publication_abandon(&file);
	assert_done(publication_open(&file, "/dev/null", false, false));
	assert_string_equal(file.temporary, "");
	assert_int_equal(write(file.fd, "x", 1), 1);
	assert_done(publication_commit(&file));
}

static void pipe_is_written_as_it_is(void **state)
{
	int reader;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	/* Not even waited for: no process reads it yet. */
	assert_fails(publication_open(&file, path, false, true), EINVAL, "is a pipe");
	publication_abandon(&file);
	reader = open(path, O_RDONLY | O_NONBLOCK);
	assert_done(publication_open(&file, path, false, false));
	assert_int_equal(write(file.fd, "x", 1), 1);
	assert_done(publication_commit(&file));
	close(reader);
}

/* The link is followed once, at the start; who changes it later changes nothing. */
static void link_to_nothing_yet_is_followed(void **state)
{
	char link[64];

	(void)state;
	snprintf(link, sizeof(link), "%s/link", folder);
	assert_int_equal(symlink("image", link), 0);
	assert_done(publication_open(&file, link, false, false));
	assert_int_equal(write(file.fd, "new", 3), 3);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink("elsewhere", link), 0);
	assert_done(publication_commit(&file));
	check_file("new");
	assert_int_equal(unlink(link), 0);
	assert_int_equal(files(), 1);
}

static void forced_the_target_of_a_link_is_replaced(void **state)
{
	char link[64], to[64] = "";

	(void)state;
	snprintf(link, sizeof(link), "%s/link", folder);
	put_file("old");
	assert_int_equal(symlink(path, link), 0);
	assert_fails(publication_open(&file, link, false, false), EEXIST, "--force");
	publication_abandon(&file);
	fail_forget();
	assert_done(publication_open(&file, link, true, false));
	assert_int_equal(write(file.fd, "new", 3), 3);
	assert_done(publication_commit(&file));
	check_file("new");
	assert_int_equal(readlink(link, to, sizeof(to) - 1), strlen(path));
	assert_int_equal(unlink(link), 0);
}

static void links_in_a_circle_are_refused(void **state)
{
	(void)state;
	assert_int_equal(symlink("image", path), 0);
	assert_fails(publication_open(&file, path, true, false), ELOOP, "too many links");
}

static void descriptors_of_others_are_refused(void **state)
{
	char parent[64];

	(void)state;
	snprintf(parent, sizeof(parent), "/proc/%d/fd/0", getppid());
	assert_fails(publication_open(&file, parent, true, false), EINVAL, "name the file itself");
}

/* /dev/stdout is a link to a link to what the shell has opened: that is written to, and nothing is renamed. */
static void path_of_a_descriptor_is_the_descriptor(void **state)
{
	char by[64];
	struct stat before, after;
	int fd;

	(void)state;
	put_file("");
	fd = open(path, O_WRONLY);
	assert_int_equal(fstat(fd, &before), 0);
	snprintf(by, sizeof(by), "/dev/fd/%d", fd);
	assert_done(publication_open(&file, by, true, false));
	assert_int_equal(write(file.fd, "new", 3), 3);
	assert_done(publication_commit(&file));
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	check_file("new");
	close(fd);
}

static void longest_name_is_fine(void **state)
{
	char name[NAME_MAX + 1], before[256];

	(void)state;
	memset(name, 'n', NAME_MAX);
	name[NAME_MAX] = '\0';
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(folder), 0);
	assert_done(publication_open(&file, name, false, false));
	assert_done(publication_commit(&file));
	assert_int_equal(unlink(name), 0);
	assert_int_equal(chdir(before), 0);
}

static void standard_output_stays_open(void **state)
{
	int keep = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY), result;

	(void)state;
	fflush(stdout);
	dup2(null, STDOUT_FILENO);
	assert_done(publication_open(&file, "-", false, false));
	result = publication_commit(&file);
	publication_abandon(&file);
	dup2(keep, STDOUT_FILENO);
	assert_done(result);
	close(keep);
	close(null);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(file_appears_at_commit),
		TEST(abandoned_file_leaves_nothing),
		TEST(existing_file_is_refused),
		TEST(forced_the_old_lives_until_commit),
		TEST(forced_and_abandoned_the_old_lives_on),
		TEST(race_is_lost_politely),
		TEST(missing_directory_is_told),
		TEST(directory_is_no_file),
		TEST(read_only_directory_is_told),
		TEST(name_without_a_folder_is_beside_us),
		TEST(device_is_written_as_it_is),
		TEST(pipe_is_written_as_it_is),
		TEST(link_to_nothing_yet_is_followed),
		TEST(forced_the_target_of_a_link_is_replaced),
		TEST(links_in_a_circle_are_refused),
		TEST(descriptors_of_others_are_refused),
		TEST(path_of_a_descriptor_is_the_descriptor),
		TEST(longest_name_is_fine),
		TEST(standard_output_stays_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
