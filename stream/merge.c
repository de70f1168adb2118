/*
 * See merge.h. One thread hands frames to workers and writes what they give back, in order; workers read,
 * expand, cut (cut-chain.c) and compress. Pages come in the order of the files, so the image has the feature
 * rounds, as that of a guest that ran.
 */
#include "stream/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "process/budget.h"
#include "process/stop.h"
#include "stream/chain.h"
#include "stream/feed.h"
#include "stream/index-draft.h"
#include "stream/writer.h"

struct merge_task {
	struct chunk chunk;
	uint8_t *packed;
	size_t packed_count; /* 0: it goes as it is stored */
};

struct merging {
	struct merge *merge;
	struct feed feed;
	struct stream_facts facts;
	struct writer writer;
	struct index_draft draft;
	struct pipeline *frames;
	ZSTD_DCtx **decompressors;
	ZSTD_CCtx **compressors;
	size_t count, next, closing; /* frames to be handed out; the closing comes last */
};

/* --- a worker's part ------------------------------------------------------------ */

static int read_stored(const struct merging *m, struct chunk *chunk)
{
	const struct chain_frame *frame = chain_frame_at(m->feed.chain, chunk->part);
	const struct chain_file *file = &m->feed.chain->chain->files[frame->file];

	chunk->number = frame->number;
	chunk->stored_at = frame->at;
	chunk->stored_count = frame->stored;
	chunk->count = frame->expanded;
	chunk->stored = malloc(chunk->stored_count + 1);
	chunk->at = malloc(chunk->count + RECORD_ALIGNMENT);
	if (!chunk->stored || !chunk->at)
		return fail(ENOMEM, "out of memory");
	return file_read_at(file->fd, file->name, chunk->stored, chunk->stored_count, frame->at);
}

static int pack(struct merge_task *item, ZSTD_CCtx *compressor)
{
	size_t room = ZSTD_compressBound(item->chunk.count);
	ssize_t count;

	item->packed = malloc(room);
	if (!item->packed)
		return fail(ENOMEM, "out of memory");
	count = frame_compress(compressor, item->packed, room, item->chunk.at, item->chunk.count);
	item->packed_count = count < 0 ? 0 : count;
	return count < 0 ? count : 0;
}

/* The opening of what is no increment any more. True if it was one. */
static bool unmark(const struct merging *m, struct chunk *chunk)
{
	struct xl_header header;

	if (chunk->part || m->merge->files || !m->facts.is_increment || chunk->count < sizeof(header))
		return false;
	memcpy(&header, chunk->at, sizeof(header));
	header.mandatory_flags &= ~XL_FLAG_INCREMENT;
	memcpy(chunk->at, &header, sizeof(header));
	return true;
}

static int merge_work(void *task, unsigned int worker, void *context)
{
	struct merging *m = context;
	struct merge_task *item = task;
	int rc = read_stored(m, &item->chunk);

	if (!rc)
		rc = feed_chain_expand(&m->feed, &item->chunk, m->decompressors[worker]);
	if (rc)
		return rc;
	if (unmark(m, &item->chunk) ||
	    item->chunk.count != chain_frame_at(m->feed.chain, item->chunk.part)->expanded)
		rc = pack(item, m->compressors[worker]);
	return rc;
}

static void empty(struct merge_task *item)
{
	free(item->chunk.stored);
	free(item->chunk.at);
	free(item->packed);
	*item = (struct merge_task){ .packed_count = 0 };
}

static void free_item(void *task, void *context)
{
	(void)context;
	empty(task);
}

/* --- in order --------------------------------------------------------------------- */

/* What the index is to say of a record of pages that feed_chain_expand() has looked at. */
static int index_note(struct merging *m, const struct chunk *chunk)
{
	const struct memory_state *memory = &m->feed.chain->memory;
	struct page_digest digests[BATCH_PAGES];
	uint64_t words[BATCH_PAGES];
	unsigned int count = 0, pages = 0;
	struct page_data data;
	size_t at = sizeof(struct record_header);

	memcpy(&data, chunk->at + at, sizeof(data));
	for (uint32_t i = 0; i < data.count; i++) {
		uint64_t word, pfn;

		memcpy(&word, chunk->at + at + sizeof(data) + i * sizeof(word), sizeof(word));
		pfn = word & FRAME_PFN_MASK;
		/* A frame of an image that is alone is not cut: words of it may not count. */
		if (pfn >= memory->count || m->feed.chain->frame_of[pfn] != chunk->part + 1)
			continue;
		words[count++] = word;
		if (frame_has_data(word >> 60))
			digests[pages++] = memory->digest[pfn];
	}
	return index_draft_note(&m->draft, writer_frames(&m->writer), words, digests, count);
}

static int write_frame(struct merging *m, const struct merge_task *item)
{
	const struct chunk *chunk = &item->chunk;
	int rc = chain_frame_at(m->feed.chain, chunk->part)->is_bare ? 0 : index_note(m, chunk);

	if (rc)
		return rc;
	m->merge->frames++;
	m->merge->copied += !item->packed_count;
	if (item->packed_count)
		return writer_frame(&m->writer, item->packed, item->packed_count, chunk->count);
	return writer_frame(&m->writer, chunk->stored, chunk->stored_count, chunk->count);
}

/* 0 at the end. */
static int hand_out(struct merging *m)
{
	struct merge_task *item;

	m->next += m->next == m->closing;
	if (m->next > m->count)
		return 0;
	item = pipeline_claim(m->frames);
	if (!item)
		return 0; /* it has failed, which who collects is told */
	item->chunk.part = m->next == m->count ? m->closing : m->next;
	m->next++;
	pipeline_submit(m->frames, item);
	return 1;
}

static int write_next(struct merging *m, struct merge_task *item, size_t done)
{
	int rc = stop_requested();

	if (!rc)
		rc = write_frame(m, item);
	empty(item);
	pipeline_release(m->frames, item);
	if (!rc && m->merge->progress)
		m->merge->progress(done, m->count);
	return rc;
}

/* As many are with the workers as there are tasks; each that was written makes room for the next. */
static int merge_run(struct merging *m, unsigned int tasks)
{
	struct merge_task *item;
	size_t done = 0;
	int rc = 0;

	for (unsigned int i = 0; i < tasks && hand_out(m); i++)
		;
	while (done < m->count) {
		item = pipeline_collect(m->frames);
		if (!item)
			return pipeline_error(m->frames);
		rc = write_next(m, item, ++done);
		if (rc)
			return rc;
		hand_out(m);
	}
	return 0;
}

/* --- the whole --------------------------------------------------------------------- */

static int start_workers(struct merging *m, unsigned int tasks)
{
	unsigned int threads = m->merge->threads;
	struct pipeline_plan plan = {
		.name = "merge",
		.threads = threads,
		.tasks = tasks,
		.task_bytes = sizeof(struct merge_task),
		.work = merge_work,
		.context = m,
	};

	m->decompressors = calloc(threads, sizeof(*m->decompressors));
	m->compressors = calloc(threads, sizeof(*m->compressors));
	for (unsigned int i = 0; m->decompressors && m->compressors && i < threads; i++) {
		m->decompressors[i] = ZSTD_createDCtx();
		m->compressors[i] = frame_compressor(m->merge->level);
		if (!m->decompressors[i] || !m->compressors[i])
			return fail(ENOMEM, "out of memory");
	}
	return m->decompressors && m->compressors ? pipeline_start(&m->frames, &plan)
						  : fail(ENOMEM, "out of memory");
}

/* What none of these files has is as in the next one, of which theirs becomes an increment. */
static int begin_increment(struct merging *m)
{
	const struct chain_file *parent = &m->feed.chain->chain->files[m->merge->files];
	struct index_head *head = &m->draft.head;

	memcpy(head->parent, parent->place.head.state, sizeof(head->parent));
	head->parent_root = parent->place.head.root;
	m->draft.parent = m->feed.chain->memory;
	return index_draft_grow(&m->draft, m->feed.chain->memory.count);
}

/* Frames are in the order of the files. */
static void choose_frames(struct merging *m)
{
	const struct chain_map *map = m->feed.chain;

	m->count = chain_frame_count(map);
	while (m->merge->files && m->count && chain_frame_at(map, m->count - 1)->file >= m->merge->files)
		m->count--;
	for (size_t i = 0; i < m->count; i++)
		if (chain_frame_at(map, i)->is_bare)
			m->closing = i;
}

/* The same state, by the same digests. */
static int merge_begin(struct merging *m)
{
	const struct index_head *newest = &m->feed.chain->chain->files[0].place.head;
	const struct memory_state *memory = &m->feed.chain->memory;
	struct writer_head head = { .features = FEATURE_ROUNDS | FEATURE_INDEX, .json = m->facts.provenance };
	int rc = budget_allow_bytes(memory->count * CHAIN_PFN_BYTES);

	for (uint64_t pfn = 0; pfn < memory->count; pfn++)
		head.frames += frame_is_populated(memory->type[pfn]);
	if (!rc)
		rc = index_draft_begin(&m->draft);
	memcpy(m->draft.head.state, newest->state, sizeof(newest->state));
	memcpy(m->draft.head.key, newest->key, sizeof(newest->key));
	memcpy(m->merge->state, newest->state, sizeof(newest->state));
	if (!rc)
		rc = m->merge->files ? begin_increment(m) : index_draft_grow(&m->draft, memory->count);
	if (m->merge->files)
		head.features |= FEATURE_INCREMENT;
	if (!rc)
		rc = writer_init(&m->writer, m->merge->to, m->merge->level, &head);
	m->writer.index = &m->draft;
	choose_frames(m);
	return rc;
}

static void release(struct merging *m)
{
	for (unsigned int i = 0; i < m->merge->threads; i++) {
		ZSTD_freeDCtx(m->decompressors ? m->decompressors[i] : NULL);
		ZSTD_freeCCtx(m->compressors ? m->compressors[i] : NULL);
	}
	free(m->decompressors);
	free(m->compressors);
	index_draft_release(&m->draft);
	writer_release(&m->writer);
	XXH64_freeState(m->feed.hash);
	XXH64_freeState(m->feed.table);
	input_release(&m->feed.input);
	free(m->facts.provenance);
	feed_chain_close(&m->feed);
}

int merge_chain(struct merge *merge)
{
	struct merging m = { .merge = merge, .feed = { .input = { .from = merge->from } } };
	unsigned int tasks = 2 * merge->threads + 2;
	int rc, stopped;

	if (merge->files >= merge->from->chain->count)
		merge->files = 0;
	m.feed.facts = &m.facts;
	rc = feed_chain_open(&m.feed);
	if (!rc)
		rc = merge_begin(&m);
	if (!rc)
		rc = start_workers(&m, tasks);
	if (!rc)
		rc = merge_run(&m, tasks);
	if (m.frames && rc)
		pipeline_fail(m.frames, rc);
	else if (m.frames)
		pipeline_end(m.frames, 0);
	stopped = pipeline_stop(m.frames, free_item);
	rc = rc ? rc : stopped;
	if (!rc)
		rc = writer_finish(&m.writer);
	merge->pfns = m.draft.memory.count;
	merge->expanded_bytes = m.writer.expanded;
	merge->stored_bytes = merge->to->bytes;
	release(&m);
	return rc;
}
