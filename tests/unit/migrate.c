/*
 * migrate/ and restore/ together: a guest is sent into a file and built again
 * on other frames of the fake machine, and must be the same guest; a file that
 * was cut, a guest that is broken and any call that fails leave nothing behind.
 */
#include "unit.h"

#include <sys/mman.h>
#include <unistd.h>

#include "fake/guest.h"
#include "migrate/migrate.h"
#include "migrate/movable.h"
#include "p2m/p2m.h"
#include "restore/examine.h"
#include "restore/restore.h"

#define P2M_AT 0xf0000000

static struct guest guest;
static struct migration migration;
static struct restoration restoration;
static struct channel to, from;
static int fd = -1;

/* Random pages, holes, and tables that are pinned, not pinned, and mapped read-only. */
static void make(unsigned int width, enum p2m_form form, uint64_t pfns)
{
	uint64_t random = 1;

	fake_reset();
	guest_make(&guest, width, pfns);
	guest.domain->vcpu_count = 3;
	guest_publish_linear(&guest, P2M_AT);
	if (form == P2M_LIST) {
		guest_publish_list(&guest);
		word_set(guest.layout, guest.shared_info, guest.layout->shared_info.p2m_cr3, 0);
	}
	for (uint64_t pfn = 0; pfn < 500; pfn++) {
		*(uint64_t *)guest_page(&guest, pfn) = next_random(&random);
		guest_map(&guest, 0x8000000 + pfn * PAGE_BYTES, pfn, pfn % 2 ? PTE_WRITABLE : 0);
	}
	guest_map(&guest, 0x9000000, guest.root, 0);
	guest_add_vcpus(&guest);
	for (uint64_t pfn = 600; pfn < 700; pfn++)
		guest_set_type(&guest, pfn, FRAME_XTAB);
	for (unsigned int slot = 256; width == 8 && slot < 272; slot++)
		((uint64_t *)guest_page(&guest, guest.root))[slot] = 5 << PAGE_BITS | PTE_PRESENT;
	guest.domain->tsc = (struct tsc_info){ .mode = 1, .khz = 1234 };
	fake_store_set("/local/domain/1/name", "web1");
	fake_store_set("/local/domain/1/vm", "/vm/something");
}

static int setup(void **state)
{
	(void)state;
	fd = memfd_create("image", MFD_CLOEXEC);
	return 0;
}

/* The process that had them would end here, and its mappings with it. */
static void release(void)
{
	struct domain *built = restoration.domain;

	migration_release(&migration);
	migration = (struct migration){ 0 };
	restoration_release(&restoration);
	if (built)
		fake_remove(built);
	fake_unmap(guest.domain);
	restoration = (struct restoration){ 0 };
	fail_forget();
}

static int teardown(void **state)
{
	(void)state;
	release();
	guest_release(&guest);
	close(fd);
	return 0;
}

static int save(int level)
{
	struct migrate_options options = { .level = level, .threads = 2, .timeout_seconds = 1 };
	int rc;

	assert_int_equal(ftruncate(fd, 0), 0);
	lseek(fd, 0, SEEK_SET);
	assert_done(channel_init(&to, fd, "the image"));
	rc = migration_send(&migration, guest.domain, &to, &options);
	channel_release(&to);
	return rc;
}

static int restore(const char *name)
{
	struct restore_options options = { .threads = 2, .name = name };
	int rc;

	lseek(fd, 0, SEEK_SET);
	assert_done(channel_init(&from, fd, "the image"));
	rc = restore_domain(&restoration, domain_host(guest.domain), &from, &options);
	channel_release(&from);
	return rc;
}

static int verify(void)
{
	struct examination x = { 0 };
	int rc;

	lseek(fd, 0, SEEK_SET);
	assert_done(channel_init(&from, fd, "the image"));
	rc = examine(&x, &from, 2);
	examination_release(&x);
	return rc;
}

/* --- the same guest? ------------------------------------------------------------ */

static uint64_t *pfns_by_mfn(const mfn_t *mfn)
{
	uint64_t *pfn_of = malloc(FAKE_FRAMES * sizeof(*pfn_of));

	memset(pfn_of, 0xff, FAKE_FRAMES * sizeof(*pfn_of));
	for (uint64_t pfn = 0; pfn < guest.count; pfn++)
		if (mfn_is_valid(mfn[pfn]))
			pfn_of[mfn[pfn].n] = pfn;
	return pfn_of;
}

static void compare_table(uint64_t pfn, const uint64_t *was_pfn, const uint64_t *is_pfn)
{
	const uint64_t *was = guest_page(&guest, pfn), *is = fake_page(restoration.mfn[pfn]);
	unsigned int xen_first, xen_count;

	xen_slots(guest.layout->width, frame_level(fake_frame(guest.mfn[pfn])->type), &xen_first, &xen_count);
	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++) {
		if (slot - xen_first < xen_count)
			continue;
		if (!(was[slot] & PTE_PRESENT))
			assert_int_equal(is[slot], was[slot]);
		else if (was_pfn[pte_frame(was[slot])] != is_pfn[pte_frame(is[slot])] ||
			 (was[slot] & ~PTE_FRAME_MASK) != (is[slot] & ~PTE_FRAME_MASK))
			fail_test("pfn %#lx slot %u: %#lx was %#lx", pfn, slot, is[slot], was[slot]);
	}
}

static bool is_rewritten(uint64_t pfn)
{
	for (uint64_t i = 0; i < guest.leaves; i++)
		if (guest.leaf[i] == pfn)
			return true;
	return pfn == vcpus_start_info(&restoration.incoming.machine).n;
}

static void compare_memory(void)
{
	uint64_t *was_pfn = pfns_by_mfn(guest.mfn), *is_pfn = pfns_by_mfn(restoration.mfn);

	assert_int_equal(restoration.incoming.count, guest.count);
	for (uint64_t pfn = 0; pfn < guest.count; pfn++) {
		unsigned int type = mfn_is_valid(guest.mfn[pfn]) ? fake_frame(guest.mfn[pfn])->type : FRAME_XTAB;

		if (type == FRAME_XTAB) {
			assert_false(mfn_is_valid(restoration.mfn[pfn]));
			continue;
		}
		if (fake_frame(restoration.mfn[pfn])->type != type)
			fail_test("pfn %#lx: type %#x, not %#x", pfn, fake_frame(restoration.mfn[pfn])->type, type);
		if (frame_level(type))
			compare_table(pfn, was_pfn, is_pfn);
		else if (!is_rewritten(pfn))
			assert_memory_equal(guest_page(&guest, pfn), fake_page(restoration.mfn[pfn]), PAGE_BYTES);
	}
	free(was_pfn);
	free(is_pfn);
}

static void compare_p2m(void)
{
	uint64_t per_page = p2m_per_page(guest.layout);

	for (uint64_t pfn = 0; pfn < guest.count; pfn++) {
		const uint8_t *leaf = fake_page(restoration.mfn[guest.leaf[pfn / per_page]]);

		assert_int_equal(word_get(guest.layout, leaf, pfn % per_page * guest.layout->width),
				 restoration.mfn[pfn].n);
	}
}

static void compare(const char *name)
{
	struct domain *domain = restoration.domain;
	char path[64];

	compare_memory();
	compare_p2m();
	assert_true(domain->is_paused);
	assert_int_equal(domain->width, guest.layout->width);
	assert_int_equal(domain->tsc.khz, 1234);
	assert_int_equal(domain->frames, guest.count - 100);
	assert_int_equal(domain->granted[0].n, restoration.connections.console.n);
	assert_int_equal(domain->ring.n, restoration.connections.store.n);
	for (int vcpu = 0; vcpu < 3; vcpu++)
		for (int kind = VCPU_EXTENDED; kind < VCPU_STATES; kind++) {
			assert_int_equal(domain->vcpus[vcpu].bytes[kind], guest.domain->vcpus[vcpu].bytes[kind]);
			if (domain->vcpus[vcpu].bytes[kind])
				assert_memory_equal(domain->vcpus[vcpu].state[kind], guest.domain->vcpus[vcpu].state[kind],
						    domain->vcpus[vcpu].bytes[kind]);
		}
	snprintf(path, sizeof(path), "/local/domain/%u/name", domain->id);
	assert_string_equal(fake_store_at(path), name);
}

static void there_and_back(unsigned int width, enum p2m_form form, int level)
{
	make(width, form, 20000);
	assert_done(save(level));
	assert_true(migration.is_suspended);
	assert_int_equal(migration.p2m.form, form);
	assert_int_equal(migration.figures.pfns, 20000);
	assert_int_equal(migration.figures.frames, 19900);
	assert_int_equal(migration.figures.pinned, 1);
	assert_done(verify());
	assert_done(restore("web2"));
	compare("web2");
}

static void wide_linear(void **state)
{
	(void)state;
	there_and_back(8, P2M_LINEAR, LEVEL_DEFAULT);
	/* Beside the one it came from it is another domain. */
	assert_memory_not_equal(restoration.domain->uuid, guest.domain->uuid, 16);
}

static void wide_list_plain(void **state)
{
	(void)state;
	there_and_back(8, P2M_LIST, LEVEL_PLAIN);
}

static void narrow_linear(void **state)
{
	(void)state;
	there_and_back(4, P2M_LINEAR, LEVEL_DEFAULT);
}

static void narrow_list_plain(void **state)
{
	(void)state;
	there_and_back(4, P2M_LIST, LEVEL_PLAIN);
}

/* --- what is refused -------------------------------------------------------------- */

static void unmovable_table_is_named(void **state)
{
	(void)state;
	make(8, P2M_LINEAR, 3000);
	*guest_entry(&guest, 1, 0x8000000) = fake_allocate(FAKE_XEN).n << PAGE_BITS | PTE_PRESENT;
	for (int level = LEVEL_PLAIN; level <= 1; level++) {
		assert_fails(save(level), EREMOTE, "a page table of level 1: slot 0");
		assert_true(migration.is_suspended);	/* the caller resumes it */
		release();
		guest.domain->is_suspended = false;
	}
}

/* Mapped are: shared info, four levels of tables, the p2m; then the memory. */
static void move_p2m_before_memory(void)
{
	static unsigned int maps;

	if (++maps == 7)
		word_set(guest.layout, guest.shared_info, guest.layout->shared_info.p2m_generation, 4);
}

static void p2m_that_moves_is_noticed(void **state)
{
	(void)state;
	make(8, P2M_LINEAR, 3000);
	fake_on_map = move_p2m_before_memory;
	assert_fails(save(1), EAGAIN, "the guest's p2m changed");
	assert_true(migration.is_suspended);
}

static void name_in_use_is_told(void **state)
{
	(void)state;
	make(8, P2M_LINEAR, 3000);
	assert_done(save(1));
	assert_fails(restore(NULL), EEXIST, "there is a domain \"web1\" already");
	assert_int_equal(fake_domains(), 1);
}

static void too_little_memory_is_told_before(void **state)
{
	(void)state;
	make(8, P2M_LINEAR, 3000);
	assert_done(save(1));
	fake_free_frames = 2900;
	assert_fails(restore("web2"), ENOMEM, "too little free memory");
	assert_int_equal(fake_domains(), 1);
}

static void cut_image_builds_nothing(void **state)
{
	off_t whole;

	(void)state;
	make(8, P2M_LINEAR, 3000);
	for (int level = LEVEL_PLAIN; level <= 1; level++) {
		assert_done(save(level));
		guest.domain->is_suspended = false;
		whole = lseek(fd, 0, SEEK_END);
		for (int tenth = 9; tenth > 0; tenth--) {
			assert_int_equal(ftruncate(fd, whole * tenth / 10), 0);
			assert_int_equal(restore("web2"), -ENODATA);
			assert_int_equal(fake_domains(), 1);
			release();
		}
	}
}

/* --- any call fails ----------------------------------------------------------------- */

/* Saves with the Nth call failing, for every N, until none fails. */
static void every_failure_of_a_save_is_survived(void **state)
{
	unsigned int n = 0, calls;
	int rc;

	(void)state;
	make(8, P2M_LINEAR, 3000);
	do {
		fake_fail_at = ++n;
		fake_calls = 0;
		rc = save(n % 2);
		if (rc && !strstr(fail_reason(), "fake: call"))
			fail_test("call %u: the reason is \"%s\"", n, fail_reason());
		assert_int_equal(migration.is_suspended, guest.domain->is_suspended);
		calls = fake_calls;
		release();
		guest.domain->is_suspended = false;
	} while (calls >= n);
	assert_int_equal(rc, 0);
	assert_true(n > 30);
}

static void every_failure_of_a_restore_is_survived(void **state)
{
	unsigned int n = 0, built, calls;
	int rc;

	(void)state;
	make(8, P2M_LINEAR, 3000);
	assert_done(save(1));
	do {
		fake_fail_at = ++n;
		fake_calls = 0;
		rc = restore("web2");
		built = fake_domains() - 1;
		if (rc && !strstr(fail_reason(), "fake: call") && rc != -ESRCH)
			fail_test("call %u: the reason is \"%s\"", n, fail_reason());
		if (rc && built)
			fail_test("call %u: a domain is left", n);
		if (rc && (fake_store_at("/local/domain/2/name") || fake_store_at("/libxl/2/type")))
			fail_test("call %u: something is left in xenstore", n);
		calls = fake_calls;
		fake_fail_at = 0;
		release();
	} while (calls >= n);
	assert_int_equal(rc, 0);
	assert_true(n > 40);
}

/* --- obstacles ------------------------------------------------------------------------ */

static void obstacles_are_found(void **state)
{
	struct domain_facts facts;
	enum obstacle obstacle;
	char text[256];

	(void)state;
	make(8, P2M_LINEAR, 3000);
	assert_done(domain_facts(guest.domain, &facts));
	assert_done(find_obstacle(guest.domain, &facts, &obstacle, text, sizeof(text)));
	assert_int_equal(obstacle, OBSTACLE_NONE);
	assert_string_equal(text, "");
	fake_store_set("/libxl/1/device/console/0", "");
	fake_store_set("/libxl/1/device/console", "");
	fake_store_set("/libxl/1/device", "");
	assert_done(find_obstacle(guest.domain, &facts, &obstacle, text, sizeof(text)));
	assert_int_equal(obstacle, OBSTACLE_NONE);
	fake_store_set("/libxl/1/device/vbd", "");
	fake_store_set("/libxl/1/device/vbd/51712", "");
	assert_done(find_obstacle(guest.domain, &facts, &obstacle, text, sizeof(text)));
	assert_int_equal(obstacle, OBSTACLE_DEVICES);
	assert_non_null(strstr(text, "vbd 51712"));
	for (int i = 0; i < 5; i++) {
		struct domain_facts one[] = {
			{ .id = 0 }, { .id = 1, .is_hvm = true }, { .id = 1, .is_dying = true },
			{ .id = 1, .is_shut_down = true }, { .id = 1, .is_paused = true },
		};

		assert_done(find_obstacle(guest.domain, &one[i], &obstacle, text, sizeof(text)));
		assert_int_equal(obstacle, OBSTACLE_DOMAIN_0 + i);
		assert_string_not_equal(text, "");
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(wide_linear), TEST(wide_list_plain), TEST(narrow_linear), TEST(narrow_list_plain),
		TEST(unmovable_table_is_named), TEST(p2m_that_moves_is_noticed), TEST(name_in_use_is_told),
		TEST(too_little_memory_is_told_before), TEST(cut_image_builds_nothing),
		TEST(every_failure_of_a_save_is_survived), TEST(every_failure_of_a_restore_is_survived),
		TEST(obstacles_are_found),
	};

	alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
