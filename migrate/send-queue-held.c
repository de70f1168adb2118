/* What the send queue has copied while the guest was stopped goes out. See send-queue.h and hold.h. */
#include "log.h"
#include "migrate/hold.h"
#include "migrate/send-queue-parts.h"

static bool write_record(struct send_queue *queue, const struct held *held)
{
	struct batch *batch = pipeline_claim(queue->batches);
	int rc = batch ? batch_prepare(batch, 0, held->pfns) : 0;

	if (rc)
		pipeline_fail(queue->batches, rc);
	if (rc || !batch)
		return false;
	batch->is_filled = true;
	batch->record = held->record;
	batch->record_bytes = held->bytes;
	send_queue_submit(queue, batch);
	return true;
}

/*
 * It may be larger than what a batch has room for. The thread that writes has nothing to do meanwhile.
 * Between two rounds all has to be written: to leave out a page of an increment depends on whether it went before.
 */
static bool write_group(struct send_queue *queue, const struct held *held)
{
	struct bytes group = { .at = held->record, .count = held->bytes };
	int rc;

	if (!send_queue_flush(queue))
		return false;
	if (!held->bytes)
		return true;
	rc = writer_group(&queue->m->writer, &group);
	if (rc)
		pipeline_fail(queue->batches, rc);
	return !rc;
}

bool send_queue_write_held(struct send_queue *queue)
{
	struct hold *hold = queue->m->hold;
	bool is_fine = true;

	for (size_t i = 0; is_fine && i < hold_count(hold); i++) {
		const struct held *held = hold_at(hold, i);

		is_fine = held->pfns ? write_record(queue, held) : write_group(queue, held);
	}
	is_fine = send_queue_flush(queue) && is_fine;
	if (is_fine)
		hold_empty(hold);
	return is_fine;
}

/* The guest is stopped and the buffer full: written it is now, and then filled again, so that at least the rest need not wait. */
bool send_queue_make_room(struct send_queue *queue)
{
	struct migration *m = queue->m;
	bool is_fine = send_queue_flush(queue);

	if (!is_fine)
		return false;
	if (!m->figures.late_bytes)
		say(SAY_NOTE,
		    "the buffer of %zu MiB is full: what it holds is written while the domain is stopped "
		    "(--buffer makes it larger)",
		    hold_room(m->hold) >> 20);
	m->figures.late_bytes += hold_used(m->hold);
	m->is_held = false;
	is_fine = send_queue_write_held(queue);
	m->is_held = is_fine;
	return is_fine;
}
