/*
 * See batch.h. In: words (type and pfn) and where their pages lie. Out: one PAGE_DATA record, in the batch's own room
 * or, uncompressed, as parts that are written from the guest's memory. The trap: the head's length depends on how many
 * words there are, which is known last; so pages begin at a fixed place, and the head is put in front of them.
 */
#include "migrate/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "migrate/untyped.h"

enum {
	HEAD_MOST = sizeof(struct record_header) + sizeof(struct page_data) + BATCH_PAGES * sizeof(uint64_t),
	ROOM_BYTES = HEAD_MOST + BATCH_PAGES * PAGE_BYTES,
};

int batch_prepare(struct batch *batch, uint64_t first, uint64_t end)
{
	batch->first = first;
	batch->count = end - first;
	batch->words = 0;
	batch->is_filled = false;
	batch->record_bytes = batch->stored_bytes = batch->part_count = 0;
	if (!batch->room)
		batch->room = malloc(ROOM_BYTES);
	return batch->room ? 0 : fail(ENOMEM, "out of memory");
}

void batch_release(struct batch *batch)
{
	free(batch->room);
	free(batch->stored);
	free(batch->parts);
	free(batch->digest);
}

uint8_t *batch_place(struct batch *batch, unsigned int n)
{
	return batch->room + HEAD_MOST + (size_t)n * PAGE_BYTES;
}

/* The head ends where the first page begins, however many words it has. */
void batch_seal(struct batch *batch, unsigned int pages)
{
	size_t words = batch->words * sizeof(uint64_t);
	struct page_data data = { .count = batch->words };
	struct record_header header = {
		RECORD_PAGE_DATA,
		sizeof(data) + words + (size_t)pages * PAGE_BYTES,
	};

	batch->record = batch_place(batch, 0) - words - sizeof(data) - sizeof(header);
	batch->record_bytes = sizeof(header) + header.bytes;
	memcpy(mempcpy(mempcpy(batch->record, &header, sizeof(header)), &data, sizeof(data)), batch->frame,
	       words);
}

/* The mirror of sealing. */
void batch_load(struct batch *batch, const uint8_t *record, size_t bytes)
{
	const struct page_data *data = (const void *)(record + sizeof(struct record_header));
	size_t words = data->count * sizeof(uint64_t);
	size_t head = sizeof(struct record_header) + sizeof(*data) + words;

	batch->words = data->count;
	memcpy(batch->frame, data + 1, words);
	batch->record = batch_place(batch, 0) - head;
	batch->record_bytes = bytes;
	memcpy(batch->record, record, bytes);
}

bool batch_put_table(const struct migration *m, uint64_t word, uint8_t *to, const uint8_t *from,
		     struct table_fault *fault)
{
	struct table_kind kind = { m->layout->width, frame_level(word >> 60) };

	return canonicalise((uint64_t *)to, (const uint64_t *)from, kind, &m->inverse, fault);
}

/*
 * Only of a stopped guest: what such an entry names is not the guest's, and no other host could give it the same. libxc
 * sends such a table as zeroes and says nothing.
 */
int batch_refuse_table(uint64_t word, const struct table_fault *fault)
{
	return fail(EREMOTE,
		    "pfn %#lx, a page table of level %u: slot %u (%#lx) %s, and the guest has stopped",
		    (uint64_t)(word & FRAME_PFN_MASK), frame_level(word >> 60), fault->slot, fault->entry,
		    table_defect_text(fault->defect));
}

void batch_put_page(const struct migration *m, uint64_t word, uint8_t *to, const uint8_t *from)
{
	memcpy(to, from, PAGE_BYTES);
	untyped_note(m, word & FRAME_PFN_MASK, to);
}

int batch_fill(struct batch *batch, const struct migration *m)
{
	struct table_fault fault;
	unsigned int pages = 0;

	for (unsigned int i = 0; i < batch->words; i++) {
		uint64_t word = batch->frame[i];

		if (!frame_has_data(word >> 60))
			continue;
		if (!frame_level(word >> 60))
			batch_put_page(m, word, batch_place(batch, pages), batch->page[i]);
		else if (!batch_put_table(m, word, batch_place(batch, pages), batch->page[i], &fault))
			return batch_refuse_table(word, &fault);
		pages++;
	}
	batch_seal(batch, pages);
	return 0;
}

/* Pages that lie one behind the other, as those of a mapped window do, become one part: fewer for writev(). */
static void add_part(struct batch *batch, const uint8_t *at, size_t bytes)
{
	struct iovec *last = &batch->parts[batch->part_count - 1];

	if ((const uint8_t *)last->iov_base + last->iov_len == at)
		last->iov_len += bytes;
	else
		batch->parts[batch->part_count++] = (struct iovec){ (void *)at, bytes };
}

static void put_part(const struct migration *m, struct batch *batch, unsigned int i)
{
	untyped_note(m, batch->frame[i] & FRAME_PFN_MASK, batch->page[i]);
	add_part(batch, batch->page[i], PAGE_BYTES);
}

/*
 * Ordinary pages go from where they are mapped, without a copy; tables are rewritten, and so need a place of their own.
 */
int batch_fill_parts(struct batch *batch, const struct migration *m)
{
	struct table_fault fault;
	unsigned int pages = 0, tables = 0;

	if (!batch->parts)
		batch->parts = calloc(BATCH_PAGES + 1, sizeof(*batch->parts));
	if (!batch->parts)
		return fail(ENOMEM, "out of memory");
	batch->part_count = 1; /* the head, written last */
	batch->parts[0] = (struct iovec){ 0 };
	for (unsigned int i = 0; i < batch->words; i++) {
		uint64_t word = batch->frame[i];
		uint8_t *place = batch_place(batch, tables);

		if (!frame_has_data(word >> 60))
			continue;
		if (!frame_level(word >> 60))
			put_part(m, batch, i);
		else if (!batch_put_table(m, word, place, batch->page[i], &fault))
			return batch_refuse_table(word, &fault);
		else
			add_part(batch, place, PAGE_BYTES), tables++;
		pages++;
	}
	batch_seal(batch, pages);
	batch->parts[0] = (struct iovec){ batch->record, batch_place(batch, 0) - batch->record };
	return 0;
}
