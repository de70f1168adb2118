/*
 * The stages of a restore that are others when libxl makes the domain, with its devices. Another process speaks with
 * libxl (machine/toolstack.h); libxl goes on with the devices while the memory comes in here.
 *
 * Two pages are there before the first one comes: the rings of xenstore and console. Domain 0's xenstored and
 * xenconsoled have mapped these frames, or will by their number, so the guest's own two pages, which come like all
 * others, give their content and their pfn to them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "machine/offer.h"
#include "restore/preflight.h"
#include "restore/receive-batch.h"
#include "restore/restore.h"

/*
 * What their servers keep in the pages and polls all the time. Of xenstore's ring the indexes, features and states, which
 * xenstored resets as it introduces a domain: what came from the source would be taken for a request. Of the
 * console only the state, since its indexes are the guest's, too. struct xenstore_domain_interface and
 * xencons_interface of Xen's public/io.
 */
enum { STORE_KEPT_AT = 2048, STORE_KEPT_BYTES = 28, CONSOLE_KEPT_BYTES = 1 };

/* A move has asked for that already (restore/handover.c): twice would be a name that neither it nor resolve knows. */
static bool is_incoming(const char *name)
{
	size_t length = strlen(name), suffix = strlen(INCOMING_SUFFIX);

	return length > suffix && !strcmp(name + length - suffix, INCOMING_SUFFIX);
}

int made_create(struct restoration *r, unsigned int width)
{
	char name[DOMAIN_NAME_MOST + sizeof(INCOMING_SUFFIX)];
	struct new_domain wanted = { .config = config_text(&r->config), .name = name, .width = width };
	const struct domain_maker *maker = r->options.maker;
	uint32_t id = 0;
	int rc;

	snprintf(name, sizeof(name), "%s%s", config_name(&r->config),
		 is_incoming(config_name(&r->config)) ? "" : INCOMING_SUFFIX);
	config_uuid(&r->config, wanted.uuid);
	rc = maker->make(&wanted, &id, &r->connections, maker->context);
	if (!rc)
		rc = domain_open(&r->domain, r->host, id);
	return rc ? rc : domain_limit(r->domain, r->limit_kib);
}

static int check_pfn(const struct restoration *r, uint64_t pfn, const char *what)
{
	if (pfn < r->incoming.count && r->incoming.type[pfn] == FRAME_NOTAB && mfn_is_valid(r->mfn[pfn]))
		return 0;
	return fail(EBADMSG, "start info: the %s page is pfn %#lx, which is not an ordinary page", what, pfn);
}

static int find_pages(struct restoration *r, pfn_t *store, pfn_t *console)
{
	const struct layout *layout = r->incoming.machine.layout;
	pfn_t pfn = vcpus_start_info(&r->incoming.machine);
	uint8_t *page = domain_map(r->domain, &r->mfn[pfn.n], 1, false, NULL);
	int rc;

	if (!page)
		return fail(EFAULT, "cannot map the start info page");
	store->n = word_get(layout, page, layout->start_info.store_frame);
	console->n = word_get(layout, page, layout->start_info.console_frame);
	domain_unmap(r->domain, page, 1);
	rc = check_pfn(r, store->n, "xenstore");
	if (!rc)
		rc = check_pfn(r, console->n, "console");
	if (!rc && (store->n == console->n || store->n == pfn.n || console->n == pfn.n))
		rc = fail(EBADMSG, "start info: it, the xenstore page and the console page are not three");
	return rc;
}

/* All but so many bytes from kept_at on. */
static int copy_page(struct restoration *r, mfn_t from, mfn_t to, size_t kept_at, size_t kept_bytes)
{
	size_t behind = kept_at + kept_bytes;
	uint8_t *source = domain_map(r->domain, &from, 1, false, NULL);
	uint8_t *target = source ? domain_map(r->domain, &to, 1, true, NULL) : NULL;

	if (target) {
		memcpy(target, source, kept_at);
		memcpy(target + behind, source + behind, PAGE_BYTES - behind);
	}
	domain_unmap(r->domain, target, 1);
	domain_unmap(r->domain, source, 1);
	return target ? 0 : fail(EFAULT, "cannot map the new domain's memory");
}

/* The frame that the page came in goes back to Xen; of the number of frames, the other one takes its place. */
static int change_frame(struct restoration *r, pfn_t pfn, mfn_t fixed)
{
	bytes_put(&r->given_up, &r->mfn[pfn.n], sizeof(*r->mfn));
	r->mfn[pfn.n] = fixed;
	r->at[pfn.n] = NULL;
	return domain_set_pfn(r->domain, fixed, pfn);
}

int made_place_pages(struct restoration *r)
{
	const struct connections *c = &r->connections;
	pfn_t store = { 0 }, console = { 0 };
	int rc = find_pages(r, &store, &console);

	if (!rc)
		rc = copy_page(r, r->mfn[store.n], c->store, STORE_KEPT_AT, STORE_KEPT_BYTES);
	if (!rc)
		rc = copy_page(r, r->mfn[console.n], c->console, CONSOLE_CONNECTION_AT, CONSOLE_KEPT_BYTES);
	if (!rc)
		rc = change_frame(r, store, c->store);
	if (!rc)
		rc = change_frame(r, console, c->console);
	return rc ? rc : copies_return(r);
}
