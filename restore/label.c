/*
 * The FLASK labels that the image's config names and that config_filter() has let in:
 * texts, to which this host's policy has numbers. Without FLASK they are said and kept
 * in libxl's config of the domain, as libxl does, for the next host that has it; a
 * label that the policy does not know is a mistake, and found before there is a domain.
 */
#include <errno.h>

#include "log.h"
#include "restore/restore.h"

static int label_find_id(struct restoration *r, const char *section, const char *key, uint32_t *ssidref)
{
	const char *label = config_string(&r->config, section, key);

	return label && *label ? host_find_label(r->host, label, ssidref) : 0;
}

int label_find(struct restoration *r)
{
	int rc = label_find_id(r, "c_info", "ssid_label", &r->ssidref);

	if (!rc)
		rc = label_find_id(r, "b_info", "exec_ssid_label", &r->exec_ssidref);
	if (rc != -EOPNOTSUPP)
		return rc;
	say(SAY_WARNING, "%s: its FLASK label has no effect: Xen runs without FLASK on this host",
	    config_name(&r->config));
	return 0;
}

int label_load(struct restoration *r)
{
	return r->exec_ssidref ? domain_set_label(r->domain, r->exec_ssidref) : 0;
}
