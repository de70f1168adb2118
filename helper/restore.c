/*
 * The side that receives: into the domain that libxl has made, from a stream
 * of which nothing is read beyond libxc's END. What becomes of the domain is
 * libxl's to say.
 */
#include <errno.h>
#include <stdlib.h>

#include "helper/helper.h"
#include "helper/libxl.h"
#include "log.h"
#include "restore/builder.h"
#include "stream/channel.h"

static int static_end(unsigned int missing, void *context)
{
	const struct task *task = context;

	return task->order.callbacks >> LIBXL_STATIC_DATA_DONE & 1 ? libxl_static_data_done(missing) : 0;
}

static int receive_guest(struct task *task, struct built *built)
{
	const struct order *order = &task->order;
	struct adoption adoption = {
		.domain = order->domain,
		.connections = { .store_port = order->store_port,
				 .store_domain = order->store_domain,
				 .console_port = order->console_port,
				 .console_domain = order->console_domain },
		.accepts_wire = task->is_packed,
		.static_end = static_end,
		.context = task,
	};
	struct restore_options options = {
		.threads = task->settings.threads,
		.force = task->settings.ignores_cpu,
		.progress = libxl_progress,
		.adopt = &adoption,
	};
	struct channel channel;
	int rc = channel_init_shared(&channel, order->stream_fd, "the stream");

	if (rc)
		return rc;
	rc = build_domain(built, &channel, &options);
	channel_release(&channel);
	return rc;
}

int run_restore(struct task *task)
{
	struct built *built = built_open();
	int rc = built ? receive_guest(task, built) : -ENOMEM;

	if (rc)
		libxl_say_reason("cannot restore the domain");
	else
		say(SAY_NOTE, "%lu MiB restored", built->frames / 256);
	if (!rc && task->order.callbacks >> LIBXL_RESTORE_RESULTS & 1)
		libxl_restore_results(built->store.n, built->console.n);
	return libxl_complete(rc) ? EXIT_FAILURE : EXIT_SUCCESS;
}
