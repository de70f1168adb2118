/*
 * Type counts, and pins, which are type counts that the owner holds by asking.
 */
#include <errno.h>

#include "dirty.h"
#include "frames.h"
#include "tables.h"
#include "types.h"

unsigned frame_level(enum frame_type type)
{
	if (type == FRAME_L2_XEN)
		return 2;
	return type >= FRAME_L1 && type <= FRAME_L4 ? type : 0;
}

static int validate(struct host *host, uint64_t mfn, enum frame_type type)
{
	struct frame *frame = &host->frames[mfn];
	int err = 0;

	if (frame_level(type)) {
		err = table_promote(host, mfn);
		dirty_mark(host, mfn);
	}
	if (err) {
		frame->type_refs--;
		frame->type = FRAME_NONE;
		return err;
	}
	frame->flags |= FRAME_VALIDATED;
	return 0;
}

int frame_get_type(struct host *host, uint64_t mfn, enum frame_type type)
{
	struct frame *frame = &host->frames[mfn];

	if (!frame->type_refs) {
		if (frame->type != type)
			frame->flags &= ~FRAME_VALIDATED;
		frame->type = type;
	} else if (frame->type != type || !(frame->flags & FRAME_VALIDATED)) {
		return -EINVAL;
	}
	frame->type_refs++;
	return frame->flags & FRAME_VALIDATED ? 0 : validate(host, mfn, type);
}

void frame_put_type(struct host *host, uint64_t mfn)
{
	struct frame *frame = &host->frames[mfn];

	if (--frame->type_refs)
		return;
	if (frame_level(frame->type)) {
		table_demote(host, mfn);
		frame->flags &= ~FRAME_VALIDATED;
		dirty_mark(host, mfn);
	}
}

int frame_get_as(struct host *host, uint64_t mfn, enum frame_type type, const struct domain *domain)
{
	int err = frame_get(host, mfn, domain);

	if (err)
		return err;
	err = frame_get_type(host, mfn, type);
	if (err)
		frame_put(host, mfn);
	return err;
}

void frame_put_as(struct host *host, uint64_t mfn)
{
	frame_put_type(host, mfn);
	frame_put(host, mfn);
}

int frame_pin(struct host *host, struct domain *domain, uint64_t mfn, enum frame_type type)
{
	int err = frame_get_as(host, mfn, type, domain);

	if (err)
		return err;
	if (host->frames[mfn].flags & FRAME_PINNED) {
		frame_put_as(host, mfn);
		return -EINVAL;
	}
	host->frames[mfn].flags |= FRAME_PINNED;
	dirty_mark(host, mfn);
	return 0;
}

int frame_unpin(struct host *host, struct domain *domain, uint64_t mfn)
{
	struct frame *frame = &host->frames[mfn];

	if (frame_get(host, mfn, domain))
		return -EINVAL;
	if (!(frame->flags & FRAME_PINNED)) {
		frame_put(host, mfn);
		return -EINVAL;
	}
	frame->flags &= ~FRAME_PINNED;
	frame_put_as(host, mfn);
	dirty_mark(host, mfn);
	frame_put(host, mfn);
	return 0;
}
