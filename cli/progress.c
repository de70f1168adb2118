/* See progress.h. */
#include "cli/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"
#include "log.h"
#include "stream/format.h"

static const char *word;
static bool is_shown, is_terminal;
static double started, last;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* The line may be that of a child process, so the terminal is not asked what stands there: to erase an empty line does no harm. */
static void clear_line(void)
{
	if (is_shown && is_terminal)
		fputs("\r\033[K", stderr);
}

void progress_start(const char *doing)
{
	word = doing;
	is_terminal = isatty(STDERR_FILENO);
	is_shown = common.progress == PROGRESS_ON || (common.progress == PROGRESS_AUTO && is_terminal);
	started = 0;
	say_before = clear_line;
}

void progress_show(uint64_t done, uint64_t total)
{
	char rate[16], until[16];
	double t, speed;

	if (!is_shown || !total)
		return;
	t = now();
	if (!started)
		started = last = t;
	if (t - last < 0.2 && done < total)
		return;
	last = t;
	speed = t > started ? done / (t - started) * PAGE_BYTES / (1 << 20) : 0;
	snprintf(rate, sizeof(rate), speed ? "%6.0f" : "     -", speed);
	snprintf(until, sizeof(until), speed ? "%3.0f" : "  -", speed ? (total - done) / (speed * 256) : 0);
	fprintf(stderr, "%s%s %3.0f %%  %s MiB/s  %s s left%s", is_terminal ? "\r" : "", word,
		100.0 * done / total, rate, until, is_terminal ? "\033[K" : "\n");
}

void progress_line(const char *text)
{
	if (!is_shown)
		return;
	fprintf(stderr, "%s%s%s", is_terminal ? "\r" : "", text, is_terminal ? "\033[K" : "\n");
}

void progress_end(void)
{
	clear_line();
	is_shown = false;
}
