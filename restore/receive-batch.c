/*
 * See receive-batch.h. One thread populates, workers map and copy; or read, if
 * the pages have stayed in the file.
 *
 * Ordinary pages stay mapped until the process ends, for the reason given in
 * migrate/send-batch.c. Xen accepts no page as a table or as a part of a GDT
 * that somebody may write to, so tables are unmapped at once; and the guest may
 * not run before this process has ended: restore/builder.c. A stream of a guest
 * that ran meanwhile names pfns again: such a page is copied after what is on
 * its way there has landed. The mappings are dropped then: at the end it would
 * stand still for that.
 *
 * No single page can be unmapped: Linux takes down a whole mapping or nothing. So
 * a page that becomes a table or holds a GDT moves; its old frame goes back to Xen.
 */
#include "restore/receive-batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "stream/pipeline.h"

/* Mappings: a process may have 65530. SLACK: as many copies may be under way. */
enum { MOST_KEPT = 30000, SLACK_KEPT = 100 };
/*
 * Pages, and a part of the guest's, that may stay mapped once pfns have come
 * again: what a guest writes to again and again should fit, as to map and unmap
 * costs more than to receive; but the more there are, the longer the end takes.
 */
enum { MOST_REPEATED = 16384, PART_REPEATED = 32 };

/* A part of a record: up to 512 of its words. */
struct copy {
	struct record record; /* held by each of its parts */
	const uint64_t *frame;
	const uint8_t *data;
	uint64_t at; /* or where the data is in the file */
	uint32_t count;
	uint8_t *tables; /* mapped for this copy only */
	size_t table_count;
	uint8_t *to[BATCH_PAGES]; /* where each page with data goes */
};

static uint8_t *map_some(struct restoration *r, const mfn_t *mfns, size_t count, int *rc)
{
	uint8_t *at = count && !*rc ? domain_map(r->domain, mfns, count, true, NULL) : NULL;

	if (count && !at && !*rc)
		*rc = fail(EFAULT, "cannot map the new domain's memory");
	return at;
}

/* Where each page with data goes; all are mapped by now, those that were not at pages and tables. */
static void aim(struct restoration *r, struct copy *copy, uint8_t *pages)
{
	uint8_t *tables = copy->tables;

	for (uint32_t i = 0; i < copy->count; i++) {
		unsigned int type = word_type(copy->frame[i]);

		if (!frame_has_data(type) || copy->to[i])
			continue;
		if (frame_level(type)) {
			copy->to[i] = tables;
			tables += PAGE_BYTES;
		} else {
			copy->to[i] = r->at[word_pfn(copy->frame[i])] = pages;
			pages += PAGE_BYTES;
		}
	}
}

/* Ordinary pages that are not mapped yet in one mapping, which stays; tables in another, which does not. */
static int map_pages(struct restoration *r, struct copy *copy)
{
	mfn_t pages[BATCH_PAGES], tables[BATCH_PAGES];
	size_t count = 0;
	uint8_t *at;
	int rc = 0;

	copy->table_count = 0;
	for (uint32_t i = 0; i < copy->count; i++) {
		unsigned int type = word_type(copy->frame[i]);
		uint64_t pfn = word_pfn(copy->frame[i]);

		copy->to[i] = r->at[pfn];
		if (!frame_has_data(type) || copy->to[i])
			continue;
		if (frame_level(type))
			tables[copy->table_count++] = r->mfn[pfn];
		else
			pages[count++] = r->mfn[pfn];
	}
	at = map_some(r, pages, count, &rc);
	copy->tables = map_some(r, tables, copy->table_count, &rc);
	if (at)
		r->kept[atomic_fetch_add(&r->kept_count, 1)] = (struct kept_mapping){ at, count };
	r->kept_pages += at ? count : 0;
	if (!rc)
		aim(r, copy, at);
	return rc;
}

/* So many of the copy's bytes, from its offset on. */
static int fetch(struct restoration *r, const struct copy *copy, uint8_t *to, size_t offset, size_t bytes)
{
	if (!copy->data)
		return reader_fetch(r->reader, to, bytes, copy->at + offset);
	memcpy(to, copy->data + offset, bytes);
	return 0;
}

/* Pages that lie side by side at both ends in one go. */
static int fetch_all(struct restoration *r, const struct copy *copy)
{
	uint8_t *run = NULL;
	size_t offset = 0, bytes = 0;
	int rc = 0;

	for (uint32_t i = 0; !rc && i < copy->count; i++) {
		if (!frame_has_data(word_type(copy->frame[i])))
			continue;
		if (!run || copy->to[i] != run + bytes) {
			rc = run ? fetch(r, copy, run, offset, bytes) : 0;
			offset += bytes;
			bytes = 0;
			run = copy->to[i];
		}
		bytes += PAGE_BYTES;
	}
	return rc || !run ? rc : fetch(r, copy, run, offset, bytes);
}

static int copy_work(void *job, unsigned int worker, void *context)
{
	struct restoration *r = context;
	struct copy *copy = job;
	int rc = map_pages(r, copy);

	(void)worker;
	if (!rc)
		rc = fetch_all(r, copy);
	domain_unmap(r->domain, copy->tables, copy->table_count);
	record_release(r->reader, &copy->record);
	return rc;
}

int copies_start(struct restoration *r)
{
	struct pipeline_plan plan = {
		.name = "copy",
		.threads = r->options.threads,
		.jobs = r->options.threads + 2,
		.job_bytes = sizeof(struct copy),
		.work = copy_work,
		.context = r,
		.unordered = true,
	};

	r->kept = calloc(MOST_KEPT, sizeof(*r->kept));
	return r->kept ? pipeline_start(&r->copies, &plan) : fail(ENOMEM, "out of memory");
}

/* Everything that was submitted has landed. */
static int settle(struct restoration *r)
{
	int rc = pipeline_drain(r->copies);

	memset(r->in_flight, 0, (r->incoming.count + 63) / 64 * sizeof(*r->in_flight));
	return rc;
}

/* A process may have only so many mappings, and in the end it is to have few pages. */
static int make_room(struct restoration *r)
{
	size_t limit = r->has_repeats ? MOST_REPEATED + r->incoming.count / PART_REPEATED : SIZE_MAX;
	int rc;

	if (r->kept_count + SLACK_KEPT < MOST_KEPT && r->kept_pages < limit)
		return 0;
	rc = settle(r);
	for (size_t i = 0; i < r->kept_count; i++)
		domain_unmap(r->domain, r->kept[i].at, r->kept[i].count);
	r->kept_count = r->kept_pages = 0;
	memset(r->at, 0, r->incoming.count * sizeof(*r->at));
	return rc;
}

/* The pfn needs another frame: the one it has is mapped, and stays so. */
static void give_up(struct restoration *r, uint64_t pfn)
{
	bytes_put(&r->given_up, &r->mfn[pfn], sizeof(*r->mfn));
	r->mfn[pfn] = MFN(INVALID_FRAME);
	r->at[pfn] = NULL;
	r->frames--;
}

static int populate(struct restoration *r, const uint64_t *frame, uint32_t count)
{
	pfn_t pfns[BATCH_PAGES] = { 0 };
	mfn_t mfns[BATCH_PAGES];
	size_t wanted = 0;
	int rc;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t pfn = word_pfn(frame[i]);

		if (frame_level(word_type(frame[i])) && r->at[pfn])
			give_up(r, pfn);
		if (frame_is_populated(word_type(frame[i])) && !mfn_is_valid(r->mfn[pfn])) {
			pfns[wanted++] = PFN(pfn);
			r->mfn[pfn] = MFN(0); /* so that a pfn twice in one record counts once */
		}
	}
	rc = domain_populate(r->domain, pfns, wanted, mfns);
	for (size_t i = 0; i < wanted; i++)
		r->mfn[pfns[i].n] = rc ? MFN(INVALID_FRAME) : mfns[i];
	r->frames += rc ? 0 : wanted;
	return rc;
}

/* From the part's pages to those of the next. */
static void go_behind(struct pages *part)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < part->count; i++)
		bytes += frame_has_data(word_type(part->frame[i])) * PAGE_BYTES;
	if (part->data)
		part->data += bytes;
	else
		part->at += bytes;
}

static int take_part(struct restoration *r, struct record *record, const struct pages *part)
{
	struct copy *copy;
	int rc = populate(r, part->frame, part->count);

	if (!rc)
		rc = make_room(r);
	if (rc)
		return rc;
	copy = pipeline_claim(r->copies);
	if (!copy)
		return pipeline_error(r->copies);
	copy->record = *record;
	copy->frame = part->frame;
	copy->data = part->data;
	copy->at = part->at;
	copy->count = part->count;
	record_hold(record);
	pipeline_submit(r->copies, copy);
	return 0;
}

/* Notes what is to come. What is still on its way to the same pfns must land first. */
static int announce(struct restoration *r, const struct pages *pages)
{
	bool meets = false;
	int rc = 0;

	for (uint32_t i = 0; i < pages->count && !meets; i++) {
		uint64_t pfn = word_pfn(pages->frame[i]);

		meets = r->in_flight[pfn / 64] >> pfn % 64 & 1;
	}
	r->has_repeats |= meets;
	if (meets)
		rc = settle(r);
	for (uint32_t i = 0; i < pages->count; i++) {
		uint64_t pfn = word_pfn(pages->frame[i]);

		r->in_flight[pfn / 64] |= 1ULL << pfn % 64;
		r->incoming.type[pfn] = word_type(pages->frame[i]);
	}
	return rc;
}

int copies_take(struct restoration *r, struct record *record, const struct pages *pages)
{
	struct pages part = *pages;
	uint32_t left = pages->count;
	int rc = announce(r, pages);

	while (!rc && left) {
		part.count = left < BATCH_PAGES ? left : BATCH_PAGES;
		left -= part.count;
		rc = take_part(r, record, &part);
		go_behind(&part);
		part.frame += part.count;
	}
	record_release(r->reader, record);
	if (!rc && r->options.progress)
		r->options.progress(r->frames, r->frames_wanted);
	return rc;
}

/* With its content, after all copies. */
static int move_page(struct restoration *r, uint64_t pfn)
{
	const uint8_t *from = r->at[pfn];
	uint64_t word = (uint64_t)FRAME_NOTAB << 60 | pfn;
	uint8_t *to;
	int rc;

	if (!from)
		return 0;
	give_up(r, pfn);
	rc = populate(r, &word, 1);
	if (rc)
		return rc;
	to = domain_map(r->domain, &r->mfn[pfn], 1, true, NULL);
	if (!to)
		return fail(EFAULT, "cannot map the new domain's memory");
	memcpy(to, from, PAGE_BYTES);
	domain_unmap(r->domain, to, 1);
	return 0;
}

struct moving {
	struct restoration *r;
	int rc;
};

static void move_gdt_page(pfn_t pfn, void *context)
{
	struct moving *moving = context;

	if (!moving->rc)
		moving->rc = move_page(moving->r, pfn.n);
}

int copies_free_gdts(struct restoration *r)
{
	struct moving moving = { r, 0 };

	vcpus_each_gdt_page(&r->incoming.machine, move_gdt_page, &moving);
	return moving.rc;
}

int copies_finish(struct restoration *r)
{
	int rc = pipeline_stop(r->copies, NULL);

	r->copies = NULL;
	return rc;
}
