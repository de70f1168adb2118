/* machine/config.c, config-fetch.c, uuid.c: libxl's description of a domain. */
#include "unit.h"

#include <json-c/json.h>

#include "fake/fake.h"
#include "machine/config.h"

static struct config config;

static int teardown(void **state)
{
	(void)state;
	config_release(&config);
	fail_forget();
	return 0;
}

static const char good[] =
	"{ \"c_info\": { \"type\": \"pv\", \"name\": \"web1\", \"uuid\": "
	"\"01234567-89ab-cdef-0123-456789abcdef\" },"
	"  \"b_info\": { \"max_vcpus\": 4, \"avail_vcpus\": [0, 2], \"target_memkb\": 1048576, \"cmdline\": "
	"\"quiet\" },"
	"  \"disks\": [], \"nics\": [ {} ], \"pcidevs\": [ {}, {} ], \"on_reboot\": \"restart\" }";

static bool is_available(unsigned int vcpu)
{
	bool available[4];

	config_vcpus_available(&config, available, COUNT(available));
	return available[vcpu];
}

static void values_are_read(void **state)
{
	uint8_t uuid[16];

	(void)state;
	assert_done(config_parse(&config, good));
	assert_string_equal(config_name(&config), "web1");
	assert_true(config_uuid(&config, uuid));
	assert_int_equal(uuid[0], 0x01);
	assert_int_equal(uuid[15], 0xef);
	assert_int_equal(config_number(&config, "b_info", "target_memkb", 5), 1048576);
	assert_int_equal(config_number(&config, "b_info", "max_memkb", 5), 5);
	assert_int_equal(config_number(&config, "b_info", "cmdline", 6), 6);
	assert_int_equal(config_number(&config, "nowhere", "max_memkb", 7), 7);
	assert_string_equal(config_string(&config, "b_info", "cmdline"), "quiet");
	assert_null(config_string(&config, "b_info", "max_vcpus"));
	assert_null(config_string(&config, "b_info", "kernel"));
}

/* Which of a domain's disks have no snapshots: see config-parse.c. */
static void cached_disks_are_named(void **state)
{
	static const struct {
		const char *disks, *cached;
	} cases[] = {
		{ "", "" },
		{ "{\"vdev\":\"xvda\",\"pdev_path\":\"/"
		  "a\",\"backend\":\"qdisk\",\"format\":\"qcow2\",\"readwrite\":1},"
		  "{\"vdev\":\"xvdb\",\"pdev_path\":\"/b\",\"format\":\"vhd\",\"readwrite\":1}",
		  "xvda (qcow2), xvdb (vhd)" },
		{ "{\"vdev\":\"xvda\",\"pdev_path\":\"/a\",\"backend\":\"qdisk\",\"readwrite\":1}",
		  "xvda (of an unknown format)" },
		{ "{\"vdev\":\"xvda\",\"pdev_path\":\"/"
		  "a\",\"backend\":\"qdisk\",\"format\":\"raw\",\"readwrite\":1},"
		  "{\"vdev\":\"xvdb\",\"pdev_path\":\"/"
		  "b\",\"backend\":\"qdisk\",\"format\":\"qcow2\",\"readwrite\":0},"
		  "{\"vdev\":\"xvdc\",\"backend\":\"qdisk\",\"format\":\"empty\",\"readwrite\":1},"
		  "{\"vdev\":\"xvdd\",\"pdev_path\":\"/d\",\"backend\":\"phy\",\"readwrite\":1}",
		  "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[1024], *cached;

		snprintf(text, sizeof(text), "{ \"disks\": [ %s ] }", cases[i].disks);
		cached = config_cached_disks(text);
		assert_string_equal(cached, cases[i].cached);
		free(cached);
	}
}

static void values_are_changed(void **state)
{
	static const uint8_t other[16] = { 0xaa, 0xbb };
	uint8_t uuid[16];

	(void)state;
	assert_done(config_parse(&config, good));
	config_set_name(&config, "web2");
	config_set_uuid(&config, other);
	assert_string_equal(config_name(&config), "web2");
	assert_true(config_uuid(&config, uuid));
	assert_memory_equal(uuid, other, sizeof(uuid));
	assert_string_equal(config_string(&config, "b_info", "cmdline"), "quiet");
	assert_non_null(strstr(config_text(&config), "aabb0000-0000-0000-0000-000000000000"));
}

static void devices_are_listed(void **state)
{
	char text[64], little[8];

	(void)state;
	assert_done(config_parse(&config, good));
	config_devices(&config, text, sizeof(text));
	assert_string_equal(text, "nics, pcidevs");
	config_devices(&config, little, sizeof(little));
	assert_string_equal(little, "nics, p");
}

static void vcpus_are_available_unless_left_out(void **state)
{
	(void)state;
	assert_done(config_parse(&config, good));
	assert_true(is_available(0));
	assert_false(is_available(1));
	assert_true(is_available(2));
	config_release(&config);
	assert_done(
		config_parse(&config, "{\"c_info\": {\"type\": \"pv\", \"name\": \"a\"}, \"b_info\": {}}"));
	assert_true(is_available(3));
}

#define WITH(c_info, b_info) "{ \"c_info\": { \"type\": \"pv\", " c_info " }, \"b_info\": { " b_info " } }"

static void nonsense_is_refused(void **state)
{
	static const struct {
		const char *text;
		int error;
		const char *words;
	} cases[] = {
		{ "", EBADMSG, "is not JSON" },
		{ "{", EBADMSG, "is not JSON" },
		{ "null", EBADMSG, "is not JSON" },
		{ "[]", EBADMSG, "no c_info" },
		{ "\"c_info\"", EBADMSG, "no c_info" },
		{ "{ \"c_info\": {\"type\": \"pv\", \"name\": \"a\"} }", EBADMSG, "no b_info" },
		{ "{ \"c_info\": [], \"b_info\": {} }", EBADMSG, "no c_info" },
		{ "{ \"c_info\": {\"type\": \"pvh\", \"name\": \"a\"}, \"b_info\": {} }", EMEDIUMTYPE,
		  "of type \"pvh\"" },
		{ "{ \"c_info\": {\"name\": \"a\"}, \"b_info\": {} }", EMEDIUMTYPE, "of type \"none\"" },
		{ WITH("\"x\": 1", ""), EBADMSG, "has no name" },
		{ WITH("\"name\": \"\"", ""), EBADMSG, "has no name" },
		{ WITH("\"name\": 7", ""), EBADMSG, "has no name" },
		{ WITH("\"name\": \"a\", \"uuid\": \"zz\"", ""), EBADMSG, "uuid" },
		{ WITH("\"name\": \"a\"", "\"max_vcpus\": 0"), EBADMSG, "max_vcpus" },
		{ WITH("\"name\": \"a\"", "\"max_vcpus\": 100000"), EBADMSG, "max_vcpus" },
		{ WITH("\"name\": \"a\"", "\"max_vcpus\": -1"), EBADMSG, "max_vcpus" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_fails(config_parse(&config, cases[i].text), cases[i].error, cases[i].words);
		assert_null(config.root);
	}
}

static void config_is_saved_as_xl_does(void **state)
{
	struct bytes out = { 0 };
	const struct xl_header *header;
	uint32_t bytes;
	struct config again = { 0 };

	(void)state;
	assert_done(config_parse(&config, good));
	config_save(&config, &out);
	header = (const void *)out.at;
	assert_memory_equal(header->magic, XL_MAGIC, 32);
	assert_int_equal(header->mandatory_flags, XL_FLAG_JSON | XL_FLAG_STREAM_V2);
	assert_int_equal(header->optional_bytes, out.count - sizeof(*header));
	memcpy(&bytes, out.at + sizeof(*header), sizeof(bytes));
	assert_int_equal(bytes, out.count - sizeof(*header) - 4);
	assert_int_equal(out.at[out.count - 1], 0);
	assert_done(config_parse(&again, (const char *)out.at + sizeof(*header) + 4));
	assert_string_equal(config_name(&again), "web1");
	config_release(&again);
	bytes_release(&out);
}

/* --- that of a running domain ---------------------------------------------- */

static void config_is_made_from_xenstore(void **state)
{
	struct domain_facts facts;
	struct domain *domain;
	uint8_t uuid[16];

	(void)state;
	fake_reset();
	domain = fake_domain(8, 3);
	domain->frames = 1000;
	domain->most_frames = 2000;
	assert_done(domain_facts(domain, &facts));
	assert_fails(config_fetch(&config, domain, &facts), ENOENT, "has no name");
	assert_null(config.root);
	fake_store_set("/local/domain/1/name", "web3");
	fake_store_set("/local/domain/1/memory/target", "4444");
	fake_store_set("/local/domain/1/cpu/1/availability", "offline");
	fake_store_set("/local/domain/1/cpu/2/availability", "online");
	assert_done(config_fetch(&config, domain, &facts));
	assert_string_equal(config_name(&config), "web3");
	assert_string_equal(config_string(&config, "c_info", "type"), "pv");
	assert_true(config_uuid(&config, uuid));
	assert_memory_equal(uuid, domain->uuid, 16);
	assert_int_equal(config_number(&config, "b_info", "max_vcpus", 0), 3);
	assert_true(is_available(0));
	assert_false(is_available(1));
	assert_true(is_available(2));
	assert_int_equal(config_number(&config, "b_info", "target_memkb", 0), 4444);
	assert_int_equal(config_number(&config, "b_info", "max_memkb", 0), 8000);
}

/* --- uuids ------------------------------------------------------------------ */

static void uuids_are_text_and_back(void **state)
{
	uint8_t uuid[16], again[16];
	char text[37];

	(void)state;
	for (int i = 0; i < 16; i++)
		uuid[i] = i * 17;
	uuid_format(uuid, text);
	assert_string_equal(text, "00112233-4455-6677-8899-aabbccddeeff");
	assert_true(uuid_parse(text, again));
	assert_memory_equal(uuid, again, 16);
	assert_true(uuid_parse("00112233445566778899AABBCCDDEEFF", again));
	assert_memory_equal(uuid, again, 16);
}

static void wrong_uuids_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"-",
		"00112233-4455-6677-8899-aabbccddeef",
		"00112233-4455-6677-8899-aabbccddeeff0",
		"00112233-4455-6677-8899-aabbccddeefg",
		"0x112233-4455-6677-8899-aabbccddeeff",
		" 0112233-4455-6677-8899-aabbccddeeff",
		"00112233-4455-6677-8899-aabbccddeeff-",
	};
	uint8_t uuid[16];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (uuid_parse(texts[i], uuid))
			fail_test("\"%s\" is taken for a uuid", texts[i]);
}

static void new_uuids_are_random_ones(void **state)
{
	uint8_t first[16], second[16];

	(void)state;
	assert_done(uuid_make(first));
	assert_done(uuid_make(second));
	assert_memory_not_equal(first, second, 16);
	assert_int_equal(first[6] >> 4, 4);
	assert_int_equal(first[8] >> 6, 2);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(values_are_read),
		TEST(cached_disks_are_named),
		TEST(values_are_changed),
		TEST(devices_are_listed),
		TEST(vcpus_are_available_unless_left_out),
		TEST(nonsense_is_refused),
		TEST(config_is_saved_as_xl_does),
		TEST(config_is_made_from_xenstore),
		TEST(uuids_are_text_and_back),
		TEST(wrong_uuids_are_refused),
		TEST(new_uuids_are_random_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
