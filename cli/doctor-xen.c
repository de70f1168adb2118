/* See doctor.h: the hypervisor, and the guests here. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/use.h"
#include "log.h"
#include "migrate/movable.h"
#include "version.h"

/* --- Xen --------------------------------------------------------------------------- */

static void say_no_xen(struct report *report, int error)
{
	report_add(report, VERDICT_PROBLEM, "xen", "%s", fail_reason());
	fail_forget();
	if (error == -EPROTONOSUPPORT)
		report_remedy(report, "install the pvferry package that was built for this Xen");
	else if (geteuid())
		report_remedy(report, "run pvferry doctor as root");
	else if (error == -ENODEV)
		report_remedy(report, "apt install xen-system-amd64 && reboot");
	else
		report_remedy(report, "systemctl status xenstored xen");
}

static void look_at_version(struct report *report, struct host *host, const struct host_facts *facts)
{
	if (!host_check(host)) {
		report_add(report, VERDICT_OK, "xen", "Xen %s, pvferry %s is built for Xen " BUILT_FOR_XEN,
			   facts->xen_version, PVFERRY_VERSION);
		return;
	}
	report_add(report, VERDICT_PROBLEM, "xen", "%s", fail_reason());
	report_remedy(report, "apt update && apt full-upgrade, then reboot");
	fail_forget();
}

/*
 * XSA-495 is a hole in shadow paging for PV guests; Xen's answer is to build without it, and log-dirty,
 * which xl migrate needs, goes with it. Each state has its own inconvenience: both are told.
 */
static void look_at_log(struct report *report, const struct host_facts *facts)
{
	if (!facts->has_shadow) {
		report_add(report, VERDICT_OK, "log-dirty",
			   "Xen is built without shadow paging: not affected by XSA-495; Xen's own \"xl "
			   "migrate\" "
			   "fails for PV domains, pvferry migrates them by content");
		return;
	}
	report_add(report, VERDICT_WARNING, "log-dirty",
		   "Xen has shadow paging, and log-dirty with it: it is affected by XSA-495 unless it was "
		   "patched otherwise; pvferry needs no log-dirty");
	report_remedy(report, "apt update && apt full-upgrade, then reboot");
}

static void look_at_memory(struct report *report, const struct host_facts *facts)
{
	uint64_t free_mib = facts->free_frames >> 8;

	report_add(report, free_mib ? VERDICT_OK : VERDICT_WARNING, "memory",
		   "%lu MiB of %lu MiB are free for guests", free_mib, facts->all_frames >> 8);
	if (!free_mib)
		report_remedy(report, "xl mem-set 0 N gives the guests what domain 0 does not need");
}

/* --- guests ------------------------------------------------------------------------- */

struct guest {
	struct domain_facts facts;
	char name[256], reason[512];
	enum obstacle obstacle;
	struct use use;
};

/* A guest that pvferry works on, or has left undone: what Xen shows of it then (paused, suspended) misleads. */
static void add_used(struct report *report, const struct guest *guest)
{
	bool is_left = guest->use.kind == USE_INTERRUPTED, is_in_doubt = guest->use.kind == USE_UNRESOLVED;
	bool is_here = guest->obstacle == OBSTACLE_SUSPENDED && guest->use.journal.role == JOURNAL_SOURCE;
	char text[512];

	use_describe(&guest->use, text, sizeof(text));
	report_add(report, is_left || is_in_doubt ? VERDICT_PROBLEM : VERDICT_OK, "guest", "%s: %s",
		   guest->name, text);
	if (is_in_doubt)
		report_remedy(report, "pvferry resolve %s", guest->use.journal.job);
	else if (is_left && is_here)
		report_remedy(report, "pvferry resume %s", guest->name);
	else if (is_left)
		report_remedy(report, "pvferry resolve --recover");
}

static void add_suspended(struct report *report, const struct guest *guest)
{
	report_add(report, VERDICT_PROBLEM, "guest", "%s: it is suspended, and no process works on it",
		   guest->name);
	report_remedy(report, "pvferry resume %s", guest->name);
}

/* Each has the guest's name in it once. Never one that would end a guest which is of use. */
static const char *const remedies[] = {
	[OBSTACLE_DYING] = "xl list; if %s stays, a program maps its memory: end it",
	[OBSTACLE_SHUT_DOWN] = "xl list; xl destroy %s, once you know that it is not needed",
	[OBSTACLE_PAUSED] = "xl unpause %s, if no job has paused it (pvferry jobs)",
	[OBSTACLE_FIXED_DEVICE] = "do that first; or pvferry save --without-devices %s FILE",
	[OBSTACLE_LIBVIRT] = "virsh migrate --live %s xen+ssh://HOST, with pvferry-save-helper in force",
};

static void add_guest(struct report *report, struct guest *guest)
{
	size_t obstacle = guest->obstacle;

	if (obstacle == OBSTACLE_DOMAIN_0)
		return;
	if (guest->use.kind != USE_NONE) {
		add_used(report, guest);
	} else if (obstacle == OBSTACLE_SUSPENDED) {
		add_suspended(report, guest);
	} else if (obstacle == OBSTACLE_NONE || obstacle == OBSTACLE_DEVICES) {
		report_add(report, VERDICT_OK, "guest", "%s: can be saved and migrated", guest->name);
	} else if (obstacle >= sizeof(remedies) / sizeof(*remedies) || !remedies[obstacle]) {
		report_add(report, VERDICT_OK, "guest", "%s: %s", guest->name, guest->reason);
	} else {
		char remedy[512];
		const char *rest = strstr(remedies[obstacle], "%s");

		snprintf(remedy, sizeof(remedy), "%.*s%s%s", (int)(rest - remedies[obstacle]),
			 remedies[obstacle], guest->name, rest + 2);
		report_add(report, VERDICT_WARNING, "guest", "%s: %s", guest->name, guest->reason);
		report_remedy(report, "%s", remedy);
	}
}

/* A domain that is gone in the meantime is left out of the findings. */
static void look_at_guest(struct report *report, struct host *host, uint32_t id)
{
	struct guest guest = { .name = "" };
	struct domain *domain;
	char *name = store_read(host, "/local/domain/%u/name", id);

	if (name)
		snprintf(guest.name, sizeof(guest.name), "%s", name);
	else
		snprintf(guest.name, sizeof(guest.name), "%u", id);
	free(name);
	if (!domain_open(&domain, host, id)) {
		if (!domain_facts(domain, &guest.facts) &&
		    !find_obstacle(domain, &guest.facts, &guest.obstacle, guest.reason,
				   sizeof(guest.reason))) {
			use_find(&guest.facts, &guest.use);
			add_guest(report, &guest);
		}
		domain_close(domain);
	}
	fail_forget();
}

static void look_at_guests(struct report *report, struct host *host)
{
	uint32_t *ids;
	size_t count;

	if (domain_list(host, &ids, &count)) {
		report_add(report, VERDICT_PROBLEM, "guest", "%s", fail_reason());
		report_remedy(report, "xl list");
		fail_forget();
		return;
	}
	for (size_t i = 0; i < count; i++)
		look_at_guest(report, host, ids[i]);
	free(ids);
}

void doctor_xen(struct report *report)
{
	struct host_facts facts;
	struct host *host;
	int rc = host_open(&host);

	if (!rc)
		rc = host_facts(host, &facts);
	if (rc) {
		say_no_xen(report, rc);
		host_close(host);
		return;
	}
	look_at_version(report, host, &facts);
	look_at_log(report, &facts);
	look_at_memory(report, &facts);
	look_at_guests(report, host);
	host_close(host);
}
