/*
 * Before another host may open a guest's disks, those that serve them here come to rest. The guest is stopped by then.
 *
 * A request that is still on a ring would be repeated there, and be carried out here behind it: then an old block could
 * land on a newer one. And what a loop device or qemu has taken and not yet written the other host would not read.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "toolstack/toolstack.h"
#include "xen/domain.h"

enum { IDLE_MS = 5000, NAP_MS = 2, REFS_MOST = 256, CONNECTED = 4, CLOSING = 5 };

struct disk {
	struct host *host;
	uint32_t domain;
	const char *vdev;
	char *frontend, *backend; /* their paths in xenstore */
};

/* struct blkif_sring of Xen's public/io/ring.h; the ring of a 32-bit guest begins alike. */
struct ring_head {
	uint32_t req_prod, req_event, rsp_prod, rsp_event;
};

/* The refs of the first page of each of its rings: where each has its indexes. -1 if it has no such ring. */
static long read_ref(const struct disk *disk, const char *queue)
{
	static const char *const names[] = { "ring-ref", "ring-ref0" };
	long ref = -1;

	for (int i = 0; i < 2 && ref < 0; i++) {
		char *text = store_read(disk->host, "%s/%s%s", disk->frontend, queue, names[i]);

		ref = text ? strtol(text, NULL, 10) : -1;
		free(text);
	}
	return ref;
}

static int wait_for_ring(const struct disk *disk, uint32_t ref)
{
	const struct timespec nap = { 0, NAP_MS * 1000000 };
	struct ring_head head = { 0 };

	for (int ms = 0; ms < IDLE_MS; ms += NAP_MS) {
		int rc = grant_peek(disk->domain, ref, &head, sizeof(head));

		if (rc || head.req_prod == head.rsp_prod)
			return rc;
		nanosleep(&nap, NULL);
	}
	return fail(ETIMEDOUT, "the disk %s has requests that were not answered within %d s", disk->vdev,
		    IDLE_MS / 1000);
}

/* Only then a backend has the rings: what a frontend left in xenstore names pages that are other things by now. */
static bool has_rings(const struct disk *disk)
{
	char *text = store_read(disk->host, "%s/state", disk->backend);
	int state = text ? atoi(text) : 0;

	free(text);
	return state == CONNECTED || state == CLOSING;
}

static int wait_until_idle(const struct disk *disk)
{
	long ref;
	int rc;

	if (!has_rings(disk))
		return 0;
	ref = read_ref(disk, "");
	rc = ref >= 0 ? wait_for_ring(disk, ref) : 0;
	for (int i = 0; !rc && i < REFS_MOST; i++) {
		char queue[32];

		snprintf(queue, sizeof(queue), "queue-%d/", i);
		ref = read_ref(disk, queue);
		if (ref < 0)
			break;
		rc = wait_for_ring(disk, ref);
	}
	return rc;
}

/* Of a loop device this writes its file, too. What a script serves by other means has no such path. */
static int flush_path(const struct disk *disk, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = 0;
	struct stat facts;

	if (fd < 0 && (errno == ENOENT || errno == ENXIO || errno == ENODEV))
		return 0;
	if (fd < 0)
		return fail_errno("the disk %s: cannot open %s to write it out", disk->vdev, path);
	if (!fstat(fd, &facts) && (S_ISBLK(facts.st_mode) || S_ISREG(facts.st_mode)) && fsync(fd))
		rc = fail_errno("the disk %s: cannot write out %s", disk->vdev, path);
	close(fd);
	return rc;
}

static int flush(const struct disk *disk, libxl_device_disk *config)
{
	char *path = store_read(disk->host, "%s/physical-device-path", disk->backend);
	int rc = 0;

	if (path && *path == '/')
		rc = flush_path(disk, path);
	else if (config->pdev_path && *config->pdev_path == '/')
		rc = flush_path(disk, config->pdev_path);
	free(path);
	return rc;
}

/*
 * To stop it makes qemu drain and flush its disks, their caches of qcow2's tables among it. It serves them even while it
 * is stopped, so it is let go on at once, for the case that the guest does.
 */
static int flush_qemu(struct toolstack *t, uint32_t domain)
{
	static const char *const commands[] = { "stop", "cont" };

	libxl_log_begin(t->log);
	for (int i = 0; i < 2; i++) {
		char *output = NULL;
		int code = libxl_qemu_monitor_command(t->ctx, domain, commands[i], &output, NULL);

		free(output);
		if (code)
			return toolstack_fail(t, code, "qemu does not write its disks out");
	}
	return 0;
}

enum pass { IDLE, FLUSH };

/* A driver domain's rings cannot be seen from here, nor its disks be written out. */
static int pass_disk(struct toolstack *t, struct disk *disk, libxl_device_disk *config, enum pass pass)
{
	libxl_diskinfo info;
	int code, rc;

	if (config->backend_domid)
		return 0;
	libxl_diskinfo_init(&info);
	libxl_log_begin(t->log);
	code = libxl_device_disk_getinfo(t->ctx, disk->domain, config, &info);
	if (code) {
		rc = toolstack_fail(t, code, "libxl cannot show what serves a disk");
	} else {
		disk->vdev = config->vdev;
		disk->frontend = info.frontend;
		disk->backend = info.backend;
		rc = pass == IDLE ? wait_until_idle(disk) : config->readwrite ? flush(disk, config) : 0;
	}
	libxl_diskinfo_dispose(&info);
	return rc;
}

static int quiet_disks(struct toolstack *t, struct disk *disk, libxl_device_disk *configs, int count)
{
	bool has_qemu = false;
	int rc = 0;

	for (int i = 0; !rc && i < count; i++) {
		has_qemu |= configs[i].backend == LIBXL_DISK_BACKEND_QDISK && configs[i].readwrite;
		rc = pass_disk(t, disk, &configs[i], IDLE);
	}
	if (!rc && has_qemu)
		rc = flush_qemu(t, disk->domain);
	for (int i = 0; !rc && i < count; i++)
		rc = pass_disk(t, disk, &configs[i], FLUSH);
	return rc;
}

/* libxl lists no disk when it could not read one of them, too: then none would come to rest. */
static int check_that_none(struct toolstack *t, const struct disk *disk)
{
	unsigned int count = 0;
	char **names = store_list(disk->host, &count, "/libxl/%u/device/vbd", disk->domain);

	free(names);
	return count ? toolstack_fail(t, ERROR_FAIL, "libxl cannot list the domain's disks") : 0;
}

int toolstack_quiet(struct toolstack *t, struct json_object *order, struct json_object *answer)
{
	struct disk disk = { 0 };
	libxl_device_disk *configs;
	int count = 0, rc = toolstack_domain_of(order, &disk.domain);

	(void)answer;
	if (!rc)
		rc = host_open(&disk.host);
	if (rc)
		return rc;
	libxl_log_begin(t->log);
	configs = libxl_device_disk_list(t->ctx, disk.domain, &count);
	rc = configs ? quiet_disks(t, &disk, configs, count) : check_that_none(t, &disk);
	libxl_device_disk_list_free(configs, count);
	host_close(disk.host);
	return rc;
}
