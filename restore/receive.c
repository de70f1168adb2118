/*
 * See receive.h. Mirror: migrate/migrate.c
 * In: records, in any order that a stream may have. Out: calls of a visitor, and struct incoming: the types by pfn, the
 * p2m's pages, the machine's state. Each number is checked here before it becomes a size or an index, so a visitor need
 * not. The trap: a later record may extend the guest, so arrays by pfn grow while others use them; array_grow() leaves
 * them in their place.
 */
#include "restore/receive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "p2m/p2m.h"
#include "process/budget.h"
#include "stream/array.h"

/* Once, before whatever comes first of what needs a domain: older writers have no STATIC_DATA_END. */
static int end_static(struct incoming *in)
{
	if (in->is_static_over)
		return 0;
	in->is_static_over = true;
	return in->visitor->static_end(in);
}

/* One for each page of the p2m, of as many pfns as are believed. */
static uint64_t most_leaves(const struct incoming *in)
{
	return in->most_pfns / p2m_per_page(in->machine.layout) + 1;
}

/* Memory is asked for before it is written: a stream that claims much fails here, and not by the OOM killer. */
static int incoming_grow(struct incoming *in, uint64_t count, uint64_t leaves)
{
	uint64_t old = in->count;
	int rc = budget_allow_pfns(count);

	if (!rc)
		rc = array_grow(&in->type, sizeof(*in->type), count, in->most_pfns);
	if (!rc)
		rc = array_grow(&in->leaf, sizeof(*in->leaf), leaves, most_leaves(in));
	if (rc)
		return rc;
	memset(in->type + old, TYPE_UNSEEN, count - old);
	in->count = count;
	in->leaves = leaves;
	return in->visitor->resize(in, old);
}

/*
 * Leaves start/fpp .. end/fpp, fpp being the entries of a page. libxc sends the record again when a running guest's p2m
 * has moved or grown (xg_sr_restore_x86_pv.c): then it begins anywhere in what is known, and ends behind it, never
 * before.
 */
static int take_p2m_frames(struct incoming *in, const struct record *record)
{
	const struct p2m_frames *frames = (const void *)record->body;
	uint64_t per_page = p2m_per_page(in->machine.layout);
	uint64_t first = frames->start_pfn / per_page, end = frames->end_pfn / per_page + 1;
	int rc = end_static(in);

	if (rc)
		return rc;
	if (frames->start_pfn > frames->end_pfn || first > in->leaves || frames->end_pfn + 1ULL < in->count)
		return fail(EBADMSG, "record %lu: X86_PV_P2M_FRAMES from %#x to %#x", record->number,
			    frames->start_pfn, frames->end_pfn);
	if (record->bytes != sizeof(*frames) + (end - first) * sizeof(uint64_t))
		return fail(EBADMSG, "record %lu: X86_PV_P2M_FRAMES of %u bytes for pfns %#x to %#x",
			    record->number, record->bytes, frames->start_pfn, frames->end_pfn);
	if (frames->end_pfn >= in->most_pfns)
		return fail(EBADMSG, "record %lu: X86_PV_P2M_FRAMES up to %#x, %lu pfns are allowed here",
			    record->number, frames->end_pfn, in->most_pfns);
	if ((uint64_t)frames->end_pfn + 1 > in->count)
		rc = incoming_grow(in, (uint64_t)frames->end_pfn + 1, end);
	if (!rc)
		memcpy(in->leaf + first, frames->pfn, (end - first) * sizeof(uint64_t));
	return rc;
}

static int check_word(const struct incoming *in, const struct record *record, uint64_t word)
{
	unsigned int type = word_type(word);

	if (word & ~FRAME_PFN_MASK & ~(0xfULL << 60) || !frame_type_is_valid(type))
		return fail(EBADMSG, "record %lu: %#lx is not a type and pfn", record->number, word);
	if (word_pfn(word) >= in->count)
		return fail(EBADMSG, "record %lu: pfn %#lx is beyond the guest's last, %#lx", record->number,
			    word_pfn(word), in->count - 1);
	if (frame_level(type) > in->machine.layout->levels)
		return fail(EBADMSG, "record %lu: pfn %#lx is a table of level %u in a guest that has %u",
			    record->number, word_pfn(word), frame_level(type), in->machine.layout->levels);
	return 0;
}

/*
 * Three things must agree: the words, the length that the header gives, and the pages that the words' types call for.
 */
static int read_pages(const struct incoming *in, const struct record *record, struct pages *pages)
{
	const struct page_data *data = (const void *)record->body;
	uint64_t words = (uint64_t)data->count * sizeof(uint64_t);
	int rc = 0;

	if (!data->count || data->zero || words > record->body_bytes - sizeof(*data))
		return fail(EBADMSG, "record %lu: PAGE_DATA of %u pfns in %u bytes", record->number,
			    data->count, record->bytes);
	*pages = (struct pages){ .count = data->count,
				 .frame = data->frame,
				 .data = record->pages_at ? NULL : record->pages,
				 .at = record->pages_at };
	for (uint32_t i = 0; !rc && i < pages->count; i++) {
		rc = check_word(in, record, pages->frame[i]);
		pages->data_count += frame_has_data(word_type(pages->frame[i]));
	}
	if (!rc && record->bytes != sizeof(*data) + words + (uint64_t)pages->data_count * PAGE_BYTES)
		rc = fail(EBADMSG, "record %lu: PAGE_DATA with %u pages in %u bytes", record->number,
			  pages->data_count, record->bytes);
	return rc;
}

static int take_pages(struct incoming *in, struct record *record)
{
	struct pages pages;
	int rc = in->leaf ? read_pages(in, record, &pages)
			  : fail(EBADMSG, "record %lu: PAGE_DATA before X86_PV_P2M_FRAMES", record->number);

	/* After VERIFY the sender repeats what it sent, for debugging only. */
	if (rc || in->is_verifying) {
		record_release(in->reader, record);
		return rc;
	}
	return in->visitor->pages(in, record, &pages);
}

static int take_other(struct incoming *in, struct record *record)
{
	bool taken, is_passed = in->is_again && record->type != RECORD_X86_PV_INFO;
	int rc = is_passed ? 0 : machine_take(&in->machine, record, &taken);

	if (!rc && record->type == RECORD_STATIC_DATA_END)
		rc = end_static(in);
	else if (!rc && record->type == RECORD_X86_PV_P2M_FRAMES)
		rc = take_p2m_frames(in, record);
	else if (!rc && record->type == RECORD_VERIFY)
		in->is_verifying = true;
	if (!rc && in->visitor->other)
		rc = in->visitor->other(in, record);
	record_release(in->reader, record);
	return rc;
}

int receive_stream(struct incoming *in)
{
	struct record record;
	int rc;

	while ((rc = reader_next(in->reader, &record)) == 1) {
		rc = record.type == RECORD_PAGE_DATA ? take_pages(in, &record) : take_other(in, &record);
		if (rc)
			break;
	}
	return rc;
}

void incoming_release(struct incoming *in)
{
	array_release(in->type, sizeof(*in->type), in->most_pfns);
	if (in->leaf)
		array_release(in->leaf, sizeof(*in->leaf), most_leaves(in));
	machine_release(&in->machine);
	in->type = NULL;
	in->leaf = NULL;
}

/* A guest that has stopped holds its p2m in ordinary pages: p2m_rewrite() is going to write there. */
static int check_leaves(const struct incoming *in)
{
	for (uint64_t i = 0; i < in->leaves; i++)
		if (in->leaf[i] >= in->count || in->type[in->leaf[i]] != FRAME_NOTAB)
			return fail(EBADMSG, "part %lu of the p2m is pfn %#lx, which is not an ordinary page",
				    i, in->leaf[i]);
	return 0;
}

int incoming_check(struct incoming *in, const mfn_t *mfn)
{
	struct destination memory = { mfn, in->type, in->count };
	int rc;

	/* A pfn of which no record said anything has no frame. */
	for (uint64_t pfn = 0; pfn < in->count; pfn++)
		if (in->type[pfn] == TYPE_UNSEEN)
			in->type[pfn] = FRAME_XTAB;
	rc = check_leaves(in);
	return rc ? rc : machine_check(&in->machine, &memory);
}
