/*
 * What a migration says of itself while it goes on: JSON objects, with the
 * names of QMP's query-migrate where it has them. One a line on standard
 * output, or made into text for a person; and the orders it takes, one a line
 * on standard input.
 */
#ifndef CLI_EVENTS_H
#define CLI_EVENTS_H

#include <stdbool.h>

#include "migrate/handover.h"
#include "restore/handover.h"

struct json_object;

/* --- making them; the caller's to put --- */

struct json_object *event_job(const char *job, const char *domain, uint32_t domid, const char *peer,
			      const char *role);
/* A connection that is a further one of another job. */
struct json_object *event_join(void);
struct json_object *event_move_status(const struct move_status *status, uint64_t began_ns);
struct json_object *event_move_end(const struct move_status *status, enum moved moved, uint64_t began_ns);
struct json_object *event_take_status(const struct take_status *status, uint64_t began_ns);
struct json_object *event_take_end(const struct take_status *status, int error, uint64_t began_ns);

/* As a line, if such are wanted; if not, to the display. Puts it. */
void event_tell(struct json_object *event, bool as_line);

/* --- orders --- */

struct orders {
	char line[4096];
	size_t held;
	bool is_over;
};

/* Reads what there is, and does what it says: *live is told anew, a cancel is a stop. Wrong ones are said, and nothing else. */
void orders_take(struct orders *orders, struct live *live);

#endif
