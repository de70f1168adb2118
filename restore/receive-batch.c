/*
 * See receive-batch.h. One thread populates, workers map and copy; or read, if
 * the pages have stayed in the file.
 *
 * Ordinary pages stay mapped until the process ends, for the reason given in
 * migrate/send-batch.c. Xen accepts no page as a table or as a part of a GDT
 * that somebody may write to, so tables are unmapped at once and a GDT's pages
 * before the vCPUs are loaded; and the guest may not run before this process
 * has ended: restore/builder.c. A stream that names a pfn again (a live one)
 * may turn an ordinary page into a table, so then nothing stays mapped.
 */
#include "restore/receive-batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "stream/pipeline.h"

enum { MOST_KEPT = 30000 }; /* mappings; a process may have 65530 */

/* A part of a record: up to 512 of its words. */
struct copy {
	struct record record; /* held by each of its parts */
	const uint64_t *frame;
	const uint8_t *data;
	uint64_t at; /* or where the data is in the file */
	uint32_t count;
	size_t kept;		 /* where its mapping is remembered; MOST_KEPT: it is not kept */
	uint8_t *pages, *tables; /* where they go: two mappings, each packed */
	size_t page_count, table_count;
};

static uint8_t *map_some(struct restoration *r, const mfn_t *mfns, size_t count, int *rc)
{
	uint8_t *at = count && !*rc ? domain_map(r->domain, mfns, count, true, NULL) : NULL;

	if (count && !at && !*rc)
		*rc = fail(EFAULT, "cannot map the new domain's memory");
	return at;
}

static int map_pages(struct restoration *r, struct copy *copy)
{
	mfn_t pages[BATCH_PAGES], tables[BATCH_PAGES];
	int rc = 0;

	copy->page_count = copy->table_count = 0;
	for (uint32_t i = 0; i < copy->count; i++) {
		unsigned int type = word_type(copy->frame[i]);
		mfn_t mfn = r->mfn[word_pfn(copy->frame[i])];

		if (frame_level(type))
			tables[copy->table_count++] = mfn;
		else if (frame_has_data(type))
			pages[copy->page_count++] = mfn;
	}
	copy->pages = map_some(r, pages, copy->page_count, &rc);
	copy->tables = map_some(r, tables, copy->table_count, &rc);
	if (!rc && copy->kept < MOST_KEPT)
		r->kept[copy->kept] = (struct kept_mapping){ copy->pages, copy->page_count };
	return rc;
}

/* So many of the copy's pages, from its offset on. */
static int fetch(struct restoration *r, const struct copy *copy, uint8_t *to, size_t offset, size_t bytes)
{
	if (!copy->data)
		return reader_fetch(r->reader, to, bytes, copy->at + offset);
	memcpy(to, copy->data + offset, bytes);
	return 0;
}

/* Runs of ordinary pages, and of tables, each to where it belongs. */
static int fetch_all(struct restoration *r, const struct copy *copy)
{
	uint8_t *pages = copy->pages, *tables = copy->tables, **last = &pages;
	size_t offset = 0, run = 0;
	int rc = 0;

	for (uint32_t i = 0; !rc && i < copy->count; i++) {
		unsigned int type = word_type(copy->frame[i]);
		uint8_t **to = frame_level(type) ? &tables : &pages;

		if (!frame_has_data(type))
			continue;
		if (to != last && run) {
			rc = fetch(r, copy, *last, offset, run);
			*last += run;
			offset += run;
			run = 0;
		}
		last = to;
		run += PAGE_BYTES;
	}
	return rc || !run ? rc : fetch(r, copy, *last, offset, run);
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
	if (copy->kept == MOST_KEPT)
		domain_unmap(r->domain, copy->pages, copy->page_count);
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

	return pipeline_start(&r->copies, &plan);
}

static void drop_kept(struct restoration *r)
{
	for (size_t i = 0; i < r->kept_count; i++)
		domain_unmap(r->domain, r->kept[i].at, r->kept[i].count);
	r->kept_count = 0;
}

/* A place among the mappings that stay, for the one that this part will have. */
static int reserve_kept(struct restoration *r, struct copy *copy)
{
	int rc = 0;

	copy->kept = MOST_KEPT;
	if (r->has_repeats)
		return 0;
	if (!r->kept)
		r->kept = calloc(MOST_KEPT, sizeof(*r->kept));
	if (!r->kept)
		return fail(ENOMEM, "out of memory");
	if (r->kept_count == MOST_KEPT) {
		rc = pipeline_drain(r->copies);
		drop_kept(r);
	}
	copy->kept = r->kept_count++;
	r->kept[copy->kept] = (struct kept_mapping){ 0 };
	for (uint32_t i = 0; i < copy->count; i++)
		r->kept_in[word_pfn(copy->frame[i])] = copy->kept;
	return rc;
}

void copies_unmap_page(struct restoration *r, uint64_t pfn)
{
	struct kept_mapping *kept;

	if (r->kept_in[pfn] >= r->kept_count)
		return;
	kept = &r->kept[r->kept_in[pfn]];
	domain_unmap(r->domain, kept->at, kept->count);
	*kept = (struct kept_mapping){ 0 };
}

/* The stream names a pfn again: what is on its way must land first, and nothing stays mapped from now on. */
static int begin_repeats(struct restoration *r)
{
	int rc = pipeline_drain(r->copies);

	r->has_repeats = true;
	drop_kept(r);
	return rc;
}

static int populate(struct restoration *r, const uint64_t *frame, uint32_t count)
{
	pfn_t pfns[BATCH_PAGES] = { 0 };
	mfn_t mfns[BATCH_PAGES];
	size_t wanted = 0;
	int rc;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t pfn = word_pfn(frame[i]);

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

	if (rc)
		return rc;
	copy = pipeline_claim(r->copies);
	if (!copy)
		return pipeline_error(r->copies);
	*copy = (struct copy){ .record = *record,
			       .frame = part->frame,
			       .data = part->data,
			       .at = part->at,
			       .count = part->count };
	rc = reserve_kept(r, copy);
	if (rc)
		return rc;
	record_hold(record);
	pipeline_submit(r->copies, copy);
	return 0;
}

static bool note_types(struct restoration *r, const struct pages *pages)
{
	bool repeats = false;

	for (uint32_t i = 0; i < pages->count; i++) {
		uint8_t *type = &r->incoming.type[word_pfn(pages->frame[i])];

		repeats |= *type != TYPE_UNSEEN;
		*type = word_type(pages->frame[i]);
	}
	return repeats;
}

int copies_take(struct restoration *r, struct record *record, const struct pages *pages)
{
	struct pages part = *pages;
	uint32_t left = pages->count;
	int rc = note_types(r, pages) ? begin_repeats(r) : 0;

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

int copies_finish(struct restoration *r)
{
	int rc = pipeline_stop(r->copies, NULL);

	r->copies = NULL;
	return rc;
}

void copies_abandon(struct restoration *r)
{
	pipeline_stop(r->copies, NULL);
	r->copies = NULL;
}
