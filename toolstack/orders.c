/* See orders.h. */
#include "toolstack/orders.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "machine/new-domain.h"

/* A config has at most 4 MiB, and as text in text at most twice that. */
enum { LINE_MOST = 16 << 20, QUEUE = 16 };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t came;
	libxl_ctx *ctx;
	int fd;
	char *line; /* what has come of the next one */
	size_t bytes, room;
	struct json_object *queue[QUEUE];
	unsigned int waiting;
	bool is_over;
	/* Of the creation under way: -1 if there is none, or the gate is open. */
	int gate, inherited;
	bool is_creating, early;
	enum cut cut;
	int wake[2]; /* the thread is to poll the gate, too */
	struct gate_report report;
} all = { .lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER, .gate = -1, .inherited = -1 };

/* --- the gate; all with the lock ------------------------------------------- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void open_gate(void)
{
	if (all.gate >= 0 && write(all.gate, "", 1) == 1)
		close_fd(&all.gate);
}

/* A gate that is shut fails, and libxl removes the domain; behind an open one libxl itself has to be told. */
static void cut_short(void)
{
	if (!all.is_creating || all.cut)
		return;
	all.cut = all.report.domain && all.gate < 0 ? CUT_BEHIND_GATE : CUT_AT_GATE;
	close_fd(&all.gate);
	if (all.cut == CUT_BEHIND_GATE)
		libxl_ao_abort(all.ctx, NULL);
}

static void report_gate(void)
{
	struct json_object *answer = json_object_new_object();
	const struct gate_report *report = &all.report;

	json_object_object_add(answer, "gate", json_object_new_int64(report->domain));
	json_object_object_add(answer, "pid", json_object_new_int64(getpid()));
	json_object_object_add(answer, "store-port", json_object_new_int64(report->store_port));
	json_object_object_add(answer, "console-port", json_object_new_int64(report->console_port));
	json_object_object_add(answer, "store", json_object_new_int64(report->store));
	json_object_object_add(answer, "console", json_object_new_int64(report->console));
	orders_answer(answer);
	json_object_put(answer);
}

/* The helper has its end; scripts and qemu, which come behind the gate, are not to inherit it. */
static void hear_gate(void)
{
	if (recv(all.gate, &all.report, sizeof(all.report), MSG_WAITALL) != sizeof(all.report)) {
		memset(&all.report, 0, sizeof(all.report));
		close_fd(&all.gate);
		return;
	}
	close_fd(&all.inherited);
	report_gate();
	if (all.cut)
		close_fd(&all.gate);
	else if (all.early)
		open_gate();
}

const char *order_text(struct json_object *order, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(order, key, &value);
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

/* --- lines ----------------------------------------------------------------- */

static void queue_order(struct json_object *order)
{
	const char *name = order_text(order, "order");

	if (!strcmp(name, "open")) {
		open_gate();
		json_object_put(order);
		return;
	}
	if (!strcmp(name, "abandon"))
		cut_short();
	if (all.waiting < QUEUE)
		all.queue[all.waiting++] = order;
	else
		json_object_put(order);
	pthread_cond_signal(&all.came);
}

static void end_orders(void)
{
	all.is_over = true;
	cut_short();
	pthread_cond_signal(&all.came);
}

/* Whole lines of what has come. One that is no JSON ends all: the other side is not what it should be. */
static bool take_lines(void)
{
	char *end;

	while ((end = memchr(all.line, '\n', all.bytes))) {
		struct json_object *order;
		size_t length = end - all.line;

		*end = '\0';
		order = json_tokener_parse(all.line);
		if (!json_object_is_type(order, json_type_object)) {
			json_object_put(order);
			return false;
		}
		queue_order(order);
		all.bytes -= length + 1;
		memmove(all.line, end + 1, all.bytes);
	}
	return all.bytes < LINE_MOST;
}

/*
 * Locks that come along are held until this process ends: should those who gave the orders die, no other process takes
 * the domain for its own while it is still removed here.
 */
static ssize_t receive(struct iovec part)
{
	char control[CMSG_SPACE(NEW_DOMAIN_LOCKS * sizeof(int))]
		__attribute__((aligned(sizeof(struct cmsghdr))));
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};

	return recvmsg(all.fd, &message, MSG_CMSG_CLOEXEC);
}

static bool read_some(void)
{
	enum { AT_ONCE = 65536 };
	ssize_t got;

	if (all.room - all.bytes < AT_ONCE) {
		char *more = realloc(all.line, all.bytes + AT_ONCE);

		if (!more)
			return false;
		all.line = more;
		all.room = all.bytes + AT_ONCE;
	}
	got = receive((struct iovec){ all.line + all.bytes, AT_ONCE });
	if (got <= 0)
		return got < 0 && errno == EINTR;
	all.bytes += got;
	return take_lines();
}

static void *read_orders(void *nothing)
{
	bool goes_on = true;

	while (goes_on) {
		struct pollfd from[] = { { .fd = all.fd, .events = POLLIN },
					 { .fd = all.wake[0], .events = POLLIN },
					 { .fd = -1, .events = POLLIN } };
		char word;

		pthread_mutex_lock(&all.lock);
		from[2].fd = all.report.domain ? -1 : all.gate;
		pthread_mutex_unlock(&all.lock);
		if (poll(from, 3, -1) < 0)
			continue;
		pthread_mutex_lock(&all.lock);
		if (from[1].revents && read(all.wake[0], &word, 1) < 0)
			goes_on = false;
		if (from[2].revents && from[2].fd == all.gate)
			hear_gate();
		if (from[0].revents)
			goes_on = read_some();
		if (!goes_on)
			end_orders();
		pthread_mutex_unlock(&all.lock);
	}
	return nothing;
}

/* --- the main thread ------------------------------------------------------- */

int orders_begin(int fd, libxl_ctx *ctx)
{
	pthread_t thread;

	all.fd = fd;
	all.ctx = ctx;
	if (pipe2(all.wake, O_CLOEXEC))
		return fail_errno("cannot make a pipe");
	return pthread_create(&thread, NULL, read_orders, NULL) ? fail(EAGAIN, "cannot start a thread") : 0;
}

struct json_object *orders_take(void)
{
	struct json_object *order = NULL;

	pthread_mutex_lock(&all.lock);
	while (!all.waiting && !all.is_over)
		pthread_cond_wait(&all.came, &all.lock);
	if (all.waiting) {
		order = all.queue[0];
		memmove(all.queue, all.queue + 1, --all.waiting * sizeof(*all.queue));
	}
	pthread_mutex_unlock(&all.lock);
	return order;
}

void orders_answer(struct json_object *answer)
{
	const char *text = json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN);
	size_t left = strlen(text);

	while (left) {
		ssize_t sent = send(all.fd, text, left, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			return;
		text += sent > 0 ? sent : 0;
		left -= sent > 0 ? sent : 0;
	}
	send(all.fd, "\n", 1, MSG_NOSIGNAL);
}

void orders_watch_gate(int ours, int inherited, bool early)
{
	pthread_mutex_lock(&all.lock);
	memset(&all.report, 0, sizeof(all.report));
	all.gate = ours;
	all.inherited = inherited;
	all.early = early;
	all.is_creating = true;
	all.cut = all.is_over ? CUT_AT_GATE : NOT_CUT;
	if (all.cut)
		close_fd(&all.gate);
	pthread_mutex_unlock(&all.lock);
	if (write(all.wake[1], "", 1) != 1)
		close_fd(&all.wake[1]);
}

enum cut orders_leave_gate(struct gate_report *report)
{
	enum cut cut;

	pthread_mutex_lock(&all.lock);
	close_fd(&all.gate);
	close_fd(&all.inherited);
	*report = all.report;
	cut = all.cut;
	all.is_creating = false;
	memset(&all.report, 0, sizeof(all.report));
	pthread_mutex_unlock(&all.lock);
	return cut;
}
