/*
 * See examine-tables.h. Tables of a stream in which a pfn may come again. At first each is judged as it comes; if all
 * of them agree, also with the types at the end, that is enough. If not, the cause may be an older table that a newer
 * one has replaced, so only the last of each pfn is judged: from a second pass over a file, or from copies that were
 * kept of a pipe.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "restore/demands.h"
#include "restore/examine-tables.h"
#include "stream/array.h"
#include "stream/chain.h"

/* Tables of a stream of rounds that are kept: bytes, and bytes for each of its pfns. */
enum { KEPT_MOST = 8 << 20, KEPT_MOST_A_PFN = 2 };

/* --- of what cannot be read again --- */

void tables_forget(struct examination *x)
{
	for (size_t i = 0; i < x->tables.count / sizeof(uint8_t *); i++)
		free(((uint8_t **)x->tables.at)[i]);
	bytes_release(&x->tables);
	array_clear(x->table_at, sizeof(*x->table_at), x->incoming.count);
}

/* Of a pipe. Copies have a budget, so that a stream of tables costs no more memory than a guest's share; beyond it all are dropped. */
static int keep_table(struct examination *x, uint64_t pfn, const uint8_t *page)
{
	uint64_t most = KEPT_MOST + x->incoming.count * KEPT_MOST_A_PFN;
	uint8_t *copy;

	if (!x->table_at[pfn]) {
		if ((x->tables.count / sizeof(copy) + 1) * (PAGE_BYTES + 2 * sizeof(copy)) > most) {
			x->lacks_tables = true;
			tables_forget(x);
			return 0;
		}
		copy = malloc(PAGE_BYTES);
		bytes_put(&x->tables, &copy, sizeof(copy));
		if (!copy || bytes_check(&x->tables)) {
			free(copy);
			return fail(ENOMEM, "out of memory");
		}
		x->table_at[pfn] = x->tables.count / sizeof(copy);
	}
	memcpy(((uint8_t **)x->tables.at)[x->table_at[pfn] - 1], page, PAGE_BYTES);
	return 0;
}

static int note_kept_tables(struct examination *x)
{
	int rc = 0;

	if (x->lacks_tables)
		return fail(EFBIG, "so many page tables that came again can be checked in a file only, "
				   "not in a pipe");
	for (uint64_t pfn = 0; !rc && pfn < x->incoming.count; pfn++)
		if (frame_level(x->incoming.type[pfn]))
			rc = demands_note(x, pfn, frame_level(x->incoming.type[pfn]),
					  ((uint8_t **)x->tables.at)[x->table_at[pfn] - 1]);
	return rc;
}

int table_note(struct examination *x, uint64_t pfn, unsigned int level, const uint8_t *page)
{
	int rc = demands_note(x, pfn, level, page);

	if (is_ordered(x))
		return rc;
	if (rc) {
		x->is_doubtful = true;
		fail_forget();
	}
	return can_look_again(x) || x->lacks_tables ? 0 : keep_table(x, pfn, page);
}

/* --- a second look: it is known by now which record was the last to name each pfn --- */

static int nothing_to_do(struct incoming *in)
{
	(void)in;
	return 0;
}

static int nothing_to_grow(struct incoming *in, uint64_t old_count)
{
	(void)in, (void)old_count;
	return 0;
}

/* From its last word to the first: the last one on a pfn counts. */
static int note_last(struct incoming *in, const struct record *record, const struct pages *pages)
{
	struct examination *x = in->context;
	const uint8_t *data = pages->data + (size_t)pages->data_count * PAGE_BYTES;
	int rc = 0;

	for (uint32_t i = pages->count; !rc && i-- > 0;) {
		uint64_t pfn = word_pfn(pages->frame[i]);
		unsigned int type = word_type(pages->frame[i]);

		data -= frame_has_data(type) ? PAGE_BYTES : 0;
		if (x->record_of[pfn] != (uint32_t)record->number || in->type[pfn] != TYPE_UNSEEN)
			continue;
		in->type[pfn] = type;
		if (frame_level(type))
			rc = demands_note(x, pfn, frame_level(type), data);
	}
	return rc;
}

static int pages_again(struct incoming *in, struct record *record, const struct pages *pages)
{
	int rc = note_last(in, record, pages);

	record_release(in->reader, record);
	return rc;
}

static int look_again(struct examination *x)
{
	static const struct visitor visitor = { nothing_to_do, nothing_to_grow, pages_again, NULL };
	struct incoming again = {
		.visitor = &visitor, .context = x, .most_pfns = x->incoming.most_pfns, .is_again = true
	};
	int rc;

	reader_close(x->reader);
	x->reader = NULL;
	if (lseek(x->from->fd, x->start, SEEK_SET) < 0)
		return fail_errno("cannot read %s again", x->from->name);
	x->from->bytes = 0;
	if (x->from->chain)
		x->from->chain->checks_seals = false; /* once is enough */
	rc = reader_open(&x->reader, x->from, x->threads);
	if (rc)
		return rc;
	x->facts = reader_facts(x->reader);
	again.reader = x->reader;
	rc = receive_stream(&again);
	incoming_release(&again);
	return rc;
}

int tables_settle(struct examination *x)
{
	if (is_ordered(x) || (!x->is_doubtful && !demands_check(x)))
		return 0;
	fail_forget();
	array_clear(x->demands, sizeof(*x->demands), x->incoming.count);
	return can_look_again(x) ? look_again(x) : note_kept_tables(x);
}
