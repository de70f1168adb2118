/*
 * See control.h. The client's side of pvferryd's control socket: a line of JSON each. The trap: on one connection
 * answers and events come mixed, in the order in which pvferryd wrote them; what is neither answer nor error is an
 * event.
 */
#include "cli/control.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "journal/journal.h"
#include "text/text.h"
#include "log.h"
#include "process/stop.h"

/* A hundred jobs and their events are less. */
enum { ROOM_FIRST = 16 << 10, ROOM_MOST = 16 << 20 };

static int open_socket(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/control", run_folder());

	if (n >= (int)sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || !connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	n = errno;
	close(fd);
	errno = n;
	return -1;
}

bool control_is_there(void)
{
	int fd = open_socket();

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int control_open(struct control *control)
{
	*control = (struct control){ .fd = open_socket() };
	if (control->fd < 0)
		return fail_errno("pvferryd does not answer at %s/control", run_folder());
	control->room = ROOM_FIRST;
	control->text = malloc(control->room);
	if (control->text)
		return 0;
	close(control->fd);
	return fail(ENOMEM, "no memory");
}

void control_close(struct control *control)
{
	close(control->fd);
	free(control->text);
	*control = (struct control){ .fd = -1 };
}

/* --- lines -------------------------------------------------------------------- */

static int control_make_room(struct control *control)
{
	char *more;

	memmove(control->text, control->text + control->start, control->end - control->start);
	control->end -= control->start;
	control->start = 0;
	if (control->end < control->room)
		return 0;
	more = control->room < ROOM_MOST ? realloc(control->text, 2 * control->room) : NULL;
	if (!more)
		return fail(ENOMEM, "pvferryd says too much at once");
	control->text = more;
	control->room *= 2;
	return 0;
}

static int read_more(struct control *control)
{
	ssize_t n;
	int rc = control_make_room(control);

	if (rc)
		return rc;
	n = read(control->fd, control->text + control->end, control->room - control->end);
	if (n > 0)
		control->end += n;
	if (n > 0 || (n < 0 && errno == EINTR))
		return 0;
	return n ? fail_errno("pvferryd") : fail(ENOTCONN, "pvferryd has closed the connection");
}

static struct json_object *take_line(struct control *control)
{
	char *line = control->text + control->start;
	char *end = memchr(line, '\n', control->end - control->start);

	if (!end)
		return NULL;
	*end = '\0';
	control->start += end - line + 1;
	return json_tokener_parse(line);
}

/* 0 with nothing in *json: not in time. */
static int read_json(struct control *control, struct json_object **json, int timeout_ms)
{
	struct pollfd wait[2] = { { .fd = control->fd, .events = POLLIN },
				  { .fd = stop_fd(), .events = POLLIN } };
	int rc = 0, ready;

	while (!(*json = take_line(control))) {
		ready = poll(wait, 2, timeout_ms);
		if (ready < 0 && errno != EINTR)
			return fail_errno("poll");
		rc = stop_requested();
		if (!rc && ready > 0 && wait[0].revents)
			rc = read_more(control);
		if (rc || !ready)
			return rc;
	}
	return 0;
}

static int control_write(struct control *control, const char *text, size_t length)
{
	while (length) {
		ssize_t n = send(control->fd, text, length, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return fail_errno("pvferryd");
		if (n > 0) {
			text += n;
			length -= n;
		}
	}
	return 0;
}

/* --- requests ------------------------------------------------------------------ */

int control_send(struct control *control, const char *execute, struct json_object *arguments)
{
	struct json_object *json = json_object_new_object();
	const char *text;
	int rc;

	json_object_object_add(json, "execute", json_object_new_string(execute));
	if (arguments)
		json_object_object_add(json, "arguments", arguments);
	text = json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN);
	rc = control_write(control, text, strlen(text));
	if (!rc)
		rc = control_write(control, "\n", 1);
	json_object_put(json);
	return rc;
}

/* Of {"return":...} the part that counts; false if it is an event. */
static bool take_answer(struct json_object *json, struct json_object **result)
{
	struct json_object *error;
	char reason[1024];

	if (json_object_object_get_ex(json, "error", &error)) {
		fail(EREMOTEIO, "%s", control_text(error, "desc", reason, sizeof(reason)));
		return true;
	}
	if (!json_object_object_get_ex(json, "return", result))
		return false;
	json_object_get(*result);
	return true;
}

int control_answer(struct control *control, struct json_object **result)
{
	bool is_answered = false;
	int rc = 0;

	*result = NULL;
	while (!rc && !is_answered) {
		struct json_object *json;

		rc = read_json(control, &json, -1);
		if (rc)
			break;
		is_answered = take_answer(json, result);
		json_object_put(json);
	}
	return rc;
}

struct json_object *control_ask(struct control *control, const char *execute, struct json_object *arguments)
{
	struct json_object *result = NULL;

	if (!control_send(control, execute, arguments))
		control_answer(control, &result);
	return result;
}

int control_next(struct control *control, struct json_object **event, int timeout_ms)
{
	return read_json(control, event, timeout_ms);
}

struct json_object *control_job(const char *job)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "job", json_object_new_string(job));
	return json;
}

struct json_object *control_member(const struct json_object *json, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(json, name, &value);
	return value;
}

const char *control_text(const struct json_object *json, const char *name, char *out, size_t room)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(json, name, &value);
	return text_visible(
		out, room, json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "");
}

long long control_number(const struct json_object *json, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(json, name, &value);
	return json_object_get_int64(value);
}
