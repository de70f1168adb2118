/* budget.c: a process gets no more memory than its budget, and more only for the pfns of its guest; in a sandbox, too. */
#include "unit.h"

#include <sys/mman.h>

#include "process/budget.h"
#include "process/child.h"
#include "process/sandbox.h"

#define MIB (1UL << 20)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool is_sanitized = true;
#else
static const bool is_sanitized;
#endif

static int teardown(void **state)
{
	(void)state;
	fail_forget();
	return 0;
}

static bool can_have(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			0);

	return at != MAP_FAILED && !munmap(at, bytes);
}

static int use_budget(void *context)
{
	int rc = budget_begin(1);

	if (!rc && context)
		rc = sandbox_enter(&(struct sandbox){ 0 });
	if (rc)
		return rc;
	if (!can_have(64 * MIB))
		return fail(ENOMEM, "not what it needs");
	if (can_have(1536 * MIB))
		return fail(EOVERFLOW, "more than its budget");
	rc = budget_allow_pfns(48 * MIB); /* 1536 MiB */
	if (rc)
		return rc;
	if (!can_have(1536 * MIB))
		return fail(ENOMEM, "not what so many pfns need");
	return can_have(3072 * MIB) ? fail(EOVERFLOW, "more than so many pfns need") : 0;
}

static void memory_is_limited(void **state)
{
	int yes = 1;

	(void)state;
	if (is_sanitized) /* which need far more */
		skip();
	assert_done(child_run(use_budget, NULL));
	assert_done(child_run(use_budget, &yes));
}

/* Memory that is shared is a guest's, or the expander's; what is only reserved is no memory. */
static int use_other_memory(void *context)
{
	int rc = budget_begin(1);
	void *shared, *reserved;

	(void)context;
	if (rc)
		return rc;
	shared = mmap(NULL, 2048 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
		      -1, 0);
	reserved = mmap(NULL, 2048 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return shared != MAP_FAILED && reserved != MAP_FAILED ? 0 : fail_errno("mmap");
}

static void other_memory_does_not_count(void **state)
{
	(void)state;
	assert_done(child_run(use_other_memory, NULL));
}

static void without_a_budget_nothing_is_limited(void **state)
{
	(void)state;
	assert_done(budget_allow_pfns(1));
	assert_true(can_have(2048 * MIB));
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(memory_is_limited),
		TEST(other_memory_does_not_count),
		TEST(without_a_budget_nothing_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
