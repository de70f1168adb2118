/*
 * See precopy.h. Mirror: restore/receive-batch.c The rounds of a guest that runs, and the last one of a guest that has
 * stopped. In: the domain and its p2m. Out: records of pages through the send queue, and the moment to suspend. The
 * trap: all that is known of the p2m is old as soon as it is known, so nothing that fails while the guest runs is
 * final, and everything that fails when it has stopped is.
 */
#include "migrate/precopy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "migrate/digest.h"
#include "migrate/increment.h"
#include "migrate/measure.h"
#include "migrate/p2m-snapshot.h"
#include "migrate/run-on.h"
#include "migrate/send-round.h"
#include "process/stop.h"
#include "stream/pipeline.h"

/* --- a round ---------------------------------------------------------- */

static void phase_enter(struct migration *m, enum live_phase phase)
{
	live_enter(m->options.live, phase, now_ns());
}

/* The pages that hold the p2m may be others than those that were named, or more. */
static int tell_p2m_frames(struct migration *m)
{
	struct precopy *p = m->precopy;
	struct bytes frames = { 0 };
	int rc;

	put_p2m_frames(m, &frames);
	rc = bytes_check(&frames);
	if (!rc && (frames.count != p->frames.count || memcmp(frames.at, p->frames.at, frames.count))) {
		rc = p->frames.count ? send_group(m, &frames) : 0;
		bytes_release(&p->frames);
		p->frames = frames;
		return rc;
	}
	bytes_release(&frames);
	return rc;
}

/* After a new snapshot. */
static int precopy_follow(struct migration *m)
{
	struct precopy *p = m->precopy;
	int rc = tell_p2m_frames(m);

	if (!rc)
		rc = increment_follow(m);
	return rc ? rc : guest_view_follow(&p->view, &m->p2m, &p->dirty);
}

/* A running guest may be in the middle of a change: then the last snapshot has to do, for this round. */
static int snapshot_again(struct migration *m)
{
	struct precopy *p = m->precopy;
	uint64_t start = now_ns();
	int rc = p2m_snapshot_renew(m);

	if (rc) {
		say(SAY_DETAIL, "%s: the p2m is read again later", fail_reason());
		fail_forget();
		return 0;
	}
	rc = precopy_follow(m);
	p->snapshot_ns = now_ns();
	p->snapshot_took_ns = p->snapshot_ns - start;
	return rc;
}

/* What moved meanwhile is found by the next snapshot, or the last; with one each round, short rounds would be spent on snapshots. */
static int snapshot_if_due(struct migration *m)
{
	enum { SNAPSHOT_PART = 10 };
	const struct precopy *p = m->precopy;

	return now_ns() - p->snapshot_ns < SNAPSHOT_PART * p->snapshot_took_ns ? 0 : snapshot_again(m);
}

/*
 * Until the other side has dealt with what it was sent. What lies between would
 * keep the guest waiting at the end, and a round that is over when it is in
 * another process's buffers tells nothing of how fast the way is. A reader that says nothing
 * (a file, xl) is not waited for, and no reader for ever.
 */
static int await_other_side(const struct migration *m)
{
	enum { MOST_MS = 10000, NAP_MS = 2 };
	const struct live *live = m->options.live;
	struct timespec nap = { 0, NAP_MS * 1000000 };
	int rc = 0;

	for (int i = 0; !rc && i < MOST_MS / NAP_MS; i++) {
		if (!live->taken_bytes || live->taken_bytes >= m->to->bytes ||
		    precopy_is_over(&m->options.limits, precopy_elapsed_ms(m->precopy)))
			break;
		nanosleep(&nap, NULL);
		rc = stop_requested();
	}
	return rc;
}

static int run_round(struct migration *m)
{
	struct precopy *p = m->precopy;
	int rc = dirty_collect(&p->dirty);

	if (!rc && p->is_last)
		rc = dirty_collect_granted(&p->dirty, &m->inverse);
	if (rc)
		return rc;
	p->sent_pages = p->fresh_pages = p->idle_ns = p->idle_pages = 0;
	m->options.live->looked_at = 0;
	m->options.live->round += !p->is_last;
	m->options.live->pages = m->figures.frames;
	send_round(m);
	if (!send_queue_flush(p->queue))
		return -ECANCELED;
	return p->is_stopped ? 0 : await_other_side(m);
}

/* --- when to stop ------------------------------------------------------ */

/*
 * The policy (precopy-policy.c) is pure; what its verdict means for the job and for the person who waits is decided
 * here.
 */
static int decide(struct migration *m, const struct precopy_round *round, bool *is_over)
{
	struct precopy *p = m->precopy;
	char why[128] = "";
	enum precopy_verdict verdict = precopy_decide(&p->memory, &m->options.limits,
						      m->options.live->max_downtime_ms, round, why);

	*is_over = verdict != PRECOPY_GO_ON;
	if (verdict == PRECOPY_GIVE_UP)
		return fail(ETIME, "%s", why);
	if (*is_over && *why)
		say(SAY_NOTE, "%s: stopping it now", why);
	return 0;
}

/* After the first round nothing is expected yet that could be believed. */
static int choose_tracking(struct migration *m, const struct precopy_round *round)
{
	struct precopy *p = m->precopy;
	struct live *live = m->options.live;
	int rc = dirty_choose(&p->dirty, round->scan_ns / 1000000,
			      round->number > 1 ? live->expected_downtime_ms : 0, live->max_downtime_ms);

	live->uses_log = p->dirty.uses_log;
	dirty_extend(&p->dirty, precopy_reads_all(round, dirty_hot(&p->dirty), m->figures.frames)
					? DIRTY_ALL
					: DIRTY_HOT);
	return rc;
}

/*
 * The other host makes the devices beside the rounds, and may be slower: a script of libxl's may take 40 s. Then the
 * guest waits for nothing, since it runs. What it changes meanwhile goes in one more round; for the forecast the last
 * one took so long.
 */
static int await_devices(const struct migration *m, struct precopy_round *round)
{
	enum { MOST_S = 300, NAP_MS = 2 };
	const struct live *live = m->options.live;
	struct timespec nap = { 0, NAP_MS * 1000000 };
	uint64_t began_ns = now_ns();
	int rc = 0;

	while (!rc && live->devices_are_due) {
		nanosleep(&nap, NULL);
		rc = stop_requested();
		if (!rc && now_ns() - began_ns > MOST_S * 1000000000ULL)
			rc = fail(ETIMEDOUT, "the other host has not made the devices within %d s", MOST_S);
	}
	round->took_ns += now_ns() - began_ns;
	if (!rc)
		say(SAY_DETAIL, "waited %lu ms for the devices there", (now_ns() - began_ns) / 1000000);
	return rc;
}

/* The digests of an increment's parent tell what has changed since, before anything was sent. */
static int parent_compare(struct migration *m, bool *is_over)
{
	int rc;

	if (!(increment_features(&m->options) & FEATURE_INCREMENT))
		return 0;
	rc = round_map(m);
	*is_over = !rc && measure_increment(m);
	return rc;
}

int precopy_rounds(struct migration *m)
{
	struct precopy *p = m->precopy;
	struct precopy_round round = { 0 };
	bool is_over = false;
	int rc;

	phase_enter(m, LIVE_ROUNDS);
	p->began_ns = now_ns();
	rc = parent_compare(m, &is_over);
	while (!rc && !is_over) {
		uint64_t start = now_ns(), bytes = m->to->bytes;

		rc = stop_requested();
		if (!rc)
			rc = round.number ? choose_tracking(m, &round) : 0;
		if (!rc)
			rc = round.number ? snapshot_if_due(m) : 0;
		if (!rc)
			rc = run_round(m);
		if (rc)
			break;
		measure_round(m, &round, now_ns() - start, m->to->bytes - bytes);
		rc = decide(m, &round, &is_over);
		if (!rc && is_over && m->options.live->devices_are_due) {
			is_over = false;
			rc = await_devices(m, &round);
		}
	}
	return rc;
}

/* --- the guest has stopped ----------------------------------------------- */

struct last_snapshot {
	const struct migration *m;
	struct p2m_snapshot snapshot;
};

static int run_snapshot(void *task, unsigned int worker, void *context)
{
	struct last_snapshot *last = context;

	(void)task, (void)worker;
	return p2m_snapshot_take(last->m, &last->snapshot);
}

/* To ask Xen for all types takes about as long as to read all pages, and does not need the workers. */
static int run_round_beside_snapshot(struct migration *m, struct last_snapshot *last)
{
	struct pipeline *taking;
	int rc = pipeline_beside(&taking, "snapshot", run_snapshot, last), taken;

	if (rc)
		return rc;
	rc = run_round(m);
	taken = pipeline_stop(taking, NULL);
	return rc ? rc : taken;
}

/*
 * All pages, as the last snapshot has them; and then, by a new one, what is another
 * page than it was, and the tables.
 */
int precopy_last(struct migration *m)
{
	struct precopy *p = m->precopy;
	struct last_snapshot last = { .m = m };
	uint64_t pages, bytes = m->to->bytes, start = now_ns();
	int rc;

	phase_enter(m, LIVE_LAST);
	/* Everything is read once more: only a stopped guest cannot change what was just read. */
	p->is_stopped = true;
	dirty_extend(&p->dirty, DIRTY_ALL);
	rc = run_round_beside_snapshot(m, &last);
	pages = p->sent_pages;
	if (rc) {
		p2m_snapshot_release(&last.snapshot);
		return rc;
	}
	p2m_snapshot_use(m, &last.snapshot);
	p->is_last = true;
	dirty_extend(&p->dirty, DIRTY_NOTED);
	rc = precopy_follow(m);
	if (!rc)
		rc = run_round(m);
	if (rc)
		return rc;
	say(SAY_DETAIL, "the last round sent %lu and %lu pages", pages, (uint64_t)p->sent_pages);
	live_keep(&m->options.live->stopped, pages + p->sent_pages, m->to->bytes - bytes, now_ns() - start);
	return 0;
}

int precopy_begin(struct migration *m)
{
	struct precopy *p = calloc(1, sizeof(*p));
	int rc;

	m->precopy = p;
	if (!p)
		return fail(ENOMEM, "out of memory");
	rc = digest_init();
	if (!rc)
		rc = dirty_begin(&p->dirty, m->domain, m->options.tracking, m->p2m.count);
	if (!rc)
		rc = guest_view_follow(&p->view, &m->p2m, &p->dirty);
	if (!rc && m->options.index)
		increment_seed(m->options.index, &p->view);
	say(SAY_DETAIL, "pages are told apart by %s, %.1f GB/s a thread", digest_name(),
	    digest_speed() / 1e9);
	if (!rc)
		rc = tell_p2m_frames(m);
	return rc ? rc : send_queue_open(&p->queue, m, fill_changed);
}

int precopy_end(struct migration *m, int why)
{
	struct precopy *p = m->precopy;
	int rc;

	if (!p)
		return why;
	/* What stopped the workers comes first. */
	rc = send_queue_close(p->queue, why == -ECANCELED ? 0 : why);
	dirty_end(&p->dirty);
	guest_view_release(&p->view);
	bytes_release(&p->frames);
	free(p);
	m->precopy = NULL;
	return rc ? rc : why;
}
