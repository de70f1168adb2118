/*
 * The connection to another host: bytes both ways, through TLS or as they
 * are, over a socket or a pair of pipes. A side that waits to write listens
 * meanwhile, so that two hosts that both write do not wait for each other. A
 * line on which nothing is heard for long counts as broken.
 *
 * One thread.
 */
#ifndef STREAM_LINE_H
#define STREAM_LINE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tls;

enum {
	LINE_ROOM = 2 << 20,	   /* bytes heard and not yet taken; above any message's */
	LINE_IDLE_SECONDS = 30,	   /* unless told otherwise */
	LINE_NEVER_IDLE = 1 << 30, /* of a line within a host: its end is told */
	LINE_STUCK_TIMES =
		4, /* of idle_seconds: a peer that takes no byte for so long is lost, whatever it says */
	LINE_HELPER_MS = 2000, /* ssh's moment to end */
	LINE_OTHERS = 4,       /* descriptors that can be waited for beside it */
};

struct line {
	int in, out; /* one for both, or two; -1: none. The line's own */
	struct tls *tls;
	pid_t helper; /* ssh, whose ends they are; 0: none */
	char peer[256];
	unsigned int idle_seconds;
	unsigned int handshake_ms; /* for each step until both sides know who the other is */
	uint8_t *inbox;		   /* what was heard: [start, end) is not yet taken */
	size_t start, end;
	uint64_t heard_ns, said_ns; /* CLOCK_MONOTONIC, when last */
	uint64_t stuck_ns;	    /* since then no byte could be written; 0: the last write went through */
	uint64_t until_ns; /* nothing is waited for any longer, whatever is said meanwhile; 0: no limit */
	uint64_t bytes_in, bytes_out;
	bool is_over;	 /* the other side says no more */
	bool may_answer; /* and it may still listen: what is written then is no failure by itself */
	bool is_inner;	 /* between two processes of this host: bodies are not JSON, see restore/receiver.h */
	bool is_lent;	 /* the caller's: what was heard stays where it is */
};

/* Takes the descriptors over, also if it fails. */
int line_init(struct line *line, int in, int out, const char *peer);
/* Closes all; a helper has a moment to end, and is made to. A zeroed line is fine. */
void line_close(struct line *line);
/* Waits so long for the helper of a line that has been hung up; then it is killed. Its status as of waitpid(); 0: there was none. */
int line_end_helper(struct line *line, uint64_t until_ns);
/* Closes what there is to the other side, without a word; the rest stays, for messages. */
void line_hang_up(struct line *line);
/* Says that we say no more, and listens until the other side does the same, or the time is over. */
void line_drain(struct line *line, int most_ms);

/* All of it, or a failure. Not after the other side's end. */
int line_write(struct line *line, const void *bytes, size_t count);

/* One attempt, which does not wait: how many bytes, or -EAGAIN, or a failure. */
ssize_t line_write_some(struct line *line, const void *bytes, size_t count);

/* What came of waiting. */
enum { LINE_HEARD = 1, LINE_OTHER = 2 };
/*
 * Waits until more was heard, or one of others[] (count may be 0) is ready, or
 * the time is over: then 0. What was heard is moved in the inbox, unless it is
 * lent.
 */
int line_wait(struct line *line, struct pollfd *others, unsigned int count, int timeout_ms);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t line_now(void);

#endif
