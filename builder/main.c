/*
 * pvferry-builder: builds a domain from what pvferry-expander gives it, see restore/builder-order.h. It is
 * started by pvferry or by the helper of libxl, and alone of those that a foreign image's bytes reach has
 * Xen's privileges: so it maps nothing that expands, deciphers or parses.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "machine/config-redirect.h"
#include "process/budget.h"
#include "process/stop.h"
#include "restore/builder-order.h"
#include "stream/expanded.h"
#include "version.h"

static struct built *built;

/* --- to the parent ------------------------------------------------------------- */

/* A parent that is gone hears nothing; that it is gone is known by its signal. */
static void parent_tell(const struct builder_message *message)
{
	while (send(BUILDER_TALK, message, sizeof(*message), MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

static void tell_line(enum say_level level, const char *text)
{
	struct builder_message message = { .kind = BUILDER_SAY, .level = level };

	snprintf(message.text, sizeof(message.text), "%s", text);
	parent_tell(&message);
}

/* A stop does not end the waiting: the toolstack answers in any case, and the answer would be taken for another's. */
static int parent_ask(const struct builder_message *message, struct builder_answer *answer)
{
	ssize_t got;

	parent_tell(message);
	do {
		got = recv(BUILDER_TALK, answer, sizeof(*answer), 0);
	} while (got < 0 && errno == EINTR);
	if (got != sizeof(*answer))
		return fail(ECONNRESET, "the process that started the builder is gone");
	return answer->rc
		     ? fail(abs(answer->rc % 4096), "%.*s", (int)sizeof(answer->reason) - 1, answer->reason)
		     : 0;
}

static int ask_static_end(unsigned int missing, void *context)
{
	const struct builder_message message = { .kind = BUILDER_STATIC_END, .missing = missing };
	struct builder_answer answer;

	(void)context;
	return parent_ask(&message, &answer);
}

static int ask_to_make(const struct new_domain *wanted, uint32_t *id, struct connections *connections,
		       void *context)
{
	struct builder_message message = { .kind = BUILDER_CONFIG };
	struct builder_answer answer;
	int rc;

	(void)context;
	for (size_t at = 0, left = strlen(wanted->config); left; left -= strlen(message.text)) {
		snprintf(message.text, sizeof(message.text), "%s", wanted->config + at);
		at += strlen(message.text);
		parent_tell(&message);
	}
	message = (struct builder_message){ .kind = BUILDER_MAKE, .width = wanted->width };
	memcpy(message.uuid, wanted->uuid, sizeof(message.uuid));
	snprintf(message.text, sizeof(message.text), "%s", wanted->name);
	rc = parent_ask(&message, &answer);
	*id = answer.domain;
	*connections = answer.connections;
	return rc;
}

static int ask_for_room(uint64_t kib, void *context)
{
	const struct builder_message message = { .kind = BUILDER_ROOM, .kib = kib };
	struct builder_answer answer;

	(void)context;
	return parent_ask(&message, &answer);
}

/* At once: should we be killed in the next moment, this is how the domain is found and removed. */
static void note_created(uint32_t id, void *context)
{
	(void)context;
	built->domain = id;
	built->is_there = built->is_created = true;
}

/* Read by the parent when it likes, so nothing waits here. */
static void note_pages(uint64_t done, uint64_t total)
{
	built->pages_wanted = total;
	built->pages = done;
}

/* --- the work --------------------------------------------------------------------- */

/*
 * What is held here goes with the process: to free it piece by piece takes a
 * PV domain 0 longer than to end, and the guest waits for that.
 */
static int build(const struct builder_order *order, const struct restore_options *options)
{
	const struct expansion expansion = { BUILDER_EXPANDER, BUILDER_SLOTS, order->threads };
	static struct channel pages;
	static struct restoration r = { .on_created = note_created };
	struct reader *reader;
	struct host *host;
	int rc = budget_begin(order->threads);

	pages = (struct channel){ .fd = order->leaves_pages ? BUILDER_PAGES : -1,
				  .own_fd = -1,
				  .cancel_fd = -1,
				  .name = order->channel,
				  .leave_pages = order->leaves_pages };
	if (!rc)
		rc = host_open(&host); /* while the expander starts */
	if (!rc)
		rc = reader_attach(&reader, &expansion, &pages);
	if (!rc)
		rc = restore_domain(&r, host, reader, options);
	if (rc) {
		built->is_there = r.is_left;
		return rc;
	}
	built->pfns = r.incoming.count;
	built->frames = r.frames;
	built->proven = r.proven;
	built->store = r.connections.store;
	built->console = r.connections.console;
	if (r.config.root)
		snprintf(built->name, sizeof(built->name), "%s", config_name(&r.config));
	if (r.by_libxl)
		config_attachments(&r.config, built->attachments, sizeof(built->attachments));
	return 0;
}

/* What an order cannot hold, pointers to functions among it, is ours here. */
static int carry_out(const struct builder_order *order)
{
	const struct adoption adoption = { .domain = order->domain,
					   .connections = order->connections,
					   .accepts_wire = order->accepts_wire,
					   .static_end = ask_static_end };
	const struct domain_maker maker = { .make = ask_to_make, .make_room = ask_for_room };
	const struct restore_options options = { .threads = order->threads,
						 .name = order->has_name ? order->name : NULL,
						 .force = order->force,
						 .uuid = order->has_uuid ? order->uuid : NULL,
						 .most_pfns = order->most_pfns,
						 .is_file = order->leaves_pages,
						 .without_devices = order->without_devices,
						 .maker = order->has_maker ? &maker : NULL,
						 .allowed = order->allowed,
						 .redirect = built->redirect,
						 .config = built->config_bytes ? built->config : NULL,
						 .config_bytes = built->config_bytes,
						 .prove = order->has_proof ? &order->proof : NULL,
						 .allow_devices = order->limits_devices ? order->allow_devices
											: NULL,
						 .progress = note_pages,
						 .adopt = order->is_adoption ? &adoption : NULL };

	return build(order, &options);
}

/* --- the beginning ------------------------------------------------------------------ */

/* Shorter memory than the structure would be a signal later instead of a message now. */
static bool map_built(void)
{
	struct stat facts;
	void *at;

	if (fstat(BUILDER_BUILT, &facts) || facts.st_size < (off_t)sizeof(*built))
		return false;
	at = mmap(NULL, sizeof(*built), PROT_READ | PROT_WRITE, MAP_SHARED, BUILDER_BUILT, 0);
	built = at == MAP_FAILED ? NULL : at;
	return built;
}

/* The version first: of another one nothing else need mean the same. An old pvferry may find a new builder after an upgrade. */
static bool is_order(const struct builder_order *order, ssize_t bytes)
{
	return bytes == sizeof(*order) && !strcmp(order->version, PVFERRY_VERSION) && order->threads >= 1 &&
	       order->threads <= BUILDER_THREADS_MOST && !(order->has_proof && order->leaves_pages) &&
	       order->say_level <= SAY_DETAIL && !order->name[sizeof(order->name) - 1] &&
	       !order->allow_devices[sizeof(order->allow_devices) - 1] &&
	       !order->channel[sizeof(order->channel) - 1] && !built->redirect[sizeof(built->redirect) - 1] &&
	       built->config_bytes <= sizeof(built->config);
}

int main(void)
{
	static const int stop[] = { BUILDER_STOP, BUILDER_WAKE };
	static struct builder_order order;

	if (!map_built() || !is_order(&order, read(BUILDER_TALK, &order, sizeof(order)))) {
		fprintf(stderr, "pvferry-builder %s is started by pvferry of the same version\n",
			PVFERRY_VERSION);
		return EXIT_FAILURE;
	}
	say_level = order.say_level;
	say_to = tell_line;
	/* In this order: a signal that came before is then one that was heard, and names itself in the reason. */
	built->rc = stop_join(stop);
	program_hear_signals();
	if (!built->rc)
		built->rc = carry_out(&order);
	snprintf(built->reason, sizeof(built->reason), "%s", fail_reason());
	built->is_over = true; /* the last: what stands there counts from now on */
	fflush(NULL);
	_exit(EXIT_SUCCESS);
}
