/*
 * How long does it take to read so much memory once, with so many threads?
 * Shared memory in pages of 4 KiB, as a guest's is when it is mapped.
 *
 * readall MIB THREADS: milliseconds, the median of some passes.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/clock.h"

enum { PASSES = 9, MOST_THREADS = 64 };

struct part {
	const uint64_t *from, *end;
	uint64_t sum;
};

static void *read_part(void *argument)
{
	struct part *part = argument;
	uint64_t sums[8] = { 0 };

	for (const uint64_t *at = part->from; at < part->end; at += 8)
		for (int i = 0; i < 8; i++)
			sums[i] += at[i];
	for (int i = 0; i < 8; i++)
		part->sum += sums[i];
	return NULL;
}

static double clock_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static double pass(const uint64_t *memory, size_t words, unsigned int threads)
{
	struct part parts[MOST_THREADS] = { 0 };
	pthread_t ids[MOST_THREADS];
	double start = clock_seconds();

	for (unsigned int i = 0; i < threads; i++) {
		parts[i].from = memory + words / threads * i;
		parts[i].end = parts[i].from + words / threads;
		if (pthread_create(&ids[i], NULL, read_part, &parts[i]))
			exit(1);
	}
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	return clock_seconds() - start;
}

int main(int argc, char **argv)
{
	size_t bytes = argc == 3 ? strtoul(argv[1], NULL, 10) << 20 : 0;
	unsigned int threads = argc == 3 ? atoi(argv[2]) : 0;
	int file = memfd_create("memory", 0);
	double times[PASSES];
	uint64_t *memory;

	if (!bytes || !threads || threads > MOST_THREADS || file < 0 || ftruncate(file, bytes))
		return 2;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (memory == MAP_FAILED)
		return 1;
	memset(memory, 0x5a, bytes);
	for (int i = 0; i < PASSES; i++)
		times[i] = pass(memory, bytes / sizeof(*memory), threads);
	printf("%.1f\n", median(times, PASSES) * 1e3);
	return 0;
}
