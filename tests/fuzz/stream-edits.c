/* See stream-model.h. What the mutator does to a stream: each edit knows what the bytes it changes mean. */
#include "stream-model.h"

#include "fuzz.h"
#include "stream/format.h"

static struct model model;
static uint64_t random_state;

/* --- chance -------------------------------------------------------------- */

static uint64_t chance(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

static uint64_t any_pfn(void)
{
	return chance(16) ? chance(32) : chance(4) ? chance(600) : chance(1ULL << 52);
}

static uint64_t any_entry(void)
{
	static const uint64_t flags[] = { 0x27, 0x25, 0x67, 0x21, 1, 3, 0xa7, 0, 1ULL << 63 | 0x67 };

	return any_pfn() << PAGE_BITS | flags[chance(sizeof(flags) / sizeof(*flags))];
}

/* An item of the type, or 0. */
static unsigned int any_of(const struct model *m, uint32_t type)
{
	unsigned int found[MODEL_ITEMS], count = 0;

	for (unsigned int i = 2; i < m->item_count; i++)
		if (model_type(m, i) == type)
			found[count++] = i;
	return count ? found[chance(count)] : 0;
}

static unsigned int any_record(const struct model *m)
{
	return m->item_count > 2 ? 2 + chance(m->item_count - 2) : 0;
}

/* --- PAGE_DATA ----------------------------------------------------------- */

struct batch {
	size_t length_at; /* of the record's length */
	size_t words, data;
	uint32_t count;
};

static bool find_batch(const struct model *m, struct batch *batch)
{
	unsigned int item = any_of(m, RECORD_PAGE_DATA);
	size_t at = m->items[item].at;

	*batch = (struct batch){ at + 4, at + 16, 0, model_get32(m, at + 8) };
	batch->data = batch->words + 8 * (size_t)batch->count;
	return item && batch->count && batch->count <= 1024 && batch->data <= at + m->items[item].count;
}

static unsigned int word_type_of(const struct model *m, const struct batch *batch, uint32_t word)
{
	return model_get32(m, batch->words + 8 * (size_t)word + 4) >> 28;
}

static size_t page_of(const struct model *m, const struct batch *batch, uint32_t word)
{
	size_t at = batch->data;

	for (uint32_t i = 0; i < word; i++)
		at += frame_has_data(word_type_of(m, batch, i)) ? PAGE_BYTES : 0;
	return at;
}

static void edit_entry(struct model *m)
{
	static const uint16_t slots[] = { 0, 1, 2, 3, 4, 5, 255, 256, 271, 272, 427, 428, 511 };
	struct batch batch;
	uint32_t word;
	size_t slot;

	if (!find_batch(m, &batch))
		return;
	word = chance(batch.count);
	for (uint32_t i = 0; i < batch.count && !frame_level(word_type_of(m, &batch, word)); i++)
		word = (word + 1) % batch.count;
	slot = chance(3) ? slots[chance(sizeof(slots) / sizeof(*slots))] : chance(TABLE_SLOTS);
	model_put(m, page_of(m, &batch, word) + 8 * slot, chance(8) ? any_entry() : random_state, 8);
}

/* Another type, with a page come or gone. */
static void edit_word(struct model *m)
{
	static const uint8_t types[] = { 0, 0, 1, 2, 3, 4, 9, 10, 11, 12, 13, 14, 15, 5 };
	unsigned int type = types[chance(sizeof(types))];
	struct batch batch;
	uint32_t word;
	bool had, has = frame_has_data(type);
	size_t page;

	if (!find_batch(m, &batch))
		return;
	word = chance(batch.count);
	had = frame_has_data(word_type_of(m, &batch, word));
	page = page_of(m, &batch, word);
	model_put(m, batch.words + 8 * (size_t)word + 7, type << 4, 1);
	if (had != has && model_splice(m, page, had ? PAGE_BYTES : 0, NULL, has ? PAGE_BYTES : 0))
		model_put(m, batch.length_at,
			  model_get32(m, batch.length_at) + (has ? PAGE_BYTES : -PAGE_BYTES), 4);
}

static void edit_pfn(struct model *m)
{
	struct batch batch;

	if (find_batch(m, &batch) && chance(8))
		model_put(m, batch.words + 8 * chance(batch.count), any_pfn(), chance(8) ? 4 : 8);
	else if (batch.count)
		model_put(m, batch.length_at + 4, chance(2) ? batch.count + chance(3) - 1 : any_pfn(), 4);
}

/* One word more, in front, of a pfn that may have been there. */
static void add_word(struct model *m)
{
	uint64_t word = (chance(2) ? 15ULL : 14ULL) << 60 | any_pfn();
	struct batch batch;

	if (!find_batch(m, &batch) || !model_splice(m, batch.words, 0, &word, sizeof(word)))
		return;
	model_put(m, batch.length_at, model_get32(m, batch.length_at) + 8, 4);
	model_put(m, batch.length_at + 4, batch.count + 1, 4);
}

static void drop_word(struct model *m)
{
	struct batch batch;
	uint32_t word;
	size_t gone;

	if (!find_batch(m, &batch) || batch.count == 1)
		return;
	word = chance(batch.count);
	gone = frame_has_data(word_type_of(m, &batch, word)) ? PAGE_BYTES : 0;
	if (!model_splice(m, page_of(m, &batch, word), gone, NULL, 0))
		return;
	model_splice(m, batch.words + 8 * (size_t)word, 8, NULL, 0);
	model_put(m, batch.length_at, model_get32(m, batch.length_at) - 8 - gone, 4);
	model_put(m, batch.length_at + 4, batch.count - 1, 4);
}

/* --- other records ------------------------------------------------------- */

/* The places of a vCPU's context that name frames. */
static void edit_context(struct model *m)
{
	static const struct {
		uint16_t at, bytes;
	} wide[] = {
		{ 616, 8 }, { 4960, 8 }, { 4832, 8 }, { 4840, 8 }, { 4984 + 8, 8 }, { 4984 + 24, 8 }, { 512, 4 },
	}, narrow[] = {
		{ 524, 4 }, { 2704, 4 }, { 2640, 4 }, { 2644, 4 }, { 2716 + 4, 4 }, { 2716 + 12, 4 }, { 512, 4 },
	};
	unsigned int item = any_of(m, RECORD_X86_PV_VCPU_BASIC), which = chance(7);
	uint64_t values[] = { any_pfn(), any_pfn() << 12,  any_pfn() << 12 | 1,
			      ~0ULL,	 512 * chance(18), random_state };
	bool is_wide = m->items[item].count > 4096;
	size_t at = m->items[item].at + sizeof(struct record_header) + sizeof(struct vcpu_record);

	if (item)
		model_put(m, at + (is_wide ? wide : narrow)[which].at, values[chance(6)],
			  (is_wide ? wide : narrow)[which].bytes);
}

/* Another number of pfns, with as many leaves as that needs. */
static void edit_p2m(struct model *m)
{
	unsigned int item = any_of(m, RECORD_X86_PV_P2M_FRAMES);
	size_t at = m->items[item].at;
	uint64_t per_page = chance(4) ? 512 : 1024, start = chance(4) ? 0 : chance(2048),
		 end = start + chance(2048);
	uint64_t leaves = end / per_page - start / per_page + 1, leaf[8];

	if (!item)
		return;
	for (uint64_t i = 0; i < 8; i++)
		leaf[i] = any_pfn();
	if (chance(2) ||
	    !model_splice(m, at + 16, m->items[item].count - 16, leaf, 8 * (leaves > 8 ? 8 : leaves))) {
		model_put(m, at + 12, model_get32(m, at + 12) + chance(3) - 1, 4);
		return;
	}
	model_put(m, at + 4, 8 + 8 * leaves, 4);
	model_put(m, at + 8, start, 4);
	model_put(m, at + 12, end, 4);
}

/* Whatever the fuzzer likes, its length put right. */
static void edit_body(struct model *m)
{
	static uint8_t body[8192 + 64];
	unsigned int item = any_record(m);
	size_t at = m->items[item].at + 8, count = item ? model_get32(m, at - 4) : 0, now;

	if (!item || count > 8192 || count > m->items[item].count - 8)
		return;
	memcpy(body, m->bytes + at, count);
	now = count ? LLVMFuzzerMutate(body, count, chance(4) ? count : count + 48) : 8 * chance(3);
	memset(body + now, 0, 8);
	if (model_splice(m, at, (count + 7) & ~7UL, body, (now + 7) & ~7UL))
		model_put(m, at - 4, now, 4);
}

static void edit_header(struct model *m)
{
	unsigned int item = chance(4) ? chance(2) : any_record(m);
	size_t count = m->item_count ? m->items[item].count : 0;

	if (item >= 2 && count > sizeof(struct record_header))
		count = sizeof(struct record_header);
	if (item < m->item_count && count)
		LLVMFuzzerMutate(m->bytes + m->items[item].at, count, count);
}

static void edit_config(struct model *m)
{
	static uint8_t text[4096];
	size_t at = sizeof(struct xl_header) + 4, count = model_get32(m, at - 4), now;

	if (count < 2 || count > 2048 || at + count > m->count)
		return;
	memcpy(text, m->bytes + at, count);
	now = LLVMFuzzerMutate(text, count - 1, sizeof(text) / 2);
	text[now++] = 0;
	if (!model_splice(m, at, count, text, now))
		return;
	model_put(m, at - 4, now, 4);
	model_put(m, at - 8, model_get32(m, at - 8) + now - count, 4);
}

static void copy_record(struct model *m)
{
	static uint8_t copy[MODEL_BYTES];
	unsigned int from = any_record(m), to = any_record(m);

	if (!from)
		return;
	memcpy(copy, m->bytes + m->items[from].at, m->items[from].count);
	model_splice(m, m->items[to].at, 0, copy, m->items[from].count);
}

static void drop_record(struct model *m)
{
	unsigned int item = any_record(m);

	if (item)
		model_splice(m, m->items[item].at, m->items[item].count, NULL, 0);
}

static void move_record(struct model *m)
{
	unsigned int from = any_record(m);
	struct item gone = m->items[from];

	copy_record(m);
	model_splice(m, gone.at, from ? gone.count : 0, NULL, 0);
}

static const uint32_t types[] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 0xc, 0xd, 0x10, 0x11, 0x12, 0x80000001u, 9, 0x13
};

static void edit_type(struct model *m)
{
	unsigned int item = any_record(m);

	if (item)
		model_put(m, m->items[item].at, types[chance(sizeof(types) / sizeof(*types))], 4);
}

static void add_record(struct model *m)
{
	static const uint16_t lengths[] = { 0, 8, 16, 24, 32, 48, 4096, 12, 144 };
	uint32_t length = lengths[chance(sizeof(lengths) / sizeof(*lengths))];
	size_t at = m->items[any_record(m)].at;

	if (m->item_count < 3 || !model_splice(m, at, 0, NULL, 8 + ((length + 7) & ~7UL)))
		return;
	model_put(m, at, types[chance(sizeof(types) / sizeof(*types))], 4);
	model_put(m, at + 4, length, 4);
}

static void cut(struct model *m)
{
	if (chance(4) || !m->count)
		model_splice(m, m->count, 0, NULL, 1 + chance(16));
	else
		m->count = chance(m->count);
}

size_t model_mutate(uint8_t *packed, size_t count, size_t most, unsigned int seed)
{
	static void (*const edits[])(struct model *) = {
		edit_entry,  edit_entry,   edit_entry,	 edit_word,   edit_word, edit_pfn,   add_word,
		drop_word,   edit_context, edit_context, edit_p2m,    edit_body, edit_body,  edit_header,
		edit_config, copy_record,  drop_record,	 move_record, edit_type, add_record, cut,
	};
	size_t now;

	random_state = 0x9e3779b97f4a7c15ULL * (seed + 1ULL);
	if (!chance(16))
		return LLVMFuzzerMutate(packed, count, most);
	model_unpack(&model, packed, count);
	do {
		edits[chance(sizeof(edits) / sizeof(*edits))](&model);
		model_split(&model);
	} while (chance(3));
	now = model_pack(&model, packed, most);
	return now ? now : count;
}
