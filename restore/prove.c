/*
 * See prove.h. Two kinds of pages are not as they came, because restore or others of domain 0 write to them: those
 * with the new domain's machine frames (start info, the p2m's leaves), which are held against rules, and the rings of
 * xenstore and console, whose servers may be at work on them by now. These are left out.
 *
 * Nothing here trusts what the builder knows of its own work but r->mfn[], and that is held against the p2m that the
 * guest will read, and Xen's word on each frame.
 */
#include "restore/prove.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "log.h"
#include "p2m/inverse.h"
#include "p2m/rewrite.h"
#include "process/budget.h"
#include "process/stop.h"
#include "stream/array.h"
#include "stream/pipeline.h"

/* Digest, p2m, inverse and mark of a pfn. */
enum { PROOF_PFN_BYTES = 16 + 9 + 6 + 1, PAGES_AT_ONCE = 256, RANGES_SAID = 4 };

/* A word that fails is worth knowing by its pfn, so none of the checks ends at the first one. */
enum mark { MARK_NONE, MARK_WRONG, MARK_OWN /* its content is not the image's */ };

struct proof {
	struct restoration *r;
	struct destination memory;
	struct p2m p2m; /* the frames that Xen calls the domain's */
	struct inverse inverse;
	uint8_t *mark; /* by pfn */
};

struct proof_batch {
	size_t count;
	uint64_t pfn[PAGES_AT_ONCE];
};

int proof_wish_init(struct proof_wish *wish, const struct index_head *index)
{
	*wish = (struct proof_wish){ .has_root = index };
	if (index) {
		memcpy(wish->key, index->key, sizeof(wish->key));
		wish->root = index->root;
		return 0;
	}
	return getrandom(wish->key, sizeof(wish->key), 0) == sizeof(wish->key)
		     ? 0
		     : fail_errno("no random numbers");
}

/* --- while the pages come ------------------------------------------------------------ */

/* The budget counts pfns from the beginning each time: so what is allowed beside them comes first. */
int proof_resize(struct restoration *r, uint64_t old_count)
{
	int rc = budget_allow_bytes((r->incoming.count - old_count) * PROOF_PFN_BYTES);

	if (!rc)
		rc = budget_allow_pfns(r->incoming.count);
	return rc ? rc : array_grow(&r->digest, sizeof(*r->digest), r->incoming.count, r->incoming.most_pfns);
}

/* From the source and not from the guest's page: a page that was copied wrong is to be found, too. */
void proof_note(struct restoration *r, const uint64_t *frame, uint32_t count, const uint8_t *data)
{
	assert(data);
	for (uint32_t i = 0; i < count; i++) {
		if (!frame_has_data(word_type(frame[i])))
			continue;
		r->digest[word_pfn(frame[i])] = page_digest(data, r->options.prove->key);
		data += PAGE_BYTES;
	}
}

/* --- what was found ---------------------------------------------------------------- */

static void put_range(char *text, size_t room, uint64_t first, uint64_t last)
{
	size_t length = strlen(text);

	snprintf(text + length, room - length, first == last ? "%s%#lx" : "%s%#lx to %#lx",
		 length ? ", " : "", first, last);
}

/* Fails if pfns are marked, for what differs at them. */
static int judge(const struct proof *p, const char *what)
{
	uint64_t count = 0, ranges = 0, first = 0;
	char text[256] = "";

	for (uint64_t pfn = 0; pfn <= p->memory.count; pfn++) {
		bool is_wrong = pfn < p->memory.count && p->mark[pfn] == MARK_WRONG;
		bool was_wrong = pfn && p->mark[pfn - 1] == MARK_WRONG;

		if (is_wrong && !was_wrong)
			first = pfn;
		if (!is_wrong && was_wrong && ranges++ < RANGES_SAID)
			put_range(text, sizeof(text), first, pfn - 1);
		count += is_wrong;
	}
	return count ? fail(EUCLEAN,
			    "the domain that was built is not the image's: %s differ at pfns %s%s (%lu in "
			    "all)",
			    what, text, ranges > RANGES_SAID ? ", ..." : "", count)
		     : 0;
}

/* --- frames and types ------------------------------------------------------------------ */

static int check_p2m(struct proof *p)
{
	int rc = p2m_reread(p->r->domain, p->r->incoming.machine.layout, p->r->incoming.leaf, &p->memory,
			    p->mark);

	return rc ? rc : judge(p, "p2m entries");
}

/* A table below no pin is a page like others to Xen: it keeps the type at most for as long as it likes. */
static bool type_fits(unsigned int wanted, unsigned int type)
{
	if (!frame_is_populated(wanted))
		return type == FRAME_XTAB;
	if (wanted == FRAME_XALLOC)
		return type == FRAME_NOTAB;
	return type == wanted || (type == FRAME_NOTAB && !(wanted & FRAME_PINNED));
}

/* Frames that are not the domain's come back as holes. */
static int check_types(struct proof *p)
{
	int rc;

	p->p2m = (struct p2m){ .layout = p->r->incoming.machine.layout, .count = p->memory.count };
	p->p2m.mfn = malloc(p->memory.count * sizeof(*p->p2m.mfn));
	p->p2m.type = malloc(p->memory.count);
	if (!p->p2m.mfn || !p->p2m.type)
		return fail(ENOMEM, "out of memory for a p2m of %lu pfns", p->memory.count);
	memcpy(p->p2m.mfn, p->memory.mfn, p->memory.count * sizeof(*p->p2m.mfn));
	memset(p->p2m.type, FRAME_XTAB, p->memory.count);
	rc = p2m_fetch_types(&p->p2m, p->r->domain);
	for (uint64_t pfn = 0; !rc && pfn < p->memory.count; pfn++)
		if (!type_fits(p->memory.type[pfn], p->p2m.type[pfn]))
			p->mark[pfn] = MARK_WRONG;
	if (!rc)
		rc = judge(p, "types");
	return rc ? rc : inverse_init(&p->inverse, &p->p2m);
}

/* --- pages ------------------------------------------------------------------------------ */

static bool is_as_it_came(const struct proof *p, uint64_t pfn, const uint64_t *page)
{
	const struct restoration *r = p->r;
	unsigned int level = frame_level(p->memory.type[pfn]);
	struct table_kind kind = { r->incoming.machine.layout->width, level };
	uint64_t canonical[TABLE_SLOTS];
	struct table_fault fault;

	if (level && !canonicalise(canonical, page, kind, &p->inverse, &fault))
		return false;
	return page_digest_equals(page_digest(level ? canonical : page, r->options.prove->key),
				  r->digest[pfn]);
}

static int prove_work(void *task, unsigned int worker, void *context)
{
	struct proof *p = context;
	struct proof_batch *batch = task;
	mfn_t mfns[PAGES_AT_ONCE];
	const uint64_t *at;
	int rc = stop_requested();

	(void)worker;
	if (rc || !batch->count)
		return rc;
	for (size_t i = 0; i < batch->count; i++)
		mfns[i] = p->memory.mfn[batch->pfn[i]];
	at = domain_map(p->r->domain, mfns, batch->count, false, NULL);
	if (!at)
		return fail(EFAULT, "cannot map the new domain's memory to prove it");
	for (size_t i = 0; i < batch->count; i++)
		if (!is_as_it_came(p, batch->pfn[i], at + i * TABLE_SLOTS))
			p->mark[batch->pfn[i]] = MARK_WRONG;
	domain_unmap(p->r->domain, (void *)at, batch->count);
	return 0;
}

/* The next pages with data from pfn on; returns where to go on. */
static uint64_t collect(struct proof *p, uint64_t pfn, struct proof_batch *batch)
{
	batch->count = 0;
	for (; pfn < p->memory.count && batch->count < PAGES_AT_ONCE; pfn++)
		if (frame_has_data(p->memory.type[pfn]) && p->mark[pfn] != MARK_OWN)
			batch->pfn[batch->count++] = pfn;
	p->r->proven += batch->count;
	return pfn;
}

static int check_pages(struct proof *p)
{
	struct pipeline_plan plan = {
		.name = "prove",
		.threads = p->r->options.threads,
		.tasks = 2 * p->r->options.threads,
		.task_bytes = sizeof(struct proof_batch),
		.work = prove_work,
		.context = p,
		.unordered = true,
	};
	struct pipeline *pages;
	int rc = pipeline_start(&pages, &plan);

	for (uint64_t pfn = 0; !rc && pfn < p->memory.count;) {
		struct proof_batch *batch = pipeline_claim(pages);

		if (!batch)
			break;
		pfn = collect(p, pfn, batch);
		pipeline_submit(pages, batch);
	}
	if (!rc)
		rc = pipeline_stop(pages, NULL);
	return rc ? rc : judge(p, "pages");
}

/* --- all else --------------------------------------------------------------------------- */

static int check_machine(struct proof *p)
{
	const struct machine *machine = &p->r->incoming.machine;
	int rc = vcpus_prove(p->r->domain, machine, &p->inverse, &p->memory);

	if (!rc)
		rc = start_info_prove(p->r->domain, machine, &p->memory, &p->r->connections);
	return rc ? rc : shared_info_prove(p->r->domain, machine);
}

/* Of the image's types and what its pages were as they came, which all pages of the domain are by now. */
static int check_root(const struct proof *p)
{
	const struct restoration *r = p->r;
	struct memory_state memory = { p->memory.count, r->incoming.type, r->digest };
	struct page_digest root;
	int rc = r->options.prove->has_root ? memory_root(&memory, r->options.prove->key, &root) : 0;

	if (!rc && r->options.prove->has_root && !page_digest_equals(root, r->options.prove->root))
		rc = fail(EUCLEAN, "the domain that was built is as the pages that were read, and they are "
				   "not what the index of the image says");
	return rc;
}

/* Pages that others write to, or that hold machine frames: see the head of this file. */
static void mark_own(struct proof *p)
{
	const struct restoration *r = p->r;
	const uint64_t own[] = { vcpus_start_info(&r->incoming.machine).n,
				 inverse_pfn_once(&p->inverse, r->connections.store.n),
				 inverse_pfn_once(&p->inverse, r->connections.console.n) };

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (own[i] < p->memory.count)
			p->mark[own[i]] = MARK_OWN;
	for (uint64_t i = 0; i < r->incoming.leaves; i++)
		p->mark[r->incoming.leaf[i]] = MARK_OWN;
}

int prove_domain(struct restoration *r)
{
	struct proof p = { .r = r, .memory = { r->mfn, r->incoming.type, r->incoming.count } };
	int rc;

	if (!r->options.prove)
		return 0;
	p.mark = calloc(p.memory.count, 1);
	rc = p.mark ? check_p2m(&p) : fail(ENOMEM, "out of memory");
	if (!rc)
		rc = check_types(&p);
	if (!rc) {
		mark_own(&p);
		rc = check_pages(&p);
	}
	if (!rc)
		rc = check_machine(&p);
	if (!rc)
		rc = check_root(&p);
	inverse_release(&p.inverse);
	p2m_release(&p.p2m);
	free(p.mark);
	return rc;
}
