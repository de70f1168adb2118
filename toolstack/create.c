/*
 * Has libxl make a domain and its devices, as for a restore, but for its memory: the stream that libxl reads holds
 * nothing, and the helper that it starts is the gate (machine/gate.h). pvferry's builder fills the domain meanwhile.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "process/program.h"
#include "toolstack/orders.h"
#include "toolstack/toolstack.h"
#include "xen/domain.h"

enum { QEMU_MS = 10000, QEMU_NAP_MS = 20, BACKEND_WAITS = 2 };

/* libxl's stream, docs/specs/libxl-migration-stream.pandoc: header, "here is libxc's", end. */
static const struct {
	uint64_t magic;
	uint32_t version, options;
	uint32_t libxc_type, libxc_bytes, end_type, end_bytes;
} nothing = { .libxc_type = 1 };

/* The whole of it fits into a pipe. */
static int open_stream(int *fd)
{
	uint8_t bytes[sizeof(nothing)];
	uint64_t magic = htobe64(0x4c6962786c466d74);
	uint32_t version = htobe32(2);
	int ends[2], rc = 0;

	*fd = -1;
	memcpy(bytes, &nothing, sizeof(bytes));
	memcpy(bytes, &magic, sizeof(magic));
	memcpy(bytes + sizeof(magic), &version, sizeof(version));
	if (pipe2(ends, O_CLOEXEC))
		return fail_errno("cannot make a pipe");
	if (write(ends[1], bytes, sizeof(bytes)) != sizeof(bytes))
		rc = fail_errno("cannot write to a pipe");
	close(ends[1]);
	*fd = ends[0];
	if (rc)
		close(ends[0]);
	return rc;
}

/* The one end that the helper inherits; orders_watch_gate() closes it before a script could. */
static int open_gate(int ends[2], int width)
{
	char text[32], helper[PATH_MAX];
	int rc = program_find("pvferry-save-helper", helper);

	if (rc)
		return rc;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return fail_errno("cannot make a socket");
	fcntl(ends[1], F_SETFD, 0);
	snprintf(text, sizeof(text), "%d:%d", ends[1], width);
	setenv(GATE_VARIABLE, text, 1);
	setenv("LIBXL_SAVE_HELPER", helper, 1);
	return 0;
}

static int number_of(struct json_object *order, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(order, key, &value) ? json_object_get_int(value) : 0;
}

static int read_config(struct toolstack *t, struct json_object *order, libxl_domain_config *config)
{
	int code = libxl_domain_config_from_json(t->ctx, config, order_text(order, "config"));

	if (code)
		return toolstack_fail(t, code, "libxl does not understand the domain's config");
	free(config->c_info.name);
	config->c_info.name = strdup(order_text(order, "name"));
	return config->c_info.name && *config->c_info.name ? 0 : fail(EINVAL, "the domain has no name");
}

/*
 * libxl's own format: our uuid_parse() would stand in for that of libuuid, which libxl calls, were it linked here.
 * Another domain has this UUID only while it moves from this host to this host.
 */
static void keep_shared(struct toolstack *t, libxl_domain_config *config)
{
	char vm[64];

	snprintf(vm, sizeof(vm), "/vm/" LIBXL_UUID_FMT, LIBXL_UUID_BYTES(config->c_info.uuid));
	toolstack_keep_shared(t, vm);
}

/* Of the backend, which libxl does not tell: what it calls a disk's state is the frontend's. */
static int backend_state(struct toolstack *t, struct host *host, uint32_t domain, libxl_device_disk *disk)
{
	libxl_diskinfo info;
	char *state = NULL;
	int number;

	libxl_diskinfo_init(&info);
	if (!libxl_device_disk_getinfo(t->ctx, domain, disk, &info))
		state = store_read(host, "%s/state", info.backend);
	libxl_diskinfo_dispose(&info);
	number = state ? atoi(state) : 0;
	free(state);
	return number;
}

/* libxl does not wait for a disk that qemu serves: without qemu the guest would hang at its first read. */
static int wait_for_disk(struct toolstack *t, struct host *host, uint32_t domain, libxl_device_disk *disk)
{
	const struct timespec nap = { 0, QEMU_NAP_MS * 1000000 };

	for (int ms = 0; ms < QEMU_MS; ms += QEMU_NAP_MS) {
		if (backend_state(t, host, domain, disk) >= BACKEND_WAITS)
			return 0;
		nanosleep(&nap, NULL);
	}
	return fail(ETIMEDOUT, "qemu does not serve the disk %s (%s)", disk->vdev,
		    disk->pdev_path ? disk->pdev_path : "empty");
}

static int wait_for_qemu(struct toolstack *t, uint32_t domain)
{
	int count = 0, rc;
	libxl_device_disk *disks = libxl_device_disk_list(t->ctx, domain, &count);
	struct host *host = NULL;

	rc = host_open(&host);
	for (int i = 0; disks && i < count && !rc; i++)
		if (disks[i].backend == LIBXL_DISK_BACKEND_QDISK)
			rc = wait_for_disk(t, host, domain, &disks[i]);
	libxl_device_disk_list_free(disks, count);
	host_close(host);
	return rc;
}

/* libxl keeps a config of it as of one of xl's: what an image named is not to boot without leave (machine/watch.c). */
static int mark(uint32_t domain)
{
	struct store_node node = { .value = (char *)"image", .access = STORE_NONE };
	struct host *host;
	int rc = host_open(&host);

	if (rc)
		return rc;
	snprintf(node.path, sizeof(node.path), "/libxl/%u/pvferry", domain);
	rc = store_write(host, NULL, 0, &node, 1);
	host_close(host);
	return rc;
}

/* A creation that was aborted leaves its domain, and one that failed may have left what its scripts started. */
static int creation_finish(struct toolstack *t, int code, uint32_t domain)
{
	struct gate_report report;
	enum cut cut = orders_leave_gate(&report);
	int rc;

	/* What failed before it was cut short is a reason for that, perhaps. */
	if (cut == CUT_AT_GATE || (cut && (!code || code == ERROR_ABORTED)))
		rc = fail(ECANCELED, "the domain is no longer wanted");
	else if (code)
		rc = toolstack_fail(t, code, "libxl could not make the domain");
	else
		rc = wait_for_qemu(t, domain);
	if (!rc)
		rc = mark(domain);
	if (rc && report.domain)
		toolstack_remove(t, report.domain);
	else if (rc)
		toolstack_put_shared(t);
	if (!rc)
		t->made = domain;
	return rc;
}

static int domain_make(struct toolstack *t, libxl_domain_config *config, struct json_object *order)
{
	libxl_domain_restore_params params;
	int stream, ends[2], code, rc = open_stream(&stream);
	uint32_t domain = 0;

	if (rc)
		return rc;
	rc = open_gate(ends, number_of(order, "width"));
	if (!rc) {
		libxl_domain_restore_params_init(&params);
		params.stream_version = 2;
		orders_watch_gate(ends[0], ends[1], !strcmp(order_text(order, "devices"), "early"));
		libxl_log_begin(t->log);
		code = libxl_domain_create_restore(t->ctx, config, &domain, stream, -1, &params, NULL, NULL);
		rc = creation_finish(t, code, domain);
		libxl_domain_restore_params_dispose(&params);
	}
	close(stream);
	return rc;
}

int toolstack_create(struct toolstack *t, struct json_object *order, struct json_object *answer)
{
	libxl_domain_config config;
	int rc;

	if (t->made)
		return fail(EBUSY, "there is a domain already");
	libxl_domain_config_init(&config);
	rc = read_config(t, order, &config);
	if (!rc)
		keep_shared(t, &config);
	if (!rc)
		rc = domain_make(t, &config, order);
	libxl_domain_config_dispose(&config);
	if (!rc)
		json_object_object_add(answer, "domid", json_object_new_int64(t->made));
	return rc;
}
