/*
 * pvferry metrics: what the jobs of this host came to, as Prometheus reads it: for node_exporter's textfile
 * directory, or, with --openmetrics, for a scrape.
 */
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/certificate.h"
#include "cli/command.h"
#include "cli/control.h"
#include "journal/checkpointer.h"
#include "journal/journal.h"
#include "journal/tally.h"
#include "log.h"
#include "stream/connect.h"
#include "version.h"

struct settings {
	const char *pki;
	bool is_open;
};

static bool metrics_set(void *context, enum option_id option, const struct option_value *value)
{
	struct settings *s = context;

	if (option == OPTION_PKI)
		s->pki = value->text;
	else if (option == OPTION_OPENMETRICS)
		s->is_open = true;
	return true;
}

/* A counter's samples end in _total; in OpenMetrics the name of the family does not, in Prometheus' format it does. */
static void print_head(const struct settings *s, const char *name, const char *type, const char *help)
{
	const char *end = !strcmp(type, "counter") && !s->is_open ? "_total" : "";

	printf("# HELP pvferry_%s%s %s\n# TYPE pvferry_%s%s %s\n", name, end, help, name, end, type);
}

/* --- what was counted ---------------------------------------------------------------------- */

static void print_results(const struct settings *s, const struct tally *tally)
{
	print_head(s, "jobs", "counter", "Jobs that ended on this host, by kind and result.");
	for (int kind = 0; kind < TALLY_KINDS; kind++)
		for (int i = 0; i < TALLY_RESULTS; i++)
			printf("pvferry_jobs_total{kind=\"%s\",result=\"%s\"} %lu\n", tally_kind_name(kind),
			       tally_result_name(i), tally->of[kind].results[i]);
	print_head(s, "job_failures", "counter", "Jobs that failed, by kind and reason.");
	for (int kind = 0; kind < TALLY_KINDS; kind++)
		for (int i = 0; i < TALLY_REASONS; i++)
			printf("pvferry_job_failures_total{kind=\"%s\",reason=\"%s\"} %lu\n",
			       tally_kind_name(kind), tally_reason_name(i), tally->of[kind].reasons[i]);
	print_head(s, "transferred_bytes", "counter", "Bytes of images that were sent, received or written.");
	for (int kind = 0; kind < TALLY_RESTORE; kind++)
		printf("pvferry_transferred_bytes_total{kind=\"%s\"} %lu\n", tally_kind_name(kind),
		       tally->of[kind].bytes);
}

/* Buckets are cumulative. */
static void print_histogram(const char *name, const char *kind, const struct tally_histogram *histogram)
{
	uint64_t count = 0;

	for (int i = 0; i < TALLY_BOUNDS; i++) {
		count += histogram->bucket[i];
		printf("pvferry_%s_bucket{kind=\"%s\",le=\"%.2f\"} %lu\n", name, kind,
		       tally_bounds_ms[i] / 1000.0, count);
	}
	count += histogram->bucket[TALLY_BOUNDS];
	printf("pvferry_%s_bucket{kind=\"%s\",le=\"+Inf\"} %lu\n", name, kind, count);
	printf("pvferry_%s_sum{kind=\"%s\"} %.3f\n", name, kind, histogram->sum_ms / 1000.0);
	printf("pvferry_%s_count{kind=\"%s\"} %lu\n", name, kind, count);
}

static void print_times(const struct settings *s, const struct tally *tally)
{
	static const struct {
		const char *name, *help;
		unsigned int kinds; /* bits: which kinds have it */
	} rows[TALLY_TIMES] = {
		[TALLY_DURATION] = { "job_duration_seconds", "How long jobs took.", 15 },
		[TALLY_SUSPEND] = { "guest_suspend_seconds",
				    "From the request to suspend until the guest has suspended; it still "
				    "runs.",
				    1 << TALLY_MIGRATE | 1 << TALLY_SAVE },
		[TALLY_DOWNTIME] = { "guest_downtime_seconds",
				     "How long guests stood still, for a migration or a save after which "
				     "they run on.",
				     1 << TALLY_MIGRATE | 1 << TALLY_SAVE },
	};

	for (int time = 0; time < TALLY_TIMES; time++) {
		print_head(s, rows[time].name, "histogram", rows[time].help);
		for (int kind = 0; kind < TALLY_KINDS; kind++)
			if (rows[time].kinds & 1 << kind)
				print_histogram(rows[time].name, tally_kind_name(kind),
						&tally->of[kind].times[time]);
	}
}

/* --- what is the case now -------------------------------------------------------------------- */

enum state { RUNNING, INTERRUPTED, UNRESOLVED, STATES };

static enum state state_of(const struct journal *journal)
{
	if (journal_is_at_work(journal))
		return RUNNING;
	return journal->role == JOURNAL_SOURCE && journal->stage == JOURNAL_GO ? UNRESOLVED : INTERRUPTED;
}

static int count_journals(unsigned int counts[STATES])
{
	struct journal *list = NULL;
	size_t count;
	int rc = journal_list(&list, &count);

	for (size_t i = 0; !rc && i < count; i++)
		if (!journal_is_settled(&list[i]))
			counts[state_of(&list[i])]++;
	free(list);
	return rc;
}

static void print_journals(const struct settings *s, const unsigned int counts[STATES])
{
	static const char *const states[] = { "running", "interrupted", "unresolved" };

	print_head(s, "unfinished_jobs", "gauge",
		   "Jobs with a journal that is not settled; unresolved: a guest waits for pvferry resolve.");
	for (int i = 0; i < STATES; i++)
		printf("pvferry_unfinished_jobs{state=\"%s\"} %u\n", states[i], counts[i]);
}

/* As a label's value has it. */
static void print_label(const char *name, const struct json_object *json)
{
	char text[4096];

	printf("%s=\"", name);
	for (const char *c = control_text(json, name, text, sizeof(text)); *c; c++)
		printf(*c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
	printf("\"");
}

static void print_checkpointers(const struct settings *s, const struct json_object *all, const char *name,
				const char *key, const char *help)
{
	print_head(s, name, "gauge", help);
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		const struct json_object *each = json_object_array_get_idx(all, i);

		if (!control_member(each, key))
			continue;
		printf("pvferry_%s{", name);
		print_label("domain", each);
		printf(",");
		print_label("directory", each);
		printf("} %lld\n", control_number(each, key));
	}
}

/* Of those that `checkpoint --every` makes; one that has made none yet has no time. */
static void print_checkpoints(const struct settings *s, const struct json_object *all)
{
	print_checkpointers(s, all, "checkpoint_timestamp_seconds", "time",
			    "When the newest checkpoint was begun, in seconds since 1970.");
	print_checkpointers(s, all, "checkpoint_failures", "failures",
			    "How many checkpoints have failed since then.");
}

/* A moment, not the days that are left: a file that is old still says the truth. */
static void print_certificates(const struct settings *s)
{
	static const char *const names[] = { "ca.pem", "cert.pem" };

	print_head(s, "certificate_not_after_timestamp_seconds", "gauge",
		   "When the certificate expires, in seconds since 1970.");
	for (int i = 0; i < 2; i++) {
		struct certificate certificate;
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", s->pki, names[i]);
		if (!certificate_read(path, &certificate))
			printf("pvferry_certificate_not_after_timestamp_seconds{file=\"%s\"} %ld\n", names[i],
			       (long)certificate.until);
		fail_forget();
	}
}

/* Nothing is printed unless all can be: half of it would look as if counters had begun anew. */
static int print_all(const struct settings *s)
{
	unsigned int counts[STATES] = { 0 };
	struct json_object *checkpointers = json_object_new_array();
	struct tally tally;
	int rc = tally_read(&tally);

	if (!rc)
		rc = count_journals(counts);
	if (!rc)
		rc = checkpointers_list(checkpointers);
	if (rc) {
		json_object_put(checkpointers);
		return rc;
	}
	print_head(s, "build_info", "gauge", "Which pvferry this is.");
	printf("pvferry_build_info{version=\"" PVFERRY_VERSION "\"} 1\n");
	print_head(s, "daemon_up", "gauge", "Whether pvferryd runs.");
	printf("pvferry_daemon_up %d\n", control_is_there());
	print_results(s, &tally);
	print_times(s, &tally);
	print_journals(s, counts);
	print_checkpoints(s, checkpointers);
	json_object_put(checkpointers);
	print_certificates(s);
	if (s->is_open)
		printf("# EOF\n");
	return 0;
}

int run_metrics(const struct command *self, int argc, char **argv)
{
	struct settings settings = { .pki = pki_default() };
	int first = command_options(self, argc, argv, metrics_set, &settings);

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc != first) {
		say_wrong("metrics takes no operand");
		return EXIT_USAGE;
	}
	return print_all(&settings) ? say_failure("metrics", "", NULL) : EXIT_DONE;
}
