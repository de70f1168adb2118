/* See doctor.h: another host, asked by migrate/consult.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/doctor.h"
#include "log.h"
#include "machine/machine.h"
#include "migrate/consult.h"
#include "version.h"
#include "xen/domain.h"

/* Below this a live migration of a guest of some GiB takes minutes. */
enum { SLOW_MIB = 50 };

/* The most that a PV guest can be shown here; empty without Xen. */
static void fetch_policy(struct bytes *policy)
{
	struct cpu_policy most = { 0 };
	struct host *host;

	if (!host_open(&host)) {
		if (!host_cpu_policy(host, &most)) {
			record_put(policy, RECORD_X86_CPUID_POLICY, most.leaves, most.leaves_bytes);
			record_put(policy, RECORD_X86_MSR_POLICY, most.msrs, most.msrs_bytes);
		}
		cpu_policy_release(&most);
		host_close(host);
	}
	fail_forget();
}

/* By what failed: the reason itself is in the text. */
static void add_remedy(struct report *report, const struct peer *peer, int error)
{
	const char *host = peer->host;

	switch (-error) {
	case EHOSTUNREACH: report_remedy(report, "getent hosts %s", host); return;
	case ECONNREFUSED:
		report_remedy(report,
			      "on %s: put \"allow = NAME\", a name of this host's certificate, into "
			      "/etc/pvferry/pvferryd.conf, then systemctl restart pvferryd",
			      host);
		return;
	case ETIMEDOUT:
		report_remedy(report, "open TCP port %u in the firewall of %s", peer->port, host);
		return;
	case ENOKEY:
	case EPERM:
	case ENOENT: report_remedy(report, "pvferry cert show --pki %s", peer->pki); return;
	case EACCES:
		report_remedy(
			report,
			"pvferry cert show, here and on %s: both need certificates of one CA that are valid, "
			"and its certificate needs the name %s (pvferry cert issue "
			"--renew --also %s HOST, with each --also that it has already)",
			host, host, host);
		return;
	}
	if (peer->via == VIA_SSH)
		report_remedy(report, "ssh %s pvferry --version", host);
	else
		report_remedy(report,
			      "on %s: journalctl -u pvferryd; \"allow = NAME\" in /etc/pvferry/pvferryd.conf "
			      "must have a name of this host's certificate",
			      host);
}

static void say_unreachable(struct report *report, const struct peer *peer, const struct consultation *c,
			    int error)
{
	bool is_named = !strncmp(fail_reason(), peer->host, strlen(peer->host));

	if (c->is_let_in) {
		report_add(report, VERDICT_PROBLEM, "peer",
			   "%s lets this host in, but is too old to be asked: %s", peer->host, fail_reason());
		report_remedy(report, "install pvferry " PVFERRY_VERSION " on %s", peer->host);
	} else {
		/* Some reasons begin with the host already. */
		report_add(report, VERDICT_PROBLEM, "peer", "%s%s%s", is_named ? "" : peer->host,
			   is_named ? "" : ": ", fail_reason());
		add_remedy(report, peer, error);
	}
	fail_forget();
}

static void look_at_release(struct report *report, const char *host, const struct message_condition *is)
{
	const char *own = "pvferry " PVFERRY_VERSION;
	bool is_same = !strcmp(is->software, own);

	report_add(report, is_same ? VERDICT_OK : VERDICT_WARNING, "peer-release", "%s has %s, this host %s",
		   host, is->software, own);
	if (!is_same)
		report_remedy(report, "install the same release on both");
	if (*is->reason)
		report_add(report, VERDICT_PROBLEM, "peer-xen", "%s: %s", host, is->reason);
	else
		report_add(report, VERDICT_OK, "peer-xen", "%s has Xen %s, and %ld MiB are free for guests",
			   host, is->xen, is->free_mib);
	if (*is->reason)
		report_remedy(report, "on %s: pvferry doctor", host);
}

static void look_at_processor(struct report *report, const char *host, const struct consultation *c)
{
	if (!*c->lack) {
		report_add(report, VERDICT_OK, "peer-cpu",
			   "%s has all CPU features that guests are shown here", host);
		return;
	}
	report_add(report, VERDICT_WARNING, "peer-cpu",
		   "%s: %s; guests that were shown them cannot migrate there", host, c->lack);
	report_remedy(report, "hide them from new guests: cpuid = ... in their xl.cfg(5)");
}

static void look_at_link(struct report *report, const char *host, const struct consultation *c)
{
	uint64_t mib = c->bytes_per_second >> 20;

	report_add(report, mib < SLOW_MIB ? VERDICT_WARNING : VERDICT_OK, "peer-link",
		   "%s: %lu MiB/s over one connection, %.1f ms there and back", host, mib,
		   c->latency_us / 1000.0);
	if (mib < SLOW_MIB)
		report_remedy(report,
			      "a faster network; or migrate --connections 4, if a processor is the limit");
}

void doctor_peer(struct report *report, const struct peer *peer)
{
	struct bytes policy = { 0 };
	struct consultation c;
	int rc;

	fetch_policy(&policy);
	rc = consult(peer, policy.count ? &policy : NULL, &c);
	if (rc) {
		say_unreachable(report, peer, &c, rc);
	} else {
		report_add(report, VERDICT_OK, "peer", "%s can be reached by %s, and lets this host in",
			   peer->host, via_name(peer->via));
		look_at_release(report, peer->host, &c.is);
		if (policy.count && !*c.is.reason)
			look_at_processor(report, peer->host, &c);
		look_at_link(report, peer->host, &c);
	}
	bytes_release(&policy);
}
