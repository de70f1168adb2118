/*
 * See incoming.h. Listens, and starts a process for each connection that is let in. In: settings. Out: jobs. Nothing is
 * read from a connection here. The trap: what is refused is closed without a process, so that a flood costs this host
 * an accept and a line in ten seconds, no more.
 */
#include "daemon/incoming.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"

enum { AT_ONCE = 64, BACKLOG = 1024, PAUSE_MS = 200 };

struct listener {
	struct listener *next;
	struct incoming *incoming;
	struct address address; /* as it was set */
	uv_poll_t poll;
	int fd;
};

/* --- limits ------------------------------------------------------------------ */

/* A process for each of a flood of strangers would be all that this host does. */
static bool is_too_fast(struct allowance *allowance, uint64_t now, uint64_t rate)
{
	uint64_t earned = (now - allowance->counted_ms) * rate / 1000;

	if (earned) {
		allowance->counted_ms = now;
		allowance->spent -= allowance->spent < earned ? allowance->spent : earned;
	}
	if (allowance->spent >= rate)
		return true;
	allowance->spent++;
	return false;
}

static const char *find_limit(struct incoming *incoming, const struct address *from)
{
	const struct settings *settings = incoming->jobs->settings;
	struct crowd crowd = jobs_crowd(incoming->jobs, from);
	bool is_known = known_has(&incoming->jobs->known, from);
	const char *limit = admission_refuse(settings, &crowd, is_known, arc4random_uniform(100));

	if (limit)
		return limit;
	return is_too_fast(&incoming->allowance[is_known], uv_now(incoming->jobs->loop),
			   settings->max_per_second)
		     ? "max-per-second"
		     : NULL;
}

static void say_refused(struct incoming *incoming, const struct address *from, const char *why)
{
	char text[ADDRESS_TEXT], line[ADDRESS_TEXT + 128];

	snprintf(line, sizeof(line), "%s: refused: %s", address_text(from, text), why);
	flood_say(&incoming->refused, uv_now(incoming->jobs->loop), 1, line);
}

static void incoming_take(struct incoming *incoming, int connection, const struct address *from)
{
	const char *limit = find_limit(incoming, from);

	if (!limit && !jobs_receive(incoming->jobs, connection, from))
		return;
	say_refused(incoming, from, limit ? limit : fail_reason());
	fail_forget();
}

/* --- listening ---------------------------------------------------------------- */

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
	struct incoming *incoming = timer->data;

	for (struct listener *listener = incoming->first; listener; listener = listener->next)
		uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

/* Without descriptors or memory for it, a connection stays where it is, and would wake us without end. */
static void pause_all(struct incoming *incoming)
{
	for (struct listener *listener = incoming->first; listener; listener = listener->next)
		uv_poll_stop(&listener->poll);
	uv_timer_start(&incoming->timer, on_pause_over, PAUSE_MS, 0);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct listener *listener = poll->data;

	(void)status, (void)events;
	for (int i = 0; i < AT_ONCE; i++) {
		struct address from = { .bytes = sizeof(from.storage) };
		int connection = accept4(listener->fd, &from.any, &from.bytes, SOCK_CLOEXEC);

		if (connection < 0 &&
		    (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
			say_refused(listener->incoming, &from, "out of descriptors or memory");
			pause_all(listener->incoming);
		}
		if (connection < 0 && errno != ECONNABORTED && errno != EINTR)
			return;
		if (connection < 0)
			continue;
		incoming_take(listener->incoming, connection, &from);
		close(connection);
	}
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void close_listener(struct listener **at)
{
	struct listener *listener = *at;

	*at = listener->next;
	uv_close((uv_handle_t *)&listener->poll, on_closed);
	close(listener->fd);
}

/* "[::]" is every address, of IPv4 too. */
static int open_socket(const struct address *address)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1, zero = 0;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (address->any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (!bind(fd, &address->any, address->bytes) && !listen(fd, BACKLOG))
		return fd;
	close(fd);
	return -1;
}

static struct listener *open_listener(struct incoming *incoming, const struct address *address)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	struct address bound = { .bytes = sizeof(bound.storage) };
	char text[ADDRESS_TEXT];

	if (!listener) {
		fail(ENOMEM, "no memory to listen");
		return NULL;
	}
	listener->fd = open_socket(address);
	if (listener->fd < 0 || uv_poll_init(incoming->jobs->loop, &listener->poll, listener->fd)) {
		fail_errno("cannot listen on %s", address_text(address, text));
		if (listener->fd >= 0)
			close(listener->fd);
		free(listener);
		return NULL;
	}
	listener->incoming = incoming;
	listener->address = *address;
	listener->poll.data = listener;
	uv_poll_start(&listener->poll, UV_READABLE, on_readable);
	getsockname(listener->fd, &bound.any, &bound.bytes);
	say(SAY_NOTE, "listens on %s", address_text(&bound, text));
	return listener;
}

int incoming_init(struct incoming *incoming, struct jobs *jobs)
{
	*incoming = (struct incoming){ .jobs = jobs };
	incoming->timer.data = incoming;
	return uv_timer_init(jobs->loop, &incoming->timer);
}

static bool is_set(const struct settings *settings, const struct address *address)
{
	for (unsigned int i = 0; i < settings->listen_count; i++)
		if (address_is(&settings->listen[i], address))
			return true;
	return false;
}

static bool is_open(const struct incoming *incoming, const struct address *address)
{
	for (const struct listener *listener = incoming->first; listener; listener = listener->next)
		if (address_is(&listener->address, address))
			return true;
	return false;
}

int incoming_listen(struct incoming *incoming, const struct settings *settings)
{
	for (struct listener **at = &incoming->first; *at;)
		if (is_set(settings, &(*at)->address))
			at = &(*at)->next;
		else
			close_listener(at);
	for (unsigned int i = 0; i < settings->listen_count; i++) {
		struct listener *listener;

		if (is_open(incoming, &settings->listen[i]))
			continue;
		listener = open_listener(incoming, &settings->listen[i]);
		if (!listener)
			return -EADDRNOTAVAIL;
		listener->next = incoming->first;
		incoming->first = listener;
	}
	if (!settings->listen_count)
		say(SAY_WARNING, "listens nowhere: no guest can arrive, since no \"allow\" is set");
	return 0;
}

void incoming_stop(struct incoming *incoming)
{
	while (incoming->first)
		close_listener(&incoming->first);
}

void incoming_close(struct incoming *incoming)
{
	incoming_stop(incoming);
	if (!uv_is_closing((uv_handle_t *)&incoming->timer))
		uv_close((uv_handle_t *)&incoming->timer, NULL);
}
