/* machine/config-filter.c, config-keys.c, text/allow.c: what of an image's config goes into a domain here. */
#include "unit.h"

#include <json-c/json.h>

#include "text/allow.h"
#include "machine/config-filter.h"

static struct config config;
static char dropped[512];

static int teardown(void **state)
{
	(void)state;
	config_release(&config);
	fail_forget();
	return 0;
}

#define CONFIG(c_info, b_info, top) \
	"{ \"c_info\": { \"type\": \"pv\", \"name\": \"a\"" c_info \
	" }, \"b_info\": { \"max_vcpus\": 1" b_info " }" top " }"

/* The text without any blank. */
static const char *filtered(const char *text, unsigned int allowed)
{
	config_release(&config);
	assert_done(config_parse_json(&config, text));
	config_filter(&config, allowed, dropped, sizeof(dropped));
	return json_object_to_json_string_ext(config.root,
					      JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

/* As libxl of 4.17 writes it for a PV domain with one of each. */
static const char ordinary[] =
	"{\"c_info\":{\"type\":\"pv\",\"name\":\"web1\",\"uuid\":\"01234567-89ab-cdef-0123-456789abcdef\","
	"\"run_hotplug_scripts\":\"True\",\"passthrough\":\"disabled\"},"
	"\"b_info\":{\"max_vcpus\":2,\"avail_vcpus\":[0,1],\"vcpu_hard_affinity\":[[0,1],[2,3]],"
	"\"numa_placement\":\"False\",\"max_memkb\":1048576,\"target_memkb\":524288,\"shadow_memkb\":-1,"
	"\"cpuid\":[{\"leaf\":1,\"ecx\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0\"}],\"max_grant_frames\":64,"
	"\"max_maptrack_frames\":4294967295,\"device_model_version\":\"qemu_xen\",\"sched_params\":{"
	"\"sched\":"
	"\"credit2\",\"weight\":256,\"cap\":-1},\"claim_mode\":\"True\",\"event_channels\":1023,\"kernel\":"
	"\"/boot/vmlinuz\",\"cmdline\":\"root=/dev/xvda1 quiet \\\"x\\\"\",\"ramdisk\":\"/boot/initrd\","
	"\"bootloader_args\":[\"--args\"],\"type.pv\":{\"slack_memkb\":0},\"arch_arm\":{},\"arch_x86\":{}},"
	"\"disks\":[{\"pdev_path\":\"/dev/vg/web\",\"vdev\":\"xvda\",\"backend\":\"phy\",\"format\":\"raw\","
	"\"readwrite\":1,\"discard_enable\":\"<default>\"}],"
	"\"nics\":[{\"devid\":0,\"mac\":\"00:16:3e:01:02:03\",\"bridge\":\"xenbr0\"}],"
	"\"vfbs\":[{\"devid\":-1,\"vnc\":{\"enable\":\"True\",\"listen\":\"127.0.0.1\"},\"sdl\":{}}],"
	"\"on_reboot\":\"restart\",\"on_crash\":\"destroy\"}";

static void scripts_of_xens_folder_need_nothing(void **state)
{
	static const char *const fine[] = { "block-iscsi", "/etc/xen/scripts/vif-openvswitch" };
	static const char *const foreign[] = {
		"/etc/xen/scripts/../evil", "/etc/xen/scripts/", "a/b", "..", "/etc/xen/scripts/a/b", "a;b"
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(fine) / sizeof(*fine); i++) {
		snprintf(text, sizeof(text),
			 CONFIG("", "", ",\"disks\":[{\"vdev\":\"xvda\",\"script\":\"%s\"}]"), fine[i]);
		assert_non_null(strstr(filtered(text, 0), fine[i]));
		assert_string_equal(dropped, "");
	}
	for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++) {
		snprintf(text, sizeof(text), CONFIG("", "", ",\"nics\":[{\"devid\":0,\"script\":\"%s\"}]"),
			 foreign[i]);
		assert_null(strstr(filtered(text, 0), "devid"));
		assert_string_equal(dropped, "nics[0] (script needs --allow scripts)");
		assert_non_null(strstr(filtered(text, ALLOW_SCRIPTS), "devid"));
	}
}

static void an_ordinary_config_stays_whole(void **state)
{
	(void)state;
	assert_string_equal(filtered(ordinary, 0), ordinary);
	assert_string_equal(dropped, "");
}

static const struct {
	const char *text;
	unsigned int what;
	const char *path;
} guarded[] = {
	{ CONFIG(",\"ssid_label\":\"system_u:system_r:dom0_t\"", "", ""), ALLOW_LABELS, "c_info.ssid_label" },
	{ CONFIG(",\"poolid\":1", "", ""), ALLOW_POOLS, "c_info.poolid" },
	{ CONFIG(",\"pool_name\":\"fast\"", "", ""), ALLOW_POOLS, "c_info.pool_name" },
	{ CONFIG(",\"driver_domain\":\"True\"", "", ""), ALLOW_DRIVER_DOMAINS, "c_info.driver_domain" },
	{ CONFIG("", ",\"exec_ssid_label\":\"a:b:c\"", ""), ALLOW_LABELS, "b_info.exec_ssid_label" },
	{ CONFIG("", ",\"device_model\":\"/tmp/qemu\"", ""), ALLOW_DEVICE_MODEL, "b_info.device_model" },
	{ CONFIG("", ",\"device_model_user\":\"root\"", ""), ALLOW_DEVICE_MODEL, "b_info.device_model_user" },
	{ CONFIG("", ",\"extra_pv\":[\"-x\"]", ""), ALLOW_DEVICE_MODEL, "b_info.extra_pv" },
	{ CONFIG("", ",\"iomem\":[{\"start\":1,\"number\":16}]", ""), ALLOW_HOST_DEVICES, "b_info.iomem" },
	{ CONFIG("", ",\"irqs\":[9]", ""), ALLOW_HOST_DEVICES, "b_info.irqs" },
	{ CONFIG("", ",\"ioports\":[{\"first\":3320,\"number\":8}]", ""), ALLOW_HOST_DEVICES,
	  "b_info.ioports" },
	{ CONFIG("", ",\"vpmu\":\"True\"", ""), ALLOW_MSRS, "b_info.vpmu" },
	{ CONFIG("", ",\"type.pv\":{\"e820_host\":\"True\"}", ""), ALLOW_HOST_DEVICES,
	  "b_info.type.pv.e820_host" },
	{ CONFIG("", "", ",\"pcidevs\":[{\"bus\":0,\"dev\":2}]"), ALLOW_HOST_DEVICES, "pcidevs" },
	{ CONFIG("", "", ",\"p9s\":[{\"path\":\"/\"}]"), ALLOW_HOST_DEVICES, "p9s" },
	{ CONFIG("", "", ",\"disks\":[{\"vdev\":\"xvda\",\"script\":\"/tmp/x\"}]"), ALLOW_SCRIPTS,
	  "disks[0]" },
	{ CONFIG("", "", ",\"nics\":[{\"devid\":1,\"script\":\"/tmp/x\"}]"), ALLOW_SCRIPTS, "nics[0]" },
	{ CONFIG("", "", ",\"nics\":[{\"backend_domid\":3}]"), ALLOW_DRIVER_DOMAINS, "nics[0]" },
};

static void what_names_the_host_must_be_allowed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(guarded); i++) {
		char *before, needs[64];

		filtered(guarded[i].text, ~guarded[i].what);
		snprintf(needs, sizeof(needs), "needs --allow %s)", allow_word(guarded[i].what));
		if (strncmp(dropped, guarded[i].path, strlen(guarded[i].path)) || !strstr(dropped, needs))
			fail_test("%s: dropped is \"%s\"", guarded[i].path, dropped);
		assert_null(strstr(filtered(guarded[i].text, 0), "/tmp/"));
		assert_string_not_equal(dropped, "");
		config_release(&config);
		assert_done(config_parse_json(&config, guarded[i].text));
		before = strdup(json_object_to_json_string_ext(
			config.root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
		assert_string_equal(filtered(guarded[i].text, guarded[i].what), before);
		assert_string_equal(dropped, "");
		free(before);
	}
}

static void devices_go_as_a_whole(void **state)
{
	const char *text;

	(void)state;
	text = filtered(
		CONFIG("", "",
		       ",\"disks\":[{\"vdev\":\"xvda\"},{\"vdev\":\"xvdb\",\"script\":\"/x\"},7,"
		       "{\"vdev\":\"xvdc\",\"readwrite\":\"yes\"},{\"vdev\":\"xvdd\",\"script\":\"\"}]"),
		0);
	assert_non_null(strstr(text, "\"disks\":[{\"vdev\":\"xvda\"},{\"vdev\":\"xvdd\"}]"));
	assert_string_equal(dropped, "disks[1] (script needs --allow scripts), disks[2] (not an object), "
				     "disks[3] (readwrite not a value it can have)");
}

/* A key that is known, with what it cannot have. */
static const struct {
	const char *text, *path;
} odd[] = {
	{ CONFIG("", ",\"kernel\":7", ""), "b_info.kernel" },
	{ CONFIG("", ",\"kernel\":[\"x\"]", ""), "b_info.kernel" },
	{ CONFIG("", ",\"cmdline\":\"a\\u001b[2J\"", ""), "b_info.cmdline" },
	{ CONFIG("", ",\"cmdline\":\"a\\u0000b\"", ""), "b_info.cmdline" },
	{ CONFIG("", ",\"cmdline\":\"a\\nb\"", ""), "b_info.cmdline" },
	{ CONFIG("", ",\"cmdline\":\"a\\u202eb\"", ""), "b_info.cmdline" },
	{ CONFIG("", ",\"ramdisk\":\"\xff\"", ""), "b_info.ramdisk" },
	{ CONFIG("", ",\"event_channels\":131073", ""), "b_info.event_channels" },
	{ CONFIG("", ",\"event_channels\":-2", ""), "b_info.event_channels" },
	{ CONFIG("", ",\"event_channels\":1.5", ""), "b_info.event_channels" },
	{ CONFIG("", ",\"event_channels\":\"7\"", ""), "b_info.event_channels" },
	{ CONFIG("", ",\"max_grant_frames\":1000000", ""), "b_info.max_grant_frames" },
	{ CONFIG("", ",\"max_maptrack_frames\":1000000", ""), "b_info.max_maptrack_frames" },
	{ CONFIG("", ",\"max_grant_version\":3", ""), "b_info.max_grant_version" },
	{ CONFIG("", ",\"target_memkb\":-1", ""), "b_info.target_memkb" },
	{ CONFIG("", ",\"target_memkb\":18446744073709551615", ""), "b_info.target_memkb" },
	{ CONFIG("", ",\"max_memkb\":1125899906842624", ""), "b_info.max_memkb" },
	{ CONFIG("", ",\"avail_vcpus\":[8192]", ""), "b_info.avail_vcpus" },
	{ CONFIG("", ",\"avail_vcpus\":[0,\"1\"]", ""), "b_info.avail_vcpus" },
	{ CONFIG("", ",\"vcpu_hard_affinity\":[[0],[-1]]", ""), "b_info.vcpu_hard_affinity" },
	{ CONFIG("", ",\"vcpu_hard_affinity\":[0]", ""), "b_info.vcpu_hard_affinity" },
	{ CONFIG("", ",\"bootloader_args\":[\"a\",1]", ""), "b_info.bootloader_args" },
	{ CONFIG("", ",\"claim_mode\":true", ""), "b_info.claim_mode" },
	{ CONFIG("", ",\"sched_params\":[1]", ""), "b_info.sched_params" },
	{ CONFIG("", ",\"sched_params\":{\"weight\":70000}", ""), "b_info.sched_params.weight" },
	{ CONFIG("", ",\"cpuid\":[[[{\"x\":\"\\u009b\"}]]]", ""), "b_info.cpuid" },
	{ CONFIG("", "", ",\"disks\":{\"a\":1}"), "disks" },
	{ CONFIG("", "", ",\"nics\":[{\"bridge\":\"$(reboot)\"}]"), "nics[0]" },
	{ CONFIG("", "", ",\"on_reboot\":\"a b\""), "on_reboot" },
};

static void odd_values_are_dropped(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(odd); i++) {
		filtered(odd[i].text, ~0u);
		if (strncmp(dropped, odd[i].path, strlen(odd[i].path)) ||
		    !strstr(dropped, "not a value it can have"))
			fail_test("%s: dropped is \"%s\"", odd[i].text, dropped);
	}
}

/* xl's config of each domain has one; a number of the other host could be another domain's here. */
static void the_id_is_dropped_without_a_word(void **state)
{
	static const char *const ids[] = { CONFIG(",\"domid\":4294967295", "", ""),
					   CONFIG(",\"domid\":-1", "", ""), CONFIG(",\"domid\":7", "", "") };

	(void)state;
	for (size_t i = 0; i < COUNT(ids); i++) {
		assert_string_equal(
			filtered(ids[i], ~0u),
			"{\"c_info\":{\"type\":\"pv\",\"name\":\"a\"},\"b_info\":{\"max_vcpus\":1}}");
		assert_string_equal(dropped, "");
	}
}

/* libxl writes it into the config of each domain that it restores. */
static void relaxed_msrs_need_leave_without_a_word(void **state)
{
	const char *relaxed = CONFIG("", ",\"arch_x86\":{\"msr_relaxed\":\"True\"}", "");

	(void)state;
	assert_null(strstr(filtered(relaxed, 0), "msr_relaxed"));
	assert_string_equal(dropped, "");
	assert_non_null(strstr(filtered(relaxed, ALLOW_MSRS), "\"msr_relaxed\":\"True\""));
}

static void unknown_keys_are_dropped(void **state)
{
	(void)state;
	assert_string_equal(
		filtered(CONFIG(",\"xsdata\":{\"a\":\"b\"}", ",\"u\":{}", ",\"new\":1,\"old\":\"\""), ~0u),
		"{\"c_info\":{\"type\":\"pv\",\"name\":\"a\"},\"b_info\":{\"max_vcpus\":1}}");
	assert_string_equal(dropped, "c_info.xsdata (unknown), new (unknown)");
	filtered(CONFIG("", "", ",\"\x1b[2J\\npvferry: web1: sound\":1"), 0);
	assert_string_equal(dropped, "\\x1b[2J\\x0apvferry: web1: sound (unknown)");
}

/* json-c of Debian 13 alone would take their bytes for control characters. */
static void names_beyond_ascii_stay(void **state)
{
	static const char text[] = CONFIG("", ",\"cmdline\":\"m\xc3\xbcller\"", "");
	static const char more[] = CONFIG("", ",\"cmdline\":\"m\xc3\xbcller\"", "") "{}";

	(void)state;
	assert_non_null(strstr(filtered(text, 0), "\"m\xc3\xbcller\""));
	assert_string_equal(dropped, "");
	config_release(&config);
	assert_fails(config_parse_json(&config, more), EBADMSG, "something follows it");
}

static void a_long_list_is_cut(void **state)
{
	struct json_object *top;

	(void)state;
	assert_done(config_parse_json(&config, CONFIG("", "", "")));
	top = config.root;
	for (int i = 0; i < 1000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "key-%d", i);
		json_object_object_add(top, name, json_object_new_int(1));
	}
	config_filter(&config, 0, dropped, sizeof(dropped));
	assert_int_equal(json_object_object_length(top), 2);
	assert_non_null(strstr(dropped, "key-0 (unknown), key-1 (unknown)"));
	assert_non_null(strstr(dropped, " more"));
}

static void words_are_parsed(void **state)
{
	static const struct {
		const char *list;
		unsigned int allowed;
	} rows[] = {
		{ "labels", ALLOW_LABELS },
		{ "labels,pools", ALLOW_LABELS | ALLOW_POOLS },
		{ " msrs,  scripts ", ALLOW_MSRS | ALLOW_SCRIPTS },
		{ "all", 255 },
		{ "", 0 },
	};
	static const char *const wrong[] = { "label", "labels;pools", "ALL", "labels x", "host" };
	unsigned int allowed;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		allowed = 0;
		assert_true(allow_parse(rows[i].list, &allowed));
		assert_int_equal(allowed, rows[i].allowed);
	}
	for (size_t i = 0; i < COUNT(wrong); i++) {
		allowed = 0;
		assert_false(allow_parse(wrong[i], &allowed));
		assert_int_equal(allowed, 0);
	}
	for (unsigned int what = 1; what < 128; what <<= 1) {
		allowed = 0;
		assert_true(allow_parse(allow_word(what), &allowed));
		assert_int_equal(allowed, what);
		assert_non_null(strstr(ALLOW_WORDS, allow_word(what)));
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(scripts_of_xens_folder_need_nothing),
		TEST(an_ordinary_config_stays_whole),
		TEST(what_names_the_host_must_be_allowed),
		TEST(devices_go_as_a_whole),
		TEST(odd_values_are_dropped),
		TEST(the_id_is_dropped_without_a_word),
		TEST(relaxed_msrs_need_leave_without_a_word),
		TEST(unknown_keys_are_dropped),
		TEST(names_beyond_ascii_stay),
		TEST(a_long_list_is_cut),
		TEST(words_are_parsed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
