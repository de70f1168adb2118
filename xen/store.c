/*
 * xenstore: read one, write many or none, wait for a change. The trap: a transaction may have to be done again when
 * another process has written meanwhile (EAGAIN), so whatever is in one must be free of other effects.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "process/stop.h"
#include "xen/internal.h"

enum { FIRST_NODES = 128 }; /* all that a domain has, but for its vCPUs' */

#define FORMAT_PATH(path, format) \
	do { \
		va_list args; \
		va_start(args, format); \
		vsnprintf(path, sizeof(path), format, args); \
		va_end(args); \
	} while (0)

char *store_read(struct host *host, const char *format, ...)
{
	char path[256];

	FORMAT_PATH(path, format);
	return xs_read(host->store, XBT_NULL, path, NULL);
}

bool store_exists(struct host *host, const char *format, ...)
{
	char path[256];
	char *value;

	FORMAT_PATH(path, format);
	value = xs_read(host->store, XBT_NULL, path, NULL);
	free(value);
	return value;
}

char **store_list(struct host *host, unsigned int *count, const char *format, ...)
{
	char path[256];
	char **names;

	FORMAT_PATH(path, format);
	*count = 0;
	names = xs_directory(host->store, XBT_NULL, path, count);
	if (!names)
		*count = 0;
	return names;
}

int store_remove(struct host *host, const char *format, ...)
{
	char path[256];

	FORMAT_PATH(path, format);
	if (!xs_rm(host->store, XBT_NULL, path) && errno != ENOENT)
		return fail_errno("cannot remove %s from xenstore", path);
	return 0;
}

static bool set_access(struct xs_handle *store, xs_transaction_t t, const struct store_node *node)
{
	struct xs_permissions permissions[2] = { { .id = 0, .perms = XS_PERM_NONE } };
	unsigned int count = 1;

	if (node->access == STORE_GUEST_READS)
		permissions[count++] = (struct xs_permissions){ node->guest, XS_PERM_READ };
	else if (node->access != STORE_NONE)
		permissions[0].id = node->guest;
	if (node->access == STORE_GUEST_OWNS_0_READS)
		permissions[count++] = (struct xs_permissions){ 0, XS_PERM_READ };
	return xs_set_permissions(store, t, node->path, permissions, count);
}

/*
 * A new node has its parent's permissions; of those written just before it, we know
 * them. The parent is among the first, or the one before: of 8192 vCPUs' nodes no
 * more is looked through.
 */
static bool inherits(const struct store_node *nodes, size_t at)
{
	const char *slash = strrchr(nodes[at].path, '/');
	size_t length = slash - nodes[at].path;

	for (size_t i = 0; i < at; i = i + 1 < FIRST_NODES || i + 1 >= at ? i + 1 : at - 1)
		if (!strncmp(nodes[i].path, nodes[at].path, length) && !nodes[i].path[length])
			return nodes[i].access == nodes[at].access;
	return false;
}

static bool remove_all(struct xs_handle *store, xs_transaction_t t, const char *const *paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!xs_rm(store, t, paths[i]) && errno != ENOENT)
			return false;
	return true;
}

static bool nodes_write(struct xs_handle *store, xs_transaction_t t, const struct store_node *nodes,
			size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (stop_requested() ||
		    !xs_write(store, t, nodes[i].path, nodes[i].value, strlen(nodes[i].value)) ||
		    (!inherits(nodes, i) && !set_access(store, t, &nodes[i])))
			return false;
	return true;
}

int store_write(struct host *host, const char *const *removals, size_t removal_count,
		const struct store_node *nodes, size_t count)
{
	for (;;) {
		xs_transaction_t t = xs_transaction_start(host->store);
		int rc = stop_requested();

		if (!t)
			return fail_errno("cannot start a transaction with xenstore");
		if (!rc && !(remove_all(host->store, t, removals, removal_count) &&
			     nodes_write(host->store, t, nodes, count)))
			rc = stop_requested() ? -ECANCELED : fail_errno("cannot write to xenstore");
		if (xs_transaction_end(host->store, t, rc))
			return rc;
		if (rc || errno != EAGAIN)
			return rc ? rc : fail_errno("cannot end a transaction with xenstore");
	}
}

/*
 * The guest writes to such a node as well: between reading and writing it could have changed, so both are one
 * transaction.
 */
int store_exchange(struct host *host, const char *path, const char *expected, const char *value, bool *done)
{
	for (;;) {
		xs_transaction_t t = xs_transaction_start(host->store);
		char *now;

		if (!t)
			return fail_errno("cannot start a transaction with xenstore");
		now = xs_read(host->store, t, path, NULL);
		*done = !strcmp(now ? now : "", expected) &&
			xs_write(host->store, t, path, value, strlen(value));
		free(now);
		if (xs_transaction_end(host->store, t, !*done))
			return 0;
		if (errno != EAGAIN)
			return fail_errno("cannot end a transaction with xenstore");
	}
}

int store_introduce(struct domain *domain, mfn_t ring, uint32_t port)
{
	return xs_introduce_domain(domain->host->store, domain->id, ring.n, port)
		     ? 0
		     : fail_errno("xenstored does not accept domain %u", domain->id);
}

/* It fails if xenstored has forgotten the domain by itself, which is what is wanted. */
void store_release(struct domain *domain)
{
	xs_release_domain(domain->host->store, domain->id);
}

/* A connection of its own, so that its events do not mix with other replies. */
struct store_watch {
	struct xs_handle *store;
};

int store_watch_open(struct store_watch **watch, struct host *host, const char *const *paths, size_t count)
{
	(void)host;
	*watch = calloc(1, sizeof(**watch));
	if (!*watch)
		return fail(ENOMEM, "out of memory");
	(*watch)->store = xs_open(0);
	if (!(*watch)->store)
		return fail_errno("cannot reach xenstored");
	for (size_t i = 0; i < count; i++)
		if (!xs_watch((*watch)->store, paths[i], "pvferry"))
			return fail_errno("cannot watch %s in xenstore", paths[i]);
	return 0;
}

static bool take_events(struct store_watch *watch)
{
	bool any = false;
	char **event;

	while ((event = xs_check_watch(watch->store))) {
		free(event);
		any = true;
	}
	return any;
}

int store_watch_wait(struct store_watch *watch, int timeout_ms)
{
	struct pollfd fds[2] = {
		{ .fd = xs_fileno(watch->store), .events = POLLIN },
		{ .fd = stop_fd(), .events = POLLIN },
	};
	int rc = stop_requested();

	if (rc || take_events(watch))
		return rc ? rc : 1;
	if (poll(fds, 2, timeout_ms) < 0 && errno != EINTR)
		return fail_errno("poll");
	rc = stop_requested();
	return rc ? rc : take_events(watch);
}

bool store_watch_take(struct store_watch *watch, int timeout_ms)
{
	struct pollfd fd = { .fd = xs_fileno(watch->store), .events = POLLIN };

	return take_events(watch) || (poll(&fd, 1, timeout_ms) > 0 && take_events(watch));
}
