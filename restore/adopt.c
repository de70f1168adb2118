/*
 * The stages of a restore that are others when the toolstack has made the
 * domain, has given it its ports and limits, and will enter it into xenstore.
 * There is no config then: what may be believed is taken from the domain.
 */
#include <errno.h>

#include "log.h"
#include "restore/restore.h"

/*
 * A guest may have been promised more than it may own now, of which Xen tells
 * nothing; but hardly more than the host has. While its memory comes in, pages
 * that it has given away meanwhile are still there beside those it has got.
 */
int adopt_domain(struct restoration *r)
{
	const struct adoption *adopt = r->options.adopt;
	const struct stream_facts *stream = reader_facts(r->reader);
	struct domain_facts facts;
	struct host_facts host;
	int rc;

	if (!stream->is_bare)
		return fail(EMEDIUMTYPE, "an image or xl save file where libxc's stream should begin");
	if (stream->is_wire && !adopt->accepts_wire)
		return fail(EMEDIUMTYPE, "the stream is compressed, and PVFERRY_WIRE=zstd is not set here");
	rc = host_check(r->host);
	if (!rc)
		rc = domain_open(&r->domain, r->host, adopt->domain);
	if (!rc)
		rc = domain_facts(r->domain, &facts);
	if (!rc)
		rc = host_facts(r->host, &host);
	if (rc)
		return rc;
	r->connections = adopt->connections;
	r->most_vcpus = facts.vcpus;
	r->most_pfns = most_pfns(facts.most_frames > host.all_frames ? facts.most_frames : host.all_frames);
	r->frames_wanted = facts.most_frames;
	r->limit_kib = facts.most_frames * (PAGE_BYTES / 1024);
	return domain_limit(r->domain, r->most_pfns * (PAGE_BYTES / 1024));
}

int adopt_static_end(const struct restoration *r)
{
	const struct cpu_policy *policy = &r->incoming.machine.policy;
	unsigned int missing = (policy->leaves_bytes ? 0 : STATIC_LACKS_CPUID) |
			       (policy->msrs_bytes ? 0 : STATIC_LACKS_MSR);

	return r->options.adopt->static_end(missing, r->options.adopt->context);
}

/* Who took more than the toolstack allowed gets no more than that from now on. */
int adopt_finish(struct restoration *r)
{
	const struct connections *c = &r->connections;
	int rc = domain_limit(r->domain, r->limit_kib);

	return rc ? rc
		  : domain_seed_grants(r->domain, c->console, c->console_domain, c->store, c->store_domain);
}
