/* See expander.h. */
#include "restore/expander.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "process/program.h"
#include "stream/chain.h"

enum { DEATH_MS = 5000 };

static int send_order(const struct expander *e, const struct channel *from)
{
	struct expansion_order order = { .threads = e->ours.threads,
					 .kind = from->kind,
					 .parents = from->chain ? from->chain->count - 1 : 0,
					 .chain_bytes = from->chain ? chain_memory(from->chain) : 0,
					 .can_wait = from->can_wait,
					 .is_socket = from->is_socket,
					 .may_block = from->may_block,
					 .leave_pages = from->leave_pages };

	snprintf(order.name, sizeof(order.name), "%s", from->name);
	return send(e->ours.socket, &order, sizeof(order), MSG_NOSIGNAL) == sizeof(order)
		     ? 0
		     : fail_errno("cannot reach the expander");
}

static int make_ends(struct expander *e)
{
	struct slots slots;
	int pair[2], rc = slots_make(&slots, e->ours.threads);

	if (rc)
		return rc;
	e->ours.slots = slots.fd;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return fail_errno("cannot make a socket");
	e->ours.socket = pair[0];
	e->other = pair[1];
	return 0;
}

int expander_start(struct expander *e, const struct channel *from, unsigned int threads)
{
	int rc;

	*e = (struct expander){ .ours = { -1, -1, threads }, .other = -1 };
	rc = make_ends(e);
	if (!rc)
		rc = send_order(e, from);
	if (!rc) {
		const int fds[] = { from->fd, e->other, e->ours.slots };

		rc = program_start(&e->process, "pvferry-expander", fds, 3, SIGKILL);
	}
	if (e->other >= 0)
		close(e->other);
	if (!rc && expander_send_chain(e->ours.socket, from->chain))
		fail_forget(); /* it has died, which expander_finish() tells */
	if (rc)
		expander_leave(e);
	else
		child_name(e->process, "the expander");
	return rc;
}

void expander_leave(struct expander *e)
{
	if (e->ours.socket >= 0)
		close(e->ours.socket);
	if (e->ours.slots >= 0)
		close(e->ours.slots);
	e->ours.socket = e->ours.slots = -1;
}

int expander_finish(struct expander *e, int rc)
{
	struct pollfd ended = { .fd = child_watch(e->process), .events = POLLIN };

	expander_leave(e);
	if (rc != -EXPANDER_LOST) {
		kill(child_pid(e->process), SIGKILL);
		child_reap(e->process);
		return rc;
	}
	/* It has closed its end, so it is ending; unless it is another's by now, and hides. */
	fail_forget();
	if (poll(&ended, 1, DEATH_MS) <= 0)
		kill(child_pid(e->process), SIGKILL);
	rc = child_wait(e->process);
	return rc ? rc : fail(ECHILD, "the expander ended before the image did");
}
