/* See machine/toolstack.h. */
#include "machine/toolstack.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal/journal.h"
#include "log.h"
#include "machine/config.h"
#include "machine/toolstack-lines.h"
#include "process/program.h"
#include "stream/bytes.h"

/* --- the process ------------------------------------------------------------ */

/*
 * systemd starts one for each connection, outside of the sandbox of pvferryd, in which neither scripts nor qemu could work.
 * -1 where there is no such socket.
 */
static int connect_to_unit(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), length;

	length = snprintf(address.sun_path, sizeof(address.sun_path), "%s/toolstack.sock", run_folder());
	if (fd >= 0 && length < (int)sizeof(address.sun_path) &&
	    !connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Our own child would be in pvferryd's sandbox and end with it: scripts could do nothing, and no watcher would stay. */
static bool only_by_unit(void)
{
	const char *wish = secure_getenv("PVFERRY_TOOLSTACK");

	return wish && !strcmp(wish, "socket");
}

static int fork_one(struct toolstack *t)
{
	int ends[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return fail_errno("cannot make a socket");
	rc = program_start_apart(&t->pid, "pvferry-toolstack", ends[1]);
	close(ends[1]);
	if (rc) {
		close(ends[0]);
		return rc;
	}
	t->fd = ends[0];
	return 0;
}

int toolstack_start(struct toolstack *t)
{
	int rc = 0;

	*t = (struct toolstack){ .fd = connect_to_unit(), .pidfd = -1 };
	if (t->fd < 0 && only_by_unit())
		return fail(ECONNREFUSED, "systemd does not start pvferry-toolstack, as pvferryd needs it: "
					  "\"systemctl start pvferry-toolstack.socket\"");
	if (t->fd < 0)
		rc = fork_one(t);
	if (rc)
		return rc;
	t->is_started = true;
	child_private(t->fd);
	return 0;
}

/* While its end of the connection is open it lives, so that its number is not another process's yet. */
static void know_process(struct toolstack *t, pid_t pid)
{
	struct pollfd end = { .fd = t->fd };

	if (t->pid || pid <= 0)
		return;
	t->pidfd = pidfd_open(pid, 0);
	if (t->pidfd >= 0 && poll(&end, 1, 0)) {
		close(t->pidfd);
		t->pidfd = -1;
	}
}

/*
 * What its scripts have started is in its group. The number of our child's is its own for as long as it is not waited
 * for. Linux before 6.9 knows no signal to the group of another: systemd ends what that one leaves.
 */
static void kill_it(const struct toolstack *t)
{
	const unsigned int to_group = 1 << 2; /* PIDFD_SIGNAL_PROCESS_GROUP */

	if (t->pid)
		kill(-t->pid, SIGKILL);
	else if (t->pidfd >= 0 && pidfd_send_signal(t->pidfd, SIGKILL, NULL, to_group) && errno == EINVAL)
		pidfd_send_signal(t->pidfd, SIGKILL, NULL, 0);
}

void toolstack_reap(struct toolstack *t, bool kills)
{
	if (!t->is_started)
		return;
	child_unprivate(t->fd);
	close(t->fd);
	if (kills)
		kill_it(t);
	if (t->pidfd >= 0)
		close(t->pidfd);
	while (t->pid && waitpid(t->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*t = (struct toolstack){ .fd = -1, .pidfd = -1 };
}

void toolstack_close(struct toolstack *t)
{
	toolstack_reap(t, false);
}

/* --- a domain that is made -------------------------------------------------- */

static int order_creation(struct toolstack *t, const struct new_domain *domain)
{
	struct json_object *order = toolstack_order("create");

	json_object_object_add(order, "name", json_object_new_string(domain->name));
	json_object_object_add(order, "width", json_object_new_int(domain->width));
	json_object_object_add(order, "devices", json_object_new_string(domain->is_late ? "late" : "early"));
	json_object_object_add(order, "config", json_object_new_string(domain->config));
	return toolstack_give_with(t->fd, order, domain);
}

int toolstack_create(struct toolstack *t, const struct new_domain *domain, uint32_t *id,
		     struct connections *connections)
{
	struct json_object *answer;
	int rc = toolstack_start(t);

	uuid_format(domain->uuid, t->uuid);
	snprintf(t->name, sizeof(t->name), "%s", domain->name);
	if (!rc)
		rc = order_creation(t, domain);
	if (!rc)
		rc = toolstack_hear(t->fd, &answer, true);
	if (rc)
		return rc;
	*id = toolstack_number(answer, "gate");
	know_process(t, toolstack_number(answer, "pid"));
	*connections = (struct connections){ .store_port = toolstack_number(answer, "store-port"),
					     .console_port = toolstack_number(answer, "console-port"),
					     .store = MFN(toolstack_number(answer, "store")),
					     .console = MFN(toolstack_number(answer, "console")),
					     .are_served = true };
	json_object_put(answer);
	return *id ? 0 : fail(EPROTO, "pvferry-toolstack made no domain");
}

int toolstack_open(struct toolstack *t)
{
	return toolstack_give(t->fd, toolstack_order("open"));
}

int toolstack_created(struct toolstack *t)
{
	return toolstack_obeyed(t->fd, true);
}

int toolstack_run(struct toolstack *t, const char *name, bool paused)
{
	struct json_object *order = toolstack_order("run");
	int rc;

	json_object_object_add(order, "name", json_object_new_string(name));
	json_object_object_add(order, "paused", json_object_new_boolean(paused));
	rc = toolstack_give(t->fd, order);
	return rc ? rc : toolstack_obeyed(t->fd, false);
}

int toolstack_keep(struct toolstack *t)
{
	int rc = toolstack_give(t->fd, toolstack_order("keep"));

	return rc ? rc : toolstack_obeyed(t->fd, false);
}

/* A guest that moves from this host to this host has the UUID, too, and another name. */
static bool is_made_by(const struct toolstack *t, struct host *host, uint32_t id)
{
	struct domain_facts facts;
	struct domain *domain;
	char has[37] = "", *name;
	bool is;

	if (domain_open(&domain, host, id)) {
		fail_forget(); /* gone in the meantime */
		return false;
	}
	if (!domain_facts(domain, &facts))
		uuid_format(facts.uuid, has);
	domain_close(domain);
	name = store_read(host, "/local/domain/%u/name", id);
	is = !strcmp(has, t->uuid) && (!name || !strcmp(name, t->name));
	free(name);
	return is;
}

/* What a toolstack that is dead has left. It gives a domain its UUID when it makes it, and then the name. */
static int destroy_made(const struct toolstack *t)
{
	struct host *host;
	uint32_t *ids = NULL, id = 0;
	size_t count = 0;
	int rc = host_open(&host);

	if (rc)
		return rc;
	rc = domain_list(host, &ids, &count);
	for (size_t i = 0; !rc && !id && i < count; i++)
		id = ids[i] && is_made_by(t, host, ids[i]) ? ids[i] : 0;
	free(ids);
	host_close(host);
	return rc || !id ? rc : toolstack_destroy(id);
}

/* The answer to the creation may still be on its way: a failure that was not ordered is why all others failed. */
static void take_reason(struct json_object *answer)
{
	const char *failed = toolstack_text(answer, "failed"), *reason = toolstack_text(answer, "reason");

	if (!failed || strcmp(failed, "create") || !reason || toolstack_number(answer, "errno") == ECANCELED)
		return;
	fail_forget();
	fail(EIO, "%s", reason);
}

/* True when it is done; else the toolstack is dead, or could not do it. */
static bool order_to_abandon(struct toolstack *t)
{
	bool goes_on = !toolstack_give(t->fd, toolstack_order("abandon")), is_done = false;

	while (goes_on && !is_done) {
		struct json_object *answer = NULL;
		struct bytes line = { 0 };

		goes_on = !toolstack_read(t->fd, &line, false);
		if (goes_on)
			answer = json_tokener_parse((const char *)line.at);
		if (answer) {
			const char *done = toolstack_text(answer, "done"),
				   *failed = toolstack_text(answer, "failed");

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
	struct toolstack dead = *t;

	if (!t->is_started || order_to_abandon(t))
		return;
	toolstack_reap(t, true);
	if (destroy_made(&dead))
		say(SAY_WARNING, "the domain of UUID %s could not be removed", dead.uuid);
}

int toolstack_quiet(struct toolstack *t, uint32_t id)
{
	struct json_object *order = toolstack_order("quiet");
	int rc;

	json_object_object_add(order, "domid", json_object_new_int64(id));
	rc = toolstack_give(t->fd, order);
	return rc ? rc : toolstack_obeyed(t->fd, true);
}
