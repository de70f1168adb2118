/*
 * See program.h. A child process and its three pipes: orders to it, events (JSON) and notes from it. In: its lines.
 * Out: calls. The trap: its end is known only when the process is gone and both outputs are at their end, in either
 * order; and a process of its own may hold an output open for longer (LINGER_MS).
 */
#include "daemon/program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lines.h"
#include "log.h"
#include "text/text.h"

enum { ORDERS, EVENTS, NOTES, PIPES };
enum { EVENT_BYTES = 64 << 10, NOTE_BYTES = 2048, ORDERS_WAITING = 64 << 10 };
/* A process of the job may outlive the one we started and still hold its standard output. */
enum { LINGER_MS = 10000 };

struct program {
	const struct program_calls *calls; /* NULL: it was never started */
	void *context;
	uv_process_t process;
	uv_pipe_t pipes[PIPES];
	uv_timer_t timer;
	struct lines lines[PIPES];
	unsigned int open; /* handles */
	bool is_gone, is_heard[PIPES];
	int status, signal;
};

struct order {
	uv_write_t request;
	char text[];
};

static void on_closed(uv_handle_t *handle)
{
	struct program *child = handle->data;

	if (--child->open)
		return;
	if (child->calls)
		child->calls->ended(child->context, child->status, child->signal);
	lines_release(&child->lines[EVENTS]);
	lines_release(&child->lines[NOTES]);
	free(child);
}

static void close_all(struct program *child)
{
	uv_handle_t *handles[] = { (uv_handle_t *)&child->process, (uv_handle_t *)&child->timer,
				   (uv_handle_t *)&child->pipes[ORDERS], (uv_handle_t *)&child->pipes[EVENTS],
				   (uv_handle_t *)&child->pipes[NOTES] };

	for (unsigned int i = 0; i < sizeof(handles) / sizeof(*handles); i++)
		if (!uv_is_closing(handles[i]))
			uv_close(handles[i], on_closed);
}

static void close_if_over(struct program *child)
{
	if (child->is_gone && child->is_heard[EVENTS] && child->is_heard[NOTES])
		close_all(child);
}

static void on_time(uv_timer_t *timer)
{
	struct program *child = timer->data;

	if (child->is_gone)
		close_all(child);
	else
		child->calls->late(child->context);
}

static void on_process_end(uv_process_t *process, int64_t status, int signal)
{
	struct program *child = process->data;

	child->is_gone = true;
	child->status = (int)status;
	child->signal = signal;
	uv_timer_start(&child->timer, on_time, LINGER_MS, 0);
	close_if_over(child);
}

static void on_space(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct program *child = handle->data;
	struct lines *lines = &child->lines[(uv_pipe_t *)handle - child->pipes];
	size_t count;

	(void)suggested;
	buffer->base = lines_space(lines, &count);
	buffer->len = count;
}

static void give_notes(struct program *child, struct lines *lines)
{
	size_t length;
	char *line;

	/* What a peer can make a job say goes to our log; a zero byte must not hide the rest. */
	while ((line = lines_next(lines, &length))) {
		char visible[4096];

		for (size_t i = 0; i < length; i++)
			line[i] = line[i] ? line[i] : '?';
		child->calls->note(child->context, text_visible(visible, sizeof(visible), line));
	}
}

static void give_events(struct program *child, struct lines *lines)
{
	size_t length;
	char *line;

	while ((line = lines_next(lines, &length)))
		child->calls->event(child->context, line, length);
}

static void on_bytes(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
	struct program *child = stream->data;
	int which = (int)((uv_pipe_t *)stream - child->pipes);
	struct lines *lines = &child->lines[which];

	(void)buffer;
	if (count < 0) {
		uv_read_stop(stream);
		child->is_heard[which] = true;
		close_if_over(child);
		return;
	}
	lines_filled(lines, count);
	if (which == NOTES)
		give_notes(child, lines);
	else
		give_events(child, lines);
	if (lines_is_full(lines)) {
		say(SAY_WARNING, "process %d wrote a line of more than %zu bytes", child->process.pid,
		    lines->room);
		lines_drop(lines);
	}
}

static void init_handles(struct program *child, uv_loop_t *loop)
{
	uv_timer_init(loop, &child->timer);
	child->timer.data = child;
	child->process.data = child;
	for (int i = 0; i < PIPES; i++) {
		uv_pipe_init(loop, &child->pipes[i], 0);
		child->pipes[i].data = child;
	}
	child->open = 2 + PIPES;
}

static int spawn(struct program *child, uv_loop_t *loop, char *const *argv, int connection)
{
	uv_stdio_container_t stdio[CHILD_CONNECTION + 1] = {
		[CHILD_CONNECTION] = { .flags = UV_INHERIT_FD, .data.fd = connection },
	};
	uv_process_options_t options = { .file = argv[0],
					 .args = (char **)argv,
					 .flags = UV_PROCESS_DETACHED,
					 .exit_cb = on_process_end,
					 .stdio = stdio,
					 .stdio_count = connection < 0 ? PIPES : CHILD_CONNECTION + 1 };

	for (int i = 0; i < PIPES; i++) {
		stdio[i].flags = UV_CREATE_PIPE | (i == ORDERS ? UV_READABLE_PIPE : UV_WRITABLE_PIPE);
		stdio[i].data.stream = (uv_stream_t *)&child->pipes[i];
	}
	return uv_spawn(loop, &child->process, &options);
}

struct program *program_start(uv_loop_t *loop, char *const *argv, int connection,
			      const struct program_calls *calls, void *context)
{
	struct program *child = calloc(1, sizeof(*child));
	int rc;

	if (!child || lines_init(&child->lines[EVENTS], EVENT_BYTES) ||
	    lines_init(&child->lines[NOTES], NOTE_BYTES)) {
		fail(ENOMEM, "no memory for a process");
		if (child)
			lines_release(&child->lines[EVENTS]);
		free(child);
		return NULL;
	}
	init_handles(child, loop);
	rc = spawn(child, loop, argv, connection);
	if (rc) {
		fail(-rc, "cannot start %s: %s", argv[0], uv_strerror(rc));
		close_all(child);
		return NULL;
	}
	child->calls = calls;
	child->context = context;
	uv_read_start((uv_stream_t *)&child->pipes[EVENTS], on_space, on_bytes);
	uv_read_start((uv_stream_t *)&child->pipes[NOTES], on_space, on_bytes);
	return child;
}

static void on_written(uv_write_t *request, int status)
{
	(void)status;
	free(request->data);
}

int program_order(struct program *child, const char *line)
{
	uv_stream_t *stream = (uv_stream_t *)&child->pipes[ORDERS];
	size_t length = strlen(line);
	struct order *order;
	uv_buf_t buffer;
	int rc;

	if (child->is_gone || uv_is_closing((uv_handle_t *)stream))
		return fail(EPIPE, "the job's process is gone");
	if (uv_stream_get_write_queue_size(stream) > ORDERS_WAITING)
		return fail(EAGAIN, "the job has not read the orders before");
	order = malloc(sizeof(*order) + length + 1);
	if (!order)
		return fail(ENOMEM, "no memory for an order");
	memcpy(order->text, line, length);
	order->text[length] = '\n';
	order->request.data = order;
	buffer = uv_buf_init(order->text, length + 1);
	rc = uv_write(&order->request, stream, &buffer, 1, on_written);
	if (!rc)
		return 0;
	free(order);
	return fail(-rc, "the job takes no orders: %s", uv_strerror(rc));
}

void program_signal(struct program *child, int signal, bool all)
{
	if (!child->is_gone)
		kill(all ? -child->process.pid : child->process.pid, signal);
}

void program_within(struct program *child, unsigned int seconds)
{
	if (child->is_gone)
		return;
	uv_timer_stop(&child->timer);
	if (seconds)
		uv_timer_start(&child->timer, on_time, seconds * 1000ULL, 0);
}

int program_pid(const struct program *child)
{
	return child->process.pid;
}
