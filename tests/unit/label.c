/* FLASK labels, from the domain into the image's config and into the new domain: machine/config-fetch.c, restore/label.c. */
#include "unit.h"

#include <string.h>

#include "text/allow.h"
#include "fake/ferry.h"

static const char *const source[] = { "system_u:system_r:shop_t", "system_u:system_r:mail_t", NULL };
/* The same labels have other numbers. */
static const char *const target[] = { "a:b:c", "a:b:d", "system_u:system_r:mail_t",
				      "system_u:system_r:shop_t", NULL };
static const char *const poor[] = { "a:b:c", NULL };

static int setup(void **state)
{
	(void)state;
	ferry_open();
	ferry_make(8, P2M_LINEAR, 1000);
	fake_labels = source;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ferry_close();
	return 0;
}

static void save(uint32_t ssidref)
{
	ferry.guest.domain->ssidref = ssidref;
	assert_done(ferry_save(1));
}

static int restore(const char *const *labels, unsigned int allowed)
{
	fake_labels = labels;
	ferry.allowed = allowed;
	return ferry_restore("other");
}

static const char *kept(void)
{
	return config_string(&ferry.restoration.config, "c_info", "ssid_label");
}

static void a_label_is_found_by_its_text(void **state)
{
	(void)state;
	save(1);
	assert_string_equal(config_string(&ferry.migration.config, "c_info", "ssid_label"), source[0]);
	assert_done(restore(target, ALLOW_LABELS));
	assert_int_equal(ferry.restoration.domain->ssidref, 4);
	assert_string_equal(kept(), source[0]);
}

static void a_label_that_is_not_allowed_stays_out(void **state)
{
	(void)state;
	save(1);
	assert_done(restore(target, ALLOW_POOLS));
	assert_int_equal(ferry.restoration.domain->ssidref, 0);
	assert_null(kept());
}

static void the_usual_label_is_no_matter_of_the_image(void **state)
{
	(void)state;
	save(0);
	assert_null(config_string(&ferry.migration.config, "c_info", "ssid_label"));
	assert_done(restore(poor, ALLOW_LABELS));
	assert_int_equal(ferry.restoration.domain->ssidref, 0);
}

static void an_unknown_label_is_refused_before_there_is_a_domain(void **state)
{
	(void)state;
	save(2);
	assert_fails(restore(poor, ALLOW_LABELS), EINVAL, "no label \"system_u:system_r:mail_t\"");
	assert_int_equal(fake_domains(), 1);
}

static void without_flask_a_label_is_kept_for_another_host(void **state)
{
	(void)state;
	save(2);
	assert_done(restore(NULL, ALLOW_LABELS));
	assert_int_equal(ferry.restoration.domain->ssidref, 0);
	assert_string_equal(kept(), source[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_label_is_found_by_its_text),
		TEST(a_label_that_is_not_allowed_stays_out),
		TEST(the_usual_label_is_no_matter_of_the_image),
		TEST(an_unknown_label_is_refused_before_there_is_a_domain),
		TEST(without_flask_a_label_is_kept_for_another_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
