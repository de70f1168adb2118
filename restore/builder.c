/* See builder.h. */
#include "restore/builder.h"

#include <errno.h>
#include <stdio.h>

#include "job.h"
#include "log.h"
#include "machine/registry.h"

struct task {
	struct built *built; /* shared with the child */
	struct channel *from;
	const struct restore_options *options;
};

static void note_created(uint32_t id, void *context)
{
	struct built *built = context;

	built->domain = id;
	built->is_created = true;
}

static int build(void *context)
{
	struct task *task = context;
	struct restoration r = { .on_created = note_created, .context = task->built };
	struct host *host;
	int rc = host_open(&host);

	if (rc)
		return rc;
	rc = restore_domain(&r, host, task->from, task->options);
	if (!rc) {
		task->built->pfns = r.incoming.count;
		task->built->frames = r.frames;
		snprintf(task->built->name, sizeof(task->built->name), "%s", config_name(&r.config));
	}
	restoration_release(&r);
	host_close(host);
	return rc;
}

/* The child died: take away what it left. */
static void clean_up(const struct built *built)
{
	struct domain *domain = NULL;
	struct host *host;

	if (host_open(&host))
		return;
	if (!domain_open(&domain, host, built->domain) && domain_demolish(domain))
		say(SAY_WARNING, "domain %u could not be removed", built->domain);
	domain_close(domain);
	host_close(host);
}

int build_domain(struct built *result, struct channel *from, const struct restore_options *options)
{
	struct task task = { job_share(sizeof(*task.built)), from, options };
	int rc;

	if (!task.built)
		return -ENOMEM;
	rc = job_run(build, &task);
	if (rc == -ECHILD && task.built->is_created)
		clean_up(task.built);
	*result = *task.built;
	job_unshare(task.built, sizeof(*task.built));
	return rc;
}
