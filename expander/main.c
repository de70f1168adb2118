/*
 * pvferry-expander: reads an image, checks its frames, expands them, parses its config, and gives both
 * to the builder; see stream/expanded.h. It is started by pvferry, and reads what strangers wrote: so it
 * has no privileges, knows nothing of Xen, and ends when the builder does.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expander/chain.h"
#include "log.h"
#include "machine/config-flat.h"
#include "process/program.h"
#include "process/sandbox.h"
#include "stream/expanded.h"
#include "stream/format.h"

/* As restore/expander.c hands them over. */
enum { FROM = PROGRAM_FDS, SOCKET, SLOTS };

enum {
	THREADS_MOST = 64,
	/* The longest frame as it is stored, and while the room for it grows. */
	INTAKE_BYTES = 2 * (FRAME_MAX_BYTES + (4 << 20)),
	/* What json-c makes of the config that costs it most takes 32 MiB; beside it there are two copies. */
	CONFIG_BYTES = 64 << 20,
	MEMORY_BYTES = INPUT_MOST_BYTES + INTAKE_BYTES + CONFIG_BYTES,
	STACK_BYTES = 1 << 20,
	THREAD_BYTES = STACK_BYTES + (1 << 20), /* and what zstd needs */
	OTHER_THREADS = 3,			/* feeds, takes slots back, is main() */
};

static void say_nothing(enum say_level level, const char *text)
{
	(void)level;
	(void)text;
}

/* The whole reach of a signal from a terminal gets it; who builds decides what it means. */
static void ignore_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ };

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		signal(signals[i], SIG_IGN);
	program_hear_signals();
}

/* Whatever limit the user has for stacks. */
static int limit_stacks(void)
{
	pthread_attr_t attributes;

	return pthread_attr_init(&attributes) || pthread_attr_setstacksize(&attributes, STACK_BYTES) ||
	       pthread_setattr_default_np(&attributes);
}

static bool is_order(const struct expansion_order *order, ssize_t bytes)
{
	return bytes == sizeof(*order) && order->threads >= 1 && order->threads <= THREADS_MOST &&
	       !order->name[sizeof(order->name) - 1];
}

int main(void)
{
	static struct expansion_order order;
	static int keep[3 + CHAIN_MOST] = { FROM, SOCKET, SLOTS };
	struct sandbox sandbox = { .keep = keep, .keep_count = 3 };
	struct channel from = { .fd = FROM, .own_fd = -1, .cancel_fd = -1 };
	struct stat facts;

	if (fstat(SLOTS, &facts) || !is_order(&order, read(SOCKET, &order, sizeof(order))))
		return EXIT_FAILURE;
	ignore_signals();
	say_to = say_nothing;
	from.name = order.name;
	if (chain_receive(&from, SOCKET, order.parents))
		return EXIT_FAILURE;
	/* Descriptors come in ascending order, as none is closed meanwhile. */
	for (uint32_t i = 1; i <= order.parents; i++)
		keep[sandbox.keep_count++] = from.chain->files[i].fd;
	sandbox.memory_bytes = facts.st_size + MEMORY_BYTES + order.chain_bytes +
			       (size_t)(order.threads + OTHER_THREADS) * THREAD_BYTES;
	sandbox.uses_sockets = order.is_socket;
	if (limit_stacks() || sandbox_enter(&sandbox))
		return EXIT_FAILURE;
	from.kind = order.kind;
	from.can_wait = order.can_wait;
	from.is_socket = order.is_socket;
	from.may_block = order.may_block;
	from.leave_pages = order.leave_pages;
	expand_all(&from, &(struct expansion){ SOCKET, SLOTS, order.threads }, config_flatten);
}
