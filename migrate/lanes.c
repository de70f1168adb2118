/* See lanes.h. */
#include "migrate/lanes.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "process/child.h"
#include "stream/front.h"
#include "stream/lane.h"

enum { ANSWER_MS = 60000, DRAIN_MS = 2000, ROOM = 1 << 20 };

struct task {
	const struct lanes *lanes;
	unsigned int number;
	int fd;		  /* from the source session */
	struct line *ssh; /* what the source session has connected, if it is ssh's */
};

static int join(struct line *line, const struct task *task)
{
	struct json_object *body = json_object_new_object(), *answer;
	int rc = message_hello(line, line->handshake_ms);

	body_put_text(body, "job", task->lanes->job);
	body_put_number(body, "lane", task->number);
	if (rc) {
		json_object_put(body);
		return rc;
	}
	rc = message_send_json(line, MESSAGE_JOIN, body);
	if (rc)
		return rc;
	answer = message_expect(line, MESSAGE_ACCEPT, ANSWER_MS);
	json_object_put(answer);
	return answer ? 0 : -ECONNABORTED;
}

/* The handshake, and what the other host says, is read without privileges. */
static int connect_lane(struct line *from, struct line *to, const struct task *task)
{
	int rc = 0;

	if (task->ssh->inbox)
		*to = *task->ssh;
	else
		rc = connect_prepare_to(to, task->lanes->peer);
	if (!rc)
		rc = front_confine(&(struct front){ .peer = *to, .inner = *from });
	return rc ? rc : connect_shake(to);
}

static int run_lane(void *context)
{
	const struct task *task = context;
	struct line from, to = { .in = -1 };
	int rc = line_init(&from, task->fd, task->fd, "the source session");

	from.idle_seconds = LINE_NEVER_IDLE;
	if (!rc)
		rc = connect_lane(&from, &to, task);
	if (!rc)
		rc = join(&to, task);
	if (!rc)
		rc = lane_carry(&from, &to);
	if (!rc)
		line_drain(&to, DRAIN_MS);
	line_close(&to);
	line_close(&from);
	return rc;
}

/* ssh is the source session's child, since a process without privileges cannot end it. */
static int lane_start(struct lanes *lanes, unsigned int number, int fd)
{
	struct lane *lane = &lanes->lane[number];
	struct line ssh = { .in = -1, .out = -1 };
	struct task task = { lanes, number, fd, &ssh };
	int rc = lanes->peer->via == VIA_SSH ? connect_prepare_to(&ssh, lanes->peer) : 0;

	lanes->helpers[number] = lane->line.helper = ssh.helper;
	ssh.helper = 0;
	child_unprivate(ssh.in);
	child_unprivate(ssh.out);
	if (!rc)
		rc = child_start(&lane->process, run_lane, &task);
	line_close(&ssh);
	return rc;
}

static int open_lane(struct lanes *lanes, unsigned int number)
{
	struct lane *lane = &lanes->lane[number];
	int ends[2], size = ROOM, rc;
	char name[32];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return fail_errno("cannot make a socket");
	if (setsockopt(ends[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	snprintf(name, sizeof(name), "connection %u", number + 1);
	rc = line_init(&lane->line, ends[0], ends[0], name);
	lane->line.idle_seconds = LINE_NEVER_IDLE;
	if (!rc)
		rc = lane_start(lanes, number, ends[1]);
	close(ends[1]);
	return rc;
}

int lanes_open(struct lanes *lanes, unsigned int count, const struct peer *peer, const char *job,
	       _Atomic pid_t *helpers)
{
	int rc = 0;

	*lanes = (struct lanes){ .count = count, .peer = peer, .job = job, .helpers = helpers };
	for (unsigned int i = 1; !rc && i < count; i++)
		rc = open_lane(lanes, i);
	return rc;
}

int lanes_failure(struct lanes *lanes, unsigned int number)
{
	struct lane *lane = &lanes->lane[number];
	int rc;

	fail_forget();
	line_hang_up(&lane->line);
	rc = lane->process ? child_wait(lane->process) : -ECONNRESET;
	lane->process = NULL;
	return rc ? rc : fail(ECONNRESET, "connection %u was closed", number + 1);
}

/*
 * Their ends being closed, they end: what they hold still goes out, if the other side
 * takes it. However many they are, ssh has one moment for all of them.
 */
void lanes_close(struct lanes *lanes)
{
	uint64_t until;

	for (unsigned int i = 1; i < lanes->count; i++)
		line_hang_up(&lanes->lane[i].line);
	for (unsigned int i = 1; i < lanes->count; i++)
		if (lanes->lane[i].process)
			child_wait(lanes->lane[i].process);
	until = line_now() + LINE_HELPER_MS * 1000000ULL;
	for (unsigned int i = 1; i < lanes->count; i++) {
		line_end_helper(&lanes->lane[i].line, until);
		lanes->helpers[i] = 0;
		line_close(&lanes->lane[i].line);
	}
	lanes->count = 0;
}
