/*
 * A guest that runs on before its image is written: nothing of it is written
 * while it is stopped, and what it changes afterwards is not in the image.
 */
#include "unit.h"

#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "fake/ferry.h"
#include "migrate/hold.h"
#include "migrate/run-on.h"
#include "process/stop.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool is_sanitized = true; /* whose own memory is more than a limit allows */
#else
static const bool is_sanitized;
#endif

enum { FIRST = 2000, COUNT_PAGES = 800, MIB = 1 << 20 };

static struct live live;
static uint64_t pfns;				 /* of the guest */
static uint8_t stopped[COUNT_PAGES][PAGE_BYTES]; /* pages, as they were at the stop */
static off_t at_stop, at_resume;		 /* bytes of the image */
static unsigned int resumes, rounds, maps, warnings;

static int setup(void **state)
{
	(void)state;
	ferry_open();
	ferry.guest = (struct guest){ .domain = NULL };
	memset(&live, 0, sizeof(live));
	live.max_downtime_ms = 1;
	say_level = SAY_WARNING;
	resumes = rounds = maps = warnings = 0;
	pfns = 3000;
	ferry.options.runs_on = true;
	ferry.options.limits.max_rounds = 3;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_refuses_resume = false;
	say_to = NULL;
	fake_on_map = NULL;
	ferry_close();
	return 0;
}

/* Before another guest is made. */
static void release(void)
{
	ferry_release();
	guest_release(&ferry.guest);
	ferry.guest = (struct guest){ .domain = NULL };
}

static void write_pages(uint8_t value)
{
	for (uint64_t pfn = FIRST; pfn < FIRST + COUNT_PAGES; pfn++)
		memset(guest_page(&ferry.guest, pfn), value + pfn, PAGE_BYTES);
}

static void rewrite(void)
{
	if (!ferry.guest.domain->is_suspended && !resumes)
		write_pages(++maps);
}

/* It stops, and then it goes on and writes to its memory at once. */
static void note(const struct migration *m)
{
	if (m->is_suspended) {
		at_stop = lseek(ferry.fd, 0, SEEK_END);
		for (uint64_t pfn = 0; pfn < COUNT_PAGES; pfn++)
			memcpy(stopped[pfn], guest_page(&ferry.guest, FIRST + pfn), PAGE_BYTES);
	} else if (m->figures.resumed_at_ns) {
		at_resume = lseek(ferry.fd, 0, SEEK_END);
		for (size_t i = 0; i < hold_count(m->hold); i++)
			rounds += !hold_at(m->hold, i)->bytes;
		assert_false(ferry.guest.domain->is_suspended);
		assert_false(m->is_asked);
		resumes++;
		write_pages(0xee);
	}
}

static void is_as_it_stopped(void)
{
	assert_done(ferry_verify());
	assert_done(ferry_restore("web2"));
	for (uint64_t pfn = 0; pfn < COUNT_PAGES; pfn++)
		assert_memory_equal(fake_page(ferry.restoration.mfn[FIRST + pfn]), stopped[pfn], PAGE_BYTES);
}

static void save_running(int level, size_t buffer_bytes, bool is_live)
{
	ferry_make(8, P2M_LINEAR, pfns);
	fake_on_map = rewrite;
	ferry.options.buffer_bytes = buffer_bytes;
	ferry.options.live = is_live ? &live : NULL;
	ferry.migration.note = note;
	assert_done(ferry_save(level));
	assert_int_equal(resumes, 1);
	assert_false(ferry.migration.is_suspended);
}

/* Of an image with rounds all but the last is there by then. */
static void nothing_is_written_while_it_is_stopped(void **state)
{
	(void)state;
	for (int is_live = 0; is_live < 2; is_live++)
		for (int level = LEVEL_DEFAULT; level <= LEVEL_PLAIN; level++) {
			resumes = rounds = 0;
			save_running(level, 0, is_live);
			/* Without rounds the head, which names no page, stands before the copy. */
			assert_true(at_resume - at_stop < (is_live ? 1 : 4096));
			assert_true(lseek(ferry.fd, 0, SEEK_END) > at_resume + 100);
			assert_int_equal(ferry.migration.figures.late_bytes, 0);
			/* All pages, and then by a new look what is another page by now: kept apart. */
			assert_int_equal(rounds, is_live ? 2 : 0);
			is_as_it_stopped();
			release();
		}
}

static void hear(enum say_level level, const char *text)
{
	if (level == SAY_DETAIL)
		return;
	if (strstr(text, "the buffer of 1 MiB is full") || strstr(text, "stays suspended"))
		warnings++;
	else
		fail_test("%s", text);
}

/* Sixty MiB go through one: again and again it is written while the guest waits. */
static void buffer_that_is_too_small(void **state)
{
	(void)state;
	say_to = hear;
	say_level = SAY_NOTE;
	pfns = 16000;
	for (int level = LEVEL_DEFAULT; level <= LEVEL_PLAIN; level++) {
		resumes = warnings = 0;
		save_running(level, MIB, false);
		assert_int_equal(warnings, 1);
		assert_true(ferry.migration.figures.late_bytes > 30 * MIB);
		assert_int_equal(ferry.migration.figures.buffer_bytes, MIB);
		is_as_it_stopped();
		release();
	}
}

/* The image is made all the same; it is the caller who has to try again. */
static void xen_does_not_resume_it(void **state)
{
	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	fake_refuses_resume = true;
	ferry.migration.note = note;
	say_to = hear;
	assert_done(ferry_save(LEVEL_DEFAULT));
	assert_int_equal(warnings, 1);
	assert_int_equal(resumes, 0);
	assert_true(ferry.migration.is_suspended && ferry.migration.is_asked);
	assert_int_equal(ferry.migration.figures.resumed_at_ns, 0);
	is_as_it_stopped();
}

/* A file that may not grow any more: the guest runs, and nothing of that is undone. */
static void disk_is_full_afterwards(void **state)
{
	struct rlimit old, small;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){ 64 << 10, old.rlim_max };
	ferry_make(8, P2M_LINEAR, 3000);
	ferry.migration.note = note;
	assert_done(stop_on_signals()); /* which ignores SIGXFSZ */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_fails(ferry_save(LEVEL_PLAIN), EFBIG, "the image");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(resumes, 1);
	assert_false(ferry.migration.is_suspended || ferry.migration.is_asked);
	assert_false(ferry.guest.domain->is_suspended);
}

/* The longest time that it may be suspended is over with the resume. */
static void is_late_no_more(void **state)
{
	struct itimerval timer;

	(void)state;
	assert_done(stop_on_signals());
	ferry.options.max_suspended_seconds = 100000;
	save_running(LEVEL_DEFAULT, 0, true);
	assert_int_equal(getitimer(ITIMER_REAL, &timer), 0);
	assert_int_equal(timer.it_value.tv_sec, 0);
	assert_int_equal(timer.it_value.tv_usec, 0);
}

/* By default there is a smaller one where a limit of memory allows no more, and none where it allows none: the image is made. */
static void no_memory_for_a_default(void **state)
{
	struct rlimit old, small;

	(void)state;
	if (is_sanitized)
		skip();
	assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
	small = (struct rlimit){ PAGE_BYTES, old.rlim_max };
	ferry_make(8, P2M_LINEAR, 3000);
	ferry.migration.options.runs_on = true;
	say_to = hear;
	assert_int_equal(setrlimit(RLIMIT_AS, &small), 0);
	assert_done(buffer_prepare(&ferry.migration));
	assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
	assert_int_equal(warnings, 1);
	assert_null(ferry.migration.hold);
	assert_done(resume_early(&ferry.migration));
	assert_done(buffer_write(&ferry.migration));
	assert_int_equal(resumes, 0);
}

/* A buffer that cannot be had is a reason to fail while the guest runs. */
static void no_buffer(void **state)
{
	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	ferry.options.buffer_bytes = (size_t)1 << 50;
	assert_fails(ferry_save(LEVEL_DEFAULT), ENOMEM, "cannot be had");
	assert_false(ferry.migration.is_asked);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_written_while_it_is_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(buffer_that_is_too_small, setup, teardown),
		cmocka_unit_test_setup_teardown(xen_does_not_resume_it, setup, teardown),
		cmocka_unit_test_setup_teardown(disk_is_full_afterwards, setup, teardown),
		cmocka_unit_test_setup_teardown(is_late_no_more, setup, teardown),
		cmocka_unit_test_setup_teardown(no_memory_for_a_default, setup, teardown),
		cmocka_unit_test_setup_teardown(no_buffer, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
