/* Stands in for xen/label.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fake.h"
#include "log.h"

const char *const *fake_labels;

int domain_label(struct domain *domain, char label[LABEL_BYTES], bool *is_usual)
{
	*label = '\0';
	*is_usual = !fake_labels || !domain->ssidref;
	if (fake_labels)
		snprintf(label, LABEL_BYTES, "%s",
			 domain->ssidref ? fake_labels[domain->ssidref - 1] : "usual");
	return fake_fails("label") ? -EIO : 0;
}

int host_find_label(struct host *host, const char *label, uint32_t *ssidref)
{
	(void)host;
	if (fake_fails("find label"))
		return -EIO;
	if (!fake_labels)
		return -EOPNOTSUPP;
	for (*ssidref = 1; fake_labels[*ssidref - 1]; ++*ssidref)
		if (!strcmp(fake_labels[*ssidref - 1], label))
			return 0;
	return fail(EINVAL, "the FLASK policy of this host has no label \"%s\"", label);
}

int domain_set_label(struct domain *domain, uint32_t ssidref)
{
	domain->ssidref = ssidref;
	return fake_fails("set label") ? -EIO : 0;
}
