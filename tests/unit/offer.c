/* machine/offer.c: what is said of a guest is understood, and a host that cannot have it says so before anything is done. */
#include "unit.h"

#include <json-c/json.h>

#include "fake/fake.h"
#include "machine/machine.h"
#include "machine/offer.h"

struct leaf {
	uint32_t leaf, subleaf, a, b, c, d;
};

static struct domain *domain;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	domain = fake_domain(8, 2);
	domain->frames = 1024;
	domain->most_frames = 2048;
	fake_store_set("/local/domain/1/name", "web1");
	return 0;
}

/* --- the CPU policy that goes with it ------------------------------------------ */

/* As the guest's policy and its host's say it, see unit/cpu-policy.c. */
static struct leaf guest[] = { { 1, UINT32_MAX, 0, 0, 0x7ed8320b, 0x178bfbff },
			       { 0x80000001, UINT32_MAX, 0, 0, 0x1f3, 0x2fd3fbff } };
static const struct leaf like_it[] = { { 1, UINT32_MAX, 0, 0, 0x7ed8320b, 0x178bfbff },
				       { 0x80000001, UINT32_MAX, 0, 0, 0x1f3, 0x2e500800 } };

/* What a host with these leaves says to an offer of the guest. */
static int offer_to(const struct leaf *leaves, bool force)
{
	struct cpu_policy had = { .leaves = guest, .leaves_bytes = sizeof(guest) };
	struct cpu_policy has = { .leaves = (void *)leaves, .leaves_bytes = sizeof(like_it) };
	struct bytes policy = { 0 };
	struct offer offer = { .lanes = 1 };
	int rc;

	assert_done(domain_set_cpu_policy(domain, &had));
	assert_done(offer_fetch(&offer, domain, NULL, &policy));
	fake_host_policy = &has;
	rc = cpu_policy_check(domain_host(domain), policy.at, policy.count, force);
	fake_host_policy = NULL;
	bytes_release(&policy);
	return rc;
}

static void from_amd_to_amd_is_fine(void **state)
{
	(void)state;
	assert_done(offer_to(like_it, false));
}

static void a_better_host_is_fine(void **state)
{
	struct leaf better[COUNT(like_it)];

	(void)state;
	memcpy(better, like_it, sizeof(better));
	better[0].c |= 1 << 30;
	better[1].d |= 1u << 31;
	assert_done(offer_to(better, false));
}

static void what_the_host_lacks_is_named(void **state)
{
	struct leaf worse[COUNT(like_it)];

	(void)state;
	memcpy(worse, like_it, sizeof(worse));
	worse[1].d &= ~(1u << 22);
	assert_fails(offer_to(worse, false), EOPNOTSUPP, "CPUID 0x80000001.0 edx bits 0x400000");
	assert_done(offer_to(worse, true));
	worse[0].d &= ~(1u << 23);
	assert_fails(offer_to(worse, false), EOPNOTSUPP, "CPUID 0x1.0 edx bits 0x800000");
}

static void policies_that_are_none_are_refused(void **state)
{
	struct record_header cpuid = { .type = RECORD_X86_CPUID_POLICY, .bytes = 16 };
	struct host *host = domain_host(domain);

	(void)state;
	assert_done(cpu_policy_check(host, NULL, 0, false));
	assert_fails(cpu_policy_check(host, &cpuid, 4, false), EBADMSG, "is cut short");
	assert_fails(cpu_policy_check(host, &cpuid, sizeof(cpuid), false), EBADMSG, "is not two records");
	cpuid = (struct record_header){ .type = RECORD_PAGE_DATA };
	assert_fails(cpu_policy_check(host, &cpuid, sizeof(cpuid), false), EBADMSG, "is not two records");
}

/* --- what is said -------------------------------------------------------------- */

static struct offer sample(void)
{
	struct offer offer = { .lanes = 3, .live = true, .without_devices = true };
	struct bytes policy = { 0 };

	assert_done(offer_fetch(&offer, domain, NULL, &policy));
	bytes_release(&policy);
	assert_done(job_name(offer.job));
	strcpy(offer.p2m, "auto");
	strcpy(offer.devices, "disks");
	return offer;
}

static int understand(const struct offer *said, struct offer *offer)
{
	struct json_object *json = offer_to_json(said);
	int rc = offer_from_json(offer, json);

	json_object_put(json);
	return rc;
}

static void all_that_is_said_is_understood(void **state)
{
	struct offer said = sample(), offer;

	(void)state;
	assert_done(understand(&said, &offer));
	assert_string_equal(offer.domain, "web1");
	assert_string_equal(offer.job, said.job);
	assert_string_equal(offer.uuid, said.uuid);
	assert_string_equal(offer.devices, "disks");
	assert_int_equal(offer.frames, 1024);
	assert_int_equal(offer.pfns, 2048);
	assert_int_equal(offer.width, 8);
	assert_int_equal(offer.lanes, 3);
	assert_true(offer.live && offer.without_devices && !offer.force);
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct offer said = sample(), offer;

	(void)state;
#define REFUSED(change, error, words) \
	do { \
		struct offer kept = said; \
		change; \
		assert_fails(understand(&said, &offer), error, words); \
		said = kept; \
	} while (0)
	REFUSED(strcpy(said.job, "../x"), EPROTO, "valid job name");
	REFUSED(strcpy(said.domain, "a/b"), EPROTO, "\"a/b\" cannot be a domain's name: it contains a slash");
	REFUSED(strcpy(said.domain, "123"), EPROTO, "it is a number");
	REFUSED(strcpy(said.domain, ""), EPROTO, "it is empty");
	REFUSED(strcpy(said.domain, "a\x1b[2J"), EPROTO, "it contains control characters");
	REFUSED(strcpy(said.domain, "a\nb"), EPROTO, "it contains control characters");
	REFUSED(strcpy(said.domain, "a\xe2\x80\xae"
				    "b"),
		EPROTO, "it contains control characters");
	REFUSED(strcpy(said.uuid, "none"), EPROTO, "valid uuid");
	REFUSED(said.width = 2, EOPNOTSUPP, "words of 2 bytes");
	REFUSED(said.frames = 0, EPROTO, "of 0 frames");
	REFUSED(said.pfns = UINT64_MAX >> 1, EPROTO, "a guest of");
	REFUSED(said.config_bytes = 1UL << 40, EPROTO, "a config of");
	REFUSED(said.lanes = OFFER_LANES_MOST + 1, EPROTO, "connections");
	assert_done(understand(&said, &offer));
}

static const char config_of_devices[] =
	"{\"c_info\":{\"type\":\"pv\",\"name\":\"web1\"},\"b_info\":{},\"disks\":["
	"{\"vdev\":\"xvda\",\"pdev_path\":\"/dev/vg0/web\",\"format\":\"raw\",\"readwrite\":1},"
	"{\"vdev\":\"xvdb\",\"pdev_path\":\"/srv/b.qcow2\",\"format\":\"qcow2\",\"script\":\"/etc/xen/"
	"scripts/block\"},"
	"{\"vdev\":\"xvdc\",\"pdev_path\":\"iqn.x\",\"format\":\"raw\",\"script\":\"block-iscsi\"},"
	"{\"vdev\":\"xvdd\",\"pdev_path\":\"/dev/x\",\"format\":\"raw\",\"backend_domname\":\"storage\"}],"
	"\"nics\":[{\"bridge\":\"xenbr0\"},{\"bridge\":\"ovs0\",\"script\":\"vif-openvswitch\",\"ifname\":"
	"\"web0\"}]}";

static void devices_are_told_in_detail(void **state)
{
	struct offer said = sample(), offer;
	const struct offer_disk *disks = offer.in_detail.disks;
	const struct offer_nic *nics = offer.in_detail.nics;
	struct bytes policy = { 0 };

	(void)state;
	fake_store_set("/libxl/1/device/vbd", "");
	fake_store_set("/libxl/1/device/vbd/51712", "");
	fake_store_set("/libxl/1/device/vbd/51712/backend", "/local/domain/0/backend/vbd/1/51712");
	fake_store_set("/local/domain/0/backend/vbd/1/51712/dev", "xvda");
	fake_store_set("/local/domain/0/backend/vbd/1/51712/sectors", "2048");
	fake_store_set("/local/domain/0/backend/vbd/1/51712/sector-size", "4096");
	assert_done(offer_fetch(&said, domain, config_of_devices, &policy));
	bytes_release(&policy);
	strcpy(said.in_detail.disks[0].identity, "dm:LVM-abc");
	said.early_devices = true;
	assert_done(understand(&said, &offer));
	assert_true(offer.early_devices);
	assert_string_equal(disks[0].identity, "dm:LVM-abc");
	assert_string_equal(disks[1].identity, "");
	assert_int_equal(offer.in_detail.disk_count, 4);
	assert_int_equal(offer.in_detail.nic_count, 2);
	assert_string_equal(disks[0].target, "/dev/vg0/web");
	assert_true(disks[0].is_path && disks[0].writable);
	assert_int_equal(disks[0].bytes, 2048 * 512); /* Linux counts in 512 bytes */
	assert_int_equal(disks[0].sector_bytes, 4096);
	assert_true(disks[1].is_path && !disks[1].writable && !disks[1].bytes);
	assert_false(disks[2].is_path);
	assert_false(disks[3].is_path);
	assert_true(nics[0].is_bridge && !strcmp(nics[0].bridge, "xenbr0") && !*nics[0].interface);
	assert_true(!nics[1].is_bridge && !strcmp(nics[1].interface, "web0"));
}

static void check_devices(const struct offer_devices *devices)
{
	assert_true(devices->disk_count <= OFFER_DISKS_MOST && devices->nic_count <= OFFER_NICS_MOST);
	for (int i = 0; i < OFFER_DISKS_MOST; i++)
		assert_true(strlen(devices->disks[i].vdev) < sizeof(devices->disks[i].vdev) &&
			    strlen(devices->disks[i].target) < sizeof(devices->disks[i].target) &&
			    strlen(devices->disks[i].identity) < sizeof(devices->disks[i].identity));
	for (int i = 0; i < OFFER_NICS_MOST; i++)
		assert_true(strlen(devices->nics[i].bridge) < sizeof(devices->nics[i].bridge) &&
			    strlen(devices->nics[i].interface) < sizeof(devices->nics[i].interface));
}

/* As a process that reads what peers write may hand it over: any bytes. */
static void an_offer_of_any_bytes_is_checked(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct offer offer = sample();
		uint8_t *bytes = (uint8_t *)&offer;

		if (i % 2)
			memset(offer.domain, 'x', sizeof(offer.domain));
		for (int n = i % 50; n; n--)
			bytes[next_random(&seed) % sizeof(offer)] = next_random(&seed);
		if (!offer_check(&offer))
			assert_null(domain_name_defect(offer.domain));
		fail_forget();
		assert_true(strlen(offer.domain) < sizeof(offer.domain));
		assert_true(strlen(offer.job) < sizeof(offer.job) &&
			    strlen(offer.devices) < sizeof(offer.devices));
		check_devices(&offer.in_detail);
		memcpy(bytes = (uint8_t[4]){ 0 },
		       (bool[4]){ offer.live, offer.force, offer.without_devices, offer.early_devices }, 4);
		assert_true(bytes[0] <= 1 && bytes[1] <= 1 && bytes[2] <= 1 && bytes[3] <= 1);
	}
}

static void names_that_people_give_are_carried(void **state)
{
	static const char *const names[] = { "web1",
					     "my vm",
					     "gr\xc3\xb6\xc3\x9f"
					     "e",
					     "\xe6\x97\xa5\xe6\x9c\xac",
					     "+3",
					     "3a",
					     "%s" };
	struct offer said = sample(), offer;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		strcpy(said.domain, names[i]);
		assert_done(understand(&said, &offer));
		assert_string_equal(offer.domain, names[i]);
	}
	memset(said.domain, 'x', sizeof(said.domain) - 1);
	assert_done(understand(&said, &offer));
	assert_string_equal(offer.domain, said.domain);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(from_amd_to_amd_is_fine, setup),
		cmocka_unit_test_setup(a_better_host_is_fine, setup),
		cmocka_unit_test_setup(what_the_host_lacks_is_named, setup),
		cmocka_unit_test_setup(policies_that_are_none_are_refused, setup),
		cmocka_unit_test_setup(all_that_is_said_is_understood, setup),
		cmocka_unit_test_setup(devices_are_told_in_detail, setup),
		cmocka_unit_test_setup(an_offer_of_any_bytes_is_checked, setup),
		cmocka_unit_test_setup(names_that_people_give_are_carried, setup),
		cmocka_unit_test_setup(what_makes_no_sense_is_refused, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
