/*
 * silence FILE: follows a file that grows (a guest's console log) and prints, when told to stop (SIGTERM or SIGINT),
 * "longest N ms": the longest time it did not grow. A guest that prints every few ms is watched so from outside, by
 * one clock.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static long size_of(const char *path)
{
	struct stat s;

	return stat(path, &s) ? 0 : s.st_size;
}

int main(int argc, char **argv)
{
	long size = 0, last = now_ms(), longest = 0;

	if (argc != 2)
		return 2;
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	while (!stopped) {
		long seen = size_of(argv[1]), now = now_ms();

		if (now - last > longest)
			longest = now - last;
		if (seen != size)
			last = now, size = seen;
		nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
	}
	printf("longest %ld ms\n", longest);
	return 0;
}
