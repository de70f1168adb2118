/* The console: a ring each way in a page shared with xenconsoled (xen/io/console.h). */
#include "tiny.h"

#include <xen/io/console.h>

static struct xencons_interface *ring;
static unsigned int port;
static struct lock console_lock;

static void came(void)
{
	/* A vCPU that waits looks at the ring. */
}

void console_connect(void)
{
	ring = virt(m2p_get(start_info->console.domU.mfn));
	port = start_info->console.domU.evtchn;
	events_bind(port, 0, came);
	events_notify(port);
}

void console_disconnect(void)
{
	port = 0;
}

static void console_put_char(char c)
{
	while (ring->out_prod - ONCE(ring->out_cons) >= sizeof(ring->out)) {
		if (port)
			events_notify(port);
		sched_op(SCHEDOP_yield, 0);
	}
	ring->out[MASK_XENCONS_IDX(ring->out_prod, ring->out)] = c;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ONCE(ring->out_prod) = ring->out_prod + 1;
}

static void put_line(const char *text)
{
	bool open = lock(&console_lock);

	for (; *text; text++) {
		if (*text == '\n')
			console_put_char('\r');
		console_put_char(*text);
	}
	if (port)
		events_notify(port);
	unlock(&console_lock, open);
}

void print(const char *format, ...)
{
	char line[320];
	va_list list;

	va_start(list, format);
	format_list(line, sizeof(line), format, list);
	va_end(list);
	put_line(line);
}

void panic(const char *format, ...)
{
	struct sched_shutdown why = { SHUTDOWN_crash };
	char line[256];
	va_list list;

	events_close();
	va_start(list, format);
	format_list(line, sizeof(line), format, list);
	va_end(list);
	print("tiny error: vCPU %u: %s\n", this_vcpu(), line);
	for (;;)
		sched_op(SCHEDOP_shutdown, &why);
}

bool console_pending(void)
{
	return ring->in_cons != ONCE(ring->in_prod);
}

static bool console_take(char *c)
{
	if (!console_pending())
		return false;
	*c = ring->in[MASK_XENCONS_IDX(ring->in_cons, ring->in)];
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ONCE(ring->in_cons) = ring->in_cons + 1;
	return true;
}

const char *console_line(void)
{
	static char line[80];
	static size_t used;
	char c;

	while (console_take(&c)) {
		events_notify(port);
		if (c == '\n' || c == '\r') {
			line[used] = 0;
			used = 0;
			return line;
		}
		if (used + 1 < sizeof(line))
			line[used++] = c;
	}
	return NULL;
}
