/*
 * Counts calls and lets chosen ones fail.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../guest/run.h"
#include "fault.h"
#include "process.h"

enum { RULES_MAX = 16, EVERY = -1 };

struct rule {
	char kind[48];
	long number;
	bool and_later;
	char what[256];
	long seen;
};

void simhost_hook(const char *name, unsigned long number) __attribute__((weak, visibility("default")));

static struct rule rules[RULES_MAX];
static unsigned nr_rules;
static unsigned long nr_calls;
static FILE *trace;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;
static __thread bool inside;

static int parse_errno(const char *what)
{
	for (int i = 1; i < 200; i++) {
		const char *name = strerrorname_np(i);

		if (name && !strcmp(name, what))
			return -i;
	}
	return -atoi(what);
}

static void parse_rule(char *text)
{
	char *number = strchr(text, ':'), *what = number ? strchr(number + 1, ':') : NULL;
	struct rule *rule = &rules[nr_rules];

	if (!what || nr_rules == RULES_MAX) {
		fprintf(stderr, "simhost: SIMHOST_FAULT: not KIND:N:WHAT: %s\n", text);
		_exit(125);
	}
	*number++ = *what++ = '\0';
	snprintf(rule->kind, sizeof(rule->kind), "%s", text);
	snprintf(rule->what, sizeof(rule->what), "%s", what);
	rule->number = *number == '*' ? EVERY : atol(number);
	rule->and_later = number[strlen(number) - 1] == '+';
	nr_rules++;
}

static bool is_for_us(void)
{
	const char *own = program_invocation_short_name, *list = getenv("SIMHOST_FAULT_IN");
	size_t length = strlen(own);

	while (list && (strncmp(list, own, length) || (list[length] && list[length] != ','))) {
		list = strchr(list, ',');
		if (!list)
			return false;
		list++;
	}
	return true;
}

static void read_environment(void)
{
	char *list = getenv("SIMHOST_FAULT"), *rest = NULL;
	const char *path = getenv("SIMHOST_TRACE");

	if (!is_for_us())
		return;
	list = list ? strdup(list) : NULL;
	for (char *text = list ? strtok_r(list, ",", &rest) : NULL; text; text = strtok_r(NULL, ",", &rest))
		parse_rule(text);
	free(list);
	if (path)
		trace = fopen(path, "ae");
}

static bool applies(struct rule *rule, const char *name)
{
	size_t length = strlen(rule->kind);
	bool is_frame = !strcmp(name, "mapframe");

	if (!strcmp(rule->kind, "any")
		    ? is_frame
		    : strncmp(rule->kind, name, length) || (name[length] && name[length] != '.'))
		return false;
	rule->seen++;
	return rule->number == EVERY || rule->seen == rule->number ||
	       (rule->and_later && rule->seen > rule->number);
}

static void run_out_of_memory(void)
{
	struct host *host = process_host();

	host_lock(host);
	host->machine->out_of_memory_below = host->machine->nr_free;
	host_unlock(host);
}

static void step_guest(const char *which)
{
	const char *times = strchr(which, 'x');
	long steps = times ? atol(times + 1) : 1;

	while (steps-- > 0)
		guest_step(process_host(), atoi(which));
}

static pthread_rwlock_t steps = PTHREAD_RWLOCK_INITIALIZER;
static _Thread_local int depth;

void step_begin(void)
{
	if (!depth++)
		pthread_rwlock_rdlock(&steps);
}

void step_end(void)
{
	if (!--depth)
		pthread_rwlock_unlock(&steps);
}

static void kill_between_steps(void)
{
	if (depth) /* our own step has not begun to do anything */
		pthread_rwlock_unlock(&steps);
	pthread_rwlock_wrlock(&steps);
	kill(getpid(), SIGKILL);
}

static int act(const struct rule *rule)
{
	const char *what = rule->what;

	if (!strcmp(what, "kill"))
		kill_between_steps();
	inside = true;
	if (!strcmp(what, "oom"))
		run_out_of_memory();
	else if (!strncmp(what, "step=", 5))
		step_guest(what + 5);
	else if (strncmp(what, "exec=", 5))
		return inside = false, parse_errno(what);
	else if (system(what + 5))
		fprintf(stderr, "simhost: %s: failed\n", what + 5);
	inside = false;
	return 0;
}

static int find_fault(const char *name)
{
	const struct rule *due[RULES_MAX];
	unsigned nr_due = 0;
	int err = 0;

	pthread_mutex_lock(&counting);
	if (strcmp(name, "mapframe")) {
		nr_calls++;
		if (trace)
			fprintf(trace, "%lu %s\n", nr_calls, name);
	}
	for (unsigned i = 0; i < nr_rules && nr_due < RULES_MAX; i++)
		if (applies(&rules[i], name))
			due[nr_due++] = &rules[i];
	pthread_mutex_unlock(&counting);
	for (unsigned i = 0; i < nr_due && !err; i++)
		err = act(due[i]);
	return err;
}

int fault_at(const char *name)
{
	pthread_once(&once, read_environment);
	if (inside || (!nr_rules && !trace && !simhost_hook && !strcmp(name, "mapframe")))
		return 0;
	if (simhost_hook) {
		inside = true;
		simhost_hook(name, nr_calls + 1);
		inside = false;
	}
	return find_fault(name);
}

void fault_report(void)
{
	const char *path = getenv("SIMHOST_COUNT");
	FILE *file = path && is_for_us() ? fopen(path, "ae") : NULL;

	if (file) {
		fprintf(file, "%s %lu\n", program_invocation_short_name, nr_calls);
		fclose(file);
	}
	if (trace)
		fclose(trace);
	trace = NULL;
}
