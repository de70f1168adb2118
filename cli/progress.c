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
static bool is_shown, is_terminal, line_stands;
static double started, last;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void clear_line(void)
{
	if (line_stands)
		fputs("\r\033[K", stderr);
	line_stands = false;
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
	double t, speed, left;

	if (!is_shown || !total)
		return;
	t = now();
	if (!started)
		started = last = t;
	if (t - last < 0.2 && done < total)
		return;
	last = t;
	speed = t > started ? done / (t - started) : 0;
	left = speed ? (total - done) / speed : 0;
	fprintf(stderr, "%s%s %3.0f %%  %6.0f MiB/s  %3.0f s left%s", is_terminal ? "\r" : "", word,
		100.0 * done / total, speed * PAGE_BYTES / (1 << 20), left, is_terminal ? "\033[K" : "\n");
	line_stands = is_terminal;
}

void progress_line(const char *text)
{
	if (!is_shown)
		return;
	fprintf(stderr, "%s%s%s", is_terminal ? "\r" : "", text, is_terminal ? "\033[K" : "\n");
	line_stands = is_terminal;
}

void progress_end(void)
{
	clear_line();
	is_shown = false;
}
