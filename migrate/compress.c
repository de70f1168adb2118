/*
 * See compress.h. One zstd context a worker, and one set of rates (level-policy.h) for all, behind a lock. In: a
 * batch's record. Out: one frame. The trap: what is measured is a thread's time on a busy host, so both clocks are
 * kept: processor time says what a level costs, time on the wall what the host leaves of it.
 */
#include "migrate/compress.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"

/* The longest record. zstd wants a little more room than that, and so does frame_store(). */
enum { BATCH_BYTES = BATCH_PAGES * (PAGE_BYTES + sizeof(uint64_t)) + 64 };

struct level_cost cost_now(void)
{
	struct timespec cpu;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	return (struct level_cost){ now_ns(), cpu.tv_sec * 1000000000ULL + cpu.tv_nsec };
}

static struct level_cost cost_since(struct level_cost start)
{
	struct level_cost now = cost_now();

	return (struct level_cost){ now.ns - start.ns, now.cpu_ns - start.cpu_ns };
}

/* Those that this process may use, which a container or taskset bounds, not those that the host has. */
static unsigned int processor_count(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
}

int compressors_init(struct compressors *c, int level, unsigned int threads)
{
	c->hands = (struct level_hands){ threads, processor_count() };
	c->is_auto = level == LEVEL_AUTO;
	pthread_mutex_init(&c->lock, NULL);
	level_rates_init(&c->rates);
	if (level == LEVEL_PLAIN)
		return 0;
	c->of_worker = calloc(threads, sizeof(*c->of_worker));
	if (!c->of_worker)
		return fail(ENOMEM, "out of memory");
	for (unsigned int i = 0; i < threads; i++) {
		c->of_worker[i] = frame_compressor(level);
		if (!c->of_worker[i])
			return fail(ENOMEM, "out of memory");
	}
	return 0;
}

void compressors_release(struct compressors *c)
{
	for (unsigned int i = 0; c->of_worker && i < c->hands.compressors; i++)
		ZSTD_freeCCtx(c->of_worker[i]);
	free(c->of_worker);
	c->of_worker = NULL;
	pthread_mutex_destroy(&c->lock);
}

/* Of pages that are zero, and of others. They stand behind the record's words. */
static struct level_batch count_bytes(const struct batch *batch)
{
	struct level_batch count = { 0 };
	struct page_data data;
	size_t at = sizeof(struct record_header);

	memcpy(&data, batch->record + at, sizeof(data));
	for (at += sizeof(data) + data.count * sizeof(uint64_t); at < batch->record_bytes; at += PAGE_BYTES)
		*(page_is_zero(batch->record + at) ? &count.zeros : &count.from) += PAGE_BYTES;
	return count;
}

/* A frame without compression is still a frame: every decoder reads it, at the speed of a copy. */
static ssize_t compress_at(ZSTD_CCtx *compressor, struct batch *batch, int level)
{
	size_t room = ZSTD_compressBound(BATCH_BYTES);

	if (level == LEVEL_STORED)
		return frame_store(batch->stored, room, batch->record, batch->record_bytes);
	frame_set_level(compressor, level);
	return frame_compress(compressor, batch->stored, room, batch->record, batch->record_bytes);
}

/* What zstd makes of zeroes alone is no shorter than what is stored, and takes twice as long. */
static ssize_t compress_auto(struct compressors *c, unsigned int worker, struct batch *batch,
			     uint64_t began_ns)
{
	struct level_batch figures = count_bytes(batch);
	struct level_cost start = cost_now();
	ssize_t stored;

	figures.fill_ns = start.ns - began_ns;
	if (figures.from) {
		pthread_mutex_lock(&c->lock);
		figures.step = level_choose(&c->rates, c->hands);
		pthread_mutex_unlock(&c->lock);
	}
	stored = compress_at(c->of_worker[worker], batch, level_of_step(figures.step));
	if (stored < 0)
		return stored;
	figures.to = stored;
	pthread_mutex_lock(&c->lock);
	level_compressed(&c->rates, &figures, cost_since(start));
	pthread_mutex_unlock(&c->lock);
	return stored;
}

int compress_batch(struct compressors *c, unsigned int worker, struct batch *batch, uint64_t began_ns)
{
	ssize_t bytes;

	if (!batch->stored)
		batch->stored = malloc(ZSTD_compressBound(BATCH_BYTES));
	if (!batch->stored)
		return fail(ENOMEM, "out of memory");
	bytes = c->is_auto
		      ? compress_auto(c, worker, batch, began_ns)
		      : frame_compress(c->of_worker[worker], batch->stored, ZSTD_compressBound(BATCH_BYTES),
				       batch->record, batch->record_bytes);
	batch->stored_bytes = bytes < 0 ? 0 : bytes;
	return bytes < 0 ? bytes : 0;
}

void compressors_note_written(struct compressors *c, size_t bytes, struct level_cost since)
{
	pthread_mutex_lock(&c->lock);
	level_written(&c->rates, bytes, cost_since(since));
	pthread_mutex_unlock(&c->lock);
}
