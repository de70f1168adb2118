/* See results.h. TAP: testanything.org, version 13. JUnit: the part that all that read it have in common. */
#include "stress/results.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "text/text.h"

static const char *const figure_names[FIGURES] = { "stopped-ms", "suspend-ms", "restore-ms", "downtime-ms" };

const char *stress_word(const char *words, unsigned int which, char word[16])
{
	for (; which; which--)
		words += strcspn(words, " ") + 1;
	snprintf(word, 16, "%.*s", (int)strcspn(words, " "), words);
	return word;
}

int results_open(struct results *results, const struct stress_options *options)
{
	*results = (struct results){ .as_json = options->as_json, .junit = options->junit };
	if (results->junit)
		results->cases = open_memstream(&results->cases_text, &results->cases_bytes);
	if (!results->as_json)
		printf("TAP version 13\n");
	return results->junit && !results->cases ? fail(ENOMEM, "out of memory") : 0;
}

static void keep_sample(struct samples *samples, double ms)
{
	if (samples->count == samples->room) {
		size_t room = samples->room ? 2 * samples->room : 256;
		double *at = realloc(samples->at, room * sizeof(*at));

		if (!at)
			return;
		samples->at = at;
		samples->room = room;
	}
	samples->at[samples->count++] = ms;
}

static void fault_text(const struct round *round, char *text, size_t room)
{
	char word[16];

	*text = '\0';
	if (round->fault != FAULT_NONE)
		snprintf(text, room, "; fault: %s%s", stress_word(STRESS_FAULT_WORDS, round->fault, word),
			 round->was_hit ? "" : " (too late)");
}

static void print_tap(const struct round *round)
{
	char fault[64], visible[1024];

	fault_text(round, fault, sizeof(fault));
	printf("%s %u - %s%s # %.0f ms\n", *round->reason ? "not ok" : "ok", round->number, round->text,
	       fault, round->ms);
	if (*round->reason)
		printf("  ---\n  reason: \"%s\"\n  ...\n",
		       text_visible(visible, sizeof(visible), round->reason));
}

static void print_line(struct json_object *json)
{
	text_print_json(stdout, json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN |
									     JSON_C_TO_STRING_NOSLASHESCAPE));
	printf("\n");
	json_object_put(json);
}

static void print_json_round(const struct round *round)
{
	struct json_object *json = json_object_new_object();
	char word[16];

	json_object_object_add(json, "round", json_object_new_int64(round->number));
	json_object_object_add(json, "kind",
			       json_object_new_string(stress_word(STRESS_KIND_WORDS, round->kind, word)));
	json_object_object_add(json, "commands", json_object_new_string(round->text));
	if (round->fault != FAULT_NONE) {
		json_object_object_add(
			json, "fault",
			json_object_new_string(stress_word(STRESS_FAULT_WORDS, round->fault, word)));
		json_object_object_add(json, "fault-came", json_object_new_boolean(round->was_hit));
	}
	json_object_object_add(json, "passed", json_object_new_boolean(!*round->reason));
	if (*round->reason)
		json_object_object_add(json, "reason", json_object_new_string(round->reason));
	json_object_object_add(json, "ms", json_object_new_double(round->ms));
	for (int i = 0; i < FIGURES; i++)
		if (round->figures[i] > 0)
			json_object_object_add(json, figure_names[i],
					       json_object_new_double(round->figures[i]));
	json_object_object_add(json, "proven-pages", json_object_new_int64(round->proven));
	print_line(json);
}

/* Attribute values of XML. */
static void put_xml(FILE *to, const char *text)
{
	char visible[1024];

	text_visible(visible, sizeof(visible), text);
	for (const char *at = visible; *at; at++)
		if (strchr("<>&\"'", *at))
			fprintf(to, "&#%d;", *at);
		else
			fputc(*at, to);
}

static void put_case(FILE *to, const struct round *round)
{
	char word[16];

	fprintf(to, "  <testcase classname=\"pvferry.stress.%s\" name=\"%u ",
		stress_word(STRESS_KIND_WORDS, round->kind, word), round->number);
	put_xml(to, round->text);
	fprintf(to, "\" time=\"%.3f\"", round->ms / 1e3);
	if (!*round->reason) {
		fprintf(to, "/>\n");
		return;
	}
	fprintf(to, "><failure message=\"");
	put_xml(to, round->reason);
	fprintf(to, "\"/></testcase>\n");
}

void results_round(struct results *results, const struct round *round)
{
	results->passed += !*round->reason;
	results->failed += *round->reason != '\0';
	results->hits += round->was_hit;
	results->proven += round->proven;
	results->ms += round->ms;
	for (int i = 0; i < FIGURES; i++)
		if (round->figures[i] > 0)
			keep_sample(&results->samples[i], round->figures[i]);
	if (results->as_json)
		print_json_round(round);
	else
		print_tap(round);
	if (results->cases)
		put_case(results->cases, round);
	fflush(stdout);
}

/* --- the end --------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

static double part(const struct samples *samples, double of)
{
	return samples->at[(size_t)(of * (double)(samples->count - 1) + 0.5)];
}

/* Each bar stands for what took at most so long, and longer than half of it. */
static void print_bars(const struct samples *samples)
{
	size_t at = 0;

	for (double limit = 1; at < samples->count; limit *= 2) {
		size_t first = at;

		while (at < samples->count && samples->at[at] <= limit)
			at++;
		if (at > first)
			printf("#   <= %6.0f ms %6zu %.*s\n", limit, at - first,
			       (int)(1 + 49 * (at - first) / samples->count),
			       "##################################################");
	}
}

static void print_figures(const struct results *results)
{
	for (int i = 0; i < FIGURES; i++) {
		const struct samples *s = &results->samples[i];

		if (!s->count)
			continue;
		printf("# %s: %zu times, p50 %.0f, p90 %.0f, p99 %.0f, most %.0f\n", figure_names[i],
		       s->count, part(s, 0.5), part(s, 0.9), part(s, 0.99), part(s, 1));
		print_bars(s);
	}
}

static struct json_object *figures_json(const struct samples *s)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "count", json_object_new_int64(s->count));
	json_object_object_add(json, "p50", json_object_new_double(part(s, 0.5)));
	json_object_object_add(json, "p90", json_object_new_double(part(s, 0.9)));
	json_object_object_add(json, "p99", json_object_new_double(part(s, 0.99)));
	json_object_object_add(json, "most", json_object_new_double(part(s, 1)));
	return json;
}

static void print_json_summary(const struct results *results)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "rounds", json_object_new_int64(results->passed + results->failed));
	json_object_object_add(json, "failed", json_object_new_int64(results->failed));
	json_object_object_add(json, "faults", json_object_new_int64(results->hits));
	json_object_object_add(json, "proven-pages", json_object_new_int64(results->proven));
	json_object_object_add(json, "ms", json_object_new_double(results->ms));
	for (int i = 0; i < FIGURES; i++)
		if (results->samples[i].count)
			json_object_object_add(json, figure_names[i], figures_json(&results->samples[i]));
	print_line(json);
}

static int write_junit(struct results *results, const char *domain)
{
	FILE *file;
	int rc;

	if (!results->cases)
		return 0;
	fclose(results->cases);
	file = fopen(results->junit, "we");
	if (!file)
		return fail_errno("cannot write %s", results->junit);
	fprintf(file, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"pvferry stress ");
	put_xml(file, domain);
	fprintf(file, "\" tests=\"%u\" failures=\"%u\" errors=\"0\" time=\"%.3f\">\n%s</testsuite>\n",
		results->passed + results->failed, results->failed, results->ms / 1e3, results->cases_text);
	rc = ferror(file);
	free(results->cases_text);
	return fclose(file) || rc ? fail_errno("cannot write %s", results->junit) : 0;
}

int results_close(struct results *results, const char *domain)
{
	for (int i = 0; i < FIGURES; i++)
		if (results->samples[i].count) /* qsort() takes no NULL, though there is nothing to sort */
			qsort(results->samples[i].at, results->samples[i].count, sizeof(double), by_size);
	if (results->as_json) {
		print_json_summary(results);
	} else {
		printf("1..%u\n# %u rounds in %.0f s, %u failed, %u faults, %lu pages proven\n",
		       results->passed + results->failed, results->passed + results->failed,
		       results->ms / 1e3, results->failed, results->hits, results->proven);
		print_figures(results);
	}
	for (int i = 0; i < FIGURES; i++)
		free(results->samples[i].at);
	return write_junit(results, domain);
}
