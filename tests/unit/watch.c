/* journal/watch.c: which domain is watched, by which process; and never by two. */
#include "unit.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal/watch.h"
#include "process/child.h"

#define UUID  "01234567-89ab-cdef-0123-456789abcdef"
#define OTHER "fedcba98-7654-3210-fedc-ba9876543210"

static char folder[64];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/pvferry-watch-XXXXXX");
	assert_non_null(mkdtemp(folder));
	setenv("PVFERRY_RUN", folder, 1);
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

static void enter(uint32_t domain, bool boots)
{
	assert_done(watch_enter(&(struct watch){ .uuid = UUID, .domain = domain, .boots = boots }));
}

static struct watch read_it(void)
{
	struct watch watch = { .uuid = UUID };

	assert_done(watch_read(&watch));
	return watch;
}

/* A process that watches until it is killed; it has told us that the lock is its own. */
static pid_t watcher(int *fd)
{
	struct watch watch = { .uuid = UUID };
	int ready[2];
	char word;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		word = watch_lock(&watch, fd) ? 'n' : 'y';
		if (write(ready[1], &word, 1) == 1)
			pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &word, 1), 1);
	assert_int_equal(word, 'y');
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_watcher_is_found_and_its_death(void **state)
{
	struct watch watch = { .uuid = UUID };
	int fd;
	pid_t pid;

	(void)state;
	assert_int_equal(watch_read(&watch), -ENOENT);
	enter(5, true);
	watch = read_it();
	assert_true(watch.domain == 5 && watch.boots && !watch.watcher);
	pid = watcher(&fd);
	assert_int_equal(read_it().watcher, pid);
	end(pid);
	assert_int_equal(read_it().watcher, 0);
}

static void there_are_never_two(void **state)
{
	struct watch watch = { .uuid = UUID };
	int fd;
	pid_t pid;

	(void)state;
	enter(5, false);
	pid = watcher(&fd);
	assert_int_equal(watch_lock(&watch, &fd), -EBUSY);
	assert_int_equal(watch_enter(&watch), 0); /* of domain 0: another one */
	enter(5, false);
	end(pid);
	pid = watcher(&fd);
	watch.domain = 5;
	assert_int_equal(watch_enter(&watch), -EEXIST);
	end(pid);
}

/* What a user has not allowed stays so, whoever enters the same domain again. */
static void what_is_known_of_a_domain_stays(void **state)
{
	(void)state;
	enter(5, false);
	enter(5, true);
	assert_false(read_it().boots);
	enter(6, true);
	assert_true(read_it().boots);
}

/* A guest that is saved and restored at once has the same UUID: the first one's watcher may still be there. */
static int lock_renew_unlock(void *context)
{
	struct watch watch = { .uuid = UUID };
	int fd;

	(void)context;
	if (watch_lock(&watch, &fd))
		return -EIO;
	if (child_run((int (*)(void *))(void *)watch_enter,
		      &(struct watch){ .uuid = UUID, .domain = 6, .boots = true }))
		return -EINVAL;
	watch_unlock(&watch, fd);
	return 0;
}

static void a_watcher_of_before_removes_only_its_own(void **state)
{
	struct watch watch = { .uuid = UUID };
	int fd;

	(void)state;
	enter(5, true);
	assert_done(child_run(lock_renew_unlock, NULL));
	assert_int_equal(read_it().domain, 6);
	assert_done(watch_lock(&watch, &fd));
	watch.domain = 7;
	assert_done(watch_update(&watch, fd));
	assert_done(watch_put_restart(UUID, "{}"));
	watch_unlock(&watch, fd);
	assert_int_equal(watch_read(&watch), -ENOENT);
	assert_int_equal(watch_get_restart(UUID, NULL), -ENOENT);
}

static void a_restart_is_kept(void **state)
{
	char *config;

	(void)state;
	enter(5, true);
	assert_int_equal(watch_get_restart(UUID, &config), -ENOENT);
	assert_done(watch_put_restart(UUID, "{ \"a\": 1 }"));
	assert_done(watch_get_restart(UUID, &config));
	assert_string_equal(config, "{ \"a\": 1 }");
	free(config);
	enter(6, true); /* of another domain: that of before is of no use */
	assert_int_equal(watch_get_restart(UUID, &config), -ENOENT);
}

static void files_are_listed_and_damage_is_not(void **state)
{
	struct watch *list;
	char path[128];
	size_t count;
	FILE *file;

	(void)state;
	assert_done(watch_list(&list, &count));
	assert_int_equal(count, 0);
	enter(5, true);
	assert_done(watch_put_restart(UUID, "{}"));
	snprintf(path, sizeof(path), "%s/watch/" OTHER, folder);
	file = fopen(path, "w");
	fprintf(file, "junk");
	fclose(file);
	assert_done(watch_list(&list, &count));
	assert_int_equal(count, 1);
	assert_string_equal(list[0].uuid, UUID);
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_watcher_is_found_and_its_death, setup, teardown),
		cmocka_unit_test_setup_teardown(there_are_never_two, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_known_of_a_domain_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(a_watcher_of_before_removes_only_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(a_restart_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(files_are_listed_and_damage_is_not, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
