/*
 * See index-draft.h. The index of an image while the image is written. In: each frame's words and digests, in order.
 * Out: the index frame behind the memory's frames. The trap: in an image of rounds a pfn comes again, and only the last
 * frame that has it counts; so frames are kept by pfn, and sorted by frame at the end.
 */
#include "stream/index-draft.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>
#include <zstd.h>

#include "log.h"
#include "stream/writer.h"

enum { LEVEL = 1, HEAD_FRAME = 0 };

static int draw(void *to, size_t bytes)
{
	return getrandom(to, bytes, 0) == (ssize_t)bytes ? 0 : fail_errno("no random numbers");
}

int index_draft_begin(struct index_draft *draft)
{
	int rc;

	memcpy(draft->head.mark, INDEX_MARK, sizeof(draft->head.mark));
	rc = draw(draft->head.state, sizeof(draft->head.state));
	return rc ? rc : draw(draft->head.key, sizeof(draft->head.key));
}

int index_draft_begin_increment(struct index_draft *draft, const struct index_head *parent,
				const struct memory_state *memory)
{
	int rc = index_draft_begin(draft);

	memcpy(draft->head.key, parent->key, sizeof(draft->head.key));
	memcpy(draft->head.parent, parent->state, sizeof(draft->head.parent));
	draft->head.parent_root = parent->root;
	draft->parent = *memory;
	return rc;
}

static bool is_in_room(const struct index_draft *draft)
{
	return draft->memory.type && draft->memory.type == draft->room.type;
}

void index_draft_release(struct index_draft *draft)
{
	if (!is_in_room(draft)) {
		free(draft->memory.type);
		free(draft->memory.digest);
	}
	free(draft->frame);
	free(draft->times);
	bytes_release(&draft->holds_pages);
	*draft = (struct index_draft){ 0 };
}

static bool array_enlarge(void *pointer, uint64_t count, size_t each)
{
	void **array = pointer;
	void *grown = realloc(*array, count * each);

	if (grown)
		*array = grown;
	return grown;
}

/* Out of a room that has become too small: what is in there stays the caller's. */
static bool leave_room(struct index_draft *draft)
{
	const struct memory_state *room = &draft->room;
	struct memory_state *memory = &draft->memory;
	uint64_t count = memory->count;

	*memory = (struct memory_state){ count, malloc(count), malloc(count * sizeof(*memory->digest)) };
	if (!memory->type || !memory->digest)
		return false;
	memcpy(memory->type, room->type, count);
	memcpy(memory->digest, room->digest, count * sizeof(*memory->digest));
	return true;
}

static bool grow_memory(struct index_draft *draft, uint64_t count)
{
	struct memory_state *memory = &draft->memory;

	if (count <= draft->room.count && (!memory->type || is_in_room(draft))) {
		memory->type = draft->room.type;
		memory->digest = draft->room.digest;
		return true;
	}
	return (!is_in_room(draft) || leave_room(draft)) &&
	       array_enlarge(&memory->type, count, sizeof(*memory->type)) &&
	       array_enlarge(&memory->digest, count, sizeof(*memory->digest));
}

/* What is not sent is as in the parent; beyond that it has no frame. */
int index_draft_grow(struct index_draft *draft, uint64_t count)
{
	struct memory_state *memory = &draft->memory;
	uint64_t old = memory->count, known = draft->parent.count < count ? draft->parent.count : count;

	if (count <= old)
		return 0;
	if (!grow_memory(draft, count) || !array_enlarge(&draft->frame, count, sizeof(*draft->frame)) ||
	    !array_enlarge(&draft->times, count, sizeof(*draft->times)))
		return fail(ENOMEM, "out of memory for %lu pfns", count);
	memset(draft->frame + old, 0, (count - old) * sizeof(*draft->frame));
	memset(draft->times + old, 0, count - old);
	memset(memory->type + old, FRAME_XTAB, count - old);
	if (known > old) {
		memcpy(memory->type + old, draft->parent.type + old, known - old);
		memcpy(memory->digest + old, draft->parent.digest + old,
		       (known - old) * sizeof(*memory->digest));
	}
	memory->count = count;
	return 0;
}

void index_draft_count(struct index_draft *draft, const uint64_t *words, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		uint8_t *times = &draft->times[words[i] & FRAME_PFN_MASK];

		*times += *times < 2;
	}
}

int index_draft_note(struct index_draft *draft, uint32_t frame, const uint64_t *words,
		     const struct page_digest *digests, unsigned int count)
{
	size_t known = draft->holds_pages.count;
	uint8_t *kinds = known <= frame ? bytes_grow(&draft->holds_pages, frame + 1 - known) : NULL;

	if (!kinds)
		return fail(ENOMEM, "out of memory");
	kinds[frame - known] = 1;
	for (unsigned int i = 0; i < count; i++) {
		uint64_t pfn = words[i] & FRAME_PFN_MASK;

		draft->frame[pfn] = frame;
		draft->memory.type[pfn] = words[i] >> 60;
		if (frame_has_data(words[i] >> 60))
			draft->memory.digest[pfn] = *digests++;
	}
	return 0;
}

/* --- the frame ------------------------------------------------------------------- */

struct sorting {
	struct index_draft *draft;
	const struct seek_entry *entries; /* by frame */
	uint32_t frames;
	uint32_t *end; /* by frame: behind its last pfn in by_frame */
	uint64_t *by_frame;
	ZSTD_CCtx *compressor;
	struct bytes groups, words, digests; /* of the piece at hand */
	struct bytes content;
};

/* The pfns of each frame side by side, ascending: counted, and then put where there is room for them. */
static int sort(struct sorting *s)
{
	const struct index_draft *draft = s->draft;
	uint64_t count = draft->memory.count;
	uint32_t *next = calloc(s->frames + 1, sizeof(*next));

	s->end = calloc(s->frames + 1, sizeof(*s->end));
	s->by_frame = calloc(count + 1, sizeof(*s->by_frame));
	if (!next || !s->end || !s->by_frame) {
		free(next);
		return fail(ENOMEM, "out of memory for %lu pfns", count);
	}
	for (uint64_t pfn = 0; pfn < count; pfn++)
		s->end[draft->frame[pfn]]++;
	s->end[HEAD_FRAME] = 0;
	for (uint32_t i = 1; i < s->frames; i++) {
		next[i] = s->end[i - 1];
		s->end[i] += s->end[i - 1];
	}
	for (uint64_t pfn = 0; pfn < count; pfn++)
		if (draft->frame[pfn])
			s->by_frame[next[draft->frame[pfn]]++] = pfn;
	free(next);
	return 0;
}

static int end_piece(struct sorting *s)
{
	struct index_piece piece = {
		.groups = s->groups.count / sizeof(struct index_group),
		.words = s->words.count / sizeof(uint64_t),
		.pages = s->digests.count / sizeof(struct page_digest),
	};
	size_t head = s->content.count, room;
	ssize_t stored;

	if (!piece.groups)
		return 0;
	bytes_put(&s->groups, s->words.at, s->words.count);
	bytes_put(&s->groups, s->digests.at, s->digests.count);
	bytes_put(&s->content, &piece, sizeof(piece));
	room = ZSTD_compressBound(s->groups.count);
	if (!bytes_grow(&s->content, room) || bytes_check(&s->groups))
		return fail(ENOMEM, "out of memory");
	stored = frame_compress(s->compressor, s->content.at + head + sizeof(piece), room, s->groups.at,
				s->groups.count);
	if (stored < 0)
		return stored;
	piece.stored = stored;
	memcpy(s->content.at + head, &piece, sizeof(piece));
	s->content.count = head + sizeof(piece) + stored;
	s->groups.count = s->words.count = s->digests.count = 0;
	return 0;
}

static void put_words(struct sorting *s, uint32_t frame)
{
	const struct memory_state *memory = &s->draft->memory;

	for (uint32_t i = s->end[frame - 1]; i < s->end[frame]; i++) {
		uint64_t pfn = s->by_frame[i], word = (uint64_t)memory->type[pfn] << 60 | pfn;

		bytes_put(&s->words, &word, sizeof(word));
		if (frame_has_data(memory->type[pfn]))
			bytes_put(&s->digests, &memory->digest[pfn], sizeof(memory->digest[pfn]));
	}
}

/* One frame; not if it holds pages that all came again later. */
static int put_group(struct sorting *s, uint32_t frame, uint64_t at)
{
	struct index_head *head = &s->draft->head;
	const struct bytes *kinds = &s->draft->holds_pages;
	struct index_group group = { .at = at,
				     .frame = frame,
				     .stored = s->entries[frame].stored,
				     .expanded = s->entries[frame].expanded,
				     .words = s->end[frame] - s->end[frame - 1] };
	size_t words = s->words.count / sizeof(uint64_t);
	int rc = 0;

	if (!group.words && frame < kinds->count && kinds->at[frame])
		return 0;
	if (words + group.words > INDEX_PIECE_WORDS || s->groups.count / sizeof(group) == INDEX_PIECE_WORDS)
		rc = end_piece(s);
	bytes_put(&s->groups, &group, sizeof(group));
	put_words(s, frame);
	head->words += group.words;
	if (!rc && (bytes_check(&s->groups) || bytes_check(&s->words) || bytes_check(&s->digests)))
		rc = fail(ENOMEM, "out of memory");
	return rc;
}

static void count_pages(struct index_draft *draft)
{
	draft->head.pages = 0;
	for (uint64_t pfn = 0; pfn < draft->memory.count; pfn++)
		draft->head.pages += draft->frame[pfn] && frame_has_data(draft->memory.type[pfn]);
}

static int index_fill(struct sorting *s)
{
	struct index_head *head = &s->draft->head;
	uint64_t at = s->entries[HEAD_FRAME].stored;
	int rc = sort(s);

	s->compressor = frame_compressor(LEVEL);
	if (!rc && !s->compressor)
		rc = fail(ENOMEM, "out of memory");
	bytes_put(&s->content, head, sizeof(*head));
	for (uint32_t frame = 1; !rc && frame < s->frames; frame++) {
		rc = put_group(s, frame, at);
		at += s->entries[frame].stored;
	}
	if (!rc)
		rc = end_piece(s);
	if (!rc)
		rc = memory_root(&s->draft->memory, head->key, &head->root);
	head->pfns = s->draft->memory.count;
	count_pages(s->draft);
	head->hash = XXH64(head, offsetof(struct index_head, hash), 0);
	if (!rc)
		rc = bytes_check(&s->content);
	if (!rc)
		memcpy(s->content.at, head, sizeof(*head));
	return rc;
}

int index_draft_write(struct index_draft *draft, struct writer *writer)
{
	struct sorting s = { .draft = draft,
			     .entries = (const void *)writer->table.at,
			     .frames = writer_frames(writer) };
	int rc;

	draft->head.words = 0;
	rc = index_fill(&s);
	if (!rc && s.content.count > UINT32_MAX)
		rc = fail(EFBIG, "an index of %zu bytes", s.content.count);
	if (!rc)
		rc = writer_skippable(writer, INDEX_MAGIC, s.content.at, s.content.count);
	free(s.end);
	free(s.by_frame);
	bytes_release(&s.groups);
	bytes_release(&s.words);
	bytes_release(&s.digests);
	bytes_release(&s.content);
	ZSTD_freeCCtx(s.compressor);
	return rc;
}
