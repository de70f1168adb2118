/*
 * patient.so, of /etc/ld.so.preload: libxl gives a hotplug script 40 s and a backend 10 s. Bash and losetup, emulated on
 * a machine that is busy, may take longer; so time passes ten times slower for the programs in which libxl waits.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { SLOWER = 10 };

static struct timespec begun;

/* How many times slower time passes in this program. */
static int slower(void)
{
	static const char *const names[] = { "xl", "pvferry-toolstack", "pvferry-watch" };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(program_invocation_short_name, names[i]))
			return SLOWER;
	return 1;
}

static __attribute__((constructor)) void begin(void)
{
	clock_gettime(CLOCK_REALTIME, &begun);
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec now;
	long long us;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	us = (now.tv_sec - begun.tv_sec) * 1000000LL + (now.tv_nsec - begun.tv_nsec) / 1000;
	us = us / slower() + begun.tv_nsec / 1000;
	tv->tv_sec = begun.tv_sec + us / 1000000;
	tv->tv_usec = us % 1000000;
	return 0;
}

int poll(struct pollfd *fds, nfds_t count, int ms)
{
	if (ms > 0)
		ms = ms < INT_MAX / SLOWER ? ms * slower() : INT_MAX;
	return syscall(SYS_poll, fds, count, ms);
}
