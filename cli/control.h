/*
 * pvferryd, seen from the commands: requests over $PVFERRY_RUN/control, and the
 * events of jobs that are followed. Its side of it: daemon/request.h.
 */
#ifndef CLI_CONTROL_H
#define CLI_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

struct json_object;

struct control {
	int fd;
	char *text; /* what was read: [start, end) is not yet taken */
	size_t room, start, end;
};

/* Is there a pvferryd that we may ask? */
bool control_is_there(void);

/* On failure there is nothing to close. */
int control_open(struct control *control);
void control_close(struct control *control);

/*
 * What pvferryd returns, the caller's to put; NULL with its reason. The arguments
 * are taken over. Events that come before the answer are lost.
 */
struct json_object *control_ask(struct control *control, const char *execute, struct json_object *arguments);

/*
 * The same in two steps. After -ECANCELED, for we are to stop, the answer is
 * still to come; 0 with *result NULL: it is an error, which is the reason.
 */
int control_send(struct control *control, const char *execute, struct json_object *arguments);
int control_answer(struct control *control, struct json_object **result);

/*
 * The next event, the caller's to put; *event is NULL if none came in time (-1: for ever).
 * -ECANCELED if we are to stop, -ENOTCONN if pvferryd is gone.
 */
int control_next(struct control *control, struct json_object **event, int timeout_ms);

/* {"job": ...} */
struct json_object *control_job(const char *job);

/* Lent by the object; NULL if it has none of that name. */
struct json_object *control_member(const struct json_object *json, const char *name);

/* A text of an object without control characters, put into out; "" if there is none. A number, or 0. */
const char *control_text(const struct json_object *json, const char *name, char *out, size_t room);
long long control_number(const struct json_object *json, const char *name);

#endif
