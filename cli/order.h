/* pvferry migrate as an order to pvferryd, whose job is followed to its end. */
#ifndef CLI_ORDER_H
#define CLI_ORDER_H

#include <stdbool.h>

struct command;
struct json_object;
struct move_report;

/*
 * The options of a command line that was found right, as pvferryd takes them (daemon/request.h):
 * numbers, texts, true. What is only for the one who looks at it is left out. The caller's to put.
 */
struct json_object *order_options(const struct command *self, int argc, char **argv);

/*
 * Orders it, and shows what becomes of it: as a migration in this process would, with the same
 * exit status. Ctrl-C cancels the job; a terminal that is closed does not. Detached: returns once
 * the job has begun. The options are taken over. The report is written at the job's end, which a detached
 * one does not wait for.
 */
int order_migrate(const char *domain, const char *host, struct json_object *options, bool is_detached,
		  const struct move_report *report);

/* pvferryd is gone, with a reason, and the job is not: waits for its end. Returns the exit status, having said what it is. */
int order_outlives(const char *domain, const char *id);

#endif
