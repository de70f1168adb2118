/*
 * See precopy-policy.h. All times of the formulas are in microseconds, so that whole numbers are exact enough:
 *
 *	downtime = scan of all memory + sending of what is left + FIXED_MS
 *	left     = hot pages that change again + other pages that change + pages that go at the end in any case
 *
 * The trap: after the first round nothing is known of how fast the guest writes (is_known()). Its forecast has no
 * changed pages in it, so only the limits of time and of rounds may decide by it.
 */
#include "migrate/precopy-policy.h"

#include <stdio.h>

#include "stream/format.h"

enum {
	FIXED_MS = 30,	   /* to suspend, to load the rest of the machine, to unpause: not the memory's */
	PATIENCE = 4,	   /* rounds without gain, until more of them are in vain */
	GAIN_PERCENT = 5,  /* less is no gain */
	NEAR_PERCENT = 15, /* of the best: then it is as good a moment as any */
	MORE_PERCENT = 10, /* of a downtime that is short enough: for so much one more round is worth it */
	HOT_PART = 4,	   /* of all pages: if more are hot, a partial round is not worth it */
	PARTIAL_MOST = 8,  /* in a row: what a guest does may change */
	COPY_BYTES_PER_US =
		3000, /* scattered pages into memory that was touched, by few threads; seen: 4400 to 7000 */
	AT_ONCE_US =
		10000, /* of copying that is worth no round: a fraction of what suspending and reading take */
};

static uint64_t divide(uint64_t a, uint64_t b)
{
	return a / (b ? b : 1);
}

/*
 * A page was last looked at somewhere in the round before, and now somewhere in this one: on average half of both rounds
 * lies between. A 2000th of the nanoseconds is that half in microseconds; never 0, as it divides.
 */
static uint64_t between_us(const struct precopy_round *round)
{
	return (round->previous_ns + round->took_ns) / 2000 + 1;
}

/* After the first round nothing is known of how fast the guest is, unless that was looked for. */
static bool is_known(const struct precopy_round *round)
{
	return round->number > 1 || round->is_sampled;
}

/*
 * Of what was found changed before, what will have changed after one more round. So many changed within between_us(); in a
 * round as long as the last one the same share of them changes again. A sample shows what has changed by now.
 */
static uint64_t changed_again(const struct precopy_round *round)
{
	if (round->is_sampled)
		return round->changed_pages;
	return (round->changed_pages - round->fresh_pages) * (round->took_ns / 1000) / between_us(round);
}

/*
 * Of all other pages: at the rate at which the last round that read everything met new ones, for as long as a partial
 * round has not looked at them.
 */
static uint64_t changed_unseen(const struct precopy_round *round)
{
	return round->fresh_per_second * (round->unseen_ns / 1000) / 1000000;
}

/* To have so many pages sent, at the best speed that was seen, or copied, as far as there is a buffer. */
static uint64_t send_us(const struct precopy_round *round, uint64_t pages)
{
	uint64_t copied = pages < round->hold_pages ? pages : round->hold_pages;

	return copied * PAGE_BYTES / COPY_BYTES_PER_US +
	       divide((pages - copied) * round->bytes_per_page * 1000000, round->bytes_per_second);
}

struct precopy_forecast precopy_forecast(const struct precopy_round *round)
{
	struct precopy_forecast forecast = { 0 };
	uint64_t pages = round->late_pages;

	if (is_known(round)) {
		forecast.dirty_pages_per_second = (round->changed_pages - round->fresh_pages) * 1000000 /
							  between_us(round) +
						  round->fresh_per_second;
		pages += changed_again(round) + changed_unseen(round);
	}
	forecast.left_pages = pages;
	forecast.downtime_ms = round->scan_ns / 1000000 + send_us(round, pages) / 1000 + FIXED_MS;
	return forecast;
}

/*
 * The first two rounds know no hot pages yet. Later a partial round pays off while the hot pages bring more than the
 * others, of which it sees none.
 */
bool precopy_reads_all(const struct precopy_round *round, uint64_t hot_pages, uint64_t frames)
{
	if (round->number < 2 || round->partial >= PARTIAL_MOST || hot_pages > frames / HOT_PART)
		return true;
	return changed_unseen(round) > changed_again(round);
}

/*
 * A gain counts only from GAIN_PERCENT on: measured times vary by some per cent from round to round with nothing
 * changed.
 */
static void downtime_note(struct precopy_memory *memory, uint64_t downtime_ms)
{
	if (!memory->best_ms || downtime_ms * 100 <= memory->best_ms * (100 - GAIN_PERCENT)) {
		memory->best_ms = downtime_ms;
		memory->without_gain = 0;
	} else {
		memory->without_gain++;
	}
}

/* Then after a good round, if one comes soon: rounds differ by chance. */
static bool is_in_vain(const struct precopy_memory *memory, uint64_t downtime_ms)
{
	bool is_near = downtime_ms * 100 <= memory->best_ms * (100 + NEAR_PERCENT);

	return memory->without_gain >= (is_near ? PATIENCE : 2 * PATIENCE);
}

/*
 * Good enough; but is one more round, which is short, worth it? It takes a scan and the sending of what is left now; what
 * the guest changes in that time would be left then, and the difference is what the stop becomes shorter by. So long as
 * the last such round brought a gain: else a forecast that is wrong would go on for ever.
 */
static bool is_worth_more(const struct precopy_memory *memory, const struct precopy_round *round)
{
	struct precopy_forecast now = precopy_forecast(round);
	uint64_t left = changed_again(round) + changed_unseen(round);
	uint64_t next_us = round->scan_ns / 1000 + send_us(round, left);
	uint64_t left_then = now.dirty_pages_per_second * next_us / 1000000;
	uint64_t saved_us = left_then < left ? send_us(round, left - left_then) : 0;

	return !memory->without_gain && saved_us * 100 >= now.downtime_ms * 1000 * MORE_PERCENT;
}

/* What is left fits into the buffer: then the stop takes what memory takes, and only the scan, which no round shortens. */
static bool is_held(const struct precopy_round *round)
{
	return round->hold_pages && precopy_forecast(round).left_pages <= round->hold_pages;
}

/* A sample may be far from the truth where few pages hold it: twice as many are to fit. */
bool precopy_stops_at_once(const struct precopy_round *round)
{
	uint64_t pages = precopy_forecast(round).left_pages;

	return pages * 2 <= round->hold_pages && send_us(round, pages) <= AT_ONCE_US;
}

enum precopy_verdict precopy_decide(struct precopy_memory *memory, const struct precopy_limits *limits,
				    uint64_t max_downtime_ms, const struct precopy_round *round,
				    char why[128])
{
	uint64_t downtime_ms = precopy_forecast(round).downtime_ms;
	bool is_last = limits->max_rounds && round->number >= limits->max_rounds;
	bool is_over = precopy_is_over(limits, round->elapsed_ms);

	if (is_known(round))
		downtime_note(memory, downtime_ms);
	/* Before the limits: a guest that can be stopped shortly is stopped, even if the time is over as well. */
	if (is_known(round) && (downtime_ms <= max_downtime_ms || is_held(round)))
		return is_worth_more(memory, round) && !is_over && !is_last ? PRECOPY_GO_ON : PRECOPY_STOP;
	if (is_over) {
		if (round->number == 1)
			snprintf(why, 128,
				 "the first round took longer than the %u s that all rounds may take",
				 limits->timeout_seconds);
		else
			snprintf(why, 128,
				 "after %u s of rounds the guest would be stopped for about %lu ms (of %lu "
				 "allowed)",
				 limits->timeout_seconds, downtime_ms, max_downtime_ms);
		return limits->stop_on_timeout && !limits->abort_if_busy ? PRECOPY_STOP : PRECOPY_GIVE_UP;
	}
	if (is_last || is_in_vain(memory, downtime_ms)) {
		snprintf(why, 128,
			 "%u rounds have not brought the downtime below about %lu ms (of %lu allowed)",
			 round->number, downtime_ms, max_downtime_ms);
		return limits->abort_if_busy ? PRECOPY_GIVE_UP : PRECOPY_STOP;
	}
	return PRECOPY_GO_ON;
}
