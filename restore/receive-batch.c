/*
 * See receive-batch.h. One thread populates, workers map and copy; or read, if
 * the pages have stayed in the file.
 *
 * Ordinary pages stay mapped until the process ends, for the reason given in
 * migrate/send-batch.c. Xen accepts no page as a table or as a part of a GDT
 * that the guest may write to, so tables are unmapped at once; and the guest may
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
#include "process/stop.h"
#include "restore/copy.h"
#include "stream/array.h"
#include "stream/pipeline.h"

/* Mappings: a process may have 65530. SLACK: as many copies may be under way. */
enum { MOST_KEPT = 30000, SLACK_KEPT = 100 };
/*
 * Pages, and a part of the guest's, that may stay mapped once pfns have come
 * again: what a guest writes to again and again should fit, as to map and unmap
 * costs more than to receive; but the more there are, the longer the end takes.
 */
enum { MOST_REPEATED = 16384, PART_REPEATED = 32 };

/* So many can be on their way at once. */
static unsigned int most_copies(const struct restoration *r)
{
	return r->options.threads + 2;
}

int copies_start(struct restoration *r)
{
	struct pipeline_plan plan = {
		.name = "copy",
		.threads = r->options.threads,
		.tasks = most_copies(r),
		.task_bytes = sizeof(struct copy),
		.work = copy_work,
		.context = r,
		.unordered = true,
	};

	r->next_copy = r->landed = 1; /* 0: of a pfn that no copy went to */
	r->kept = calloc(MOST_KEPT, sizeof(*r->kept));
	return r->kept ? pipeline_start(&r->copies, &plan) : fail(ENOMEM, "out of memory");
}

/* Waits until everything that was submitted has landed. */
static int copies_drain(struct restoration *r)
{
	r->landed = r->next_copy;
	return pipeline_drain(r->copies);
}

int copies_return(struct restoration *r)
{
	int rc = bytes_check(&r->given_up);

	if (!rc && r->given_up.count)
		rc = domain_depopulate(r->domain, (const mfn_t *)r->given_up.at,
				       r->given_up.count / sizeof(mfn_t));
	r->given_up.count = 0;
	return rc;
}

/*
 * A process may have only so many mappings, and in the end it is to have few pages: a guest that was stopped elsewhere
 * waits for that. No guest waits for an image in a file, which goes faster if nothing is unmapped.
 */
static int copies_make_room(struct restoration *r)
{
	bool is_awaited = r->has_repeats && !r->options.is_file;
	size_t limit = is_awaited ? MOST_REPEATED + r->incoming.count / PART_REPEATED : SIZE_MAX;
	int rc;

	if (r->kept_count + SLACK_KEPT < MOST_KEPT && r->kept_pages < limit)
		return 0;
	rc = copies_drain(r);
	for (size_t i = 0; i < r->kept_count; i++)
		domain_unmap(r->domain, r->kept[i].at, r->kept[i].count);
	r->kept_count = r->kept_pages = 0;
	array_clear(r->at, sizeof(*r->at), r->incoming.count);
	return rc ? rc : copies_return(r);
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
	uint64_t bytes = (uint64_t)part->data_count * PAGE_BYTES;

	if (part->data)
		part->data += bytes;
	else
		part->at += bytes;
}

static int submit(struct restoration *r, struct record *record, const struct pages *part)
{
	struct copy *copy = pipeline_claim(r->copies);

	if (!copy)
		return pipeline_error(r->copies);
	copy->record = *record;
	copy->frame = part->frame;
	copy->data = part->data;
	copy->at = part->at;
	copy->count = part->count;
	record_hold(record);
	pipeline_submit(r->copies, copy);
	r->next_copy++;
	/* There was room for it: so many before it are no longer on their way. */
	if (r->next_copy - r->landed > most_copies(r))
		r->landed = r->next_copy - most_copies(r);
	return 0;
}

static int take_part(struct restoration *r, struct record *record, const struct pages *part)
{
	int rc = populate(r, part->frame, part->count);

	if (!rc)
		rc = copies_make_room(r);
	return rc || !part->data_count ? rc : submit(r, record, part);
}

/*
 * Notes the next words, which one copy may take: the last word on a pfn counts, so one that is in it already
 * is left to the next copy, and one whose copy may still be on its way waits for that.
 */
static int announce(struct restoration *r, struct pages *part, uint32_t left)
{
	int rc = stop_requested();

	part->count = part->data_count = 0;
	for (; !rc && part->count < left && part->count < BATCH_PAGES; part->count++) {
		uint64_t pfn = word_pfn(part->frame[part->count]);
		unsigned int type = word_type(part->frame[part->count]);

		if (frame_has_data(type)) {
			if (part->data_count && r->copy_of[pfn] == r->next_copy)
				break;
			/* Numbers wrap round: then one that landed long ago may seem to be under way, which does no harm. */
			if (r->next_copy - r->copy_of[pfn] <= r->next_copy - r->landed)
				rc = copies_drain(r);
			r->copy_of[pfn] = r->next_copy;
			part->data_count++;
		}
		r->has_repeats |= r->incoming.type[pfn] != TYPE_UNSEEN;
		r->incoming.type[pfn] = type;
	}
	return rc;
}

int copies_take(struct restoration *r, struct record *record, const struct pages *pages)
{
	struct pages part = *pages;
	uint32_t left = pages->count;
	int rc = 0;

	while (!rc && left) {
		rc = announce(r, &part, left);
		if (!rc)
			rc = take_part(r, record, &part);
		left -= part.count;
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

/* Xen takes no page into a GDT that is mapped writable, and these came as ordinary pages. */
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
