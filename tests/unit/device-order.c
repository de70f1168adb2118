/* machine/device-order.c: which guests' devices may be made while the guest still runs elsewhere. */
#include "unit.h"

#include <sys/sysmacros.h>

#include "machine/config.h"
#include "machine/device-order.h"

/* Paths of an imaginary host. */
static int look(const char *path, struct stat *facts)
{
	*facts = (struct stat){ .st_mode = S_IFBLK };
	if (!strcmp(path, "/dev/vg0/web"))
		facts->st_rdev = makedev(253, 3);
	else if (!strcmp(path, "/dev/loop0"))
		facts->st_rdev = makedev(7, 0);
	else if (!strcmp(path, "/srv/web.img"))
		facts->st_mode = S_IFREG;
	else if (!strcmp(path, "/dev/null"))
		facts->st_mode = S_IFCHR;
	else
		return -1;
	return 0;
}

/* The members of a disk or network, without braces; NULL: there is no such device. */
static int choose(struct device_order *order, enum device_wish wish, const char *disk, const char *nic)
{
	struct config config;
	char text[1024];
	int rc;

	snprintf(text, sizeof(text),
		 "{\"c_info\":{\"type\":\"pv\",\"name\":\"a\"},\"b_info\":{},\"disks\":[%s%s%s],\"nics\":[%s%"
		 "s%s],\"vfbs\":[{}]}",
		 disk ? "{\"vdev\":\"xvda\"," : "", disk ? disk : "", disk ? "}" : "", nic ? "{" : "",
		 nic ? nic : "", nic ? "}" : "");
	assert_done(config_parse_json(&config, text));
	rc = device_order_choose(order, wish, &config, look);
	config_release(&config);
	return rc;
}

#define PHY    "\"backend\":\"phy\",\"format\":\"raw\",\"readwrite\":1,"
#define BRIDGE "\"bridge\":\"xenbr0\",\"script\":\"/etc/xen/scripts/vif-bridge\""

/* What auto makes of each, and whether early is obeyed. */
static const struct {
	const char *disk, *nic, *reason;
	bool auto_is_early, early_goes;
} cases[] = {
	{ NULL, NULL, "no device reads", true, true },
	{ PHY "\"pdev_path\":\"/dev/vg0/web\"", BRIDGE, "no device reads", true, true },
	{ PHY "\"pdev_path\":\"/dev/vg0/web\",\"script\":\"/etc/xen/scripts/block\"", "\"bridge\":\"b\"",
	  "no device reads", true, true },
	{ NULL, "\"script\":\"vif-openvswitch\"", "no device reads", true, true },
	/* what is only read, and drives without a medium */
	{ "\"backend\":\"qdisk\",\"format\":\"qcow2\",\"readwrite\":0,\"pdev_path\":\"/srv/cd.qcow2\"", NULL,
	  "no device reads", true, true },
	{ "\"backend\":\"qdisk\",\"format\":\"empty\",\"readwrite\":1,\"is_cdrom\":1", NULL,
	  "no device reads", true, true },
	/* damage */
	{ "\"backend\":\"qdisk\",\"format\":\"qcow2\",\"readwrite\":1,\"pdev_path\":\"/srv/web.img\"", BRIDGE,
	  "the disk xvda is qemu's", false, false },
	{ "\"backend\":\"qdisk\",\"format\":\"raw\",\"readwrite\":1,\"pdev_path\":\"/dev/vg0/web\"", NULL,
	  "the disk xvda is qemu's", false, false },
	{ PHY "\"pdev_path\":\"/srv/web.img\"", NULL, "the disk xvda is a file", false, false },
	{ PHY "\"pdev_path\":\"/dev/loop0\"", NULL, "the disk xvda is a file", false, false },
	{ PHY "\"pdev_path\":\"web\",\"script\":\"/etc/xen/scripts/block-drbd\"", NULL,
	  "the disk xvda is DRBD's", false, false },
	{ NULL, "\"script\":\"/etc/xen/scripts/vif-route\"", "the network 0 is routed", false, false },
	{ NULL, "\"script\":\"vif-nat\"", "the network 0 is routed", false, false },
	/* not known */
	{ PHY "\"pdev_path\":\"iqn.x\",\"script\":\"block-iscsi\"", NULL,
	  "a script that pvferry does not know", false, true },
	{ NULL, "\"script\":\"/root/vif-mine\"", "the network 0 has a script", false, true },
	{ PHY "\"pdev_path\":\"/dev/vg0/web\",\"backend_domname\":\"storage\"", NULL, "a driver domain's",
	  false, true },
	{ "\"backend\":\"tap\",\"readwrite\":1,\"pdev_path\":\"/dev/vg0/web\"", NULL,
	  "a backend that pvferry does not know", false, true },
	{ PHY "\"pdev_path\":\"/dev/null\"", NULL, "is not a block device", false, true },
	{ PHY "\"pdev_path\":\"/dev/gone\"", NULL, "cannot be looked at", false, true },
	/* one makes all late, and the worst is the reason */
	{ PHY "\"pdev_path\":\"/dev/vg0/web\"", "\"script\":\"vif-route\"", "the network 0 is routed", false,
	  false },
	{ PHY "\"pdev_path\":\"x\",\"script\":\"mine\"", "\"script\":\"vif-nat\"", "the network 0 is routed",
	  false, false },
};

static void auto_is_early_where_that_is_safe(void **state)
{
	struct device_order order;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_done(choose(&order, DEVICES_AUTO, cases[i].disk, cases[i].nic));
		if (order.is_early != cases[i].auto_is_early || !strstr(order.reason, cases[i].reason))
			fail_test("case %zu: %d, %s", i, order.is_early, order.reason);
	}
}

static void early_is_refused_where_it_does_damage(void **state)
{
	struct device_order order;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (!cases[i].early_goes) {
			assert_fails(choose(&order, DEVICES_EARLY, cases[i].disk, cases[i].nic), EOPNOTSUPP,
				     cases[i].reason);
			continue;
		}
		assert_done(choose(&order, DEVICES_EARLY, cases[i].disk, cases[i].nic));
		assert_true(order.is_early);
		assert_string_equal(order.reason, "as ordered");
	}
}

static void late_always_goes(void **state)
{
	struct device_order order;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_done(choose(&order, DEVICES_LATE, cases[i].disk, cases[i].nic));
		assert_false(order.is_early);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auto_is_early_where_that_is_safe),
		cmocka_unit_test(early_is_refused_where_it_does_damage),
		cmocka_unit_test(late_always_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
