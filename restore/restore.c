/*
 * The story of a restore, stage by stage. Whatever can be known to be wrong
 * without a domain is found before there is one; after any failure there is
 * none.
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
#include "restore/preflight.h"
#include "restore/receive-batch.h"
#include "stop.h"
#include "stream/pipeline.h"

enum { MAXMEM_SLACK_KIB = 1024 }; /* as libxl */

/* --- the domain ------------------------------------------------------- */

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
		.msr_relaxed = config_build_flag(&r->config, "arch_x86", "msr_relaxed"),
		.map_limit_kib = most,
		.on_created = r->on_created,
		.context = r->context,
	};
	int rc;

	config_uuid(&r->config, plan.uuid);
	plan.most_kib = (target > r->frames_wanted * 4 ? target : r->frames_wanted * 4) + MAXMEM_SLACK_KIB;
	rc = domain_create(&r->domain, r->host, &plan);
	if (!rc)
		rc = domain_alloc_port(r->domain, &r->connections.store_port);
	if (!rc)
		rc = domain_alloc_port(r->domain, &r->connections.console_port);
	return rc;
}

/* xenstore takes its time: the domain is entered there while its memory comes in. */
static int enter(void *job, unsigned int worker, void *context)
{
	struct restoration *r = context;

	(void)job, (void)worker;
	return registry_enter(r->domain, &r->config, &r->connections);
}

static int begin_entry(struct restoration *r)
{
	struct pipeline_plan plan = { .name = "enter",
				      .threads = 1,
				      .jobs = 2,
				      .job_bytes = 1,
				      .work = enter,
				      .context = r,
				      .unordered = true };
	int rc = pipeline_start(&r->entry, &plan);

	if (!rc)
		pipeline_submit(r->entry, pipeline_claim(r->entry));
	return rc;
}

static int end_entry(struct restoration *r)
{
	int rc = pipeline_stop(r->entry, NULL);

	r->entry = NULL;
	return rc;
}

static int static_end(struct incoming *in)
{
	struct restoration *r = in->context;
	int rc = 0;

	if (in->machine.layout->width != 8)
		rc = domain_set_width(r->domain, in->machine.layout->width);
	return rc ? rc : cpu_policy_load(r->domain, &in->machine.policy, r->options.force);
}

static int resize(struct incoming *in, uint64_t old_count)
{
	struct restoration *r = in->context;
	mfn_t *mfn = realloc(r->mfn, in->count * sizeof(*mfn));
	uint16_t *kept_in = realloc(r->kept_in, in->count * sizeof(*kept_in));

	r->mfn = mfn ? mfn : r->mfn;
	r->kept_in = kept_in ? kept_in : r->kept_in;
	if (!mfn || !kept_in)
		return fail(ENOMEM, "out of memory for %lu pfns", in->count);
	memset(kept_in + old_count, 0xff, (in->count - old_count) * sizeof(*kept_in));
	for (uint64_t pfn = old_count; pfn < in->count; pfn++)
		mfn[pfn] = MFN(INVALID_FRAME);
	return 0;
}

static int pages(struct incoming *in, struct record *record, const struct pages *what)
{
	return copies_take(in->context, record, what);
}

static int receive_memory(struct restoration *r)
{
	static const struct sink sink = { .static_end = static_end, .resize = resize, .pages = pages };
	int rc;

	r->incoming = (struct incoming){
		.reader = r->reader, .sink = &sink, .context = r, .most_pfns = config_most_pfns(&r->config)
	};
	rc = copies_start(r);
	if (!rc)
		rc = receive_stream(&r->incoming);
	return rc ? rc : copies_finish(r);
}

/* A pfn that ended as a hole in a live stream may have been given a frame before; it keeps it, unnamed. */
static int check_all(struct restoration *r)
{
	int rc = incoming_check(&r->incoming, r->mfn);

	for (uint64_t pfn = 0; pfn < r->incoming.count; pfn++)
		if (!frame_is_populated(r->incoming.type[pfn]))
			r->mfn[pfn] = MFN(INVALID_FRAME);
	if (!rc && r->incoming.machine.vcpu_count > config_number(&r->config, "b_info", "max_vcpus", 1))
		rc = fail(EBADMSG, "the stream has vcpu %u, the config allows %ld vCPUs",
			  r->incoming.machine.vcpu_count - 1,
			  config_number(&r->config, "b_info", "max_vcpus", 1));
	return rc;
}

static struct destination memory_of(const struct restoration *r)
{
	return (struct destination){ r->mfn, r->incoming.type, r->incoming.count };
}

static void unmap_gdt_page(pfn_t pfn, void *context)
{
	copies_unmap_page(context, pfn.n);
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
	if (!rc)
		vcpus_each_gdt_page(machine, unmap_gdt_page, r);
	return rc ? rc : vcpus_load(r->domain, machine, &memory);
}

static int pin_tables(struct restoration *r)
{
	const struct incoming *in = &r->incoming;
	struct bytes list = { 0 };
	const struct pin *pins;
	size_t failed = 0;
	int rc;

	for (uint64_t pfn = 0; pfn < in->count; pfn++) {
		struct pin pin = { r->mfn[pfn], frame_level(in->type[pfn]) };

		if (pin.level && in->type[pfn] & FRAME_PINNED)
			bytes_put(&list, &pin, sizeof(pin));
	}
	rc = bytes_check(&list);
	pins = (const struct pin *)list.at;
	if (!rc && list.count) {
		rc = domain_pin(r->domain, pins, list.count / sizeof(*pins), &failed);
		if (rc)
			fail(-rc, "Xen does not pin mfn %#lx as a table of level %u: %s", pins[failed].mfn.n,
			     pins[failed].level, strerror(-rc));
	}
	bytes_release(&list);
	return rc;
}

static int connect_domain(struct restoration *r)
{
	int rc = end_entry(r);

	if (!rc)
		rc = domain_seed_grants(r->domain, r->connections.console, r->connections.store);
	return rc ? rc : registry_connect(r->domain, &r->connections);
}

static const struct stage {
	const char *name;
	int (*run)(struct restoration *r);
} stages[] = {
	{ "check the config", preflight_config },
	{ "check the host", preflight_host },
	{ "create the domain", create_domain },
	{ "begin to enter it", begin_entry },
	{ "memory", receive_memory },
	{ "check what came", check_all },
	{ "localise the tables", localise_tables },
	{ "machine", load_machine },
	{ "pin the tables", pin_tables },
	{ "connect", connect_domain },
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

static int run_stages(struct restoration *r)
{
	for (size_t i = 0; i < sizeof(stages) / sizeof(*stages); i++) {
		uint64_t start = now_us();
		int rc = stop_requested();

		if (!rc)
			rc = stages[i].run(r);
		say(SAY_DETAIL, "%s: %.1f ms%s", stages[i].name, (now_us() - start) / 1e3,
		    rc ? ", failed" : "");
		if (rc)
			return rc;
	}
	return 0;
}

int restore_domain(struct restoration *r, struct host *host, struct channel *from,
		   const struct restore_options *options)
{
	int rc;

	r->host = host;
	r->options = *options;
	from->leave_pages = !from->can_wait; /* they are read straight into the domain's */
	rc = reader_open(&r->reader, from, options->threads);
	if (!rc)
		rc = run_stages(r);
	if (r->copies)
		copies_abandon(r);
	end_entry(r);
	if (rc && r->domain && domain_demolish(r->domain))
		say(SAY_WARNING, "domain %u could not be removed", domain_id(r->domain));
	return rc;
}

void restoration_release(struct restoration *r)
{
	reader_close(r->reader);
	incoming_release(&r->incoming);
	config_release(&r->config);
	domain_close(r->domain);
	free(r->mfn);
	free(r->kept);
	free(r->kept_in);
}
