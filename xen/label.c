/*
 * The FLASK labels of domains. Xen holds a number for each label, which means
 * something until this host boots again, so only the text goes into an image.
 * A Xen without FLASK answers each of these calls with ENOSYS.
 */
#include <errno.h>
#include <string.h>

#include "log.h"
#include "text/text.h"
#include "xen/internal.h"

/* Not a label that a config could name: longer, or with what no policy has in one. */
static int check_label(const struct domain *domain, const char *label)
{
	return *label && strlen(label) < LABEL_BYTES && text_is_plain(label)
		     ? 0
		     : fail(EBADMSG, "Xen names a FLASK label of domain %u that cannot be kept", domain->id);
}

int domain_label(struct domain *domain, char label[LABEL_BYTES], bool *is_usual)
{
	char text[4096] = "";
	xc_domaininfo_t info;

	*label = '\0';
	*is_usual = true;
	if (xc_domain_getinfolist(xc_of(domain), domain->id, 1, &info) != 1 || info.domain != domain->id)
		return fail(ESRCH, "there is no domain %u", domain->id);
	if (xc_flask_sid_to_context(xc_of(domain), info.ssidref, text, sizeof(text) - 1))
		return errno == ENOSYS ? 0
				       : fail_errno("cannot ask Xen for domain %u's FLASK label", domain->id);
	*is_usual = info.ssidref == SSIDREF_USUAL;
	if (check_label(domain, text))
		return -EBADMSG;
	memcpy(label, text, strlen(text) + 1); /* check_label() has seen that it fits */
	return 0;
}

int host_find_label(struct host *host, const char *label, uint32_t *ssidref)
{
	char text[LABEL_BYTES];

	*ssidref = 0;
	if (!memccpy(text, label, '\0', sizeof(text)))
		return fail(EINVAL, "a FLASK label of more than %d bytes", LABEL_BYTES - 1);
	if (!xc_flask_context_to_sid(host->xc, text, strlen(text), ssidref))
		return 0;
	if (errno == ENOSYS)
		return -EOPNOTSUPP;
	return errno == EINVAL ? fail(EINVAL, "the FLASK policy of this host has no label \"%s\"", label)
			       : fail_errno("cannot ask Xen for the FLASK label \"%s\"", label);
}

int domain_set_label(struct domain *domain, uint32_t ssidref)
{
	return xc_flask_relabel_domain(xc_of(domain), domain->id, ssidref)
		     ? fail_errno("Xen does not give domain %u its FLASK label", domain->id)
		     : 0;
}
