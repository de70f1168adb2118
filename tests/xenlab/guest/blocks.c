/*
 * blocks DEVICE...: writes numbered blocks to disks for as long as it lives, a process each. Block N goes to place
 * N modulo SLOTS, is written out (fsync), and then read past all caches. Each word of a block follows from its number, so
 * one that is lost, old or torn shows wherever it is cut. Every SLOTS / 4 blocks all places are read again: they have to hold the
 * last SLOTS numbers. Now and then it prints "disk DEVICE N"; what is wrong is a line that begins with CORRUPT.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOTS = 64, BLOCK_BYTES = 4096, WORDS = BLOCK_BYTES / sizeof(uint64_t), PAUSE_US = 20000 };

static const char *name;
static int cached, direct;
static uint64_t *page;

static void expect(uint64_t number, uint64_t block[WORDS])
{
	for (int i = 0; i < WORDS; i++)
		block[i] = (number << 16) + i;
}

static off_t place(uint64_t number)
{
	return (off_t)(number % SLOTS) * BLOCK_BYTES;
}

static void check(uint64_t number)
{
	uint64_t right[WORDS];
	ssize_t got = pread(direct, page, BLOCK_BYTES, place(number));

	expect(number, right);
	if (got != BLOCK_BYTES)
		printf("CORRUPT disk %s: block %lu is not read: %s\n", name, (unsigned long)number, strerror(errno));
	for (int i = 0; got == BLOCK_BYTES && i < WORDS; i++)
		if (page[i] != right[i]) {
			printf("CORRUPT disk %s: block %lu has %#lx at word %d\n", name, (unsigned long)number,
			       (unsigned long)page[i], i);
			break;
		}
}

static void put(uint64_t number)
{
	uint64_t block[WORDS];

	expect(number, block);
	if (pwrite(cached, block, BLOCK_BYTES, place(number)) != BLOCK_BYTES || fsync(cached))
		printf("CORRUPT disk %s: block %lu is not written: %s\n", name, (unsigned long)number, strerror(errno));
	check(number);
}

static void keep_writing(const char *device)
{
	name = device;
	cached = open(device, O_RDWR);
	direct = open(device, O_RDONLY | O_DIRECT);
	if (cached < 0 || direct < 0 || posix_memalign((void **)&page, BLOCK_BYTES, BLOCK_BYTES)) {
		printf("CORRUPT disk %s: %s\n", name, strerror(errno));
		return;
	}
	for (uint64_t number = 1;; number++) {
		put(number);
		for (uint64_t old = 0; number % (SLOTS / 4) == 0 && old < SLOTS && old < number; old++)
			check(number - old);
		if (number % (SLOTS / 4) == 0)
			printf("disk %s %lu\n", name, (unsigned long)number);
		usleep(PAUSE_US);
	}
}

int main(int argc, char *argv[])
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++)
		if (fork() == 0) {
			keep_writing(argv[i]);
			return 1;
		}
	while (wait(NULL) > 0)
		printf("CORRUPT blocks: a writer ended\n");
	return 1;
}
