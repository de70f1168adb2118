/*
 * xenstore: one request at a time over the ring (xen/io/xs_wire.h), by the
 * first vCPU only. Watch events come between replies; only one path is
 * watched, so that one came is all there is to know.
 */
#include "tiny.h"

#include <xen/io/xs_wire.h>

enum { MOST = 256 }; /* bytes of an answer that are kept */

static struct xenstore_domain_interface *ring;
static unsigned int port;
bool store_watch_fired;

static void came(void)
{
	/* A vCPU that waits looks at the ring. */
}

static void store_put(const void *from, size_t bytes)
{
	const char *at = from;

	while (bytes--) {
		wait_until(ring->req_prod - ONCE(ring->req_cons) < XENSTORE_RING_SIZE);
		ring->req[MASK_XENSTORE_IDX(ring->req_prod)] = *at++;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		ONCE(ring->req_prod) = ring->req_prod + 1;
	}
	events_notify(port);
}

bool store_pending(void)
{
	return ONCE(ring->rsp_prod) != ring->rsp_cons;
}

static char store_take(void)
{
	char c;

	wait_until(store_pending());
	c = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons)];
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ONCE(ring->rsp_cons) = ring->rsp_cons + 1;
	return c;
}

/* One message; the type, and as much of its body as has room, with an end mark. */
static unsigned int take_message(char *body, size_t room)
{
	struct xsd_sockmsg header;

	for (size_t i = 0; i < sizeof(header); i++)
		((char *)&header)[i] = store_take();
	for (size_t i = 0; i < header.len; i++) {
		char c = store_take();

		if (i + 1 < room)
			body[i] = c;
	}
	body[header.len + 1 < room ? header.len : room - 1] = 0;
	events_notify(port);
	store_watch_fired |= header.type == XS_WATCH_EVENT;
	return header.type;
}

void store_listen(void)
{
	char body[MOST];

	while (store_pending())
		take_message(body, sizeof(body));
}

/* path and its end mark, then text of so many bytes. */
static bool request(unsigned int type, const char *path, const char *text, size_t bytes, char *answer)
{
	struct xsd_sockmsg header = { .type = type, .len = strlen(path) + 1 + bytes };
	unsigned int got;

	store_put(&header, sizeof(header));
	store_put(path, strlen(path) + 1);
	store_put(text, bytes);
	do
		got = take_message(answer, MOST);
	while (got == XS_WATCH_EVENT);
	return got == type;
}

bool store_read(const char *path, char *value, size_t bytes)
{
	char answer[MOST];
	bool found = request(XS_READ, path, "", 0, answer);

	format(value, bytes, "%s", found ? answer : "");
	return found;
}

bool store_write(const char *path, const char *value)
{
	char answer[MOST];

	return request(XS_WRITE, path, value, strlen(value), answer);
}

void store_connect(void)
{
	char answer[MOST];

	ring = virt(m2p_get(start_info->store_mfn));
	port = start_info->store_evtchn;
	events_bind(port, 0, came);
	store_write("control/feature-suspend", "1");
	if (!request(XS_WATCH, "control/shutdown", "tiny", sizeof("tiny"), answer))
		panic("cannot watch control/shutdown: %s", answer);
}
