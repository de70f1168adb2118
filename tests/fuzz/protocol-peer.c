/* See protocol-peer.h. */
#include "protocol-peer.h"

#include <errno.h>
#include <json-c/json.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xxhash.h>

#include "fuzz.h"
#include "process/child.h"
#include "restore/receiver.h"
#include "stream/bytes.h"

enum { MESSAGES_MOST = 64, PAUSES_MOST = 6, PAUSE = 0xfe, RAW = 0xff };

struct peer_said said;
struct peer_heard heard;

static struct bytes speech;
static size_t pauses[PAUSES_MOST + 1], pause_count, next_pause, spoken;
static int connection = -1, inner = -1;

/* --- what it says -------------------------------------------------------- */

/* What the front makes of a body that is JSON; but nothing is checked here. */
static bool as_struct(struct bytes *to, unsigned int type, const struct json_object *json)
{
	struct message_answer answer = { .domid = body_number(json, "domid", 0),
					 .bytes = body_number(json, "bytes", 0) };
	struct heard_peer peer = { "host2", true };
	struct heard_job job = { .lane = body_number(json, "lane", 0) };
	struct offer offer;

	body_copy(json, "state", answer.state, sizeof(answer.state));
	body_copy(json, "reason", answer.reason, sizeof(answer.reason));
	body_copy(json, "job", job.job, sizeof(job.job));
	body_copy(json, "peer", job.peer, sizeof(job.peer));
	offer_from_json(&offer, json);
	fail_forget();
	if (type == MESSAGE_OFFER)
		return bytes_put(to, &offer, sizeof(offer)), true;
	if (type == MESSAGE_PEER)
		return bytes_put(to, &peer, sizeof(peer)), true;
	if (type == MESSAGE_QUERY || type == MESSAGE_JOIN)
		return bytes_put(to, &job, sizeof(job)), true;
	return bytes_put(to, &answer, sizeof(answer)), true;
}

static void note_said(unsigned int type, const uint8_t *body, size_t bytes)
{
	struct json_object *json = type == MESSAGE_FAILED ? body_parse(body, bytes) : NULL;
	const char *state = json ? body_text(json, "state") : NULL;

	/* What has no header of ours may be anything. */
	for (unsigned int i = 0; i < PEER_TYPES; i++)
		said.count[i] += type == RAW || i == type;
	said.is_destroyed_said |= type == RAW;
	said.is_destroyed_said |= state && !strcmp(state, "destroyed");
	/* A struct that is not made of JSON may say anything. */
	said.is_destroyed_said |= said.as_front && type == MESSAGE_FAILED && !json;
	json_object_put(json);
	fail_forget();
}

static void put_body(struct bytes *to, unsigned int type, const uint8_t *body, size_t bytes)
{
	struct json_object *json = said.as_front && bytes && *body == '{' ? body_parse(body, bytes) : NULL;

	if (!json || !as_struct(to, type, json))
		bytes_put(to, body, bytes);
	json_object_put(json);
	fail_forget();
}

/* A type, a length, a body. */
static void add_message(struct input *in, unsigned int type, struct message_end *end, XXH64_state_t *hash)
{
	unsigned int bytes = take16(in);
	struct message_header header = { MESSAGE_MARK | type % PEER_TYPES, 0 };
	size_t at = speech.count;

	type = type == RAW ? RAW : type % PEER_TYPES;
	bytes = bytes < in->left ? bytes : in->left;
	if (type == RAW) {
		bytes_put(&speech, in->at, bytes);
	} else {
		bytes_put(&speech, &header, sizeof(header));
		put_body(&speech, type, in->at, bytes);
		if (type == MESSAGE_END && said.ends_well && bytes == sizeof(*end)) {
			end->hash = XXH64_digest(hash);
			memcpy(speech.at + at + sizeof(header), end, sizeof(*end));
		}
		header.bytes = speech.count - at - sizeof(header);
		memcpy(speech.at + at, &header, sizeof(header));
	}
	if (type == MESSAGE_DATA) {
		XXH64_update(hash, in->at, bytes);
		end->bytes += bytes;
	}
	note_said(type, in->at, bytes);
	in->at += bytes;
	in->left -= bytes;
}

static void make_speech(struct input *in)
{
	struct message_end end = { 0, 0 };
	XXH64_state_t *hash = XXH64_createState();

	XXH64_reset(hash, 0);
	for (unsigned int i = 0; in->left && i < MESSAGES_MOST; i++) {
		unsigned int type = take8(in);

		if (type == PAUSE && pause_count < PAUSES_MOST)
			pauses[pause_count++] = speech.count;
		else if (type != PAUSE)
			add_message(in, type, &end, hash);
	}
	pauses[pause_count++] = speech.count;
	XXH64_freeState(hash);
}

/* What comes up to the next pause, or the end. */
static void speak(void)
{
	int fd = said.as_front ? inner : connection;
	size_t bytes = next_pause < pause_count ? pauses[next_pause] - spoken : 0;

	if (fd < 0)
		return;
	/* What does not fit is not said. */
	if (bytes)
		send(fd, speech.at + spoken, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
	spoken += bytes;
	if (++next_pause >= pause_count)
		shutdown(fd, SHUT_WR);
}

int peer_begin(struct input *in)
{
	int ends[2], size = 1 << 20;

	pause_count = next_pause = spoken = 0;
	heard = (struct peer_heard){ .first = 0 };
	memset(said.count, 0, sizeof(said.count));
	said.is_destroyed_said = false;
	make_speech(in);
	expect(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	connection = ends[0];
	setsockopt(connection, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return ends[1];
}

/* --- what it hears ------------------------------------------------------- */

static void hear(struct line *line, const struct message *message)
{
	struct json_object *body;

	if (!heard.first)
		heard.first = message->type;
	heard.count[message->type % PEER_TYPES]++;
	if (message->type != MESSAGE_STATE && message->type != MESSAGE_FAILED)
		return;
	body = body_parse(message->body, message->bytes);
	expect(body && message->body >= line->inbox);
	body_copy(body, "state", heard.state, sizeof(heard.state));
	json_object_put(body);
}

void peer_end(void)
{
	int fd = said.as_front ? inner : connection;
	struct line line = { .in = -1, .out = -1, .peer = "us", .is_over = true };
	struct message message;
	struct bytes all = { 0 };
	uint8_t some[4096];
	ssize_t got;

	while (fd >= 0 && (got = recv(fd, some, sizeof(some), MSG_DONTWAIT)) > 0)
		bytes_put(&all, some, got);
	line.inbox = all.at;
	line.end = all.count;
	while (message_next(&line, &message) > 0)
		hear(&line, &message);
	/* Nothing but whole messages. */
	expect(line.start == line.end);
	fail_forget();
	bytes_release(&all);
	bytes_release(&speech);
	close(connection);
	if (inner >= 0)
		close(inner);
	connection = inner = -1;
}

/* --- processes that are threads (--wrap) ---------------------------------- */

/* Of the front, which is the only child there is. */
static struct child {
	pthread_t thread;
	sem_t is_off; /* it needs nothing of its parent's any more */
	int (*work)(void *context);
	void *context;
	bool is_thread;
} front;

enum { PRIVATE_MOST = 64 };
static int private[PRIVATE_MOST];
static unsigned int private_count;
static _Thread_local bool is_front;
static _Atomic bool front_waits;
static void *front_inboxes[2], *outer_inbox;
static unsigned int front_inbox_count;

int __wrap_child_start(struct child **child, int (*work)(void *context), void *context);
int __wrap_child_wait(struct child *child);
void __wrap_front_end(struct child *child);
void __wrap_child_private(int fd);
void __wrap_child_unprivate(int fd);
int __wrap_front_confine(struct front *f);
int __wrap_front_ends(struct line *line, int ends[2], const char *peer);
int __real_front_ends(struct line *line, int ends[2], const char *peer);
int __wrap_line_init(struct line *line, int in, int out, const char *peer);
int __real_line_init(struct line *line, int in, int out, const char *peer);
int __wrap_line_wait(struct line *line, struct pollfd *others, unsigned int count, int timeout_ms);
int __real_line_wait(struct line *line, struct pollfd *others, unsigned int count, int timeout_ms);
void __wrap_line_drain(struct line *line, int most_ms);
void __real_line_drain(struct line *line, int most_ms);
void __wrap_line_close(struct line *line);
void __real_line_close(struct line *line);
int __wrap_connect_prepare_to(struct line *line, const struct peer *peer);
int peer_connection = -1;

static void *run_front(void *context)
{
	struct child *child = context;

	expect(!unshare(CLONE_FILES));
	for (unsigned int i = 0; i < private_count; i++)
		close(private[i]);
	is_front = true;
	child->work(child->context);
	front_waits = true;
	sem_post(&front.is_off);
	return NULL;
}

int __wrap_child_start(struct child **child, int (*work)(void *context), void *context)
{
	front = (struct child){ .work = work, .context = context, .is_thread = !said.as_front };
	*child = &front;
	if (!front.is_thread)
		return 0;
	expect(!sem_init(&front.is_off, 0, 0));
	expect(!pthread_create(&front.thread, NULL, run_front, &front));
	while (sem_wait(&front.is_off))
		;
	return 0;
}

/* As if a process had ended: its memory is gone. */
int __wrap_child_wait(struct child *child)
{
	while (next_pause < pause_count)
		speak();
	if (child->is_thread)
		expect(!pthread_join(child->thread, NULL) && !sem_destroy(&child->is_off));
	while (front_inbox_count)
		free(front_inboxes[--front_inbox_count]);
	free(outer_inbox);
	outer_inbox = NULL;
	return 0;
}

/* It ends with its connection, and cannot be killed alone. */
void __wrap_front_end(struct child *child)
{
	if (child)
		__wrap_child_wait(child);
}

void __wrap_child_private(int fd)
{
	if (!is_front && fd >= 0 && private_count < PRIVATE_MOST)
	private[private_count++] = fd;
}

void __wrap_child_unprivate(int fd)
{
	for (unsigned int i = private_count; !is_front && i-- > 0;)
		if (private[i] == fd)
	private[i] = private[--private_count];
}

/* Whatever was said has come to the one who waits; but for a moment in which the front has just read it. */
static bool is_all_heard(const struct line *line)
{
	struct pollfd more = { .fd = line->in, .events = POLLIN };
	int waiting = 0;

	if (said.as_front || line->is_over)
		return true;
	return front_waits && !ioctl(connection, SIOCOUTQ, &waiting) && !waiting &&
	       line->start == line->end && !poll(&more, 1, 0);
}

/* The peer speaks when it is waited for. */
int __wrap_line_wait(struct line *line, struct pollfd *others, unsigned int count, int timeout_ms)
{
	int rc;

	if (!is_front && (!count || !poll(others, count, 0))) {
		if (is_all_heard(line))
			speak();
		else
			timeout_ms = timeout_ms ? 1 : 0;
	}
	if (is_front)
		front_waits = true;
	rc = __real_line_wait(line, others, count, timeout_ms);
	if (is_front)
		front_waits = false;
	return rc;
}

/* To one who only waits for its end it says the rest. */
void __wrap_line_drain(struct line *line, int most_ms)
{
	while (!is_front && next_pause < pause_count)
		speak();
	__real_line_drain(line, most_ms);
}

int __wrap_front_confine(struct front *f)
{
	f->peer.may_answer = true;
	expect(is_front && !sem_post(&front.is_off));
	return 0;
}

int __wrap_front_ends(struct line *line, int ends[2], const char *peer)
{
	int rc = __real_front_ends(line, ends, peer);

	if (said.as_front && !rc)
		inner = dup(ends[1]);
	return rc;
}

int __wrap_line_init(struct line *line, int in, int out, const char *peer)
{
	int rc = __real_line_init(line, in, out, peer);

	if (is_front) {
		expect(front_inbox_count < 2);
		front_inboxes[front_inbox_count++] = line->inbox;
	}
	return rc;
}

/* The source session closes the connection that its front has: the inbox is the front's then. */
void __wrap_line_close(struct line *line)
{
	if (!line->inbox || line->inbox != outer_inbox) {
		__real_line_close(line);
		return;
	}
	line_hang_up(line);
	*line = (struct line){ .in = -1, .out = -1 };
}

int __wrap_connect_prepare_to(struct line *line, const struct peer *peer)
{
	int rc = __real_line_init(line, peer_connection, peer_connection, peer->host);

	outer_inbox = line->inbox;
	return rc;
}
