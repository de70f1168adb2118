/* See run-on.h; the buffer is migrate/hold.h, who fills it migrate/send-queue.c. */
#include "migrate/run-on.h"

#include <errno.h>
#include <string.h>

#include "log.h"
#include "migrate/hold.h"
#include "migrate/send-changed.h"
#include "migrate/send-queue.h"
#include "process/stop.h"

int buffer_prepare(struct migration *m)
{
	int rc;

	if (!m->options.runs_on)
		return 0;
	rc = hold_open(&m->hold, m->options.buffer_bytes, m->facts.frames);
	if (rc && !m->options.buffer_bytes) {
		say(SAY_WARNING, "%s: the domain stays suspended until its image is written", fail_reason());
		fail_forget();
		buffer_release(m);
		return 0;
	}
	if (rc)
		return rc;
	m->figures.buffer_bytes = hold_room(m->hold);
	say(SAY_DETAIL, "a buffer of %zu MiB", hold_room(m->hold) >> 20);
	return 0;
}

/* Of a guest that is stopped at once all pages go; after rounds as many as are left, and some should it change more. */
int buffer_touch(struct migration *m)
{
	enum { SPARE_PART = 4, SPARE_BYTES = 8 << 20 };
	uint64_t left = m->precopy ? m->precopy->left_pages : 0;
	uint64_t pages = m->precopy ? left + left / SPARE_PART : m->facts.frames;

	if (m->hold)
		hold_touch(m->hold, pages * PAGE_BYTES + SPARE_BYTES);
	return 0;
}

/* Between rounds, or after the last: no worker adds to the buffer meanwhile, and the order is that of the stream. */
static int hold_group(struct hold *hold, const struct bytes *group)
{
	int rc = bytes_check(group);
	uint8_t *place = rc ? NULL : hold_take(hold, group->count);

	if (!place)
		return rc ? rc : fail(ENOMEM, "out of memory");
	memcpy(place, group->at, group->count);
	return hold_add(hold, (struct held){ place, group->count, 0 });
}

int send_group(struct migration *m, const struct bytes *group)
{
	return m->is_held ? hold_group(m->hold, group) : writer_group(&m->writer, group);
}

int moment_begin(struct migration *m)
{
	struct moment *moment = m->options.moment;

	return moment ? moment->begin(moment) : 0;
}

int moment_await(struct migration *m)
{
	struct moment *moment = m->options.moment;

	return moment ? moment->await(moment) : 0;
}

void moment_cancel(struct migration *m)
{
	struct moment *moment = m->options.moment;

	if (moment)
		moment->cancel(moment);
}

/* A guest that waits must not be left waiting for one call that failed. */
static int resume_twice(struct domain *domain)
{
	return domain_resume(domain) ? domain_resume(domain) : 0;
}

/*
 * First the guest runs, then it is noted. If all processes die between the two,
 * recovery finds a guest that runs, and leaves it alone; the other way round it
 * would stay suspended, and no note would say so.
 */
int resume_early(struct migration *m)
{
	if (!m->hold)
		return 0;
	if (resume_twice(m->domain)) {
		say(SAY_WARNING, "%s: the domain stays suspended until its image is written", fail_reason());
		fail_forget();
		return 0;
	}
	fail_forget();
	m->figures.resumed_at_ns = now_ns();
	stop_not_late();
	m->is_asked = m->is_suspended = false;
	if (m->note)
		m->note(m);
	return 0;
}

int buffer_write(struct migration *m)
{
	struct send_queue *queue = NULL;
	int rc;

	if (!m->hold)
		return 0;
	m->is_held = false;
	m->figures.copied_bytes = m->figures.late_bytes + hold_used(m->hold);
	rc = send_queue_open(&queue, m, NULL);
	if (!rc)
		send_queue_write_held(queue);
	return send_queue_close(queue, rc);
}

void buffer_release(struct migration *m)
{
	hold_close(m->hold);
	m->hold = NULL;
}
