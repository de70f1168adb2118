/*
 * Every page table of the new domain, pfn -> mfn, in place. By now each pfn
 * has its frame and its final type, so each entry can be held against what it
 * names; what Xen would refuse is refused here, with a name.
 *
 * Mirror: the tables' part of migrate/send-batch.c
 */
#include <errno.h>
#include <stdlib.h>

#include "log.h"
#include "restore/receive-batch.h"
#include "process/stop.h"
#include "stream/pipeline.h"

enum { TABLES_AT_ONCE = 256 };

struct table_batch {
	size_t count;
	uint64_t pfn[TABLES_AT_ONCE];
};

static int localise_one(const struct restoration *r, uint64_t pfn, uint64_t *page)
{
	const struct incoming *in = &r->incoming;
	struct destination to = { r->mfn, in->type, in->count };
	unsigned int level = frame_level(in->type[pfn]);
	struct table_fault fault;

	if (localise(page, page, (struct table_kind){ in->machine.layout->width, level }, &to, &fault))
		return 0;
	return fail(EBADMSG, "pfn %#lx, a page table of level %u: slot %u (%#lx) %s", pfn, level, fault.slot,
		    fault.entry, table_defect_text(fault.defect));
}

/* Mapped only for this, and unmapped before it returns: Xen pins no table that is mapped writable. */
static int localise_work(void *task, unsigned int worker, void *context)
{
	struct restoration *r = context;
	struct table_batch *batch = task;
	mfn_t mfns[TABLES_AT_ONCE];
	uint64_t *at;
	int rc = stop_requested();

	(void)worker;
	for (size_t i = 0; i < batch->count; i++)
		mfns[i] = r->mfn[batch->pfn[i]];
	if (rc)
		return rc;
	at = domain_map(r->domain, mfns, batch->count, true, NULL);
	if (!at)
		return fail(EFAULT, "cannot map the new domain's page tables");
	for (size_t i = 0; !rc && i < batch->count; i++)
		rc = localise_one(r, batch->pfn[i], at + i * TABLE_SLOTS);
	domain_unmap(r->domain, at, batch->count);
	return rc;
}

/* The next tables from pfn on; returns where to go on. */
static uint64_t collect(const struct incoming *in, uint64_t pfn, struct table_batch *batch)
{
	batch->count = 0;
	for (; pfn < in->count && batch->count < TABLES_AT_ONCE; pfn++)
		if (frame_level(in->type[pfn]))
			batch->pfn[batch->count++] = pfn;
	return pfn;
}

int localise_tables(struct restoration *r)
{
	struct pipeline_plan plan = {
		.name = "localise",
		.threads = r->options.threads,
		.tasks = 2 * r->options.threads,
		.task_bytes = sizeof(struct table_batch),
		.work = localise_work,
		.context = r,
		.unordered = true,
	};
	struct pipeline *tables;
	int rc;

	plan.tasks += plan.tasks < 2 ? 2 : 0;
	rc = pipeline_start(&tables, &plan);
	for (uint64_t pfn = 0; !rc && pfn < r->incoming.count;) {
		struct table_batch *batch = pipeline_claim(tables);

		if (!batch)
			break;
		pfn = collect(&r->incoming, pfn, batch);
		pipeline_submit(tables, batch);
	}
	return rc ? rc : pipeline_stop(tables, NULL);
}
