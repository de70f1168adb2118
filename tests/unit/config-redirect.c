/* machine/config-redirect.c: other disks and bridges than the image's. */
#include "unit.h"

#include "machine/config-redirect.h"

static struct config parse(const char *devices)
{
	struct config config = { 0 };
	char text[1024];

	snprintf(text, sizeof(text),
		 "{ \"c_info\": { \"type\": \"pv\", \"name\": \"web\" }, \"b_info\": { \"max_vcpus\": 1 } %s "
		 "}",
		 devices);
	assert_done(config_parse(&config, text));
	return config;
}

#define TWO \
	", \"disks\": [ { \"vdev\": \"xvda\", \"pdev_path\": \"/dev/a\" }, { \"vdev\": \"xvdc\" } ]," \
	" \"nics\": [ { \"devid\": 1, \"bridge\": \"br1\" }, { \"bridge\": \"br7\" } ]"

static void they_replace_what_the_image_names(void **state)
{
	struct config config = parse(TWO);
	char lines[128] = "", text[256];

	(void)state;
	config_attachments(&config, text, sizeof(text));
	assert_string_equal(text, "disks xvda=/dev/a, xvdc=(empty); bridges 1=br1, 1=br7");
	assert_done(redirect_add(lines, sizeof(lines), "disk", "xvdc=/dev/x=y"));
	assert_done(redirect_add(lines, sizeof(lines), "bridge", "1=br0"));
	assert_done(config_redirect(&config, lines));
	config_attachments(&config, text, sizeof(text));
	assert_string_equal(text, "disks xvda=/dev/a, xvdc=/dev/x=y; bridges 1=br0, 1=br7");
	assert_done(config_redirect(&config, ""));
	config_release(&config);
	config = parse("");
	config_attachments(&config, text, sizeof(text));
	assert_string_equal(text, "");
	config_release(&config);
}

static void what_is_not_there_is_refused(void **state)
{
	struct config config = parse(TWO);

	(void)state;
	assert_fails(config_redirect(&config, "disk xvdb=/dev/b\n"), ENOENT,
		     "no disk xvdb; it has xvda, xvdc");
	assert_fails(config_redirect(&config, "bridge 3=br0\n"), ENOENT,
		     "no network interface 3; it has 1, 1");
	config_release(&config);
	config = parse("");
	assert_fails(config_redirect(&config, "disk xvda=/dev/b\n"), ENOENT, "it has nothing");
	config_release(&config);
}

static void wishes_have_a_form(void **state)
{
	static const char *const wrong[] = { "", "xvda", "=x", "xvda=", "xvda=/dev/a\ndisk xvdb=/dev/b" };
	char lines[32] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_fails(redirect_add(lines, sizeof(lines), "disk", wrong[i]), EINVAL,
			     "is not VDEV=TARGET");
	assert_fails(redirect_add(lines, sizeof(lines), "bridge", "0"), EINVAL, "is not N=BRIDGE");
	assert_done(redirect_add(lines, sizeof(lines), "disk", "xvda=/dev/a"));
	assert_fails(redirect_add(lines, sizeof(lines), "disk", "xvdb=/dev/bbbbbbbbbb"), ENOSPC, "too many");
	assert_string_equal(lines, "disk xvda=/dev/a\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_replace_what_the_image_names),
		cmocka_unit_test(what_is_not_there_is_refused),
		cmocka_unit_test(wishes_have_a_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
