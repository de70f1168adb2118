/* See notify.h, sd_notify(3), sd_watchdog_enabled(3). */
#include "daemon/notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

void notify_ready(void)
{
	sd_notify(0, "READY=1");
}

void notify_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", now.tv_sec * 1000000LL + now.tv_nsec / 1000);
}

void notify_stopping(unsigned int seconds)
{
	sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu", seconds * 1000000ULL);
}

void notify_status(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sd_notifyf(0, "STATUS=%s", text);
}

static void on_timer(uv_timer_t *timer)
{
	(void)timer;
	sd_notify(0, "WATCHDOG=1");
}

void notify_watch(uv_loop_t *loop, uv_timer_t *timer)
{
	uint64_t usec = 0;

	uv_timer_init(loop, timer);
	if (sd_watchdog_enabled(0, &usec) > 0 && usec / 2000)
		uv_timer_start(timer, on_timer, usec / 2000, usec / 2000);
}

bool notify_journal_reads(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat stat;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && !fstat(STDERR_FILENO, &stat) &&
	       stat.st_dev == device && stat.st_ino == inode;
}
