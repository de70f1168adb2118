/*
 * The expanded stream as one run of bytes, taken in pieces that never cross a
 * chunk: a thread feeds, workers expand, the cursor walks. Inside stream/ only.
 */
#ifndef STREAM_CURSOR_H
#define STREAM_CURSOR_H

#include <pthread.h>

#include "stream/feed.h"

struct cursor;

/* Where its chunks come from: a feed and workers of this process, cursor-feed.c, or another process. */
struct cursor_source {
	/* As those of pipeline.h. */
	struct chunk *(*collect)(struct cursor *cursor);
	int (*error)(const struct cursor *cursor);
	void (*release)(struct cursor *cursor, struct chunk *chunk);
	void (*close)(struct cursor *cursor);
};

struct cursor {
	const struct cursor_source *source;
	struct feed feed;
	struct pipeline *chunks;
	struct expanded *expanded; /* instead of feed and pipeline: those are in another process */
	pthread_t thread;	   /* the feed's */
	bool thread_runs;
	struct ZSTD_DCtx_s **decompressors; /* one a worker */
	unsigned int threads;
	struct chunk *current;
	size_t offset; /* into it */
};

/* Recognises what the channel holds, reads an image's head into facts, starts. Start it zeroed. */
int cursor_open(struct cursor *cursor, struct channel *from, struct stream_facts *facts,
		unsigned int threads);
/* The same, of what a process expands. pages: the file that pages may have stayed in. */
int cursor_attach(struct cursor *cursor, const struct expansion *expansion, struct channel *pages,
		  struct stream_facts *facts);
/* How many chunks there are at most. */
static inline unsigned int cursor_chunks(unsigned int threads)
{
	return 3 * threads + 2;
}

/* After cursor_open() or cursor_attach(), failed or not. */
void cursor_close(struct cursor *cursor);

/* So many bytes out of one chunk; lent while the chunk is held or current. */
int cursor_take(struct cursor *cursor, size_t count, const uint8_t **at);
/* Moves the rest of the chunk so that it is aligned as records are; once, behind the config. */
void cursor_align(struct cursor *cursor);
/* 1 if a chunk with bytes in it is at hand, 0 at the end of the input. */
int cursor_next(struct cursor *cursor);
/* Lets go of a chunk that was held. Any thread. */
void cursor_drop(struct cursor *cursor, struct chunk *chunk);

/* xl's, libxl's and libxc's headers, at the start of every stream. Fills facts. */
int read_headers(struct cursor *cursor, struct stream_facts *facts);

#endif
