/*
 * See lanes.h. The further connections of a move, at the destination. Each is accepted by a process of its own, which
 * finds the job's first process through a socket in the run directory, named after the job. In: JOIN. Out: struct
 * joined. The trap: any host with a certificate may try to join, so the host that sends JOIN must be the one that sent
 * OFFER.
 */
#include "restore/lanes.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "journal/journal.h"
#include "log.h"
#include "process/child.h"
#include "restore/receiver.h"
#include "stream/lane.h"

enum { JOIN_MS = 30000, STEP_MS = 1000 };

static int socket_address(const char *job, struct sockaddr_un *address)
{
	int n;

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s", run_folder(), job);
	return n < (int)sizeof(address->sun_path) ? 0
						  : fail(ENAMETOOLONG, "%s is too long a name", run_folder());
}

void joined_forget(const char *job)
{
	struct sockaddr_un address;

	if (!socket_address(job, &address))
		unlink(address.sun_path);
}

/* --- in the destination session ------------------------------------------------------------ */

int joined_open(struct joined *lanes, unsigned int count, const char *job)
{
	struct sockaddr_un address;
	int rc;

	*lanes = (struct joined){ .count = count, .job = job, .listener = -1 };
	if (count == 1)
		return 0;
	rc = socket_address(job, &address);
	if (rc)
		return rc;
	rc = journal_make_folder(run_folder());
	if (rc)
		return rc;
	lanes->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (lanes->listener < 0)
		return fail_errno("cannot make a socket");
	child_private(lanes->listener);
	/* What is left of a process that was killed; the job's lock is ours, so no other listens there. */
	unlink(address.sun_path);
	if (bind(lanes->listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(lanes->listener, OFFER_LANES_MOST))
		return fail_errno("cannot listen at %s", address.sun_path);
	return 0;
}

/* Which one it is, if it is one of ours; its process waits for the answer. */
static int read_join(const struct joined *lanes, struct line *lane, const char *peer)
{
	struct heard_job heard = { .job = "" };
	struct message message;
	int rc = message_wait(lane, &message, "JOIN", STEP_MS);

	if (!rc && message.type != MESSAGE_JOIN)
		rc = fail(EPROTO, "%s comes by a further connection", message_name(message.type));
	if (!rc)
		rc = heard_job(lane, &message, &heard);
	if (rc)
		return rc;
	if (heard.lane < 1 || heard.lane >= lanes->count || lanes->lane[heard.lane].inbox ||
	    strcmp(heard.peer, peer))
		return fail(EACCES, "%s sends no connection %u of job %s", heard.peer, heard.lane,
			    lanes->job);
	return heard.lane;
}

/* Another host may know the job; what it sends here does not disturb the guest's own connections. */
static int refuse_lane(struct line *lane)
{
	struct json_object *body = json_object_new_object();

	say(SAY_WARNING, "a further connection is refused: %s", fail_reason());
	body_put_text(body, "reason", fail_reason());
	fail_forget();
	if (message_send_json(lane, MESSAGE_REFUSE, body))
		fail_forget();
	line_close(lane);
	return 0;
}

static int accept_lane(struct joined *lanes, const struct line *line)
{
	int fd = accept4(lanes->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), number;
	struct line lane;

	if (fd < 0)
		return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED
			     ? 0
			     : fail_errno("cannot accept a connection");
	number = line_init(&lane, fd, fd, "a further connection");
	lane.idle_seconds = LINE_NEVER_IDLE;
	if (!number)
		number = read_join(lanes, &lane, line->peer);
	if (number > 0 && message_send_json(&lane, MESSAGE_ACCEPT, json_object_new_object()))
		number = -EPIPE;
	if (number < 0)
		return number == -ECANCELED ? number : refuse_lane(&lane);
	lanes->lane[number] = lane;
	return 1;
}

int joined_wait(struct joined *lanes, struct line *line)
{
	uint64_t until = line_now() + JOIN_MS * 1000000ULL;
	unsigned int there = 1;

	while (there < lanes->count) {
		struct pollfd listener = { .fd = lanes->listener, .events = POLLIN };
		int rc = message_keep_alive(line);

		if (!rc)
			rc = line_wait(line, &listener, 1, STEP_MS);
		if (rc > 0 && rc & LINE_OTHER)
			rc = accept_lane(lanes, line);
		else if (rc > 0)
			rc = 0;
		if (rc < 0)
			return rc;
		there += rc;
		if (line->is_over)
			return fail(ECONNRESET, "%s has closed the connection", line->peer);
		if (line_now() > until)
			return fail(ETIMEDOUT, "%u of %u connections came within %d s", there, lanes->count,
				    JOIN_MS / 1000);
	}
	return 0;
}

void joined_close(struct joined *lanes)
{
	for (unsigned int i = 1; i < lanes->count; i++)
		line_close(&lanes->lane[i]);
	if (lanes->count > 1 && lanes->listener >= 0) {
		child_unprivate(lanes->listener);
		close(lanes->listener);
		joined_forget(lanes->job);
	}
	lanes->count = 0;
}

/* --- in a lane's process -------------------------------------------------------- */

static int find_session(struct line *session, const char *job)
{
	struct sockaddr_un address;
	int fd, rc = socket_address(job, &address);

	if (rc)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_errno("cannot make a socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return fail(ENOENT, "no guest of job %s is on its way", job);
	}
	rc = line_init(session, fd, fd, "the destination session");
	session->idle_seconds = LINE_NEVER_IDLE;
	return rc;
}

static int introduce(struct line *session, const struct line *line, const struct heard_job *heard)
{
	struct heard_job own = *heard;
	struct json_object *answer;
	int rc;

	snprintf(own.peer, sizeof(own.peer), "%s", line->peer);
	rc = message_send(session, MESSAGE_JOIN, &own, sizeof(own));
	if (rc)
		return rc;
	answer = message_expect(session, MESSAGE_ACCEPT, JOIN_MS);
	json_object_put(answer);
	return answer ? 0 : -EACCES;
}

int lane_join(struct line *line, const struct message *join, _Atomic bool *is_joined)
{
	struct line session = { .in = -1 };
	struct heard_job heard;
	int rc = heard_job(line, join, &heard);

	if (!rc)
		rc = job_is_name(heard.job) ? find_session(&session, heard.job)
					    : fail(EPROTO, "%s joins a job with an invalid name", line->peer);
	if (!rc)
		rc = introduce(&session, line, &heard);
	if (!rc)
		rc = message_send_json(line, MESSAGE_ACCEPT, json_object_new_object());
	if (!rc) {
		*is_joined = true;
		rc = lane_carry(line, &session);
	}
	line_close(&session);
	return rc;
}
