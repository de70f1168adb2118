/* What the other host is to know of the guest before anything is done, see source-session.h. */
#include <errno.h>
#include <string.h>

#include "log.h"
#include "machine/config.h"
#include "migrate/source-session.h"

/* The other host would refuse it, too. */
static int check_name(const char *name)
{
	const char *defect = domain_name_defect(name);

	return defect ? fail(EINVAL,
			     "the domain cannot move with its name \"%s\": %s; --name gives it another one "
			     "there",
			     name, defect)
		      : 0;
}

/* The other host learns of the devices by the image's first bytes, which go out before the first round: without rounds that is late. */
static int choose_order(struct source_session *m)
{
	struct device_order *order = &m->status->devices;
	enum device_wish wish = m->move->devices;
	struct config config;
	int rc;

	if (!m->move->options.config)
		return 0;
	if (!m->move->options.live && wish == DEVICES_EARLY)
		return fail(EINVAL,
			    "--devices early does not go with --no-live, which stops the domain first");
	rc = config_parse_json(&config, m->move->options.config);
	if (rc)
		return rc;
	if (config_count_devices(&config))
		rc = device_order_choose(order, wish, &config, stat);
	config_release(&config);
	if (!rc && !m->move->options.live && wish == DEVICES_AUTO)
		*order = (struct device_order){ .reason = "--no-live stops the domain first" };
	m->move->offer.early_devices = order->is_early;
	return rc;
}

/* The connection to Xen must not outlive this: the sender has its own. */
int source_session_fetch_offer(struct source_session *m)
{
	struct offer *offer = &m->move->offer;
	struct domain *domain = NULL;
	char name[sizeof(offer->domain)];
	struct host *host;
	int rc = host_open(&host);

	if (rc)
		return rc;
	memcpy(name, offer->domain, sizeof(name));
	rc = domain_open(&domain, host, m->move->domain);
	if (!rc)
		rc = offer_fetch(offer, domain, m->move->options.config, &m->policy);
	if (!rc)
		rc = bytes_check(&m->policy);
	if (!rc)
		memcpy(m->status->journal.domain, offer->domain, sizeof(offer->domain));
	if (*name)
		memcpy(offer->domain, name, sizeof(name));
	if (!rc)
		rc = check_name(offer->domain);
	if (!rc)
		rc = choose_order(m);
	memcpy(m->status->journal.uuid, offer->uuid, sizeof(offer->uuid));
	domain_close(domain);
	host_close(host);
	return rc;
}
