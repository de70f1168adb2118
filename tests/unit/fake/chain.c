/* See chain.h. */
#include "chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"

struct chain_test t;

const char *const chain_names[LINKS] = { "newest.pvf", "third.pvf", "second.pvf", "full.pvf" };

static void must(int rc)
{
	if (!rc)
		return;
	fprintf(stderr, "a chain cannot be made: %s\n", fail_reason());
	abort();
}

static uint64_t draw(void)
{
	t.random = t.random * 6364136223846793005ULL + 1442695040888963407ULL;
	return t.random >> 24;
}

static void fill_page(uint64_t pfn, uint32_t *page)
{
	for (unsigned int i = 0; i < PAGE_BYTES / sizeof(*page); i++)
		page[i] = t.content[pfn];
}

void chain_put_record(struct bytes *out, const uint64_t *words, unsigned int count)
{
	struct bytes content = { 0 };
	struct page_data data = { .count = count };
	uint32_t page[PAGE_BYTES / sizeof(uint32_t)];

	bytes_put(&content, &data, sizeof(data));
	bytes_put(&content, words, count * sizeof(*words));
	for (unsigned int i = 0; i < count; i++)
		if (frame_has_data(words[i] >> 60)) {
			fill_page(words[i] & FRAME_PFN_MASK, page);
			bytes_put(&content, page, sizeof(page));
		}
	record_put(out, RECORD_PAGE_DATA, content.at, content.count);
	bytes_release(&content);
}

/* Those of a window that have to go, in a frame. */
static void put_window(struct writer *writer, struct index_draft *draft, uint64_t first)
{
	uint64_t words[BATCH_PAGES];
	struct page_digest digests[BATCH_PAGES];
	unsigned int count = 0, pages = 0;
	struct bytes record = { 0 };

	for (uint64_t pfn = first; pfn < first + BATCH_PAGES && pfn < PFNS; pfn++) {
		uint64_t word = (uint64_t)t.type[pfn] << 60 | pfn;
		uint32_t page[PAGE_BYTES / sizeof(uint32_t)];
		struct page_digest digest;

		fill_page(pfn, page);
		digest = page_digest(page, draft->head.key);
		index_draft_count(draft, &word, 1);
		if (!index_draft_needs(draft, word, &digest))
			continue;
		words[count++] = word;
		if (frame_has_data(t.type[pfn]))
			digests[pages++] = digest;
	}
	if (!count)
		return;
	chain_put_record(&record, words, count);
	must(index_draft_note(draft, writer_frames(writer), words, digests, count));
	must(writer_group(writer, &record));
	bytes_release(&record);
}

static void put_opening(struct writer *writer, bool is_increment)
{
	uint32_t frames[4] = { 0, 0 };
	struct xl_header xl;

	stream.bytes.count = 0;
	stream_put_headers(IMAGE_VERSION);
	memcpy(&xl, stream.bytes.at, sizeof(xl));
	xl.mandatory_flags |= is_increment ? XL_FLAG_INCREMENT : 0;
	memcpy(stream.bytes.at, &xl, sizeof(xl));
	stream_put(RECORD_X86_PV_INFO, 8);
	stream_put(RECORD_STATIC_DATA_END, 0);
	frames[1] = PFNS - 1;
	record_put(&stream.bytes, RECORD_X86_PV_P2M_FRAMES, frames, sizeof(frames));
	must(writer_group(writer, &stream.bytes));
}

static void put_closing(struct writer *writer)
{
	stream.bytes.count = 0;
	stream_put(RECORD_X86_TSC_INFO, 24);
	stream_put(RECORD_SHARED_INFO, 4096);
	stream_put_end();
	must(writer_group(writer, &stream.bytes));
}

/* An image of the memory as it is now: the newest of the chain then. */
static void put_image(unsigned int number)
{
	struct chain_file *file = &t.chain.files[number];
	struct channel to;
	struct writer writer;
	struct index_draft draft = { .frame = NULL };
	struct memory_state parent = { PFNS, t.parent_type, t.parent_digest };
	bool is_increment = number != LINKS - 1;
	struct writer_head head = { .features = FEATURE_INDEX, .json = "{}" };

	head.features |= is_increment ? FEATURE_INCREMENT : 0;
	*file = (struct chain_file){ .fd = memfd_create(chain_names[number], MFD_CLOEXEC),
				     .name = chain_names[number] };
	must(channel_init(&to, file->fd, file->name));
	must(is_increment ? index_draft_begin_increment(&draft, &t.head, &parent)
			  : index_draft_begin(&draft));
	must(writer_init(&writer, &to, 1, &head));
	writer.index = &draft;
	must(index_draft_grow(&draft, PFNS));
	put_opening(&writer, is_increment);
	for (uint64_t first = 0; first < PFNS; first += BATCH_PAGES)
		put_window(&writer, &draft, first);
	put_closing(&writer);
	must(writer_finish(&writer));
	t.head = draft.head;
	memcpy(t.parent_type, draft.memory.type, sizeof(t.parent_type));
	memcpy(t.parent_digest, draft.memory.digest, sizeof(t.parent_digest));
	index_draft_release(&draft);
	writer_release(&writer);
	channel_release(&to);
}

static void change(unsigned int pfns)
{
	static const uint8_t types[] = { FRAME_NOTAB, FRAME_NOTAB, FRAME_L1, FRAME_XTAB, FRAME_XALLOC };

	for (unsigned int i = 0; i < pfns; i++) {
		uint64_t pfn = draw() % PFNS;

		t.content[pfn] = draw();
		t.type[pfn] = types[draw() % (sizeof(types) / sizeof(*types))];
	}
}

void chain_begin(void)
{
	memset(&t, 0, sizeof(t));
	stream_begin(IMAGE_VERSION);
	change(PFNS);
	t.chain.count = LINKS;
	for (unsigned int number = LINKS; number-- > 0;) {
		put_image(number);
		if (number)
			change(60);
	}
}

void chain_end(void)
{
	for (unsigned int i = 0; i < LINKS; i++)
		if (t.chain.files[i].fd >= 0)
			close(t.chain.files[i].fd);
	stream_end();
}
