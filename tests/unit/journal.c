/* journal.c: what is written is read again, whole. */
#include "unit.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/journal.h"

static char folder[64];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/pvferry-journal-XXXXXX");
	assert_non_null(mkdtemp(folder));
	strcat(folder, "/a/b");
	setenv("PVFERRY_STATE", folder, 1);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	folder[strlen(folder) - strlen("/a/b")] = '\0';
	snprintf(command, sizeof(command), "rm -r %s", folder);
	fail_forget();
	return system(command);
}

static struct journal sample(void)
{
	struct journal journal = { .role = JOURNAL_SOURCE, .stage = JOURNAL_GO, .domid = 7, .port = 8666 };

	assert_done(job_name(journal.job));
	strcpy(journal.uuid, "01234567-89ab-cdef-0123-456789abcdef");
	strcpy(journal.domain, "web \"1\"\n");
	strcpy(journal.peer, "host2");
	strcpy(journal.via, "tls");
	strcpy(journal.reason, "why not?");
	return journal;
}

static void what_is_written_is_read(void **state)
{
	struct journal journal = sample(), got;

	(void)state;
	assert_int_equal(journal_read(&got, journal.job, JOURNAL_SOURCE), -ENOENT);
	for (journal.stage = 0; journal.stage < JOURNAL_STAGES; journal.stage++) {
		assert_done(journal_write(&journal));
		memset(&got, 0x55, sizeof(got));
		assert_done(journal_read(&got, journal.job, JOURNAL_SOURCE));
		assert_int_equal(got.stage, journal.stage);
		assert_int_equal(got.role, JOURNAL_SOURCE);
		assert_int_equal(got.domid, 7);
		assert_int_equal(got.port, 8666);
		assert_int_equal(got.pid, getpid());
		assert_string_equal(got.domain, journal.domain);
		assert_string_equal(got.uuid, journal.uuid);
		assert_string_equal(got.peer, "host2");
		assert_string_equal(got.reason, "why not?");
		assert_true(journal_is_of_this_boot(&got));
	}
	assert_int_equal(journal_read(&got, journal.job, JOURNAL_DESTINATION), -ENOENT);
	journal_remove(journal.job, JOURNAL_SOURCE);
	assert_int_equal(journal_read(&got, journal.job, JOURNAL_SOURCE), -ENOENT);
}

static void only_ends_are_settled(void **state)
{
	struct journal journal = sample();

	(void)state;
	for (journal.stage = 0; journal.stage < JOURNAL_STAGES; journal.stage++)
		assert_int_equal(journal_is_settled(&journal), journal.stage > JOURNAL_GO);
	strcpy(journal.boot, "another");
	assert_false(journal_is_of_this_boot(&journal));
}

/* Nobody but its owner may read it, and nothing but the whole is ever under its name. */
static void files_are_private_and_whole(void **state)
{
	struct journal journal = sample();
	char path[JOURNAL_PATH_ROOM], pattern[128];
	struct stat facts;
	glob_t found;

	(void)state;
	assert_done(journal_write(&journal));
	journal_path(path, journal.job, JOURNAL_SOURCE);
	assert_int_equal(stat(path, &facts), 0);
	assert_int_equal(facts.st_mode & 0777, 0600);
	assert_int_equal(stat(folder, &facts), 0);
	assert_int_equal(facts.st_mode & 0777, 0700);
	snprintf(pattern, sizeof(pattern), "%s/*", folder);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	assert_int_equal(found.gl_pathc, 1);
	globfree(&found);
}

static unsigned int warnings;

static void count_warnings(enum say_level level, const char *text)
{
	warnings += level == SAY_WARNING && strstr(text, "is damaged: once");
}

static void put_file(const char *name, const char *text)
{
	char path[JOURNAL_PATH_ROOM];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void lists(size_t expected)
{
	struct journal *list;
	size_t count;

	assert_done(journal_list(&list, &count));
	assert_int_equal(count, expected);
	free(list);
}

static void all_are_listed_but_what_is_none(void **state)
{
	struct journal one = sample(), other = sample();

	(void)state;
	say_to = count_warnings;
	warnings = 0;
	lists(0);
	other.role = JOURNAL_DESTINATION;
	assert_done(journal_write(&one));
	assert_done(journal_write(&other));
	put_file("notes-on-what-was-found-in-this-folder.json", "{}");
	put_file("0123456789abcdef0123456789abcdef.source.json.new", "{}");
	lists(2);
	assert_int_equal(warnings, 0);
	put_file("0123456789abcdef0123456789abcdef.source.json", "{\"stage\":\"go\"}");
	lists(2);
	assert_int_equal(warnings, 1);
	put_file("0123456789abcdef0123456789abcdef.destination.json", "");
	lists(2);
	lists(2);
	assert_int_equal(warnings, 2);
	say_to = NULL;
}

static void names_are_hexadecimal(void **state)
{
	char name[JOB_DIGITS + 1];

	(void)state;
	assert_done(job_name(name));
	assert_true(job_is_name(name));
	assert_false(job_is_name(""));
	assert_false(job_is_name("../../../../../../../../etc/passw"));
	assert_false(job_is_name("0123456789abcdef0123456789abcde"));
	assert_false(job_is_name("0123456789abcdef0123456789abcdef0"));
	assert_false(job_is_name("0123456789ABCDEF0123456789abcdef"));
}

static void jobs_are_found_by_their_beginning(void **state)
{
	static const char *const names[] = { "0123456789abcdef0123456789abcdef",
					     "0123456789abcdef0123456789abcde0",
					     "4123456789abcdef0123456789abcdef" };
	char job[JOB_DIGITS + 1];

	(void)state;
	assert_true(job_is_beginning("4123"));
	assert_true(job_is_beginning(names[0]));
	assert_false(job_is_beginning("412"));
	assert_false(job_is_beginning("web1"));
	for (int i = 0; i < 3; i++) {
		struct journal journal = { .role = JOURNAL_SOURCE };

		snprintf(journal.job, sizeof(journal.job), "%s", names[i]);
		assert_done(journal_write(&journal));
		journal.role = JOURNAL_DESTINATION; /* of one job there may be both here */
		journal.stage = JOURNAL_BUILDING;
		assert_done(journal_write(&journal));
	}
	assert_done(journal_find("4123", job));
	assert_string_equal(job, names[2]);
	assert_done(journal_find(names[0], job));
	assert_string_equal(job, names[0]);
	assert_fails(journal_find("0123456789", job), ENOTUNIQ, "more than one job");
	assert_fails(journal_find("ffff", job), ENOENT, "no journal here names such a job");
	assert_done(journal_find("ffffffffffffffffffffffffffffffff", job));
	for (int i = 0; i < 3; i++) {
		journal_remove(names[i], JOURNAL_SOURCE);
		journal_remove(names[i], JOURNAL_DESTINATION);
	}
}

/* The oldest go, but none that is not settled. */
static void not_more_than_so_many_are_kept(void **state)
{
	struct journal open = sample(), journal = sample(), got;
	char oldest[JOB_DIGITS + 1], text[200], name[80];

	(void)state;
	assert_done(journal_write(&open));
	for (int i = 0; i < JOURNALS_KEPT + 10; i++) {
		assert_done(job_name(journal.job));
		if (i == 5)
			strcpy(oldest, journal.job);
		snprintf(name, sizeof(name), "%s.source.json", journal.job);
		snprintf(text, sizeof(text),
			 "{\"job\":\"%s\",\"role\":\"source\",\"stage\":\"kept\",\"time\":%d}", journal.job,
			 i == 5 ? 1 : 1000 + i);
		put_file(name, text);
	}
	journal_prune();
	assert_done(journal_read(&got, open.job, JOURNAL_SOURCE));
	assert_done(journal_read(&got, journal.job, JOURNAL_SOURCE));
	assert_int_equal(journal_read(&got, oldest, JOURNAL_SOURCE), -ENOENT);
	lists(JOURNALS_KEPT / 10 * 9 + 1);
	journal_prune();
	lists(JOURNALS_KEPT / 10 * 9 + 1);
}

static void where_it_cannot_be_written_is_told(void **state)
{
	struct journal journal = sample();

	(void)state;
	setenv("PVFERRY_STATE", "/proc/none/jobs", 1);
	assert_fails(journal_write(&journal), ENOENT, "cannot make the directory /proc/none/jobs");
	setenv("PVFERRY_STATE", "/dev/null", 1);
	assert_fails(journal_write(&journal), ENOTDIR, "cannot write the journal /dev/null/");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read),	      TEST(only_ends_are_settled),
		TEST(files_are_private_and_whole),    TEST(all_are_listed_but_what_is_none),
		TEST(names_are_hexadecimal),	      TEST(jobs_are_found_by_their_beginning),
		TEST(not_more_than_so_many_are_kept), TEST(where_it_cannot_be_written_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
