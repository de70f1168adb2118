/*
 * See measure.h. What a round that has just ended shows of the guest and of the connection. In: precopy's counters.
 * Out: struct precopy_round, for the policy, and struct live, for people.
 */
#include "migrate/measure.h"

#include <time.h>

#include "log.h"
#include "migrate/digest.h"
#include "migrate/hold.h"
#include "migrate/send-changed.h"

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* Reading everything once more. page_ns is the time of one thread, so all of them divide it. */
static uint64_t scan_ns(const struct migration *m)
{
	return m->figures.frames * m->precopy->page_ns / m->options.threads;
}

/*
 * Batches of which all pages were read and none sent (fill_changed()) show what reading takes without compressing.
 * Until there is such a batch, the speed of the digests alone has to do, which digest_init() has measured.
 */
static void measure_reading(struct precopy *p)
{
	if (p->idle_pages)
		p->page_ns = p->idle_ns / p->idle_pages;
	else if (!p->page_ns)
		p->page_ns = PAGE_BYTES * 1000000000ULL / (digest_speed() + 1);
}

/* A partial round tells nothing of the pages that it does not look at: for them it is as the last one said that did. */
static void measure_fresh(struct precopy *p, struct precopy_round *round)
{
	/*
	 * A round meets its pages all along its way, so from the middle of one to the middle of the next a page had
	 * time to change.
	 */
	uint64_t end = now_ns(), middle = end - round->took_ns / 2;

	/* A sample knows nothing of them; what was found in the round itself differed from a parent, long ago. */
	round->fresh_pages = round->is_sampled ? 0 : p->fresh_pages;
	if (p->dirty.is_partial) {
		round->partial++;
		round->unseen_ns = end - p->read_all_ns;
		return;
	}
	round->partial = 0;
	round->unseen_ns = round->took_ns;
	round->fresh_per_second = round->fresh_pages * 1000 / ((middle - p->read_all_ns) / 1000000 + 1);
	p->read_all_ns = middle;
}

/* The line is for --verbose; struct live is what the progress line, the daemon and the report read. */
static void publish(struct migration *m, const struct precopy_round *round, uint64_t speed)
{
	struct live *live = m->options.live;
	struct precopy_forecast forecast = precopy_forecast(round);

	m->precopy->left_pages = forecast.left_pages;
	live->dirty_pages = round->changed_pages;
	live->dirty_pages_per_second = forecast.dirty_pages_per_second;
	live->expected_downtime_ms = forecast.downtime_ms;
	live->bytes_per_second = speed;
	say(SAY_DETAIL,
	    "round %u%s: %.0f ms, %lu pages changed, %lu a second, %.1f MB/s, would stop for %lu ms",
	    round->number, round->partial ? ", partial" : "", round->took_ns / 1e6, round->changed_pages,
	    forecast.dirty_pages_per_second, speed / 1e6, forecast.downtime_ms);
}

static void measure_keep(struct migration *m, const struct precopy_round *round, uint64_t bytes)
{
	struct live *live = m->options.live;
	struct live_round *kept = live_kept(live, round->number);

	live_keep(kept, m->precopy->sent_pages, bytes, round->took_ns);
	kept->expected_downtime_ms = live->expected_downtime_ms;
}

static uint64_t hold_pages(const struct migration *m)
{
	return m->hold ? hold_room(m->hold) / PAGE_BYTES : 0;
}

/* Where a buffer takes what is left; the log is there to be used, and is on from the second round on. */
static bool may_sample(const struct migration *m)
{
	return m->hold && m->options.tracking == DIRTY_CONTENT;
}

void measure_round(struct migration *m, struct precopy_round *round, uint64_t took_ns, uint64_t bytes)
{
	struct precopy *p = m->precopy;
	uint64_t speed = bytes * 1000 / (took_ns / 1000000 + 1);

	round->number++;
	round->elapsed_ms = precopy_elapsed_ms(p);
	round->previous_ns = round->took_ns;
	round->took_ns = took_ns;
	round->is_sampled = round->number == 1 && may_sample(m);
	round->changed_pages = round->is_sampled ? send_sample(m) : round->number > 1 ? p->sent_pages : 0;
	measure_fresh(p, round);
	measure_reading(p);
	/* The guest writes to its tables until it stops: they go once more then, whatever was sent. */
	round->late_pages = m->figures.tables;
	if (p->sent_pages)
		round->bytes_per_page = bytes / p->sent_pages;
	/* Little goes into a pipe at any speed. */
	if (speed > p->best_speed && (!round->partial || m->options.live->taken_bytes))
		p->best_speed = speed;
	round->bytes_per_second = p->best_speed;
	/* By the log only written pages are read again, so the stop has no scan in it. */
	round->scan_ns = p->dirty.uses_log ? 0 : scan_ns(m);
	round->hold_pages = hold_pages(m);
	publish(m, round, speed);
	measure_keep(m, round, bytes);
}

bool measure_increment(struct migration *m)
{
	struct precopy_round round = { .is_sampled = true,
				       .late_pages = m->figures.tables,
				       .hold_pages = hold_pages(m) };
	struct precopy_forecast forecast;

	if (!may_sample(m))
		return false;
	measure_reading(m->precopy);
	round.scan_ns = scan_ns(m);
	round.changed_pages = send_sample(m);
	if (!precopy_stops_at_once(&round))
		return false;
	forecast = precopy_forecast(&round);
	m->precopy->left_pages = forecast.left_pages;
	m->options.live->dirty_pages = round.changed_pages;
	m->options.live->expected_downtime_ms = forecast.downtime_ms;
	say(SAY_DETAIL, "about %lu pages differ from the parent: no round, would stop for %lu ms",
	    round.changed_pages, forecast.downtime_ms);
	return true;
}
