/*
 * A file that ends as an image with an index does: the head of the index is made up from the input, its pieces
 * are as they come or packed anew, so that odd groups and words reach the code behind zstd. What is read
 * lies within the file, ascends, and is as much as the head says.
 */
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "fuzz.h"
#include "stream/bytes.h"
#include "stream/index.h"

static int fd;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	fd = memfd_create("image", MFD_CLOEXEC);
	expect(fd >= 0);
	return 0;
}

struct found {
	const struct index_place *place;
	uint64_t end, words, pages;
	uint32_t frame;
};

static int visit(const struct index_group *group, const uint64_t *words, const struct page_digest *digests,
		 void *context)
{
	struct found *found = context;
	uint64_t last = 0, low = 0;

	expect(group->at >= found->end && group->at + group->stored <= found->place->start);
	expect(group->frame > found->frame && group->expanded && group->expanded <= FRAME_MAX_BYTES);
	for (uint32_t i = 0; i < group->words; i++) {
		uint64_t pfn = words[i] & FRAME_PFN_MASK;

		expect(pfn < found->place->head.pfns && (!i || pfn > last));
		expect(frame_type_is_valid(words[i] >> 60));
		last = pfn;
		if (frame_has_data(words[i] >> 60)) {
			low ^= digests++->low; /* read, for the sanitizers */
			found->pages++;
		}
	}
	found->words += group->words;
	expect(low != 1 || group->words);
	found->end = group->at + group->stored;
	found->frame = group->frame;
	return 0;
}

/* The input's next bytes as a piece: in a zstd frame made here, or as they are. */
static void put_piece(struct input *in, struct bytes *out)
{
	uint8_t kind = take8(in);
	struct index_piece piece = { .groups = take8(in), .words = take16(in), .pages = take16(in) };
	size_t bytes = piece.groups * sizeof(struct index_group) + piece.words * 8UL + piece.pages * 16UL;
	uint8_t *content = calloc(bytes + 1, 1);
	size_t room = ZSTD_compressBound(bytes);
	uint8_t *stored = malloc(room);

	expect(content && stored);
	take(in, content, kind & 1 ? bytes / 2 : bytes);
	piece.stored = ZSTD_compress(stored, room, content, bytes, 1);
	if (kind & 2)
		piece.stored += kind >> 4;
	if (kind & 4)
		piece.groups <<= kind >> 4;
	bytes_put(out, &piece, sizeof(piece));
	bytes_put(out, stored, piece.stored < room ? piece.stored : room);
	free(content);
	free(stored);
}

static void put_index(struct input *in, struct bytes *out)
{
	struct skippable cover = { INDEX_MAGIC, 0 };
	struct index_head head = { .mark = INDEX_MARK };
	size_t start = out->count;

	head.parent[0] = take8(in);
	head.pfns = take8(in) & 1 ? take64(in) : take16(in);
	head.words = take16(in);
	head.pages = take16(in);
	head.hash = XXH64(&head, offsetof(struct index_head, hash), 0) ^ (take8(in) == 255);
	bytes_put(out, &cover, sizeof(cover));
	bytes_put(out, &head, sizeof(head));
	while (in->left)
		put_piece(in, out);
	cover.bytes = out->count - start - sizeof(cover);
	memcpy(out->at + start, &cover, sizeof(cover));
}

static void put_end(struct input *in, struct bytes *out, size_t index_bytes)
{
	struct skippable cover = { SEEK_TABLE_MAGIC, 0 };
	struct seek_entry entries[4] = { [2] = { index_bytes, 0 }, [3] = { 48, 0 } };
	struct seek_footer footer = { 4, 0, SEEK_FOOTER_MAGIC };
	uint8_t how = take8(in);

	if (how == 1)
		footer.frames = take64(in);
	if (how == 2)
		entries[2].stored = take64(in);
	bytes_grow(out, 48);
	bytes_put(out, &cover, sizeof(cover));
	bytes_put(out, entries, sizeof(entries));
	bytes_put(out, &footer, sizeof(footer));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	struct input in = { data, count }, last = { data, count < 9 ? count : 9 };
	struct bytes file = { 0 };
	struct index_place place;
	struct found found = { .place = &place };
	struct index_visit all = { visit, &found };
	size_t start;
	int rc;

	bytes_grow(&file, 4096);
	start = file.count;
	take64(&in), take8(&in);
	put_index(&in, &file);
	put_end(&last, &file, file.count - start);
	expect(!bytes_check(&file) && !ftruncate(fd, 0));
	expect(pwrite(fd, file.at, file.count, 0) == (ssize_t)file.count);
	bytes_release(&file);
	fail_forget();
	rc = index_find(fd, "the image", &place);
	expect(rc <= 1);
	if (rc == 1) {
		rc = index_read(fd, "the image", &place, &all);
		expect(rc || (found.words == place.head.words && found.pages == place.head.pages));
	}
	expect_reason(rc > 0 ? 0 : rc);
	fail_forget();
	return 0;
}
