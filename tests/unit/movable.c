/* migrate/movable.c: why a domain cannot be saved. */
#include "unit.h"

#include <unistd.h>

#include "fake/ferry.h"
#include "migrate/movable.h"

static int setup(void **state)
{
	(void)state;
	ferry_open();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ferry_close();
	return 0;
}

static void obstacles_are_found(void **state)
{
	struct domain_facts facts;
	enum obstacle obstacle;
	char text[512];

	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	assert_done(domain_facts(ferry.guest.domain, &facts));
	assert_done(find_obstacle(ferry.guest.domain, &facts, &obstacle, text, sizeof(text)));
	assert_int_equal(obstacle, OBSTACLE_NONE);
	assert_string_equal(text, "");
	fake_store_set("/libxl/1/device/console/0", "");
	fake_store_set("/libxl/1/device/console", "");
	fake_store_set("/libxl/1/device", "");
	assert_done(find_obstacle(ferry.guest.domain, &facts, &obstacle, text, sizeof(text)));
	assert_int_equal(obstacle, OBSTACLE_NONE);
	fake_store_set("/libxl/1/device/vbd", "");
	fake_store_set("/libxl/1/device/vbd/51712", "");
	assert_done(find_obstacle(ferry.guest.domain, &facts, &obstacle, text, sizeof(text)));
	assert_int_equal(obstacle, OBSTACLE_DEVICES);
	assert_non_null(strstr(text, "vbd 51712"));
	fake_store_set("/libxl/1/device/vif", "");
	fake_store_set("/libxl/1/device/vif/0", "");
	assert_done(find_obstacle(ferry.guest.domain, &facts, &obstacle, text, sizeof(text)));
	assert_non_null(strstr(text, "vif 0"));
	fake_store_set("/libxl/1/device/pci", "");
	fake_store_set("/libxl/1/device/pci/0", "");
	assert_done(find_obstacle(ferry.guest.domain, &facts, &obstacle, text, sizeof(text)));
	assert_int_equal(obstacle, OBSTACLE_FIXED_DEVICE);
	assert_non_null(strstr(text, "pci 0"));
	assert_non_null(strstr(text, "xl pci-detach"));
	assert_done(store_remove(NULL, "/libxl/1/device/pci"));
	fake_store_set("/local/domain/1/backend/vif", "");
	fake_store_set("/local/domain/1/backend", "");
	assert_done(find_obstacle(ferry.guest.domain, &facts, &obstacle, text, sizeof(text)));
	assert_int_equal(obstacle, OBSTACLE_FIXED_DEVICE);
	assert_non_null(strstr(text, "(vif)"));
	for (int i = 0; i < 6; i++) {
		struct domain_facts one[] = {
			{ .id = 0 },
			{ .id = 1, .is_hvm = true },
			{ .id = 1, .is_dying = true },
			{ .id = 1, .is_shut_down = true, .shutdown_reason = SHUTDOWN_REASON_SUSPEND },
			{ .id = 1, .is_shut_down = true },
			{ .id = 1, .is_paused = true },
		};

		assert_done(find_obstacle(ferry.guest.domain, &one[i], &obstacle, text, sizeof(text)));
		assert_int_equal(obstacle, OBSTACLE_DOMAIN_0 + i);
		assert_string_not_equal(text, "");
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(obstacles_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
