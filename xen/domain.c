/* Which domains there are, and the handful of things one does to a whole one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "text/text.h"
#include "xen/internal.h"

/*
 * xc_domain_getinfolist() gives the first domain whose id is at least this one: if there is no such domain,
 * it answers with the next, so the id has to be compared.
 */
static int get_info(struct host *host, uint32_t id, xc_domaininfo_t *info)
{
	int rc = xc_domain_getinfolist(host->xc, id, 1, info);

	if (rc < 0)
		return fail_errno("cannot ask Xen for domain %u", id);
	if (rc != 1 || info->domain != id)
		return fail(ESRCH, "there is no domain %u", id);
	return 0;
}

/*
 * Xen is asked for a step at a time, each from the id behind the last one. Domains come and go meanwhile: the list
 * is what was there, not what is.
 */
int domain_list(struct host *host, uint32_t **ids, size_t *count)
{
	enum { STEP = 64 };
	xc_domaininfo_t infos[STEP];
	uint32_t first = 0;
	int got;

	*ids = NULL;
	*count = 0;
	do {
		uint32_t *more;

		got = xc_domain_getinfolist(host->xc, first, STEP, infos);
		if (got < 0) {
			free(*ids);
			*ids = NULL;
			return fail_errno("cannot ask Xen for its domains");
		}
		/* One more than there are, so that the size is never 0: realloc() might return NULL for that. */
		more = realloc(*ids, (*count + got + 1) * sizeof(**ids));
		if (!more) {
			free(*ids);
			*ids = NULL;
			return fail(ENOMEM, "out of memory");
		}
		*ids = more;
		for (int i = 0; i < got; i++)
			(*ids)[(*count)++] = infos[i].domain;
		if (got)
			first = infos[got - 1].domain + 1;
	} while (got == STEP);
	return 0;
}

/* The name is in xenstore alone; Xen itself knows ids and UUIDs. */
static int find_name(struct host *host, const char *name, uint32_t *id)
{
	int rc = domain_find_name(host, name, id);

	return rc == -ESRCH ? fail(ESRCH, "there is no domain \"%s\"", name) : rc;
}

int domain_find(struct host *host, const char *name_or_id, uint32_t *id)
{
	xc_domaininfo_t info;
	uint64_t number;

	/* As xl: what is all digits is an id, and anything else is a name, "+3" and " 3" too. */
	if (!text_number(name_or_id, DOMID_FIRST_RESERVED - 1, &number))
		return find_name(host, name_or_id, id);
	*id = number;
	return get_info(host, *id, &info);
}

int domain_open(struct domain **domain, struct host *host, uint32_t id)
{
	xc_domaininfo_t info;
	int rc = get_info(host, id, &info);

	*domain = NULL;
	if (rc)
		return rc;
	*domain = malloc(sizeof(**domain));
	if (!*domain)
		return fail(ENOMEM, "out of memory");
	**domain = (struct domain){ host, id };
	return 0;
}

void domain_close(struct domain *domain)
{
	free(domain);
}

uint32_t domain_id(const struct domain *domain)
{
	return domain->id;
}

struct host *domain_host(const struct domain *domain)
{
	return domain->host;
}

int domain_facts(struct domain *domain, struct domain_facts *facts)
{
	xc_domaininfo_t info;
	int rc = get_info(domain->host, domain->id, &info);

	if (rc)
		return rc;
	*facts = (struct domain_facts){
		.id = info.domain,
		.is_hvm = info.flags & XEN_DOMINF_hvm_guest,
		.is_paused = info.flags & XEN_DOMINF_paused,
		.is_dying = info.flags & XEN_DOMINF_dying,
		.is_shut_down = info.flags & XEN_DOMINF_shutdown,
		.shutdown_reason = info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask,
		/* tot_pages is what the domain has now; max_pages what Xen lets it have, with a balloon's room. */
		.frames = info.tot_pages,
		.most_frames = info.max_pages,
		.shared_info = MFN(info.shared_info_frame),
		/* The highest id that was ever made, whether that vCPU is on or not. */
		.vcpus = info.max_vcpu_id + 1,
		.vcpus_online = info.nr_online_vcpus,
		.cpu_ns = info.cpu_time,
		.cpupool = info.cpupool,
	};
	memcpy(facts->uuid, info.handle, sizeof(facts->uuid));
	return 0;
}

/* Xen counts pauses, and a toolstack has its own: each pause here has its unpause, or the domain is destroyed. */
int domain_pause(struct domain *domain)
{
	return xc_domain_pause(xc_of(domain), domain->id) ? fail_errno("cannot pause domain %u", domain->id)
							  : 0;
}

int domain_unpause(struct domain *domain)
{
	return xc_domain_unpause(xc_of(domain), domain->id)
		     ? fail_errno("cannot unpause domain %u", domain->id)
		     : 0;
}

/* Pages that another domain has mapped stay until it lets them go: until then Xen lists the domain as dying. */
int domain_destroy(struct domain *domain)
{
	return xc_domain_destroy(xc_of(domain), domain->id)
		     ? fail_errno("cannot destroy domain %u", domain->id)
		     : 0;
}
