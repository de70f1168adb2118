/* See sender.h. */
#include "migrate/sender.h"

#include <errno.h>
#include <stdio.h>

#include "job.h"
#include "log.h"

struct task {
	struct sent *sent; /* shared with the child */
	uint32_t id;
	struct channel *to;
	const struct migrate_options *options;
};

static void note(const struct migration *m)
{
	struct sent *sent = m->context;

	sent->is_asked = m->is_asked;
	sent->is_suspended = m->is_suspended;
	sent->figures = m->figures;
}

static int send_stages(struct task *task, struct domain *domain)
{
	struct migration m = { .note = note, .context = task->sent };
	int rc = migration_send(&m, domain, task->to, task->options);

	note(&m);
	task->sent->p2m = m.p2m.form;
	if (m.config.root)
		snprintf(task->sent->name, sizeof(task->sent->name), "%s", config_name(&m.config));
	migration_release(&m);
	return rc;
}

static int send_task(void *context)
{
	struct task *task = context;
	struct domain *domain;
	struct host *host;
	int rc = host_open(&host);

	if (rc)
		return rc;
	rc = domain_open(&domain, host, task->id);
	if (!rc)
		rc = send_stages(task, domain);
	domain_close(domain);
	host_close(host);
	return rc;
}

/* It failed, or died: the guest is not to wait for somebody who is gone. */
static void let_go_on(struct task *task)
{
	struct domain *domain = NULL;
	struct host *host;

	if (!task->sent->is_asked || host_open(&host))
		return;
	if (!domain_open(&domain, host, task->id) &&
	    !(task->sent->is_suspended ? domain_resume(domain) : domain_withdraw(domain)))
		task->sent->is_suspended = false;
	domain_close(domain);
	host_close(host);
}

int send_domain(struct sent *result, uint32_t id, struct channel *to, const struct migrate_options *options)
{
	struct task task = { job_share(sizeof(*task.sent)), id, to, options };
	int rc;

	if (!task.sent)
		return -ENOMEM;
	rc = job_run(send_task, &task);
	if (rc)
		let_go_on(&task);
	*result = *task.sent;
	job_unshare(task.sent, sizeof(*task.sent));
	return rc;
}
