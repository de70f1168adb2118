/*
 * What is done with a domain that is there: see toolstack.h. Each function carries out one order, and fills the answer.
 * In: an order with a domain's number. Out: what libxl made of it. The trap: libxl says why in its log and returns a
 * number, so a failure's reason is taken from the log (toolstack_fail()), of what was logged since libxl_log_begin().
 */
#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"
#include "machine/shared-entry.h"
#include "toolstack/orders.h"
#include "toolstack/toolstack.h"
#include "xen/domain.h"

int toolstack_fail(struct toolstack *t, int code, const char *what)
{
	char reason[1024];

	libxl_log_reason(t->log, reason, sizeof(reason));
	return *reason ? fail(EIO, "%s: %s", what, reason) : fail(EIO, "%s: libxl's error %d", what, code);
}

/* 0 is domain 0, which no order may be about: so it also stands for "not there". */
int toolstack_domain_of(struct json_object *order, uint32_t *domain)
{
	struct json_object *value = NULL;

	*domain = json_object_object_get_ex(order, "domid", &value) ? json_object_get_int(value) : 0;
	return *domain ? 0 : fail(EINVAL, "the order names no domain");
}

int toolstack_config(struct toolstack *t, struct json_object *order, struct json_object *answer)
{
	libxl_domain_config config;
	uint32_t domain;
	char *text = NULL;
	int code, rc = toolstack_domain_of(order, &domain);

	if (rc)
		return rc;
	libxl_domain_config_init(&config);
	/* As libxl knows it now, with what was attached and detached since the domain was made. */
	code = libxl_retrieve_domain_configuration(t->ctx, domain, &config, NULL);
	if (!code)
		text = libxl_domain_config_to_json(t->ctx, &config);
	libxl_domain_config_dispose(&config);
	if (code || !text)
		return toolstack_fail(t, code, "libxl cannot read the domain's config");
	json_object_object_add(answer, "config", json_object_new_string(text));
	free(text);
	return 0;
}

/* Whatever a script has started and left: it is in our process group, which qemu is not. */
static void end_scripts(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;

	if (getpgrp() != getpid())
		return; /* started by hand, in a group with others */
	sigaction(SIGTERM, &ignore, &before);
	kill(0, SIGTERM);
	sigaction(SIGTERM, &before, NULL);
}

void toolstack_keep_shared(struct toolstack *t, const char *vm)
{
	struct host *host;

	if (host_open(&host)) {
		fail_forget();
		return;
	}
	t->shared = shared_entry_take(host, vm, 0);
	host_close(host);
}

void toolstack_put_shared(struct toolstack *t)
{
	struct host *host;

	if (!t->shared || host_open(&host))
		return;
	shared_entry_put(host, t->shared);
	t->shared = NULL;
	host_close(host);
}

static void forget_shared(struct toolstack *t)
{
	shared_entry_free(t->shared);
	t->shared = NULL;
}

/* libxl removes the entry of the machine even if another domain has it. */
static void keep_shared_of(struct toolstack *t, uint32_t domain)
{
	struct host *host;
	char *vm;

	if (t->shared || host_open(&host))
		return;
	vm = store_read(host, "/local/domain/%u/vm", domain);
	t->shared = vm ? shared_entry_take(host, vm, domain) : NULL;
	free(vm);
	host_close(host);
}

int toolstack_remove(struct toolstack *t, uint32_t domain)
{
	int code;

	/* A hotplug script that still runs could attach what is just being removed. */
	end_scripts();
	libxl_log_begin(t->log);
	keep_shared_of(t, domain);
	code = libxl_domain_destroy(t->ctx, domain, NULL);
	toolstack_put_shared(t);
	return !code || code == ERROR_DOMAIN_NOTFOUND
		     ? 0
		     : toolstack_fail(t, code, "libxl could not destroy the domain");
}

int toolstack_run(struct toolstack *t, struct json_object *order, struct json_object *answer)
{
	struct json_object *value = NULL;
	const char *name = order_text(order, "name");
	bool stays_paused = json_object_object_get_ex(order, "paused", &value) &&
			    json_object_get_boolean(value);
	int code;

	(void)answer;
	if (!t->made)
		return fail(EINVAL, "there is no domain to run");
	libxl_log_begin(t->log);
	code = libxl_domain_rename(t->ctx, t->made, NULL, name);
	if (code)
		return toolstack_fail(t, code, "libxl could not rename the domain");
	if (!stays_paused)
		code = libxl_domain_unpause(t->ctx, t->made, NULL);
	if (code)
		return toolstack_fail(t, code, "libxl could not unpause the domain");
	t->made = 0;
	forget_shared(t);
	return 0;
}

/* It stays when we end, paused: what becomes of it is for the journal of those who gave the order. */
int toolstack_keep(struct toolstack *t, struct json_object *order, struct json_object *answer)
{
	(void)order, (void)answer;
	if (!t->made)
		return fail(EINVAL, "there is no domain to keep");
	t->made = 0;
	forget_shared(t);
	return 0;
}

int toolstack_abandon(struct toolstack *t, struct json_object *order, struct json_object *answer)
{
	int rc = t->made ? toolstack_remove(t, t->made) : 0;

	(void)order, (void)answer;
	t->made = rc ? t->made : 0;
	return rc;
}

int toolstack_destroy(struct toolstack *t, struct json_object *order, struct json_object *answer)
{
	uint32_t domain;
	int rc = toolstack_domain_of(order, &domain);

	(void)answer;
	return rc ? rc : toolstack_remove(t, domain);
}
