/*
 * A list of findings: `pvferry doctor` and `pvferry cert show` print one. Each finding has a
 * verdict, the thing it is about, a sentence, and, unless all is well, the command that mends it.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdbool.h>

enum verdict { VERDICT_OK, VERDICT_WARNING, VERDICT_PROBLEM, VERDICTS };

struct json_object;

struct report {
	struct json_object *lines; /* of {"check", "verdict", "text", "remedy"} */
	unsigned int count[VERDICTS];
};

void report_open(struct report *report);
void report_close(struct report *report);

/* check: a word or two, "certificate"; it is what a script looks for in --json, so it stays the same. */
void report_add(struct report *report, enum verdict verdict, const char *check, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Of the finding that was added last: a command that can be pasted, or what to do. */
void report_remedy(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As text, one line a finding and one for its remedy, or {"checks": [...], "warnings": N, "problems": N}. */
void report_print(const struct report *report, bool as_json);
/* EXIT_NOT_DONE if there is a problem, EXIT_DONE otherwise: a warning is no failure. */
int report_status(const struct report *report);

#endif
