/* Connections to hypervisor and xenstore, and what kind of host this is. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xentoollog.h>

#include "log.h"
#include "version.h"
#include "xen/internal.h"

/*
 * Xen's libraries say on their own what they think of a failure. Ours is the
 * line that counts, so theirs are heard only with -v.
 */
static void log_line(struct xentoollog_logger *logger, xentoollog_level level, int error, const char *context,
		     const char *format, va_list args)
{
	char text[512];

	(void)logger;
	if (level < XTL_NOTICE)
		return;
	vsnprintf(text, sizeof(text), format, args);
	say(SAY_DETAIL, "%s: %s%s%s", context ? context : "libxenctrl", text, error >= 0 ? ": " : "",
	    error >= 0 ? strerror(error) : "");
}

static void log_progress(struct xentoollog_logger *logger, const char *context, const char *doing,
			 int percent, unsigned long done, unsigned long total)
{
	(void)logger, (void)context, (void)doing, (void)percent, (void)done, (void)total;
}

static void log_destroy(struct xentoollog_logger *logger)
{
	(void)logger;
}

static struct xentoollog_logger quiet_logger = {
	.vmessage = log_line,
	.progress = log_progress,
	.destroy = log_destroy,
};

static int connect_all(struct host *host)
{
	host->logger = &quiet_logger;
	host->xc = xc_interface_open(host->logger, host->logger, 0);
	if (!host->xc)
		return errno == EACCES || errno == EPERM
			     ? fail_errno("the hypervisor's interface is not open to this user; run as root")
			     : fail(ENODEV,
				    "no Xen here: cannot reach the hypervisor (%s). "
				    "inspect and verify work without it",
				    strerror(errno));
	host->memory = xenforeignmemory_open(host->logger, 0);
	if (!host->memory)
		return fail_errno("cannot open Xen's foreign memory");
	host->store = xs_open(0);
	if (!host->store)
		return fail_errno("cannot reach xenstored");
	return 0;
}

/* Xen's first look at a domctl is at the version of the interface, before it looks for the domain. */
static int check_libraries(struct host *host)
{
	unsigned int width;
	struct host_facts facts;

	if (!xc_domain_get_guest_width(host->xc, DOMID_ANY, &width) || errno != EACCES)
		return 0;
	return host_facts(host, &facts)
		     ? -EIO
		     : fail(EPROTONOSUPPORT,
			    "this pvferry and its libxenctrl are built for Xen " BUILT_FOR_XEN
			    ", the Xen that runs is %s: install those of that release",
			    facts.xen_version);
}

int host_open(struct host **host)
{
	int rc;

	*host = calloc(1, sizeof(**host));
	if (!*host)
		return fail(ENOMEM, "out of memory");
	rc = connect_all(*host);
	if (!rc)
		rc = check_libraries(*host);
	if (rc) {
		host_close(*host);
		*host = NULL;
	}
	return rc;
}

void host_close(struct host *host)
{
	if (!host)
		return;
	if (host->store)
		xs_close(host->store);
	if (host->memory)
		xenforeignmemory_close(host->memory);
	if (host->xc)
		xc_interface_close(host->xc);
	free(host);
}

/*
 * Xen 4.21.0 and 4.21.1 leave r8 to r15 out of the context of a 64-bit vCPU,
 * when it is read and when it is set (arch_get_info_guest(), mended in 4.21.2).
 */
static bool loses_registers(const char *version)
{
	unsigned int major, minor, patch;

	return sscanf(version, "%u.%u.%u", &major, &minor, &patch) == 3 && major == 4 && minor == 21 &&
	       patch < 2;
}

int host_check(struct host *host)
{
	struct host_facts facts;
	int rc = host_facts(host, &facts);

	if (!rc && loses_registers(facts.xen_version))
		rc = fail(EOPNOTSUPP,
			  "Xen %s loses the registers r8 to r15 of each vCPU that is saved or restored: "
			  "update it to 4.21.2 or later",
			  facts.xen_version);
	return rc;
}

int host_facts(struct host *host, struct host_facts *facts)
{
	int version = xc_version(host->xc, XENVER_version, NULL);
	xen_extraversion_t extra;
	xc_physinfo_t physical;

	if (version < 0 || xc_version(host->xc, XENVER_extraversion, extra) < 0)
		return fail_errno("cannot ask Xen for its version");
	if (xc_physinfo(host->xc, &physical) < 0)
		return fail_errno("cannot ask Xen for its free memory");
	facts->xen_major = version >> 16;
	facts->xen_minor = version & 0xffff;
	snprintf(facts->xen_version, sizeof(facts->xen_version), "%u.%u%.32s", facts->xen_major,
		 facts->xen_minor, extra);
	facts->free_frames = physical.free_pages;
	facts->all_frames = physical.total_pages;
	facts->nodes = physical.nr_nodes;
	facts->has_shadow = physical.capabilities & XEN_SYSCTL_PHYSCAP_shadow;
	return 0;
}
