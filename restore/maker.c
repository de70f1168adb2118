/*
 * See maker.h. Between the builder, which says when it needs a domain, and the toolstack, which makes it with its
 * devices. In: what the builder wants. Out: a domain's id and pages. The trap: builder and toolstack work at the same
 * time, and the first that fails has the reason; what the other says then follows from that.
 */
#include "restore/maker.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

/*
 * libxl makes the devices beside the memory: of an image, whose disks no other guest uses, and of a guest that still runs
 * elsewhere, where they can be early (machine/device-order.h). Else its disks are not ours yet.
 */
static int maker_make(const struct new_domain *wanted, uint32_t *id, struct connections *connections,
		      void *context)
{
	struct maker *maker = context;
	struct new_domain domain = *wanted;
	int rc;

	domain.is_late = maker->is_late;
	domain.lock_count = maker->lock_count < NEW_DOMAIN_LOCKS ? maker->lock_count : NEW_DOMAIN_LOCKS;
	for (unsigned int i = 0; i < domain.lock_count; i++)
		domain.locks[i] = maker->locks[i];
	rc = toolstack_create(&maker->toolstack, &domain, id, connections);
	maker->built->domain = rc ? 0 : *id;
	return rc;
}

static int maker_make_room(uint64_t kib, void *context)
{
	(void)context;
	return toolstack_free_memory(kib);
}

/* While the builder works: the reason is kept for maker_finish(). */
static bool maker_take(void *context)
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
	*maker = (struct maker){ .maker = { .make = maker_make,
					    .watch = watch,
					    .take = maker_take,
					    .make_room = maker_make_room,
					    .context = maker },
				 .built = built,
				 .toolstack.fd = -1 };
}

void maker_wait_for_word(struct maker *maker)
{
	maker->is_late = true;
}

void maker_take_locks(struct maker *maker, const int *locks, unsigned int lock_count)
{
	maker->locks = locks;
	maker->lock_count = lock_count;
}

int maker_open(struct maker *maker)
{
	bool was_late = maker->is_late;

	maker->is_late = false; /* should the domain not have been asked for yet */
	return was_late && maker_is_used(maker) ? toolstack_open(&maker->toolstack) : 0;
}

bool maker_is_waiting(const struct maker *maker)
{
	return maker_is_used(maker) && !maker->is_heard;
}

bool maker_is_done(const struct maker *maker)
{
	return maker->is_heard && !maker->rc;
}

int maker_watch(const struct maker *maker)
{
	return maker_is_used(maker) && !maker->rc ? maker->toolstack.fd : -1;
}

bool maker_has_news(const struct maker *maker)
{
	struct pollfd from = { .fd = maker_watch(maker), .events = POLLIN };

	return poll(&from, 1, 0) > 0;
}

int maker_hear(struct maker *maker)
{
	return maker_take(maker) ? 0 : fail(-maker->rc, "%s", maker->reason);
}

bool maker_is_used(const struct maker *maker)
{
	return maker->toolstack.is_started;
}

int maker_finish(struct maker *maker, int rc)
{
	if (!maker_is_used(maker))
		return rc;
	if (!rc && !maker->is_heard)
		maker_take(maker);
	/* Why the builder failed, or was stopped, follows from that. */
	if (maker->is_heard && maker->rc) {
		fail_forget();
		rc = fail(-maker->rc, "%s", maker->reason);
	}
	if (rc)
		toolstack_abandon(&maker->toolstack);
	return rc;
}

int maker_keep(struct maker *maker)
{
	struct built *built = maker->built;
	int rc = maker_is_used(maker) ? toolstack_keep(&maker->toolstack) : 0;

	if (rc)
		toolstack_abandon(&maker->toolstack);
	else if (maker_is_used(maker))
		built->is_there = built->is_created = true;
	maker_release(maker);
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
