/*
 * How hard to compress the next batch if no level was asked for (--level auto). Pure: numbers in, a step out.
 *
 * All compressors together and the one thread that writes work at the same time, so a batch takes as long as the slower
 * of both; or, where they share few processors, as long as the processor time of both. To compress less helps while the writer waits for the compressors; to compress more helps while they wait
 * for the file or the connection. What each step costs, how short it makes a batch, and what the writer takes for a
 * byte is measured as the batches go by. Pages of zeroes are told by themselves and do not count.
 */
#ifndef MIGRATE_LEVEL_POLICY_H
#define MIGRATE_LEVEL_POLICY_H

#include <stdint.h>

/* zstd's level of a step, the fastest first; LEVEL_STORED: nothing is compressed but pages of zeroes. */
enum { LEVEL_STORED = 0, LEVEL_STEPS = 6 };
int level_of_step(unsigned int step);

/* What was done took so long, and so much of a processor. */
struct level_cost {
	uint64_t ns, cpu_ns;
};

/* Who does the work. */
struct level_hands {
	unsigned int compressors, processors;
};

struct level_rates {
	double writer_ns; /* a stored byte */
	double writer_cpu_ns; /* processor time of that: a file in memory takes it, a network leaves it to others */
	double fill_ns;	      /* a byte, of one compressor, before it is compressed */
	double slowness; /* of this processor, to what is believed */
	double contention; /* what compressing takes, to the processor time of it: others use the processors, too */
	struct {
		double ns;   /* of a processor, a byte */
		double size; /* stored bytes a byte */
	} step[LEVEL_STEPS];
	struct level_cost written; /* and not yet in writer_ns */
	uint64_t written_bytes;
};

/* What is believed before anything was measured. */
void level_rates_init(struct level_rates *rates);
/* A batch was compressed, or stored. */
struct level_batch {
	unsigned int step;
	uint64_t from, zeros, to; /* bytes: that are not zero, that are, and what they came to */
	uint64_t fill_ns;	  /* before it was compressed */
};
void level_compressed(struct level_rates *rates, const struct level_batch *batch, struct level_cost cost);
void level_written(struct level_rates *rates, uint64_t bytes, struct level_cost cost);

/* The step for the next batch. */
unsigned int level_choose(const struct level_rates *rates, struct level_hands hands);

#endif
