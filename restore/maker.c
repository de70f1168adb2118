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

/* While the builder works: the reason is kept for maker_finish(). */
static bool take(void *context)
{
	struct maker *maker = context;

	maker->rc = toolstack_created(&maker->toolstack);
	maker->is_heard = true;
	if (maker->rc)
		snprintf(maker->reason, sizeof(maker->reason), "%s", fail_reason());
	fail_forget();
	return !maker->rc;
}

static int watch(void *context)
{
	const struct maker *maker = context;

	return maker->is_heard ? -1 : maker->toolstack.fd;
}

void maker_init(struct maker *maker, struct built *built)
{
	*maker = (struct maker){ .maker = { .make = make, .watch = watch, .take = take, .context = maker },
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
	if (!rc && !maker->is_heard)
		take(maker);
	/* Why the builder failed, or was stopped, follows from that. */
	if (maker->is_heard && maker->rc) {
		fail_forget();
		rc = fail(-maker->rc, "%s", maker->reason);
	}
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
