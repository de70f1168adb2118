/*
 * The XSM call, as FLASK takes it: labels and their numbers, and nothing of policies.
 */
#include <errno.h>
#include <string.h>

#include "../machine/domain.h"
#include "../machine/flask.h"
#include "call.h"

#include <xen/xsm/flask_op.h>

/* What is handed over has no zero byte at its end. */
static long to_sid(struct call *call, struct xen_flask_sid_context *op)
{
	char label[256] = "";

	if (op->size >= sizeof(label))
		return -ENOENT;
	memcpy(label, op->context.p, op->size);
	return flask_find(call->host, label, &op->sid);
}

static long to_context(struct call *call, struct xen_flask_sid_context *op)
{
	const char *label = flask_label(call->host, op->sid);
	uint32_t room = op->size;

	if (!label)
		return -EINVAL;
	op->size = strlen(label) + 1;
	if (op->size > room)
		return -ERANGE;
	memcpy(op->context.p, label, op->size);
	return 0;
}

static long relabel(struct call *call, const struct xen_flask_relabel *op)
{
	struct domain *domain = domain_find(call->host, op->domid);

	if (!domain)
		return -ESRCH;
	if (!flask_label(call->host, op->sid))
		return -EACCES;
	domain->ssidref = op->sid;
	return 0;
}

long call_flask(struct call *call, struct xen_flask_op *op)
{
	if (!call->host->machine->flask)
		return -ENOSYS;
	if (op->interface_version != XEN_FLASK_INTERFACE_VERSION)
		return -ENOSYS;
	switch (op->cmd) {
	case FLASK_CONTEXT_TO_SID: return to_sid(call, &op->u.sid_context);
	case FLASK_SID_TO_CONTEXT: return to_context(call, &op->u.sid_context);
	case FLASK_RELABEL_DOMAIN: return relabel(call, &op->u.relabel);
	}
	return -ENOSYS;
}
