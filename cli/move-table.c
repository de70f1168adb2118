/* See move-table.h. */
#include "cli/move-table.h"

#include <json-c/json.h>
#include <string.h>

#include "cli/control.h"

/* A move that took many rounds shows the first and the last ones: those between look alike. */
enum { ROWS_MOST = 16, ROWS_FIRST = 8, BAR = 44, STEPS = 8, MIB_BYTES = 1 << 20 };

const char *phase_name(const char *key)
{
	static const char *const names[][2] = { { "last", "last pages" },   { "image", "whole memory" },
						{ "state", "vCPUs, time" }, { "send", "rest is sent" },
						{ "build", "built there" }, { "go", "handed over" },
						{ "run", "started there" } };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(key, names[i][0]))
			return names[i][1];
	return key;
}

/* --- rounds ------------------------------------------------------------------------ */

static bool is_stopped(const struct json_object *round)
{
	return json_object_get_boolean(control_member(round, "stopped"));
}

static void print_row(FILE *to, const struct json_object *round)
{
	long long number = control_number(round, "round"), count = control_number(round, "rounds");
	long long ms = control_number(round, "time");
	double mib = (double)control_number(round, "bytes") / MIB_BYTES;
	char name[48], speed[32] = "-", stop[32] = "-";

	if (is_stopped(round))
		snprintf(name, sizeof(name), "stopped");
	else if (count > 1)
		snprintf(name, sizeof(name), "%lld-%lld", number, number + count - 1);
	else
		snprintf(name, sizeof(name), "%lld", number);
	if (ms)
		snprintf(speed, sizeof(speed), "%.1f", mib * 1000 / ms);
	if (control_member(round, "expected-downtime"))
		snprintf(stop, sizeof(stop), "%lld", control_number(round, "expected-downtime"));
	fprintf(to, "%9s %11lld %10.1f %9lld %9s %12s\n", name, control_number(round, "pages"), mib, ms,
		speed, stop);
}

static void print_rows(FILE *to, const struct json_object *rounds)
{
	size_t count = json_object_array_length(rounds), left_out = count > ROWS_MOST ? count - ROWS_MOST : 0;

	fprintf(to, "%9s %11s %10s %9s %9s %12s\n", "round", "pages", "MiB", "ms", "MiB/s", "downtime ms");
	for (size_t i = 0; i < count; i++) {
		if (i == ROWS_FIRST && left_out) {
			fprintf(to, "%9s %zu rounds more\n", "...", left_out);
			i += left_out;
		}
		print_row(to, json_object_array_get_idx(rounds, i));
	}
}

/* A height for each round. The first one has all pages, so with a linear scale it would be all that is seen. */
static unsigned int height_of(unsigned long long pages, unsigned long long most)
{
	unsigned int bits = 64 - __builtin_clzll(pages | 1), most_bits = 64 - __builtin_clzll(most | 1);

	return pages ? (STEPS - 1) * bits / most_bits : 0;
}

static void print_sparkline(FILE *to, const struct json_object *rounds, bool is_utf8)
{
	static const char *const steps[2][STEPS] = { { "_", ".", ":", "-", "=", "+", "*", "#" },
						     { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" } };
	long long most = 0;

	for (size_t i = 0; i < json_object_array_length(rounds); i++) {
		long long pages = control_number(json_object_array_get_idx(rounds, i), "pages");

		most = pages > most ? pages : most;
	}
	fprintf(to, "pages a round  ");
	for (size_t i = 0; i < json_object_array_length(rounds); i++) {
		const struct json_object *round = json_object_array_get_idx(rounds, i);

		if (!is_stopped(round))
			fputs(steps[is_utf8][height_of(control_number(round, "pages"), most)], to);
	}
	fprintf(to, "\n");
}

/* --- downtime ---------------------------------------------------------------------- */

/* Times come from another process: one that no move can have would reach beyond the bar. */
static long long phase_ms(const struct json_object *value)
{
	const long long most = 1LL << 40;
	long long ms = json_object_get_int64(value);

	return ms < 0 ? 0 : ms > most ? most : ms;
}

static long long sum_of(const struct json_object *phases)
{
	long long sum = 0;

	json_object_object_foreach ((struct json_object *)phases, key, value) {
		(void)key;
		sum += phase_ms(value);
	}
	return sum;
}

/* Each part begins where the one before it ends; one that took time is seen, however short. */
static void print_part(FILE *to, const char *key, long long begin_ms, long long ms, long long sum_ms)
{
	long long from = begin_ms * BAR / sum_ms, end = (begin_ms + ms) * BAR / sum_ms;
	char bar[BAR + 1];

	if (ms && end == from)
		end++;
	memset(bar, ' ', BAR);
	memset(bar + from, '#', end - from);
	bar[BAR] = '\0';
	fprintf(to, "%15.15s %9lld ms |%s|\n", phase_name(key), ms, bar);
}

static void print_downtime(FILE *to, const struct json_object *phases)
{
	long long begin_ms = 0, sum_ms = sum_of(phases);

	if (!sum_ms)
		return;
	json_object_object_foreach ((struct json_object *)phases, key, value) {
		long long ms = phase_ms(value);

		print_part(to, key, begin_ms, ms, sum_ms);
		begin_ms += ms;
	}
}

void move_table_print(FILE *to, const struct json_object *end, bool is_utf8)
{
	const struct json_object *rounds = control_member(end, "rounds");
	const struct json_object *phases = control_member(end, "downtime-phases");

	if (json_object_is_type(rounds, json_type_array) && json_object_array_length(rounds)) {
		print_rows(to, rounds);
		print_sparkline(to, rounds, is_utf8);
	}
	if (json_object_is_type(phases, json_type_object))
		print_downtime(to, phases);
}
