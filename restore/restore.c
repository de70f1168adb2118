/*
 * The story of a restore, stage by stage. Whatever can be known to be wrong without a domain is found before there is
 * one; after any failure no domain is left. In: a stream. Out: a complete domain, paused. The trap: tables can be localised
 * only when all pfns have their frames, and pinned only when nothing maps them writable any more.
 *
 * Mirror: migrate/migrate.c
 */
#include "restore/restore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "machine/registry.h"
#include "p2m/rewrite.h"
#include "process/stop.h"
#include "restore/preflight.h"
#include "restore/prove.h"
#include "restore/receive-batch.h"
#include "stream/array.h"
#include "stream/pipeline.h"

enum { MAXMEM_SLACK_KIB = 1024 }; /* as libxl */

/* --- the domain ------------------------------------------------------- */

static uint64_t most_kib(uint64_t promised_kib, uint64_t frames)
{
	return (promised_kib > frames * 4 ? promised_kib : frames * 4) + MAXMEM_SLACK_KIB;
}

/* How many pfns are believed: what is kept of each takes memory, so a host need not try what it cannot hold. */
static int bound_pfns(struct restoration *r)
{
	uint64_t most = config_most_pfns(&r->config);
	struct host_facts host;
	int rc = host_facts(r->host, &host);

	if (rc)
		return rc;
	if (most > most_pfns(host.all_frames))
		most = most_pfns(host.all_frames);
	if (r->options.most_pfns && most > r->options.most_pfns)
		most = r->options.most_pfns;
	r->most_pfns = most;
	return 0;
}

static int create_domain(struct restoration *r)
{
	uint64_t target = config_number(&r->config, "b_info", "target_memkb", 0);
	uint64_t most = config_number(&r->config, "b_info", "max_memkb", target);
	struct domain_plan plan = {
		.vcpus = config_number(&r->config, "b_info", "max_vcpus", 1),
		.event_channels = config_number(&r->config, "b_info", "event_channels", 1023),
		.grant_frames = config_number(&r->config, "b_info", "max_grant_frames", -1),
		.maptrack_frames = config_number(&r->config, "b_info", "max_maptrack_frames", -1),
		.grant_version = config_number(&r->config, "b_info", "max_grant_version", 0),
		.cpupool = config_number(&r->config, "c_info", "poolid", 0),
		.ssidref = r->ssidref,
		.msr_relaxed = config_build_flag(&r->config, "arch_x86", "msr_relaxed"),
		.map_limit_kib = most,
		.on_created = r->on_created,
		.context = r->context,
	};
	int rc;

	r->most_vcpus = plan.vcpus;
	config_uuid(&r->config, plan.uuid);
	/*
	 * While it is built: a guest that ran meanwhile may have ballooned up since
	 * the head was written, and frames that were given up are ours to the end.
	 */
	plan.most_kib = most_kib(most > target ? most : target, r->frames_wanted) * 9 / 8;
	rc = bound_pfns(r);
	r->limit_kib = plan.most_kib;
	if (r->by_libxl)
		return rc; /* it is made when the guest's width is known */
	if (!rc)
		rc = domain_create(&r->domain, r->host, &plan);
	if (!rc)
		rc = domain_alloc_port(r->domain, &r->connections.store_port);
	if (!rc)
		rc = domain_alloc_port(r->domain, &r->connections.console_port);
	return rc;
}

/* xenstore takes its time: the domain is entered there while its memory comes in. */
static int registry_work(void *task, unsigned int worker, void *context)
{
	struct restoration *r = context;

	(void)task, (void)worker;
	return registry_enter(r->domain, &r->config, &r->connections);
}

static int begin_entry(struct restoration *r)
{
	return r->by_libxl ? 0 : pipeline_beside(&r->entry, "enter", registry_work, r);
}

static int end_entry(struct restoration *r)
{
	int rc = r->entry ? pipeline_stop(r->entry, NULL) : 0;

	r->entry = NULL;
	return rc;
}

static int static_end(struct incoming *in)
{
	struct restoration *r = in->context;
	int rc = 0;

	if (r->by_libxl)
		rc = made_create(r, in->machine.layout->width);
	else if (in->machine.layout->width != 8)
		rc = domain_set_width(r->domain, in->machine.layout->width);
	if (!rc)
		rc = cpu_policy_load(r->domain, &in->machine.policy, r->options.force);
	return rc || !r->options.adopt ? rc : adopt_static_end(r);
}

/* The workers go on meanwhile: none of these arrays may move. */
static int resize(struct incoming *in, uint64_t old_count)
{
	struct restoration *r = in->context;
	int rc = array_grow(&r->mfn, sizeof(*r->mfn), in->count, in->most_pfns);

	if (!rc)
		rc = array_grow(&r->at, sizeof(*r->at), in->count, in->most_pfns);
	if (!rc)
		rc = array_grow(&r->copy_of, sizeof(*r->copy_of), in->count, in->most_pfns);
	if (!rc && r->options.prove)
		rc = proof_resize(r, old_count);
	for (uint64_t pfn = old_count; !rc && pfn < in->count; pfn++)
		r->mfn[pfn] = MFN(INVALID_FRAME);
	return rc;
}

static int pages(struct incoming *in, struct record *record, const struct pages *what)
{
	return copies_take(in->context, record, what);
}

static int receive_memory(struct restoration *r)
{
	static const struct visitor visitor = { .static_end = static_end, .resize = resize, .pages = pages };
	int rc;

	r->incoming = (struct incoming){
		.reader = r->reader,
		.visitor = &visitor,
		.context = r,
		.most_pfns = r->most_pfns,
		.machine.most_vcpus = r->most_vcpus,
	};
	rc = copies_start(r);
	if (!rc)
		rc = receive_stream(&r->incoming);
	return rc ? rc : copies_finish(r);
}

/* Frames that no pfn has any more: a guest that ran meanwhile may have given pages away that came before. */
static int frames_take_back(struct restoration *r)
{
	enum { AT_ONCE = 65536 };
	int rc = 0;

	for (uint64_t pfn = 0; !rc && pfn < r->incoming.count; pfn++) {
		if (frame_is_populated(r->incoming.type[pfn]) || !mfn_is_valid(r->mfn[pfn]))
			continue;
		bytes_put(&r->given_up, &r->mfn[pfn], sizeof(*r->mfn));
		r->mfn[pfn] = MFN(INVALID_FRAME);
		r->frames--;
		if (r->given_up.count == AT_ONCE * sizeof(*r->mfn))
			rc = copies_return(r);
	}
	return rc ? rc : copies_return(r);
}

static int check_all(struct restoration *r)
{
	int rc = incoming_check(&r->incoming, r->mfn);

	if (!rc)
		rc = copies_free_gdts(r);
	if (!rc)
		rc = frames_take_back(r);
	return rc || !r->by_libxl ? rc : made_place_pages(r);
}

static struct destination memory_of(const struct restoration *r)
{
	return (struct destination){ r->mfn, r->incoming.type, r->incoming.count };
}

static int load_machine(struct restoration *r)
{
	struct destination memory = memory_of(r);
	const struct machine *machine = &r->incoming.machine;
	int rc = machine->has_tsc ? domain_set_tsc(r->domain, &machine->tsc) : 0;

	if (!rc)
		rc = shared_info_load(r->domain, machine);
	if (!rc)
		rc = start_info_load(r->domain, machine, &memory, &r->connections);
	if (!rc)
		rc = p2m_rewrite(r->domain, machine->layout, r->incoming.leaf, &memory);
	return rc ? rc : vcpus_load(r->domain, machine, &memory);
}

static int pin_some(struct restoration *r, const struct pin *pins, size_t count)
{
	size_t failed = 0;
	int rc = count ? domain_pin(r->domain, pins, count, &failed) : 0;

	if (rc)
		fail(-rc, "Xen does not pin mfn %#lx as a table of level %u: %s", pins[failed].mfn.n,
		     pins[failed].level, strerror(-rc));
	return rc;
}

static int pin_tables(struct restoration *r)
{
	enum { AT_ONCE = 1024 };
	const struct incoming *in = &r->incoming;
	struct pin pins[AT_ONCE];
	size_t count = 0;
	int rc = 0;

	for (uint64_t pfn = 0; !rc && pfn < in->count; pfn++) {
		struct pin pin = { r->mfn[pfn], frame_level(in->type[pfn]) };

		if (!pin.level || !(in->type[pfn] & FRAME_PINNED))
			continue;
		pins[count++] = pin;
		if (count < AT_ONCE)
			continue;
		rc = pin_some(r, pins, count);
		count = 0;
	}
	return rc ? rc : pin_some(r, pins, count);
}

static int connect_domain(struct restoration *r)
{
	uint64_t target = config_number(&r->config, "b_info", "target_memkb", 0);
	int rc = end_entry(r);

	if (!rc)
		rc = domain_limit(r->domain, most_kib(target, r->frames));
	if (rc || r->by_libxl)
		return rc;
	if (!rc)
		rc = domain_seed_grants(r->domain, r->connections.console, 0, r->connections.store, 0);
	return rc ? rc : registry_connect(r->domain, &r->connections);
}

struct stage {
	const char *name;
	int (*run)(struct restoration *r);
};

static const struct stage stages[] = {
	{ "check the config", preflight_config },
	{ "check the host", preflight_host },
	{ "find its label", label_find },
	{ "create the domain", create_domain },
	{ "begin to enter it", begin_entry },
	{ "memory", receive_memory },
	{ "check what came", check_all },
	{ "localise the tables", localise_tables },
	{ "machine", load_machine },
	{ "pin the tables", pin_tables },
	{ "connect", connect_domain },
	{ "label", label_load },
	{ "prove", prove_domain },
	{ NULL, NULL },
};

static const struct stage adopted_stages[] = {
	{ "look at the domain", adopt_domain },
	{ "memory", receive_memory },
	{ "check what came", check_all },
	{ "localise the tables", localise_tables },
	{ "machine", load_machine },
	{ "pin the tables", pin_tables },
	{ "grants", adopt_finish },
	{ NULL, NULL },
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

static int run_stages(struct restoration *r, const struct stage *stage)
{
	int rc = 0;

	for (; stage->run && !rc; stage++) {
		uint64_t start = now_us();

		rc = stop_requested();
		if (!rc)
			rc = stage->run(r);
		say(SAY_DETAIL, "%s: %.1f ms%s", stage->name, (now_us() - start) / 1e3, rc ? ", failed" : "");
	}
	return rc;
}

int restore_domain(struct restoration *r, struct host *host, struct reader *reader,
		   const struct restore_options *options)
{
	int rc;

	r->reader = reader;
	r->host = host;
	r->options = *options;
	r->claim.name_lock = r->claim.uuid_lock = -1;
	rc = run_stages(r, options->adopt ? adopted_stages : stages);
	if (r->copies)
		copies_finish(r);
	end_entry(r);
	r->is_left = rc && r->domain && !options->adopt && !r->by_libxl && domain_demolish(r->domain);
	if (r->is_left)
		say(SAY_WARNING, "domain %u could not be removed", domain_id(r->domain));
	preflight_end(r);
	return rc;
}

void restoration_release(struct restoration *r)
{
	reader_close(r->reader);
	incoming_release(&r->incoming);
	config_release(&r->config);
	domain_close(r->domain);
	array_release(r->mfn, sizeof(*r->mfn), r->most_pfns);
	free(r->kept);
	array_release(r->digest, sizeof(*r->digest), r->most_pfns);
	array_release(r->at, sizeof(*r->at), r->most_pfns);
	bytes_release(&r->given_up);
	array_release(r->copy_of, sizeof(*r->copy_of), r->most_pfns);
}
