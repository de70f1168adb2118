/* See machine/toolstack.h. Orders and answers are lines of JSON, one object each. */
#include "machine/toolstack.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "machine/config.h"
#include "process/program.h"
#include "process/stop.h"
#include "stream/bytes.h"

enum { ANSWER_MOST = 16 << 20 };

/* --- the process ------------------------------------------------------------ */

static int start(struct toolstack *t)
{
	int ends[2], rc;

	*t = (struct toolstack){ .fd = -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return fail_errno("cannot make a socket");
	rc = program_start_apart(&t->pid, "pvferry-toolstack", ends[1]);
	close(ends[1]);
	if (rc) {
		close(ends[0]);
		t->pid = 0;
		return rc;
	}
	t->fd = ends[0];
	child_private(t->fd);
	return 0;
}

/* What its scripts have started is in its group, which has its number for as long as it is not waited for. */
static void reap(struct toolstack *t, bool kills)
{
	if (!t->pid)
		return;
	child_unprivate(t->fd);
	close(t->fd);
	if (kills)
		kill(-t->pid, SIGKILL);
	while (waitpid(t->pid, NULL, 0) < 0 && errno == EINTR)
		;
	t->fd = -1;
	t->pid = 0;
}

void toolstack_close(struct toolstack *t)
{
	reap(t, false);
}

/* --- lines ------------------------------------------------------------------ */

static int give(int fd, struct json_object *order)
{
	const char *text = json_object_to_json_string_ext(order, JSON_C_TO_STRING_PLAIN);
	struct bytes line = { 0 };
	size_t sent = 0;
	int rc;

	bytes_put(&line, text, strlen(text));
	bytes_put(&line, "\n", 1);
	rc = bytes_check(&line);
	while (!rc && sent < line.count) {
		ssize_t done = send(fd, line.at + sent, line.count - sent, MSG_NOSIGNAL);

		if (done < 0 && errno != EINTR)
			rc = fail_errno("cannot reach pvferry-toolstack");
		sent += done > 0 ? done : 0;
	}
	bytes_release(&line);
	json_object_put(order);
	return rc;
}

static struct json_object *order_of(const char *name)
{
	struct json_object *order = json_object_new_object();

	json_object_object_add(order, "order", json_object_new_string(name));
	return order;
}

/* A stop is heard where it may be: to destroy a domain in halves helps no user. */
static int wait_for_some(int fd, bool hears_stop)
{
	struct pollfd from[] = { { .fd = fd, .events = POLLIN },
				 { .fd = hears_stop ? stop_fd() : -1, .events = POLLIN } };

	while (poll(from, 2, -1) < 0)
		if (errno != EINTR)
			return fail_errno("poll");
	return from[0].revents ? 0 : stop_requested();
}

/* One line and no byte more: who reads next may be another process. */
static int read_line(int fd, struct bytes *line, bool hears_stop)
{
	char some[4096], *end = NULL;
	int rc = 0;

	while (!rc && !end && line->count < ANSWER_MOST) {
		ssize_t got;

		rc = wait_for_some(fd, hears_stop);
		if (rc)
			break;
		got = recv(fd, some, sizeof(some), MSG_PEEK);
		if (got > 0) {
			end = memchr(some, '\n', got);
			got = recv(fd, some, end ? end + 1 - some : got, 0);
		}
		if (!got || (got < 0 && errno != EINTR))
			rc = fail(ECHILD, "pvferry-toolstack ended without an answer");
		else if (got > 0)
			bytes_put(line, some, got);
	}
	bytes_put(line, "", 1);
	return rc ? rc : bytes_check(line);
}

static const char *member(struct json_object *answer, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(answer, key, &value) ? json_object_get_string(value) : NULL;
}

static int64_t number(struct json_object *answer, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(answer, key, &value) ? json_object_get_int64(value) : 0;
}

/* An answer that tells of a failure is one. */
static int hear(int fd, struct json_object **answer, bool hears_stop)
{
	struct bytes line = { 0 };
	int rc = read_line(fd, &line, hears_stop);

	*answer = rc ? NULL : json_tokener_parse((const char *)line.at);
	bytes_release(&line);
	if (rc)
		return rc;
	if (member(*answer, "failed"))
		rc = fail(number(*answer, "errno") > 0 ? (int)number(*answer, "errno") : EIO, "%s",
			  member(*answer, "reason") ? member(*answer, "reason") : "no reason given");
	else if (!*answer)
		rc = fail(EPROTO, "pvferry-toolstack gave no sensible answer");
	if (rc) {
		json_object_put(*answer);
		*answer = NULL;
	}
	return rc;
}

/* Where the answer holds nothing but that it is done. */
static int obeyed(int fd, bool hears_stop)
{
	struct json_object *answer;
	int rc = hear(fd, &answer, hears_stop);

	json_object_put(answer);
	return rc;
}

/* --- a domain that is made -------------------------------------------------- */

static int order_creation(struct toolstack *t, const struct new_domain *domain)
{
	struct json_object *order = order_of("create");

	json_object_object_add(order, "name", json_object_new_string(domain->name));
	json_object_object_add(order, "width", json_object_new_int(domain->width));
	json_object_object_add(order, "devices", json_object_new_string("early"));
	json_object_object_add(order, "config", json_object_new_string(domain->config));
	return give(t->fd, order);
}

int toolstack_create(struct toolstack *t, const struct new_domain *domain, uint32_t *id,
		     struct connections *connections)
{
	struct json_object *answer;
	int rc = start(t);

	uuid_format(domain->uuid, t->uuid);
	if (!rc)
		rc = order_creation(t, domain);
	if (!rc)
		rc = hear(t->fd, &answer, true);
	if (rc)
		return rc;
	*id = number(answer, "gate");
	*connections = (struct connections){ .store_port = number(answer, "store-port"),
					     .console_port = number(answer, "console-port"),
					     .store = MFN(number(answer, "store")),
					     .console = MFN(number(answer, "console")),
					     .are_served = true };
	json_object_put(answer);
	return *id ? 0 : fail(EPROTO, "pvferry-toolstack made no domain");
}

int toolstack_created(struct toolstack *t)
{
	return obeyed(t->fd, true);
}

int toolstack_run(struct toolstack *t, const char *name, bool paused)
{
	struct json_object *order = order_of("run");
	int rc;

	json_object_object_add(order, "name", json_object_new_string(name));
	json_object_object_add(order, "paused", json_object_new_boolean(paused));
	rc = give(t->fd, order);
	return rc ? rc : obeyed(t->fd, false);
}

/* Of the domain that a toolstack which is dead has left. A toolstack gives a domain its UUID when it makes it. */
static int destroy_uuid(const char *uuid)
{
	struct host *host;
	uint32_t *ids = NULL, id = 0;
	size_t count = 0;
	int rc = host_open(&host);

	if (rc)
		return rc;
	rc = domain_list(host, &ids, &count);
	for (size_t i = 0; !rc && i < count; i++) {
		struct domain_facts facts;
		struct domain *domain;
		char has[37];

		if (!ids[i] || domain_open(&domain, host, ids[i]))
			continue; /* gone in the meantime */
		if (!domain_facts(domain, &facts)) {
			uuid_format(facts.uuid, has);
			id = strcmp(has, uuid) ? id : ids[i];
		}
		domain_close(domain);
	}
	free(ids);
	host_close(host);
	return rc || !id ? rc : toolstack_destroy(id);
}

/* The answer to the creation may still be on its way: a failure that was not ordered is why all others failed. */
static void take_reason(struct json_object *answer)
{
	const char *failed = member(answer, "failed"), *reason = member(answer, "reason");

	if (!failed || strcmp(failed, "create") || !reason || number(answer, "errno") == ECANCELED)
		return;
	fail_forget();
	fail(EIO, "%s", reason);
}

/* True when it is done; else the toolstack is dead, or could not do it. */
static bool order_to_abandon(struct toolstack *t)
{
	bool goes_on = !give(t->fd, order_of("abandon")), is_done = false;

	while (goes_on && !is_done) {
		struct json_object *answer = NULL;
		struct bytes line = { 0 };

		goes_on = !read_line(t->fd, &line, false);
		if (goes_on)
			answer = json_tokener_parse((const char *)line.at);
		if (answer) {
			const char *done = member(answer, "done"), *failed = member(answer, "failed");

			take_reason(answer);
			is_done = done && !strcmp(done, "abandon");
			goes_on = !failed || strcmp(failed, "abandon");
		}
		json_object_put(answer);
		bytes_release(&line);
	}
	return is_done;
}

void toolstack_abandon(struct toolstack *t)
{
	if (!t->pid || order_to_abandon(t))
		return;
	reap(t, true);
	if (destroy_uuid(t->uuid))
		say(SAY_WARNING, "the domain of UUID %s could not be removed", t->uuid);
}

/* --- a domain that is there ------------------------------------------------- */

static int ask_of(const char *name, uint32_t id, struct json_object **answer)
{
	struct json_object *order = order_of(name);
	struct toolstack t;
	int rc = start(&t);

	json_object_object_add(order, "domid", json_object_new_int64(id));
	if (rc)
		json_object_put(order);
	else
		rc = give(t.fd, order);
	if (!rc)
		rc = hear(t.fd, answer, false);
	reap(&t, false);
	return rc;
}

int toolstack_config(uint32_t id, char **config)
{
	struct json_object *answer;
	int rc = ask_of("config", id, &answer);

	if (rc)
		return rc;
	*config = member(answer, "config") ? strdup(member(answer, "config")) : NULL;
	json_object_put(answer);
	return *config ? 0 : fail(EPROTO, "pvferry-toolstack gave no config");
}

int toolstack_destroy(uint32_t id)
{
	struct json_object *answer;
	int rc = ask_of("destroy", id, &answer);

	if (!rc)
		json_object_put(answer);
	return rc;
}
