/*
 * See config-keys.h. Bounds without a source of their own are far above what a
 * domain has, and small enough that nothing of this host can be exhausted by them.
 */
#include "machine/config-keys.h"

#include <stddef.h>

#include "text/allow.h"
#include "stream/format.h"
#include "xen/frame.h"

enum {
	PATH_BYTES = 1023,
	TEXT_BYTES = 255,
	WORD_BYTES = 63,
	ARGUMENT_BYTES = 4095,
	LIST_COUNT = 256,	   /* devices of a kind, arguments, ranges */
	PROCESSORS = 4095,	   /* Xen's NR_CPUS */
	NODES = 64,		   /* MAX_NUMNODES */
	EVENT_CHANNELS = 1 << 17,  /* EVTCHN_FIFO_NR_CHANNELS */
	GRANT_FRAMES = 1 << 14,	   /* 64 MiB; Xen's default is 64 frames */
	MAPTRACK_FRAMES = 1 << 16, /* 256 MiB; Xen's default is 1024 frames */
	DOMAIN_IDS = 0x7fef	   /* below DOMID_FIRST_RESERVED */
};
#define MOST_KIB  ((uint64_t)PFN_LIMIT * 4)
#define INT_MOST  ((uint64_t)INT32_MAX)
#define UINT_MOST ((uint64_t)UINT32_MAX)

/* A device that is served by another domain than this host's domain 0. */
#define BACKEND \
	{ "backend_domid", CONFIG_NUMBER, ALLOW_DRIVER_DOMAINS, DOMAIN_IDS, 0, NULL }, \
		{ "backend_domname", CONFIG_TEXT, ALLOW_DRIVER_DOMAINS, TEXT_BYTES, 0, NULL }, \
	{ \
		"devid", CONFIG_LIMIT, 0, INT_MOST, 0, NULL \
	}

static const struct config_key create_info[] = {
	{ "type", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "hap", CONFIG_FLAG, 0, 0, 0, NULL },
	{ "oos", CONFIG_FLAG, 0, 0, 0, NULL },
	{ "ssid_label", CONFIG_WORD, ALLOW_LABELS, TEXT_BYTES, 0, NULL },
	{ "name", CONFIG_TEXT, 0, PATH_BYTES, 0, NULL }, /* checked by domain_name_defect() */
	{ "domid", CONFIG_ELSEWHERE, 0, 0, 0, NULL },	 /* of the other host; xl writes a word for "any" */
	{ "uuid", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "poolid", CONFIG_NUMBER, ALLOW_POOLS, UINT_MOST, 0, NULL },
	{ "pool_name", CONFIG_TEXT, ALLOW_POOLS, TEXT_BYTES, 0, NULL },
	{ "run_hotplug_scripts", CONFIG_FLAG, 0, 0, 0, NULL },
	{ "driver_domain", CONFIG_FLAG, ALLOW_DRIVER_DOMAINS, 0, 0, NULL },
	{ "passthrough", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "xend_suspend_evtchn_compat", CONFIG_FLAG, 0, 0, 0, NULL },
	{ 0 },
};

static const struct config_key scheduling[] = {
	{ "sched", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "weight", CONFIG_LIMIT, 0, UINT16_MAX, 0, NULL },
	{ "cap", CONFIG_LIMIT, 0, 100 * PROCESSORS, 0, NULL },
	{ "period", CONFIG_LIMIT, 0, INT_MOST, 0, NULL },
	{ "budget", CONFIG_LIMIT, 0, INT_MOST, 0, NULL },
	{ "extratime", CONFIG_LIMIT, 0, 1, 0, NULL },
	{ "slice", CONFIG_LIMIT, 0, INT_MOST, 0, NULL },
	{ "latency", CONFIG_LIMIT, 0, INT_MOST, 0, NULL },
	{ 0 },
};

static const struct config_key vnuma_node[] = {
	{ "memkb", CONFIG_NUMBER, 0, MOST_KIB, 0, NULL },
	{ "distances", CONFIG_NUMBERS, 0, UINT_MOST, NODES, NULL },
	{ "pnode", CONFIG_NUMBER, 0, NODES, 0, NULL },
	{ "vcpus", CONFIG_NUMBERS, 0, VCPU_MAX - 1, VCPU_MAX, NULL },
	{ 0 },
};

static const struct config_key range[] = {
	{ "start", CONFIG_NUMBER, 0, INT64_MAX, 0, NULL },
	{ "number", CONFIG_NUMBER, 0, INT64_MAX, 0, NULL },
	{ "gfn", CONFIG_TREE, 0, WORD_BYTES, 0, NULL },
	{ "first", CONFIG_NUMBER, 0, UINT_MOST, 0, NULL },
	{ 0 },
};

static const struct config_key pv[] = {
	{ "kernel", CONFIG_TEXT, 0, PATH_BYTES, 0, NULL },
	{ "slack_memkb", CONFIG_NUMBER, 0, MOST_KIB, 0, NULL },
	{ "bootloader", CONFIG_TEXT, 0, PATH_BYTES, 0, NULL },
	{ "bootloader_args", CONFIG_TEXTS, 0, ARGUMENT_BYTES, LIST_COUNT, NULL },
	{ "cmdline", CONFIG_TEXT, 0, ARGUMENT_BYTES, 0, NULL },
	{ "ramdisk", CONFIG_TEXT, 0, PATH_BYTES, 0, NULL },
	{ "features", CONFIG_WORD, 0, TEXT_BYTES, 0, NULL },
	{ "e820_host", CONFIG_FLAG, ALLOW_HOST_DEVICES, 0, 0, NULL },
	{ 0 },
};

static const struct config_key arch_x86[] = {
	{ "msr_relaxed", CONFIG_RESTORED, ALLOW_MSRS, 0, 0, NULL },
	{ 0 },
};

/* Written for every domain, with what means nothing on x86. */
static const struct config_key arch_arm[] = {
	{ "gic_version", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "vuart", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "sve_vl", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "nr_spis", CONFIG_LIMIT, 0, 1024, 0, NULL },
	{ 0 },
};

static const struct config_key build_info[] = {
	{ "max_vcpus", CONFIG_NUMBER, 0, VCPU_MAX, 0, NULL },
	{ "avail_vcpus", CONFIG_NUMBERS, 0, VCPU_MAX - 1, VCPU_MAX, NULL },
	{ "cpumap", CONFIG_NUMBERS, 0, PROCESSORS, PROCESSORS + 1, NULL },
	{ "nodemap", CONFIG_NUMBERS, 0, NODES, NODES + 1, NULL },
	{ "vcpu_hard_affinity", CONFIG_SETS, 0, PROCESSORS, VCPU_MAX, NULL },
	{ "vcpu_soft_affinity", CONFIG_SETS, 0, PROCESSORS, VCPU_MAX, NULL },
	{ "numa_placement", CONFIG_FLAG, 0, 0, 0, NULL },
	{ "tsc_mode", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "max_memkb", CONFIG_NUMBER, 0, MOST_KIB, 0, NULL },
	{ "target_memkb", CONFIG_NUMBER, 0, MOST_KIB, 0, NULL },
	{ "video_memkb", CONFIG_LIMIT, 0, MOST_KIB, 0, NULL },
	{ "shadow_memkb", CONFIG_LIMIT, 0, MOST_KIB, 0, NULL },
	{ "iommu_memkb", CONFIG_LIMIT, 0, MOST_KIB, 0, NULL },
	{ "rtc_timeoffset", CONFIG_NUMBER, 0, UINT_MOST, 0, NULL },
	{ "exec_ssid_label", CONFIG_WORD, ALLOW_LABELS, TEXT_BYTES, 0, NULL },
	{ "localtime", CONFIG_FLAG, 0, 0, 0, NULL },
	{ "disable_migrate", CONFIG_FLAG, 0, 0, 0, NULL },
	{ "cpuid", CONFIG_TREE, 0, WORD_BYTES, 0, NULL },
	{ "blkdev_start", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "vnuma_nodes", CONFIG_OBJECTS, 0, 0, NODES, vnuma_node },
	{ "max_grant_frames", CONFIG_LIMIT, 0, GRANT_FRAMES, 0, NULL },
	{ "max_maptrack_frames", CONFIG_LIMIT, 0, MAPTRACK_FRAMES, 0, NULL },
	{ "max_grant_version", CONFIG_LIMIT, 0, 2, 0, NULL },
	{ "device_model_version", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "device_model_stubdomain", CONFIG_FLAG, ALLOW_DEVICE_MODEL, 0, 0, NULL },
	{ "stubdomain_memkb", CONFIG_LIMIT, ALLOW_DEVICE_MODEL, MOST_KIB, 0, NULL },
	{ "stubdomain_kernel", CONFIG_TEXT, ALLOW_DEVICE_MODEL, PATH_BYTES, 0, NULL },
	{ "stubdomain_cmdline", CONFIG_TEXT, ALLOW_DEVICE_MODEL, ARGUMENT_BYTES, 0, NULL },
	{ "stubdomain_ramdisk", CONFIG_TEXT, ALLOW_DEVICE_MODEL, PATH_BYTES, 0, NULL },
	{ "device_model", CONFIG_TEXT, ALLOW_DEVICE_MODEL, PATH_BYTES, 0, NULL },
	{ "device_model_ssid_label", CONFIG_WORD, ALLOW_LABELS, TEXT_BYTES, 0, NULL },
	{ "device_model_user", CONFIG_WORD, ALLOW_DEVICE_MODEL, WORD_BYTES, 0, NULL },
	{ "dm_restrict", CONFIG_FLAG, 0, 0, 0, NULL },
	{ "extra", CONFIG_TEXTS, ALLOW_DEVICE_MODEL, ARGUMENT_BYTES, LIST_COUNT, NULL },
	{ "extra_pv", CONFIG_TEXTS, ALLOW_DEVICE_MODEL, ARGUMENT_BYTES, LIST_COUNT, NULL },
	{ "extra_hvm", CONFIG_TEXTS, ALLOW_DEVICE_MODEL, ARGUMENT_BYTES, LIST_COUNT, NULL },
	{ "sched_params", CONFIG_OBJECT, 0, 0, 0, scheduling },
	{ "ioports", CONFIG_OBJECTS, ALLOW_HOST_DEVICES, 0, LIST_COUNT, range },
	{ "irqs", CONFIG_NUMBERS, ALLOW_HOST_DEVICES, UINT_MOST, LIST_COUNT, NULL },
	{ "iomem", CONFIG_OBJECTS, ALLOW_HOST_DEVICES, 0, LIST_COUNT, range },
	{ "claim_mode", CONFIG_FLAG, 0, 0, 0, NULL },
	{ "event_channels", CONFIG_LIMIT, 0, EVENT_CHANNELS, 0, NULL },
	{ "kernel", CONFIG_TEXT, 0, PATH_BYTES, 0, NULL },
	{ "cmdline", CONFIG_TEXT, 0, ARGUMENT_BYTES, 0, NULL },
	{ "ramdisk", CONFIG_TEXT, 0, PATH_BYTES, 0, NULL },
	{ "acpi", CONFIG_FLAG, 0, 0, 0, NULL },
	{ "apic", CONFIG_FLAG, 0, 0, 0, NULL },
	{ "nested_hvm", CONFIG_FLAG, 0, 0, 0, NULL },
	{ "bootloader", CONFIG_TEXT, 0, PATH_BYTES, 0, NULL },
	{ "bootloader_args", CONFIG_TEXTS, 0, ARGUMENT_BYTES, LIST_COUNT, NULL },
	{ "bootloader_restrict", CONFIG_FLAG, 0, 0, 0, NULL },
	{ "bootloader_user", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "timer_mode", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "tee", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "altp2m", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "vpmu", CONFIG_FLAG, ALLOW_MSRS, 0, 0, NULL },
	{ "type.pv", CONFIG_OBJECT, 0, 0, 0, pv },
	{ "arch_x86", CONFIG_OBJECT, 0, 0, 0, arch_x86 },
	{ "arch_arm", CONFIG_OBJECT, 0, 0, 0, arch_arm },
	{ 0 },
};

static const struct config_key disk[] = {
	BACKEND,
	{ "pdev_path", CONFIG_TEXT, 0, PATH_BYTES, 0, NULL },
	{ "vdev", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "backend", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "format", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "script", CONFIG_SCRIPT, ALLOW_SCRIPTS, PATH_BYTES, 0, NULL },
	{ "removable", CONFIG_NUMBER, 0, INT_MOST, 0, NULL },
	{ "readwrite", CONFIG_NUMBER, 0, INT_MOST, 0, NULL },
	{ "is_cdrom", CONFIG_NUMBER, 0, INT_MOST, 0, NULL },
	{ "direct_io_safe", CONFIG_BOOLEAN, 0, 0, 0, NULL },
	{ "discard_enable", CONFIG_FLAG, 0, 0, 0, NULL },
	{ "specification", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "transport", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "irq", CONFIG_NUMBER, 0, UINT_MOST, 0, NULL },
	{ "base", CONFIG_NUMBER, 0, INT64_MAX, 0, NULL },
	{ "trusted", CONFIG_FLAG, 0, 0, 0, NULL },
	{ "grant_usage", CONFIG_FLAG, 0, 0, 0, NULL },
	{ 0 },
};

/* Hotplug scripts get bridge, ifname and the like: words, which no shell can take for more. */
static const struct config_key nic[] = {
	BACKEND,
	{ "mtu", CONFIG_NUMBER, 0, UINT16_MAX, 0, NULL },
	{ "vlan", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "model", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "mac", CONFIG_WORD, 0, 17, 0, NULL },
	{ "ip", CONFIG_TEXT, 0, TEXT_BYTES, 0, NULL },
	{ "bridge", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "ifname", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "script", CONFIG_SCRIPT, ALLOW_SCRIPTS, PATH_BYTES, 0, NULL },
	{ "nictype", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "rate_bytes_per_interval", CONFIG_NUMBER, 0, INT64_MAX, 0, NULL },
	{ "rate_interval_usecs", CONFIG_NUMBER, 0, UINT_MOST, 0, NULL },
	{ "gatewaydev", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "trusted", CONFIG_FLAG, 0, 0, 0, NULL },
	{ 0 },
};

static const struct config_key vnc[] = {
	{ "enable", CONFIG_FLAG, 0, 0, 0, NULL },
	{ "listen", CONFIG_WORD, 0, TEXT_BYTES, 0, NULL },
	{ "passwd", CONFIG_TEXT, 0, TEXT_BYTES, 0, NULL },
	{ "display", CONFIG_NUMBER, 0, UINT16_MAX, 0, NULL },
	{ "findunused", CONFIG_FLAG, 0, 0, 0, NULL },
	{ 0 },
};

static const struct config_key sdl[] = {
	{ "enable", CONFIG_FLAG, 0, 0, 0, NULL },
	{ "opengl", CONFIG_FLAG, 0, 0, 0, NULL },
	{ "display", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "xauthority", CONFIG_TEXT, ALLOW_DEVICE_MODEL, PATH_BYTES, 0, NULL },
	{ 0 },
};

static const struct config_key vfb[] = {
	BACKEND,
	{ "vnc", CONFIG_OBJECT, 0, 0, 0, vnc },
	{ "sdl", CONFIG_OBJECT, 0, 0, 0, sdl },
	{ "keymap", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ 0 },
};

static const struct config_key vkb[] = {
	BACKEND,
	{ "backend_type", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "unique_id", CONFIG_WORD, 0, TEXT_BYTES, 0, NULL },
	{ "feature_disable_keyboard", CONFIG_BOOLEAN, 0, 0, 0, NULL },
	{ "feature_disable_pointer", CONFIG_BOOLEAN, 0, 0, 0, NULL },
	{ "feature_abs_pointer", CONFIG_BOOLEAN, 0, 0, 0, NULL },
	{ "feature_raw_pointer", CONFIG_BOOLEAN, 0, 0, 0, NULL },
	{ "feature_multi_touch", CONFIG_BOOLEAN, 0, 0, 0, NULL },
	{ "width", CONFIG_NUMBER, 0, UINT16_MAX, 0, NULL },
	{ "height", CONFIG_NUMBER, 0, UINT16_MAX, 0, NULL },
	{ "multi_touch_width", CONFIG_NUMBER, 0, UINT16_MAX, 0, NULL },
	{ "multi_touch_height", CONFIG_NUMBER, 0, UINT16_MAX, 0, NULL },
	{ "multi_touch_num_contacts", CONFIG_NUMBER, 0, UINT16_MAX, 0, NULL },
	{ 0 },
};

static const struct config_key vtpm[] = {
	BACKEND,
	{ "uuid", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ 0 },
};

static const struct config_key vdispl[] = {
	BACKEND,
	{ "be_alloc", CONFIG_BOOLEAN, 0, 0, 0, NULL },
	{ "connectors", CONFIG_TREE, 0, WORD_BYTES, 0, NULL },
	{ 0 },
};

/* A console with a name. A socket of one is a file that qemu makes on this host. */
static const struct config_key channel[] = {
	BACKEND,
	{ "name", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "connection.unknown", CONFIG_TREE, 0, 0, 0, NULL },
	{ "connection.pty", CONFIG_TREE, 0, 0, 0, NULL },
	{ "connection.socket", CONFIG_TREE, ALLOW_HOST_DEVICES, PATH_BYTES, 0, NULL },
	{ 0 },
};

static const struct config_key usbctrl[] = {
	BACKEND,
	{ "type", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "version", CONFIG_NUMBER, 0, 3, 0, NULL },
	{ "ports", CONFIG_NUMBER, 0, 31, 0, NULL },
	{ 0 },
};

const struct config_key config_keys[] = {
	{ "c_info", CONFIG_OBJECT, 0, 0, 0, create_info },
	{ "b_info", CONFIG_OBJECT, 0, 0, 0, build_info },
	{ "disks", CONFIG_OBJECTS, 0, 0, LIST_COUNT, disk },
	{ "nics", CONFIG_OBJECTS, 0, 0, LIST_COUNT, nic },
	{ "vfbs", CONFIG_OBJECTS, 0, 0, LIST_COUNT, vfb },
	{ "vkbs", CONFIG_OBJECTS, 0, 0, LIST_COUNT, vkb },
	{ "vtpms", CONFIG_OBJECTS, 0, 0, LIST_COUNT, vtpm },
	{ "vdispls", CONFIG_OBJECTS, 0, 0, LIST_COUNT, vdispl },
	{ "vsnds", CONFIG_TREE, 0, TEXT_BYTES, 0, NULL },
	{ "channels", CONFIG_OBJECTS, 0, 0, LIST_COUNT, channel },
	{ "usbctrls", CONFIG_OBJECTS, 0, 0, LIST_COUNT, usbctrl },
	{ "pcidevs", CONFIG_TREE, ALLOW_HOST_DEVICES, TEXT_BYTES, 0, NULL },
	{ "rdms", CONFIG_TREE, ALLOW_HOST_DEVICES, TEXT_BYTES, 0, NULL },
	{ "dtdevs", CONFIG_TREE, ALLOW_HOST_DEVICES, PATH_BYTES, 0, NULL },
	{ "usbdevs", CONFIG_TREE, ALLOW_HOST_DEVICES, TEXT_BYTES, 0, NULL },
	{ "p9s", CONFIG_TREE, ALLOW_HOST_DEVICES, PATH_BYTES, 0, NULL },
	{ "pvcallsifs", CONFIG_TREE, ALLOW_HOST_DEVICES, TEXT_BYTES, 0, NULL },
	{ "on_poweroff", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "on_reboot", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "on_watchdog", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "on_crash", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ "on_soft_reset", CONFIG_WORD, 0, WORD_BYTES, 0, NULL },
	{ 0 },
};
