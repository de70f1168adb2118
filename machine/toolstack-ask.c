/* Orders that each have a pvferry-toolstack of their own: see machine/toolstack.h. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "machine/toolstack-lines.h"
#include "machine/toolstack.h"
#include "process/child.h"

/* Gives the order to a program of its own, which stays as t unless it fails. */
static int start_with(struct toolstack *t, struct json_object *order)
{
	int rc = toolstack_start(t);

	if (rc)
		json_object_put(order);
	return rc ? rc : toolstack_give(t->fd, order);
}

static int ask_of(const char *name, uint32_t id, struct json_object **answer)
{
	struct json_object *order = toolstack_order(name);
	struct toolstack t;
	int rc;

	json_object_object_add(order, "domid", json_object_new_int64(id));
	rc = start_with(&t, order);
	if (!rc)
		rc = toolstack_hear(t.fd, answer, false);
	toolstack_reap(&t, false);
	return rc;
}

int toolstack_config(uint32_t id, char **config)
{
	struct json_object *answer;
	int rc = ask_of("config", id, &answer);

	if (rc)
		return rc;
	*config = toolstack_text(answer, "config") ? strdup(toolstack_text(answer, "config")) : NULL;
	json_object_put(answer);
	return *config ? 0 : fail(EPROTO, "pvferry-toolstack gave no config");
}

int toolstack_destroy(uint32_t id)
{
	struct json_object *answer;
	int rc = ask_of("destroy", id, &answer);

	if (!rc)
		json_object_put(answer);
	return rc;
}

int toolstack_free_memory(uint64_t kib)
{
	struct json_object *order = toolstack_order("free-memory");
	struct toolstack t;
	int rc;

	json_object_object_add(order, "kib", json_object_new_int64(kib));
	rc = start_with(&t, order);
	if (!rc)
		rc = toolstack_obeyed(t.fd, true);
	toolstack_reap(&t, rc);
	return rc;
}

/* Not waited for: it is there for as long as the domain. A parent that ends leaves it to init. */
int toolstack_watch(const char *uuid)
{
	struct json_object *order = toolstack_order("watch");
	struct toolstack t;
	int rc;

	json_object_object_add(order, "uuid", json_object_new_string(uuid));
	rc = start_with(&t, order);
	if (!rc)
		rc = toolstack_obeyed(t.fd, false);
	if (rc) {
		toolstack_reap(&t, false);
	} else {
		child_unprivate(t.fd);
		close(t.fd);
	}
	return rc;
}
