/*
 * A file, a pipe or a socket, read and written all or nothing: no caller has
 * to think of a short read. Bytes are counted. Whatever can block is left as
 * soon as a stop is asked for.
 */
#ifndef STREAM_CHANNEL_H
#define STREAM_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct chain;

struct channel {
	int fd;		  /* the caller's to close */
	const char *name; /* for messages; the caller's */
	uint64_t bytes;	  /* read or written so far */
	uint64_t syncing; /* of these, on their way to the disk: channel_keep_pace() */
	bool can_wait;	  /* not a regular file */
	mode_t kind;	  /* S_IFREG, S_IFBLK, ... */
	int old_flags;	  /* of a descriptor that others may share */
	int own_fd;	  /* channel_init_shared()'s way in beside the caller's; -1: none */
	bool is_socket;	  /* of channel_init_shared() */
	bool may_block;	  /* the same, and neither a socket nor to be opened anew: asked before each call */
	int cancel_fd;	  /* readable: give up waiting, in silence; -1 if there is none */
	bool leave_pages; /* of a plain file: a reader may leave pages where they are, see reader_fetch() */
	struct chain
		*chain; /* of an image: its parents and itself, to be read together; NULL: it is read alone */
	/* Told of what was just written; may wait, and fail. May be NULL. */
	int (*pace)(void *context, size_t bytes);
	void *context; /* pace's */
};

/* A descriptor that can wait is set non-blocking until channel_release(). */
int channel_init(struct channel *channel, int fd, const char *name);
/*
 * For one that other processes use after us and expect to block: nothing of it
 * that they could see is changed, and a stop is heard all the same.
 */
int channel_init_shared(struct channel *channel, int fd, const char *name);
void channel_release(struct channel *channel);

int channel_write(struct channel *channel, const void *bytes, size_t count);

/* The array is used up. Any number of parts. */
int channel_write_parts(struct channel *channel, struct iovec *parts, size_t count);

/* Waits until the disk has nearly all that was written; not for what a file in memory, a pipe or a socket has. */
int channel_keep_pace(struct channel *channel);

/* Exactly so many bytes, or -ENODATA with the place where the input ended. */
int channel_read(struct channel *channel, void *bytes, size_t count);

/* The same from a place in a regular file. Any thread; moves nothing, and counts nothing. */
int channel_read_at(struct channel *channel, void *bytes, size_t count, uint64_t at);

/* A regular file that continues behind the place where it is read. No other input is looked at. */
bool channel_has_tail(const struct channel *channel);

/* At least one byte unless the input is at its end; returns how many, 0 at the end. */
ssize_t channel_read_some(struct channel *channel, void *bytes, size_t most);

#endif
