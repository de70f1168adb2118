/* machine/registry.c: what is left of a removal that was cut short can be found again. */
#include "unit.h"

#include "fake/fake.h"
#include "machine/registry.h"

static void the_name_goes_last(void **state)
{
	struct domain *domain;

	(void)state;
	fake_reset();
	domain = fake_domain(8, 1);
	fake_store_set("/local/domain/1/name", "web1");
	fake_store_set("/libxl/1/type", "pv");
	fake_forgets_named = false;
	assert_done(domain_demolish(domain));
	assert_true(fake_forgets_named);
	assert_false(store_exists(NULL, "/local/domain/1/name"));
	assert_false(store_exists(NULL, "/libxl/1/type"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_name_goes_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
