/*
 * Saves and restores with upstream's own code: speaks the protocol of libxl-save-helper
 * as libxl does, and does around it what libxl does.  The file is the bare libxc stream.
 *	helper-driver save DOMID FILE [live]		the guest is left suspended
 *	helper-driver restore FILE [VCPUS [KIB]]	prints the domid; the guest is paused
 *	helper-driver suspend|resume|unpause|destroy DOMID
 *	helper-driver shutdown DOMID REASON		as if the guest had ended so: SHUTDOWN_* of Xen's sched.h
 *	helper-driver create VCPUS KIB			prints domid and the two ports of an empty domain
 *	helper-driver introduce DOMID STORE_MFN STORE_PORT
 * LIBXL_SAVE_HELPER in the environment names another helper; FILE may be "-", a pipe or whatever stands there.
 * With TIMES in the environment it says when what happened, in ns of CLOCK_MONOTONIC.
 */
#include "helper-driver.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenguest.h>

/* Which messages that ask something are wanted, by their numbers. */
enum { SAVE_CALLBACKS = 0x88, RESTORE_CALLBACKS = 0x300 };

int die(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	fprintf(stderr, "helper-driver: ");
	vfprintf(stderr, format, list);
	fprintf(stderr, " (%s)\n", strerror(errno));
	exit(1);
}

static char *number(uint64_t value)
{
	char *text;

	if (asprintf(&text, "%" PRIu64, value) < 0)
		die("asprintf");
	return text;
}

static int save(struct job *job, const char *path, bool live)
{
	int fd = strcmp(path, "-") ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644) : dup(1);
	char *arguments[] = { helper_path(),	"--save-domain",	number(fd), "0", number(job->domid),
			      live ? "1" : "0", number(SAVE_CALLBACKS), "0",	    NULL };

	if (fd < 0)
		die("%s", path);
	return run_helper(job, fd, arguments);
}

/* What the stream says of the guest before any domain is needed: pages and vCPUs. */
static void create_domain(struct job *job, unsigned vcpus, uint64_t max_kib)
{
	struct xen_domctl_createdomain config = {
		.max_vcpus = vcpus,
		.max_evtchn_port = 1023,
		.max_grant_frames = -1,
		.max_maptrack_frames = -1,
		.grant_opts = 1,
	};
	int store, console;

	job->domid = 0;
	if (xc_domain_create(job->xch, &job->domid, &config))
		die("xc_domain_create");
	if (xc_domain_max_vcpus(job->xch, job->domid, vcpus) ||
	    xc_domain_setmaxmem(job->xch, job->domid, max_kib))
		die("limits");
	store = xc_evtchn_alloc_unbound(job->xch, job->domid, 0);
	console = xc_evtchn_alloc_unbound(job->xch, job->domid, 0);
	if (store < 0 || console < 0)
		die("event channels");
	if (xc_domain_set_tsc_info(job->xch, job->domid, 0, 0, 0, 0))
		die("tsc");
	job->store_port = store;
	job->console_port = console;
}

static void put(struct job *job, const char *key, bool guests)
{
	struct xs_permissions permissions[2] = {
		{ guests ? job->domid : 0, XS_PERM_NONE },
		{ guests ? 0 : job->domid, XS_PERM_READ },
	};
	char path[96];

	snprintf(path, sizeof(path), "/local/domain/%u%s", job->domid, key);
	if (!xs_write(job->xs, XBT_NULL, path, "", 0) ||
	    !xs_set_permissions(job->xs, XBT_NULL, path, permissions, 2))
		die("xenstore: %s", path);
}

static void introduce(struct job *job)
{
	put(job, "", false);
	put(job, "/control/shutdown", true);
	if (!xs_introduce_domain(job->xs, job->domid, job->store_mfn, job->store_port))
		die("xs_introduce_domain");
}

static int restore(struct job *job, const char *path, unsigned vcpus, uint64_t max_kib)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY) : dup(0), err;
	char **arguments;

	if (fd < 0)
		die("%s", path);
	create_domain(job, vcpus, max_kib);
	arguments = (char *[]){ helper_path(),
				"--restore-domain",
				number(fd),
				"-1",
				number(job->domid),
				number(job->store_port),
				"0",
				number(job->console_port),
				"0",
				number(RESTORE_CALLBACKS),
				"0",
				NULL };
	err = run_helper(job, fd, arguments);
	if (err) {
		xc_domain_destroy(job->xch, job->domid);
		return err;
	}
	introduce(job);
	printf("%u\n", job->domid);
	return 0;
}

static int destroy(struct job *job)
{
	char path[64];

	snprintf(path, sizeof(path), "/local/domain/%u", job->domid);
	xs_rm(job->xs, XBT_NULL, path);
	xs_release_domain(job->xs, job->domid);
	return xc_domain_destroy(job->xch, job->domid);
}

static int control(struct job *job, const char *what)
{
	if (!strcmp(what, "suspend"))
		return !suspend(job);
	if (!strcmp(what, "resume"))
		return xc_domain_resume(job->xch, job->domid, 1) || !xs_resume_domain(job->xs, job->domid);
	if (!strcmp(what, "unpause"))
		return xc_domain_unpause(job->xch, job->domid);
	if (!strcmp(what, "destroy"))
		return destroy(job);
	fprintf(stderr, "helper-driver: %s?\n", what);
	return 2;
}

int main(int argc, char **argv)
{
	struct job job = { .verbose = getenv("VERBOSE") };

	if (argc < 3)
		return 2;
	job.xch = xc_interface_open(NULL, NULL, 0);
	job.xs = xs_open(0);
	if (!job.xch || !job.xs)
		die("no host");
	if (!strcmp(argv[1], "restore"))
		return restore(&job, argv[2], argc > 3 ? atoi(argv[3]) : 1,
			       argc > 4 ? strtoull(argv[4], NULL, 0) : 1 << 24);
	if (!strcmp(argv[1], "create") && argc > 3) {
		create_domain(&job, atoi(argv[2]), strtoull(argv[3], NULL, 0));
		printf("%u %u %u\n", job.domid, job.store_port, job.console_port);
		return 0;
	}
	job.domid = atoi(argv[2]);
	if (!strcmp(argv[1], "introduce") && argc > 4) {
		job.store_mfn = strtoull(argv[3], NULL, 0);
		job.store_port = atoi(argv[4]);
		introduce(&job);
		return 0;
	}
	if (!strcmp(argv[1], "shutdown") && argc > 3)
		return xc_domain_shutdown(job.xch, job.domid, atoi(argv[3]));
	if (!strcmp(argv[1], "save"))
		return argc < 4 ? 2 : save(&job, argv[3], argc > 4);
	return control(&job, argv[1]);
}
