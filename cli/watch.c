/* See watch.h. Plain ASCII, no colour: it is to be readable on a serial console, and in a log. */
#include "cli/watch.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/control.h"
#include "cli/job-text.h"
#include "text/text.h"

enum { COLUMNS = 80, NAME = 16, BAR = 30, ROWS_OTHERWISE = 24, MIB_BYTES = 1 << 20 };

/* A figure with its unit, or "-" if it is not known yet. */
static const char *figure(const struct json_object *json, const char *name, double unit, const char *format,
			  char text[32])
{
	const struct json_object *value = control_member(json, name);

	if (value)
		snprintf(text, 32, format, json_object_get_double(value) / unit);
	return value ? text : "-";
}

static void fill_bar(char bar[BAR + 1], double part)
{
	unsigned int full = part <= 0 ? 0 : part >= 1 ? BAR : (unsigned int)(part * BAR);

	memset(bar, '.', BAR);
	memset(bar, '#', full);
	bar[BAR] = '\0';
}

/* "web1 to hostb", cut to the room there is. */
static void put_names(FILE *to, const struct json_object *job)
{
	char domain[NAME + 1], peer[NAME + 1], role[16];

	control_text(job, "role", role, sizeof(role));
	fprintf(to, "%-16s %-4s %-16s ", control_text(job, "domain", domain, sizeof(domain)),
		strcmp(role, "source") ? "from" : "to", control_text(job, "peer", peer, sizeof(peer)));
}

/* Two lines: the bar, and the figures by which one sees whether it comes to an end. */
static void print_running(FILE *to, const struct json_object *job)
{
	const struct json_object *status = control_member(job, "status"),
				 *ram = control_member(status, "ram");
	double total = control_number(ram, "total"), left = control_number(ram, "remaining");
	char bar[BAR + 1], word[32], speed[32], round[32], dirtied[32], downtime[32];

	fill_bar(bar, total > 0 ? (total - left) / total : 0);
	put_names(to, job);
	fprintf(to, "[%s] %3.0f %%\n", bar, total > 0 ? 100 * (total - left) / total : 0);
	fprintf(to, "    %.20s, round %s, %s MiB/s, %s pages/s dirtied, stop of %s ms\n",
		control_text(status, "status", word, sizeof(word)),
		figure(ram, "dirty-sync-count", 1, "%.0f", round),
		figure(ram, "mbps", 8.0 * MIB_BYTES / 1e6, "%.0f", speed),
		figure(ram, "dirty-pages-rate", 1, "%.0f", dirtied),
		figure(status, "expected-downtime", 1, "%.0f", downtime));
}

static void print_other(FILE *to, const struct json_object *job)
{
	char text[600], shown[COLUMNS - NAME - 6 - NAME];

	job_state_text(job, text, sizeof(text));
	put_names(to, job);
	fprintf(to, "%s\n", text_visible(shown, sizeof(shown), text));
}

static bool is_running(const struct json_object *job)
{
	char state[16];

	return !strcmp(control_text(job, "state", state, sizeof(state)), "running") &&
	       control_member(job, "status");
}

/* Those of one kind, the newest first; returns how many rows are left. */
static unsigned int print_kind(FILE *to, const struct json_object *list, bool running, unsigned int rows)
{
	unsigned int lines = running ? 2 : 1;

	for (size_t i = json_object_array_length(list); i-- > 0;) {
		const struct json_object *job = json_object_array_get_idx(list, i);

		if (is_running(job) != running)
			continue;
		if (rows < lines)
			break;
		(running ? print_running : print_other)(to, job);
		rows -= lines;
	}
	return rows;
}

void watch_print(FILE *to, const struct json_object *list, unsigned int rows)
{
	char host[64] = "", clock[16];
	time_t now = time(NULL);
	struct tm tm;
	unsigned int running = 0;

	gethostname(host, sizeof(host) - 1);
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &tm));
	for (size_t i = 0; i < json_object_array_length(list); i++)
		running += is_running(json_object_array_get_idx(list, i));
	fprintf(to, "%-40.40s %8s  %3u running, %3zu in all\n\n", host, clock, running,
		json_object_array_length(list));
	/* The heading, the blank line below it, one between the kinds, and the line with the cursor. */
	rows = print_kind(to, list, true, rows > 4 ? rows - 4 : 0);
	fprintf(to, "\n");
	print_kind(to, list, false, rows);
}

unsigned int watch_rows(void)
{
	struct winsize size;

	return !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row ? size.ws_row : ROWS_OTHERWISE;
}
