/* See client.h. */
#include "daemon/client.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/lines.h"
#include "log.h"

/* What may wait to be read by it before it is asked nothing more, or dropped if it follows. */
enum { ANSWER_WAITING = 64 << 10, STATUS_WAITING = 64 << 10, EVENTS_WAITING = 256 << 10, IDLE_MS = 60000 };
static const uint64_t everything = UINT64_MAX;

struct client {
	struct client *next;
	struct control *control;
	uv_pipe_t pipe;
	struct lines lines;
	uint64_t waits_for; /* a job's number: the answer comes when it has begun */
	bool follows_then;
	uint64_t follows;
	uint64_t last_ms; /* it said or read something */
	bool is_last;	  /* closed once all is sent */
};

struct answer {
	uv_write_t request;
	char text[];
};

static void go_on(struct client *client);

struct client *client_next(const struct client *client)
{
	return client->next;
}

/* --- closing ------------------------------------------------------------------ */

static void on_closed(uv_handle_t *handle)
{
	struct client *client = handle->data;
	struct client **at = &client->control->clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	client->control->client_count--;
	lines_release(&client->lines);
	free(client);
}

static void client_drop(struct client *client)
{
	if (!uv_is_closing((uv_handle_t *)&client->pipe))
		uv_close((uv_handle_t *)&client->pipe, on_closed);
}

static size_t waiting(const struct client *client)
{
	return uv_stream_get_write_queue_size((const uv_stream_t *)&client->pipe);
}

void client_close(struct client *client)
{
	if (client->is_last || !waiting(client))
		client_drop(client);
	else
		uv_read_stop((uv_stream_t *)&client->pipe);
	client->is_last = true;
}

void client_look(struct client *client, uint64_t now_ms)
{
	bool is_busy = (client->waits_for || client->follows) && !waiting(client);

	if (!is_busy && now_ms - client->last_ms > IDLE_MS)
		client_drop(client);
}

/* --- sending ------------------------------------------------------------------ */

static void on_written(uv_write_t *request, int status)
{
	struct answer *answer = request->data;
	struct client *client = request->handle->data;

	free(answer);
	if (status < 0) {
		client_drop(client);
		return;
	}
	client->last_ms = uv_now(client->control->jobs->loop);
	if (client->is_last && !waiting(client))
		client_drop(client);
	else
		go_on(client);
}

/* The object is ours then. */
static void send_object(struct client *client, struct json_object *json)
{
	size_t length;
	const char *text = json_object_to_json_string_length(json, JSON_C_TO_STRING_PLAIN, &length);
	struct answer *answer = text ? malloc(sizeof(*answer) + length + 1) : NULL;
	uv_buf_t buffer;

	if (answer) {
		memcpy(answer->text, text, length);
		answer->text[length] = '\n';
		answer->request.data = answer;
		buffer = uv_buf_init(answer->text, length + 1);
	}
	json_object_put(json);
	if (answer && !uv_write(&answer->request, (uv_stream_t *)&client->pipe, &buffer, 1, on_written))
		return;
	free(answer);
	client_drop(client);
}

static void answer_with(struct client *client, struct json_object *result)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "return", result);
	send_object(client, json);
}

static void answer_error(struct client *client, const char *reason)
{
	struct json_object *json = json_object_new_object(), *error = json_object_new_object();

	json_object_object_add(error, "desc", json_object_new_string(reason));
	json_object_object_add(json, "error", error);
	send_object(client, json);
}

static void answer_failure(struct client *client)
{
	answer_error(client, fail_reason());
	fail_forget();
}

static void send_event(struct client *client, struct json_object *event)
{
	/* A later one tells all that this tells. */
	if (waiting(client) > STATUS_WAITING && !strcmp(request_text(event, "event"), "status"))
		return;
	if (waiting(client) <= EVENTS_WAITING) {
		send_object(client, json_object_get(event));
		return;
	}
	say(SAY_WARNING, "a client of the control socket does not read what it follows; closed");
	client_drop(client);
}

/* The job has begun, or never will. */
static void answer_migrate(struct client *client, const struct job *job)
{
	client->waits_for = 0;
	if (!*job->id) {
		answer_error(client, *job->note ? job->note : "the job ended before it began");
		return;
	}
	if (client->follows_then)
		client->follows = job->number;
	answer_with(client, job_describe(job));
}

void client_tell(struct client *client, const struct job *job, struct json_object *event)
{
	if (uv_is_closing((uv_handle_t *)&client->pipe))
		return;
	if (client->waits_for == job->number)
		answer_migrate(client, job);
	else if (event && (client->follows == job->number || client->follows == everything))
		send_event(client, event);
}

/* --- what it asks for ---------------------------------------------------------- */

static void migrate(struct client *client, const struct request *request)
{
	client->waits_for = jobs_migrate(client->control->jobs, request);
	client->follows_then = request->follow;
	if (!client->waits_for)
		answer_failure(client);
}

static void list(struct client *client)
{
	struct json_object *result = json_object_new_object();

	json_object_object_add(result, "jobs", jobs_describe(client->control->jobs));
	answer_with(client, result);
}

static void client_follow(struct client *client, const struct request *request)
{
	struct job *job;

	if (!request->job) {
		client->follows = everything;
		answer_with(client, json_object_new_object());
		return;
	}
	job = jobs_find(client->control->jobs, request->job);
	if (!job) {
		answer_failure(client);
		return;
	}
	client->follows = job->number;
	answer_with(client, job_describe(job));
}

static void change(struct client *client, const struct request *request)
{
	struct job *job = jobs_find(client->control->jobs, request->job);
	int rc = job ? 0 : -ENOENT;

	/* Of one that has ended the description says how: who cancels it asks for no more. */
	if (!rc && !(request->kind == REQUEST_CANCEL && job->state == JOB_ENDED))
		rc = request->kind == REQUEST_CANCEL ? job_cancel(job) : job_set(job, request->set);
	if (rc)
		answer_failure(client);
	else
		answer_with(client, job_describe(job));
}

static void execute(struct client *client, const char *line, size_t length)
{
	struct request request;

	if (request_parse(&request, line, length)) {
		answer_failure(client);
		return;
	}
	switch (request.kind) {
	case REQUEST_MIGRATE: migrate(client, &request); break;
	case REQUEST_JOBS: list(client); break;
	case REQUEST_FOLLOW: client_follow(client, &request); break;
	case REQUEST_CANCEL:
	case REQUEST_SET: change(client, &request); break;
	}
	request_release(&request);
}

static bool is_ready(const struct client *client)
{
	return !client->is_last && !client->waits_for && waiting(client) <= ANSWER_WAITING &&
	       !uv_is_closing((const uv_handle_t *)&client->pipe);
}

static void on_space(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct client *client = handle->data;
	size_t count;

	(void)suggested;
	buffer->base = lines_space(&client->lines, &count);
	buffer->len = count;
}

static void on_bytes(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
	struct client *client = stream->data;

	(void)buffer;
	if (count < 0) {
		client_drop(client);
		return;
	}
	client->last_ms = uv_now(client->control->jobs->loop);
	lines_filled(&client->lines, count);
	go_on(client);
}

/* Does what was asked, as far as it reads the answers, and then hears on. */
static void go_on(struct client *client)
{
	size_t length;
	char *line;

	while (is_ready(client) && (line = lines_next(&client->lines, &length)))
		execute(client, line, length);
	if (is_ready(client) && lines_is_full(&client->lines)) {
		client->is_last = true;
		answer_error(client, "a line is longer than 65535 bytes");
	}
	if (is_ready(client))
		uv_read_start((uv_stream_t *)&client->pipe, on_space, on_bytes);
	else if (!uv_is_closing((uv_handle_t *)&client->pipe))
		uv_read_stop((uv_stream_t *)&client->pipe);
}

/* --- coming ------------------------------------------------------------------- */

static bool is_allowed(const struct client *client)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);
	uv_os_fd_t fd;

	if (uv_fileno((const uv_handle_t *)&client->pipe, &fd) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes)) {
		say(SAY_WARNING, "a client of the control socket could not be looked at; closed");
		return false;
	}
	if (!peer.uid || peer.uid == geteuid())
		return true;
	say(SAY_WARNING, "user %u may not use the control socket; closed", peer.uid);
	return false;
}

void client_accept(struct control *control)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client || lines_init(&client->lines, REQUEST_BYTES)) {
		say(SAY_WARNING, "no memory for a client of the control socket");
		fail_forget();
		free(client);
		return;
	}
	client->control = control;
	client->last_ms = uv_now(control->jobs->loop);
	uv_pipe_init(control->jobs->loop, &client->pipe, 0);
	client->pipe.data = client;
	client->next = control->clients;
	control->clients = client;
	control->client_count++;
	if (uv_accept((uv_stream_t *)&control->pipe, (uv_stream_t *)&client->pipe) || !is_allowed(client)) {
		client_drop(client);
	} else if (control->client_count > CLIENTS_MOST) {
		client->is_last = true;
		answer_error(client, "too many clients of the control socket");
	} else {
		go_on(client);
	}
}
