/* restore/preflight-devices.c: disks and bridges that are not allowed, not here, or other ones, are found before anything is done. */
#include "unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "restore/preflight-devices.h"
#include "text/allow.h"

static char folder[] = "/tmp/pvferry-unit-XXXXXX", file[64];

static int setup(void **state)
{
	int fd;

	(void)state;
	strcpy(folder, "/tmp/pvferry-unit-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(file, sizeof(file), "%s/disk", folder);
	fd = open(file, O_WRONLY | O_CREAT, 0600);
	return fd < 0 || ftruncate(fd, 65536) || close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(file) || rmdir(folder);
}

static struct offer offer_of(const char *target)
{
	struct offer offer = { .in_detail = { .disk_count = 1, .nic_count = 1 } };
	struct offer_disk *disk = &offer.in_detail.disks[0];

	strcpy(disk->vdev, "xvda");
	snprintf(disk->target, sizeof(disk->target), "%s", target);
	disk->is_path = disk->writable = true;
	return offer;
}

static void the_same_disk_is_fine(void **state)
{
	struct offer offer = offer_of(file);

	(void)state;
	assert_done(preflight_devices(&offer, NULL, false));
	offer.in_detail.disks[0].bytes = 65536;
	offer.in_detail.disks[0].sector_bytes = 512;
	assert_done(preflight_devices(&offer, "/tmp/*", false));
}

static void another_size_is_another_disk(void **state)
{
	struct offer offer = offer_of(file);

	(void)state;
	offer.in_detail.disks[0].bytes = 65536 + 512;
	assert_fails(preflight_devices(&offer, NULL, false), EINVAL,
		     "has 65536 bytes, the guest's has 66048");
	offer.in_detail.disks[0].bytes = 32768;
	assert_fails(preflight_devices(&offer, NULL, false), EINVAL, "the disk xvda is another one here");
	offer.force = true;
	assert_done(preflight_devices(&offer, NULL, false));
	offer.force = false;
	offer.without_devices = true;
	assert_done(preflight_devices(&offer, NULL, false));
}

static void what_is_missing_is_named(void **state)
{
	struct offer offer = offer_of("/nowhere/disk");

	(void)state;
	assert_fails(preflight_devices(&offer, NULL, false), ENOENT,
		     "the disk xvda is on /nowhere/disk, which is not here");
	offer.in_detail.disks[0].is_path = false; /* a script's business */
	assert_done(preflight_devices(&offer, NULL, false));
	strcpy(offer.in_detail.nics[0].bridge, "nobridge0");
	assert_done(preflight_devices(&offer, NULL, false));
	offer.in_detail.nics[0].is_bridge = true;
	assert_fails(preflight_devices(&offer, NULL, false), ENODEV, "the bridge nobridge0");
}

static void within_a_host_an_interface_has_its_name_already(void **state)
{
	struct offer offer = offer_of(file);

	(void)state;
	strcpy(offer.in_detail.nics[0].interface, "web0");
	assert_done(preflight_devices(&offer, NULL, false));
	assert_fails(preflight_devices(&offer, NULL, true), EEXIST, "named web0");
}

static void names_have_to_be_allowed(void **state)
{
	struct offer offer = offer_of(file);

	(void)state;
	assert_fails(preflight_devices(&offer, "", false), EPERM, "the disk xvda is on \"/tmp/");
	assert_fails(preflight_devices(&offer, "/dev/vg0/*, xenbr*", false), EPERM, "allow-devices");
	assert_done(preflight_devices(&offer, "/dev/vg0/* /tmp/*", false));
	strcpy(offer.in_detail.nics[0].bridge, "lan0");
	assert_fails(preflight_devices(&offer, "/tmp/*", false), EPERM, "the network 0 is on \"lan0\"");
	assert_done(preflight_devices(&offer, "*", false));
}

static void another_identity_is_another_disk(void **state)
{
	struct offer offer = offer_of("/dev/vg0/web");
	struct offer_disk *disk = &offer.in_detail.disks[0];

	(void)state;
	assert_done(preflight_identity(disk, "dm:LVM-a"));
	strcpy(disk->identity, "dm:LVM-b");
	assert_done(preflight_identity(disk, "dm:LVM-b"));
	assert_done(preflight_identity(disk, ""));
	assert_fails(preflight_identity(disk, "dm:LVM-a"), EINVAL,
		     "the disk xvda is another one here: /dev/vg0/web is dm:LVM-a, the guest's is dm:LVM-b");
}

static void a_file_that_is_written_to_is_late(void **state)
{
	struct offer offer = offer_of(file);

	(void)state;
	assert_false(preflight_order(&offer, false).is_early); /* not asked for */
	offer.early_devices = true;
	assert_false(preflight_order(&offer, false).is_early);
	assert_string_equal(preflight_order(&offer, false).reason,
			    "the disk xvda is a file on the other host");
	offer.in_detail.disks[0].writable = false;
	assert_true(preflight_order(&offer, false).is_early);
	assert_false(preflight_order(&offer, true).is_early);
	offer = offer_of("/dev/null");
	offer.early_devices = true;
	assert_true(preflight_order(&offer, false).is_early);
	offer = offer_of(file);
	offer.early_devices = true;
	offer.in_detail.disks[0].is_path = false; /* a script's business */
	assert_true(preflight_order(&offer, false).is_early);
}

static void a_config_is_held_against_the_same_names(void **state)
{
	struct config config;

	(void)state;
	assert_done(config_parse_json(&config,
				      "{\"c_info\":{\"type\":\"pv\",\"name\":\"a\"},\"b_info\":{},\"disks\":["
				      "{\"vdev\":\"xvda\",\"pdev_path\":\"/dev/x\"}],"
				      "\"nics\":[{\"bridge\":\"xenbr0\"},{\"gatewaydev\":\"eth0\"}]}"));
	assert_done(preflight_device_names(&config, NULL));
	assert_done(preflight_device_names(&config, "/dev/x,xenbr?,eth0"));
	assert_fails(preflight_device_names(&config, "xenbr?,eth0"), EPERM, "/dev/x");
	assert_fails(preflight_device_names(&config, "/dev/x eth0"), EPERM, "xenbr0");
	assert_fails(preflight_device_names(&config, "/dev/x xenbr0"), EPERM, "eth0");
	config_release(&config);
	assert_done(config_parse_json(&config, "{\"c_info\":{\"type\":\"pv\",\"name\":\"a\"},\"b_info\":{},"
					       "\"nics\":[{\"mac\":\"00:16:3e:00:00:01\"}]}"));
	assert_fails(preflight_device_names(&config, ""), EPERM, "the network 0 is on \"xenbr0\"");
	assert_done(preflight_device_names(&config, "xenbr0"));
	config_release(&config);
	assert_done(config_parse_json(&config, "{\"c_info\":{\"type\":\"pv\",\"name\":\"a\"},\"b_info\":{},"
					       "\"nics\":[{\"bridge\":\"\"}]}"));
	assert_fails(preflight_device_names(&config, "xenbr0"), EPERM, "the network 0 is on \"\"");
	config_release(&config);
}

static void patterns(void **state)
{
	(void)state;
	assert_true(allow_device("/dev/vg0/*", "/dev/vg0/web"));
	assert_true(allow_device(" a, ,b\tc", "c"));
	assert_false(allow_device("", "a"));
	assert_false(allow_device("/dev/vg0/*", "/dev/vg0/../sda"));
	assert_false(allow_device("*", "/dev/vg0/.."));
	assert_true(allow_device("*", "/dev/vg0/a..b"));
	assert_false(allow_device("/dev/vg0/*", "/dev/vg1/web"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_same_disk_is_fine, setup, teardown),
		cmocka_unit_test_setup_teardown(another_size_is_another_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_missing_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(within_a_host_an_interface_has_its_name_already, setup,
						teardown),
		cmocka_unit_test_setup_teardown(names_have_to_be_allowed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_is_written_to_is_late, setup, teardown),
		cmocka_unit_test(another_identity_is_another_disk),
		cmocka_unit_test(a_config_is_held_against_the_same_names),
		cmocka_unit_test(patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
