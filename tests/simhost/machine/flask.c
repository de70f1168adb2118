/*
 * See flask.h.
 */
#include <errno.h>
#include <string.h>

#include "flask.h"

static const char *const labels[] = {
	"system_u:system_r:isolated_domU_t",
	"system_u:system_r:prot_domU_t",
	"system_u:system_r:building_domU_t",
};

enum { LABELS = sizeof(labels) / sizeof(*labels) };

const char *flask_label(const struct host *host, uint32_t sid)
{
	uint32_t first = host->machine->flask;

	if (sid == FLASK_SID_DOMU)
		return "system_u:system_r:domU_t";
	return sid >= first && sid - first < LABELS ? labels[sid - first] : NULL;
}

int flask_find(const struct host *host, const char *label, uint32_t *sid)
{
	uint32_t first = host->machine->flask;

	if (!first)
		return -ENOSYS;
	for (*sid = FLASK_SID_DOMU; *sid < first + LABELS; ++*sid)
		if (flask_label(host, *sid) && !strcmp(flask_label(host, *sid), label))
			return 0;
	return -EINVAL;
}
