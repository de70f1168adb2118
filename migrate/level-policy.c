/* See level-policy.h. */
#include "migrate/level-policy.h"

#include <assert.h>

/*
 * Levels that lie between these are slower than the next one and store no less (-3 to -7), or take several times as
 * long for a few per cent (above 3). The figures are what one core of an EPYC made of the pages of a Linux that
 * compiles; they are only where the measuring starts from.
 */
static const struct {
	int level;
	double ns, size;
} believed[LEVEL_STEPS] = {
	{ LEVEL_STORED, 0.1, 1 }, { -100, 0.3, 0.8 }, { -20, 0.7, 0.55 },
	{ -1, 1.1, 0.24 },	  { 1, 1.25, 0.235 }, { 3, 2.5, 0.225 },
};

/* A new figure counts for so much; over a step that is not taken, the old belief regains so much with each batch. */
static const double NEW = 0.25, FORGET = 1.0 / 128;
/* What concerns all steps moves more slowly, as it comes more often. */
static const double SOON = 1.0 / 16;
/* What a byte of zeroes takes, with zstd and without. */
static const double ZERO_NS = 0.2, STORED_ZERO_NS = 0.1;
/* A file or connection has buffers, which take a burst in no time: it is slow at once, and fast only after a while. */
static const double FASTER = 1.0 / 32;
/*
 * The host has other work for its processors: what they are used for is to gain more than this. But what is written is
 * read again one day, which takes its time, too: for each part that a batch becomes shorter by, so much of that in time.
 */
static const double GAIN = 0.97, SHORTER = 0.3;
/* A write of fewer bytes tells what a call takes, not what a byte takes. */
enum { WRITTEN_LEAST = 256 << 10 };

int level_of_step(unsigned int step)
{
	assert(step < LEVEL_STEPS);
	return believed[step].level;
}

void level_rates_init(struct level_rates *rates)
{
	*rates = (struct level_rates){ .writer_ns = 0.5, .fill_ns = 0.2, .slowness = 1, .contention = 1 };
	for (unsigned int i = 0; i < LEVEL_STEPS; i++) {
		rates->step[i].ns = believed[i].ns;
		rates->step[i].size = believed[i].size;
	}
}

static double most(double a, double b)
{
	return a > b ? a : b;
}

static void approach(double *value, double to, double part)
{
	*value += (to - *value) * part;
}

/* Without what its zeroes took. */
static double compress_ns(const struct level_rates *rates, const struct level_batch *batch, double cpu_ns)
{
	double zeros_ns = batch->zeros * (batch->step ? ZERO_NS : STORED_ZERO_NS) * rates->slowness;

	return most(cpu_ns - zeros_ns, cpu_ns / 8) / batch->from;
}

void level_compressed(struct level_rates *rates, const struct level_batch *batch, struct level_cost cost)
{
	double ns;

	if (!batch->from)
		return;
	ns = compress_ns(rates, batch, cost.cpu_ns);
	approach(&rates->contention, cost.cpu_ns ? most(1, (double)cost.ns / cost.cpu_ns) : 1, SOON);
	approach(&rates->fill_ns, (double)batch->fill_ns / batch->from, SOON);
	approach(&rates->slowness, ns / believed[batch->step].ns, SOON);
	for (unsigned int i = 0; i < LEVEL_STEPS; i++) {
		approach(&rates->step[i].ns, believed[i].ns * rates->slowness, FORGET);
		approach(&rates->step[i].size, believed[i].size, FORGET);
	}
	approach(&rates->step[batch->step].ns, ns, NEW);
	approach(&rates->step[batch->step].size, (double)batch->to / batch->from, NEW);
}

void level_written(struct level_rates *rates, uint64_t bytes, struct level_cost cost)
{
	double ns;

	rates->written_bytes += bytes;
	rates->written.ns += cost.ns;
	rates->written.cpu_ns += cost.cpu_ns;
	if (rates->written_bytes < WRITTEN_LEAST)
		return;
	ns = (double)rates->written.ns / rates->written_bytes;
	approach(&rates->writer_ns, ns, ns > rates->writer_ns ? NEW : FASTER);
	approach(&rates->writer_cpu_ns, (double)rates->written.cpu_ns / rates->written_bytes, NEW);
	rates->written = (struct level_cost){ 0 };
	rates->written_bytes = 0;
}

/* ns a byte, in all. */
static double forecast(const struct level_rates *rates, unsigned int step, struct level_hands hands)
{
	double size = rates->step[step].size;
	double compress = rates->fill_ns + rates->step[step].ns * rates->contention;
	double all = compress + size * rates->writer_cpu_ns * rates->contention;

	return most(most(compress / hands.compressors, size * rates->writer_ns), all / hands.processors);
}

unsigned int level_choose(const struct level_rates *rates, struct level_hands hands)
{
	double best_ns = forecast(rates, 0, hands);
	unsigned int best = 0;

	for (unsigned int i = 1; i < LEVEL_STEPS; i++) {
		double ns = forecast(rates, i, hands);

		if (ns > best_ns * (GAIN + SHORTER * (rates->step[best].size - rates->step[i].size)))
			continue;
		best = i;
		best_ns = ns;
	}
	return best;
}
