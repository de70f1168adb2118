/*
 * See copy.h. One worker's part of a batch of pages: map, then copy or read from the file. In: words and their pages.
 * Out: the guest's memory. The trap: r->at[] and r->mfn[] are written by several threads, but each pfn by one only:
 * receive-batch.c lets no pfn be in two copies at the same time.
 */
#include "restore/copy.h"

#include <errno.h>
#include <string.h>

#include "log.h"
#include "restore/prove.h"

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
/* Pages that lie in a file uncompressed are read straight into the guest: no copy in between. */
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

int copy_work(void *task, unsigned int worker, void *context)
{
	struct restoration *r = context;
	struct copy *copy = task;
	int rc = map_pages(r, copy);

	(void)worker;
	if (!rc && r->digest && copy->count)
		proof_note(r, copy->frame, copy->count, copy->data);
	if (!rc)
		rc = fetch_all(r, copy);
	domain_unmap(r->domain, copy->tables, copy->table_count);
	record_release(r->reader, &copy->record);
	return rc;
}
