/* See maker.h. */
#include "restore/maker.h"

#include <stdio.h>
#include <string.h>

#include "log.h"

/* An image can be read again: nothing else writes to its disks, so libxl makes the devices beside the memory. */
static int make(const struct new_domain *wanted, uint32_t *id, struct connections *connections, void *context)
{
	struct maker *maker = context;
	int rc = toolstack_create(&maker->toolstack, wanted, id, connections);

	maker->built->domain = rc ? 0 : *id;
	return rc;
}

void maker_init(struct maker *maker, struct built *built)
{
	*maker = (struct maker){ .maker = { .make = make, .context = maker },
				 .built = built,
				 .toolstack.fd = -1 };
}

bool maker_is_used(const struct maker *maker)
{
	return maker->toolstack.pid;
}

int maker_finish(struct maker *maker, int rc)
{
	if (!maker_is_used(maker))
		return rc;
	if (!rc)
		rc = toolstack_created(&maker->toolstack);
	if (rc)
		toolstack_abandon(&maker->toolstack);
	return rc;
}

int maker_run(struct maker *maker, bool paused)
{
	int rc = toolstack_run(&maker->toolstack, maker->built->name, paused);

	if (rc)
		toolstack_abandon(&maker->toolstack);
	return rc;
}

void maker_release(struct maker *maker)
{
	toolstack_close(&maker->toolstack);
}
