/* restore/made.c: a domain that libxl has made gets the guest, and its two pages stay where they are. */
#include "unit.h"

#include "fake/ferry.h"
#include "restore/preflight.h"
#include "text/allow.h"

enum { STORE_INDEXES_AT = 2048, STORE_INDEXES_BYTES = 28, BEFORE = 0xa5 };

static const char config[] =
	"{\"c_info\":{\"type\":\"pv\",\"name\":\"web1\",\"uuid\":\"01234567-89ab-cdef-0123-456789abcdef\"},"
	"\"b_info\":{\"max_vcpus\":3},\"disks\":[{\"vdev\":\"xvda\",\"pdev_path\":\"/dev/a\"}]}";

/* What the toolstack did. */
static struct domain *made;
static mfn_t store, console;
static char name[64];
static unsigned int asked_width;
static int makers_answer;
static bool has_disk;

static int make(const struct new_domain *wanted, uint32_t *id, struct connections *connections, void *context)
{
	(void)context;
	snprintf(name, sizeof(name), "%s", wanted->name);
	asked_width = wanted->width;
	has_disk = strstr(wanted->config, "xvda");
	if (makers_answer)
		return fail(EIO, "the disk burns");
	made = fake_domain(wanted->width, 3);
	store = fake_allocate(made->id);
	console = fake_allocate(made->id);
	made->frames = 2;
	memset(fake_page(store), BEFORE, PAGE_BYTES);
	memset(fake_page(console), BEFORE, PAGE_BYTES);
	*id = made->id;
	*connections = (struct connections){
		.store_port = 5, .console_port = 6, .store = store, .console = console, .are_served = true
	};
	return 0;
}

/* Domain 0's part. */
static uint64_t room_kib;
static bool gives_room;

static int make_room(uint64_t kib, void *context)
{
	(void)context;
	room_kib = kib;
	return gives_room ? 0 : fail(ENOMEM, "domain 0 keeps its own");
}

static const struct domain_maker maker = { .make = make, .make_room = make_room };

static int setup(void **state)
{
	(void)state;
	ferry_open();
	ferry.maker = &maker;
	ferry.options.config = config;
	makers_answer = 0;
	made = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ferry.maker = NULL;
	ferry.options.config = NULL;
	ferry_close();
	return 0;
}

static void save(unsigned int width)
{
	ferry_make(width, width == 8 ? P2M_LINEAR : P2M_LIST, 3000);
	assert_done(ferry_save(1));
}

/* The guest's own page, by what its start info says. */
static pfn_t page_of(const struct guest *guest, size_t offset)
{
	pfn_t start_info = vcpus_start_info(&ferry.restoration.incoming.machine);

	return PFN(word_get(guest->layout, guest_page(guest, start_info.n), offset));
}

/* A move restores it under that name: it is the one that resolve looks for. */
static void a_move_gives_the_name_itself(void **state)
{
	(void)state;
	save(8);
	assert_done(ferry_restore("web2" INCOMING_SUFFIX));
	assert_string_equal(name, "web2" INCOMING_SUFFIX);
	ferry_release();
	guest_release(&ferry.guest);
}

static void pages_are_placed(void **state)
{
	(void)state;
	for (unsigned int width = 4; width <= 8; width += 4) {
		const struct start_info_layout *at;
		const uint8_t *page;
		pfn_t pfn;

		save(width);
		at = &ferry.guest.layout->start_info;
		assert_done(ferry_restore("web2"));
		assert_string_equal(name, "web2" INCOMING_SUFFIX);
		assert_int_equal(asked_width, width);
		assert_true(has_disk);
		assert_int_equal(made->ring.n, 0); /* xenstored was told by libxl */

		pfn = page_of(&ferry.guest, at->store_frame);
		assert_int_equal(ferry.restoration.mfn[pfn.n].n, store.n);
		page = fake_page(store);
		assert_memory_equal(page, guest_page(&ferry.guest, pfn.n), STORE_INDEXES_AT);
		for (int i = 0; i < STORE_INDEXES_BYTES; i++)
			assert_int_equal(page[STORE_INDEXES_AT + i], BEFORE);
		assert_memory_equal(page + STORE_INDEXES_AT + STORE_INDEXES_BYTES,
				    (uint8_t *)guest_page(&ferry.guest, pfn.n) + STORE_INDEXES_AT +
					    STORE_INDEXES_BYTES,
				    PAGE_BYTES - STORE_INDEXES_AT - STORE_INDEXES_BYTES);

		pfn = page_of(&ferry.guest, at->console_frame);
		assert_int_equal(ferry.restoration.mfn[pfn.n].n, console.n);
		page = fake_page(console);
		assert_memory_equal(page, guest_page(&ferry.guest, pfn.n), CONSOLE_CONNECTION_AT);
		assert_int_equal(page[CONSOLE_CONNECTION_AT], BEFORE);
		assert_memory_equal(page + CONSOLE_CONNECTION_AT + 1,
				    (uint8_t *)guest_page(&ferry.guest, pfn.n) + CONSOLE_CONNECTION_AT + 1,
				    PAGE_BYTES - CONSOLE_CONNECTION_AT - 1);
		assert_int_equal(made->frames, ferry.restoration.frames);
		ferry_release();
		guest_release(&ferry.guest);
	}
}

static void a_refusal_is_the_reason(void **state)
{
	(void)state;
	save(8);
	makers_answer = -EIO;
	assert_fails(ferry_restore("web2"), EIO, "the disk burns");
	assert_null(made);
}

/* Nothing that libxl made is destroyed here: that is the caller's, by libxl. */
static void every_failure_leaves_the_domain(void **state)
{
	unsigned int calls;

	(void)state;
	save(8);
	fake_calls = 0;
	assert_done(ferry_restore("web2"));
	calls = fake_calls;
	ferry_release();
	for (unsigned int i = 1; i <= calls; i += 1 + calls / 40) {
		made = NULL;
		fake_calls = 0;
		fake_fail_at = i;
		(void)ferry_restore("web2");
		fake_fail_at = 0;
		assert_false(made && made->is_destroyed);
		fail_forget();
		ferry_release();
	}
}

#define PLACED(c, b) \
	"{\"c_info\":{\"type\":\"pv\",\"name\":\"web1\",\"uuid\":\"01234567-89ab-cdef-0123-456789abcdef\"" c \
	"}," \
	"\"b_info\":{\"max_vcpus\":3" b "}}"

static bool is_made_for(const char *text, unsigned int nodes)
{
	bool is;

	made = NULL;
	ferry.options.config = text;
	save(8);
	fake_nodes = nodes;
	assert_done(ferry_restore("web2"));
	is = made;
	ferry_release();
	guest_release(&ferry.guest);
	return is;
}

static void without_devices_it_is_made_for_its_place(void **state)
{
	static const char *const placed[] = {
		PLACED("", ",\"vcpu_hard_affinity\":[[1],[1],[1]]"),
		PLACED("", ",\"vcpu_soft_affinity\":[[1]]"),
		PLACED("", ",\"nodemap\":[0]"),
		PLACED("", ",\"sched_params\":{\"weight\":512}"),
		PLACED("", ",\"sched_params\":{\"sched\":\"credit\",\"cap\":50}"),
		PLACED(",\"pool_name\":\"slow\"", ""),
		PLACED(",\"poolid\":1", ""),
	};
	static const char *const anywhere[] = {
		PLACED("", ""),
		PLACED(",\"poolid\":0",
		       ",\"vcpu_hard_affinity\":[],\"sched_params\":{\"sched\":\"credit2\"}"),
		PLACED("", ",\"numa_placement\":\"True\""),
		PLACED("", ",\"sched_params\":{\"sched\":\"credit2\",\"weight\":256,\"cap\":0}"),
	};

	(void)state;
	ferry.allowed = ALLOW_POOLS;
	for (size_t i = 0; i < COUNT(placed); i++)
		if (!is_made_for(placed[i], 1))
			fail_test("not by libxl: %s", placed[i]);
	for (size_t i = 0; i < COUNT(anywhere); i++)
		if (is_made_for(anywhere[i], 1))
			fail_test("by libxl: %s", anywhere[i]);
	/* That pool is not this domain's to be in. */
	ferry.allowed = 0;
	assert_false(is_made_for(placed[5], 1));
}

/* libxl finds the node that has the memory. */
static void on_several_nodes_it_is_made_for_one(void **state)
{
	(void)state;
	assert_true(is_made_for(PLACED("", ""), 2));
	assert_true(is_made_for(PLACED("", ",\"numa_placement\":\"<default>\""), 2));
	assert_false(is_made_for(PLACED("", ",\"numa_placement\":\"False\""), 2));
}

/* Asked only where too little is free, and for the domain and what Xen itself takes. */
static void domain_0_gives_memory(void **state)
{
	(void)state;
	save(8);
	room_kib = 0;
	assert_done(ferry_restore("web2"));
	assert_int_equal(room_kib, 0);
	ferry_release();
	fake_free_frames = 2900;
	gives_room = true;
	assert_done(ferry_restore("web2"));
	assert_true(room_kib > 2900 * 4);
	ferry_release();
	gives_room = false;
	made = NULL;
	assert_fails(ferry_restore("web2"), ENOMEM, "MiB are free: domain 0 keeps its own");
	assert_null(made);
}

static void without_a_maker_it_is_refused(void **state)
{
	(void)state;
	save(8);
	ferry.maker = NULL;
	assert_fails(ferry_restore("web2"), EOPNOTSUPP, "the domain has devices");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(pages_are_placed),
		TEST(a_move_gives_the_name_itself),
		TEST(a_refusal_is_the_reason),
		TEST(every_failure_leaves_the_domain),
		TEST(without_devices_it_is_made_for_its_place),
		TEST(on_several_nodes_it_is_made_for_one),
		TEST(domain_0_gives_memory),
		TEST(without_a_maker_it_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
