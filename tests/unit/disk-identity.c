/* machine/disk-identity.c: what a disk is called on each host that has it, out of a /sys of our own. */
#include "unit.h"

#include <ftw.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "machine/disk-identity.h"

static char sys[] = "/tmp/pvferry-unit-XXXXXX";

/* A file of /sys with its directories. */
static void put(const char *path, const char *text)
{
	char whole[256];
	FILE *file;

	snprintf(whole, sizeof(whole), "%s/%s", sys, path);
	for (char *slash = whole + strlen(sys) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(whole, 0700);
		*slash = '/';
	}
	file = fopen(whole, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int take_away(const char *path, const struct stat *facts, int flag, struct FTW *where)
{
	(void)facts, (void)flag, (void)where;
	return remove(path);
}

static int setup(void **state)
{
	(void)state;
	strcpy(sys, "/tmp/pvferry-unit-XXXXXX");
	return !mkdtemp(sys);
}

static int teardown(void **state)
{
	(void)state;
	return nftw(sys, take_away, 8, FTW_DEPTH | FTW_PHYS);
}

static void is_called(unsigned int major, unsigned int minor, const char *name)
{
	char text[128] = "before";

	disk_identity(sys, makedev(major, minor), text, sizeof(text));
	assert_string_equal(text, name);
}

static void names_that_all_hosts_share(void **state)
{
	(void)state;
	put("dev/block/253:0/dm/uuid", "LVM-abc\n");
	is_called(253, 0, "dm:LVM-abc");
	put("dev/block/253:1/dm/uuid", "mpath-3600a\n");
	is_called(253, 1, "dm:mpath-3600a");
	put("dev/block/8:0/device/wwid", "naa.6001\n");
	is_called(8, 0, "wwid:naa.6001");
	put("dev/block/259:0/wwid", "eui.0025\n");
	is_called(259, 0, "wwid:eui.0025");
}

/* /sys/dev/block has links: a partition's directory lies in its disk's. */
static void a_partition_is_its_disk_and_a_number(void **state)
{
	char link[64];

	(void)state;
	put("devices/sda/device/wwid", "naa.6001\n");
	put("devices/sda/sda2/partition", "2\n");
	put("dev/block/none", "");
	snprintf(link, sizeof(link), "%s/dev/block/8:2", sys);
	assert_int_equal(symlink("../../devices/sda/sda2", link), 0);
	is_called(8, 2, "wwid:naa.6001,2");
}

static void names_of_one_host_count_for_nothing(void **state)
{
	char text[8] = "before";

	(void)state;
	is_called(7, 0, "");
	put("dev/block/253:0/dm/uuid", "CRYPT-LUKS2-abc-here\n");
	is_called(253, 0, "");
	put("dev/block/8:0/device/wwid", "t10.ATA     QEMU HARDDISK   QM00001\n");
	is_called(8, 0, "");
	put("dev/block/8:16/device/wwid", "\n");
	is_called(8, 16, "");
	put("dev/block/253:1/dm/uuid", "LVM-abc\n");
	disk_identity(sys, makedev(253, 1), text, sizeof(text)); /* no room: half a name is another one */
	assert_string_equal(text, "");
}

static void only_names_of_one_kind_differ(void **state)
{
	(void)state;
	assert_true(disk_identity_differs("dm:LVM-a", "dm:LVM-b"));
	assert_true(disk_identity_differs("wwid:naa.6001,1", "wwid:naa.6001,2"));
	assert_true(disk_identity_differs("wwid:naa.6001", "wwid:naa.6001,2"));
	assert_false(disk_identity_differs("dm:LVM-a", "dm:LVM-a"));
	assert_false(disk_identity_differs("dm:LVM-a", ""));
	assert_false(disk_identity_differs("", "dm:LVM-a"));
	assert_false(disk_identity_differs("dm:mpath-3600a", "wwid:naa.600a"));
	assert_false(disk_identity_differs("dm:LVM-a", "dm:mpath-3600a"));
	assert_false(disk_identity_differs("wwid:naa.6001", "wwid:eui.6001"));
	assert_false(disk_identity_differs("what a peer sends", "dm:LVM-a"));
}

static void link_to(const char *target, const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", sys, name);
	assert_int_equal(symlink(target, path), 0);
}

static bool is_cached(mode_t mode, unsigned int major, unsigned int minor)
{
	return disk_is_cached(sys, &(struct stat){ .st_mode = mode, .st_rdev = makedev(major, minor) });
}

/* A volume of LVM, on a partition of a loop device. */
static void files_are_cached_in_whatever_form(void **state)
{
	(void)state;
	put("devices/loop0/loop/backing_file", "/srv/disk\n");
	put("devices/loop0/loop0p1/partition", "1\n");
	put("devices/dm-0/slaves/none", "");
	put("devices/dm-1/slaves/none", "");
	put("devices/sda/device/wwid", "naa.6001\n");
	put("dev/block/none", "");
	link_to("../../devices/loop0", "dev/block/7:0");
	link_to("../../devices/loop0/loop0p1", "dev/block/259:1");
	link_to("../../devices/sda", "dev/block/8:0");
	link_to("../../loop0/loop0p1", "devices/dm-0/slaves/loop0p1");
	link_to("../../devices/dm-0", "dev/block/253:0");
	link_to("../../sda", "devices/dm-1/slaves/sda");
	link_to("../../devices/dm-1", "dev/block/253:1");
	assert_true(is_cached(S_IFREG, 0, 0));
	assert_true(is_cached(S_IFBLK, 7, 0));
	assert_true(is_cached(S_IFBLK, 259, 1));
	assert_true(is_cached(S_IFBLK, 253, 0));
	assert_false(is_cached(S_IFBLK, 8, 0));
	assert_false(is_cached(S_IFBLK, 253, 1));
	assert_false(is_cached(S_IFCHR, 7, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_that_all_hosts_share, setup, teardown),
		cmocka_unit_test_setup_teardown(a_partition_is_its_disk_and_a_number, setup, teardown),
		cmocka_unit_test_setup_teardown(names_of_one_host_count_for_nothing, setup, teardown),
		cmocka_unit_test(only_names_of_one_kind_differ),
		cmocka_unit_test_setup_teardown(files_are_cached_in_whatever_form, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
