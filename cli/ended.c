/* See ended.h. */
#include "cli/ended.h"

#include "cli/command.h"
#include "journal/tally.h"
#include "log.h"
#include "process/stop.h"
#include "stream/line.h"

static int64_t span_ms(uint64_t from_ns, uint64_t to_ns)
{
	return from_ns && to_ns > from_ns ? (int64_t)((to_ns - from_ns) / 1000000) : TALLY_UNKNOWN;
}

/* Called while the reason of a failure still stands. */
static struct tally_job new_job(enum tally_kind kind, bool is_done, uint64_t began_ns)
{
	return (struct tally_job){ .kind = kind,
				   .result = is_done	      ? TALLY_COMPLETED
					   : stop_was_asked() ? TALLY_CANCELLED
							      : TALLY_FAILED,
				   .error = fail_error(),
				   .ms = { span_ms(began_ns, line_now()), TALLY_UNKNOWN, TALLY_UNKNOWN } };
}

void ended_move(const struct move_status *status, enum moved moved, uint64_t began_ns)
{
	const struct migrate_figures *figures = &status->sent.figures;
	uint64_t up = status->began_ns[MOVE_RUNNING];
	struct tally_job job = new_job(TALLY_MIGRATE, moved == MOVED, began_ns);

	if (moved == UNSETTLED)
		job.result = TALLY_UNSETTLED;
	job.bytes = status->live.wire_bytes;
	job.ms[TALLY_SUSPEND] = span_ms(figures->asked_at_ns, figures->stopped_at_ns);
	job.ms[TALLY_DOWNTIME] = span_ms(figures->stopped_at_ns, up ? up : status->resumed_ns);
	tally_add(&job);
}

void ended_take(const struct take_status *status, int error, uint64_t began_ns)
{
	struct tally_job job = new_job(TALLY_RECEIVE, !error, began_ns);

	if (status->is_lane || status->stage == TAKE_ANSWERED || !*status->offer.job)
		return;
	job.bytes = status->wire_bytes;
	tally_add(&job);
}

void ended_save(const struct sent *sent, int status, uint64_t began_ns)
{
	struct tally_job job = new_job(TALLY_SAVE, status == EXIT_DONE, began_ns);

	if (sent) {
		job.bytes = sent->figures.stored_bytes;
		job.ms[TALLY_SUSPEND] = span_ms(sent->figures.asked_at_ns, sent->figures.stopped_at_ns);
		job.ms[TALLY_DOWNTIME] = span_ms(sent->figures.stopped_at_ns, sent->figures.resumed_at_ns);
	}
	tally_add(&job);
}

void ended_restore(int status, uint64_t began_ns)
{
	struct tally_job job = new_job(TALLY_RESTORE, status == EXIT_DONE, began_ns);

	tally_add(&job);
}
