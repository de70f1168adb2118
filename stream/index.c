/*
 * See index.h. Reads an index from the end of an image. In: a file, which may be damaged or hostile. Out: calls of a
 * visitor, group by group. The trap: what an index says of sizes and places is only believed within what the file has,
 * so that nothing is allocated or read by a number alone.
 */
#include "stream/index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "log.h"

/* Of one pfn of the guest some byte of the index must tell: zstd makes no more of a byte than this. */
enum { PFNS_A_BYTE = 64 };

enum {
	PIECE_MOST = INDEX_PIECE_WORDS *
		     (sizeof(struct index_group) + sizeof(uint64_t) + sizeof(struct page_digest)),
};

int file_read_at(int fd, const char *name, void *to, size_t count, uint64_t at)
{
	uint8_t *next = to;

	while (count) {
		ssize_t got = pread(fd, next, count, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_errno("cannot read %s", name);
		if (!got)
			return fail(ENODATA, "%s ends before byte %lu", name, at + count);
		next += got;
		at += got;
		count -= got;
	}
	return 0;
}

const char *state_text(const uint8_t *state, char text[STATE_TEXT_BYTES])
{
	for (int i = 0; i < STATE_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", state[i]);
	return text;
}

/* --- where it is ---------------------------------------------------------------- */

/* The last entries of the seek table are those of index and seal. 1, and where the index begins, or 0. */
static int find_frame(int fd, const char *name, uint64_t size, uint64_t *start)
{
	struct {
		struct seek_entry index, seal;
		struct seek_footer footer;
	} __attribute__((packed)) end;
	uint64_t table;
	int rc;

	if (size < sizeof(end) + sizeof(struct skippable))
		return 0;
	rc = file_read_at(fd, name, &end, sizeof(end), size - sizeof(end));
	if (rc)
		return rc;
	table = sizeof(struct skippable) + end.footer.frames * sizeof(struct seek_entry) + sizeof(end.footer);
	if (end.footer.magic != SEEK_FOOTER_MAGIC || end.footer.descriptor || end.footer.frames < 4 ||
	    table + end.seal.stored + end.index.stored > size)
		return 0;
	*start = size - table - end.seal.stored - end.index.stored;
	return 1;
}

static int check_head(const char *name, const struct index_place *place)
{
	const struct index_head *head = &place->head;

	if (memcmp(head->mark, INDEX_MARK, sizeof(head->mark)) ||
	    head->hash != XXH64(head, offsetof(struct index_head, hash), 0))
		return fail(EBADMSG, "%s: the head of its index is damaged", name);
	if (!head->pfns || head->pfns > FRAME_PFN_MASK || head->words > head->pfns ||
	    head->pages > head->words || head->words > place->bytes * PFNS_A_BYTE)
		return fail(EBADMSG, "%s: an index of %lu bytes with %lu words and %lu pages of %lu pfns",
			    name, place->bytes, head->words, head->pages, head->pfns);
	if (!index_is_increment(head) && head->words != head->pfns)
		return fail(EBADMSG, "%s: the index of a full image with %lu words of %lu pfns", name,
			    head->words, head->pfns);
	return 0;
}

int index_find(int fd, const char *name, struct index_place *place)
{
	struct skippable cover;
	struct stat facts;
	uint64_t start = 0;
	int rc;

	if (fstat(fd, &facts))
		return fail_errno("cannot read %s", name);
	if (!S_ISREG(facts.st_mode))
		return 0;
	rc = find_frame(fd, name, facts.st_size, &start);
	if (rc <= 0)
		return rc;
	rc = file_read_at(fd, name, &cover, sizeof(cover), start);
	if (rc)
		return rc;
	if (cover.magic != INDEX_MAGIC || cover.bytes < sizeof(place->head))
		return 0;
	place->start = start;
	place->at = start + sizeof(cover) + sizeof(place->head);
	place->bytes = cover.bytes - sizeof(place->head);
	rc = file_read_at(fd, name, &place->head, sizeof(place->head), start + sizeof(cover));
	if (!rc)
		rc = check_head(name, place);
	return rc ? rc : 1;
}

/* --- what is in it ---------------------------------------------------------------- */

struct walk {
	int fd;
	const char *name;
	const struct index_place *place;
	const struct index_visit *visit;
	ZSTD_DCtx *decompressor;
	uint8_t *stored, *content;
	uint64_t at, left;   /* in the file */
	uint64_t frames_end; /* of the last group's frame */
	uint32_t last_frame;
	uint64_t words, pages; /* so far */
};

static int damaged(const struct walk *w, const char *what)
{
	return fail(EBADMSG, "%s: its index is damaged at byte %lu: %s", w->name, w->at, what);
}

/* Words ascend, and each is a type and a pfn of the guest. Counts those with data. */
static int check_words(const struct walk *w, const uint64_t *words, uint32_t count, uint32_t *pages)
{
	uint64_t least = 0;

	*pages = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t pfn = words[i] & FRAME_PFN_MASK;
		unsigned int type = words[i] >> 60;

		if (words[i] & ~FRAME_PFN_MASK & ~(0xfULL << 60) || !frame_type_is_valid(type) ||
		    pfn < least || pfn >= w->place->head.pfns)
			return damaged(w, "a word is wrong");
		least = pfn + 1;
		*pages += frame_has_data(type);
	}
	return 0;
}

/* Frames ascend and do not overlap, and each lies before the index: else one frame could be read again and again. */
static int check_group(struct walk *w, const struct index_group *group)
{
	if (group->at < w->frames_end || group->stored > w->place->start ||
	    group->at > w->place->start - group->stored || group->frame <= w->last_frame ||
	    !group->expanded || group->expanded > FRAME_MAX_BYTES ||
	    group->stored > ZSTD_compressBound(group->expanded) + 32 || group->words > BATCH_PAGES)
		return damaged(w, "a frame is where none can be");
	w->frames_end = group->at + group->stored;
	w->last_frame = group->frame;
	return 0;
}

static int visit_piece(struct walk *w, const struct index_piece *piece)
{
	const struct index_group *group = (const void *)w->content;
	const uint64_t *words = (const void *)(group + piece->groups);
	const struct page_digest *digests = (const void *)(words + piece->words);
	uint32_t words_left = piece->words, pages_left = piece->pages;

	for (uint32_t i = 0; i < piece->groups; i++, group++) {
		uint32_t pages;
		int rc = check_group(w, group);

		if (!rc && group->words > words_left)
			rc = damaged(w, "its words are not all there");
		if (!rc)
			rc = check_words(w, words, group->words, &pages);
		if (!rc && pages > pages_left)
			rc = damaged(w, "its digests are not all there");
		if (!rc)
			rc = w->visit->group(group, words, digests, w->visit->context);
		if (rc)
			return rc;
		words += group->words;
		words_left -= group->words;
		digests += pages;
		pages_left -= pages;
	}
	return words_left || pages_left ? damaged(w, "words belong to no frame") : 0;
}

static size_t piece_bytes(const struct index_piece *piece)
{
	return piece->groups * sizeof(struct index_group) + piece->words * sizeof(uint64_t) +
	       piece->pages * sizeof(struct page_digest);
}

static int read_piece(struct walk *w)
{
	struct index_piece piece;
	size_t bytes, got;
	int rc;

	if (w->left < sizeof(piece))
		return damaged(w, "it is cut short");
	rc = file_read_at(w->fd, w->name, &piece, sizeof(piece), w->at);
	if (rc)
		return rc;
	if (piece.groups > INDEX_PIECE_WORDS || piece.words > INDEX_PIECE_WORDS || piece.pages > piece.words)
		return damaged(w, "a piece is too large");
	bytes = piece_bytes(&piece);
	if (!bytes || piece.stored > ZSTD_compressBound(PIECE_MOST) || piece.stored > w->left - sizeof(piece))
		return damaged(w, "a piece is of a wrong size");
	rc = file_read_at(w->fd, w->name, w->stored, piece.stored, w->at + sizeof(piece));
	if (rc)
		return rc;
	got = ZSTD_decompressDCtx(w->decompressor, w->content, bytes, w->stored, piece.stored);
	if (ZSTD_isError(got) || got != bytes)
		return damaged(w, ZSTD_isError(got) ? ZSTD_getErrorName(got) : "a piece is too short");
	rc = visit_piece(w, &piece);
	w->at += sizeof(piece) + piece.stored;
	w->left -= sizeof(piece) + piece.stored;
	w->words += piece.words;
	w->pages += piece.pages;
	return rc;
}

static int walk(struct walk *w)
{
	const struct index_head *head = &w->place->head;
	int rc = 0;

	w->stored = malloc(ZSTD_compressBound(PIECE_MOST));
	w->content = malloc(PIECE_MOST);
	w->decompressor = ZSTD_createDCtx();
	if (!w->stored || !w->content || !w->decompressor)
		return fail(ENOMEM, "out of memory");
	while (!rc && w->left)
		rc = read_piece(w);
	if (!rc && (w->words != head->words || w->pages != head->pages))
		rc = damaged(w, "it has other numbers of words and pages than its head says");
	return rc;
}

int index_read(int fd, const char *name, const struct index_place *place, const struct index_visit *visit)
{
	struct walk w = {
		.fd = fd, .name = name, .place = place, .visit = visit, .at = place->at, .left = place->bytes
	};
	int rc = walk(&w);

	free(w.stored);
	free(w.content);
	ZSTD_freeDCtx(w.decompressor);
	return rc;
}
