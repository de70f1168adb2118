/*
 * pvferry migrate --report FILE: what a move was like, as JSON or as an SVG picture, made of its events alone. Also of a
 * move that failed, if it had begun.
 */
#ifndef CLI_MOVE_REPORT_H
#define CLI_MOVE_REPORT_H

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

struct json_object;

struct move_report {
	const char *path; /* NULL: no report is wanted */
	bool is_svg;
	time_t began;
};

/* False, having said so, unless the name ends with .svg or .json. */
bool move_report_set(struct move_report *report, const char *path);
/* Before the move: the time, and whether the file can be written. A failure is the command's. */
int move_report_begin(struct move_report *report);
/* job: event "job", or pvferryd's description of the job; end: event "end". A failure is a warning: the move is over. */
void move_report_write(const struct move_report *report, const struct json_object *job,
		       const struct json_object *end);

/* A report, which is JSON, as an SVG picture. */
void move_svg_write(FILE *to, const struct json_object *report);

#endif
