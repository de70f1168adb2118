/*
 * The index of an image: which pages it holds, what each of them is (its digest), and in which frame it
 * stands; and of which state of a guest it is, and which state that goes on from. So an image can be a
 * parent, and be read frame by frame. man/pvferry-image.5, INDEX.
 *
 * It is found from the end of the file. Everything in it is checked against the size of the file before
 * memory is taken for it, and it is read in pieces.
 *
 * Mirror: stream/index-draft.h
 */
#ifndef STREAM_INDEX_H
#define STREAM_INDEX_H

#include <stddef.h>
#include <sys/types.h>

#include "stream/format.h"

/* Where it lies in a file. */
struct index_place {
	uint64_t start;	    /* of the skippable frame: the frames of the image end here */
	uint64_t at, bytes; /* of its pieces */
	struct index_head head;
};

/*
 * 1 if the file has one, 0 if it is no regular file, no image, or an image without one. A failure is
 * that of reading, or -EBADMSG if the head is damaged. The name is for messages.
 */
int index_find(int fd, const char *name, struct index_place *place);

/* Groups in the order of the file; the words of each ascend, and digests are those of its words with data. */
struct index_visit {
	int (*group)(const struct index_group *group, const uint64_t *words,
		     const struct page_digest *digests, void *context);
	void *context;
};

/* Goes through all of it. Stops at the first failure, of its own or of a visit. */
int index_read(int fd, const char *name, const struct index_place *place, const struct index_visit *visit);

static inline bool state_equals(const uint8_t *a, const uint8_t *b)
{
	return !__builtin_memcmp(a, b, STATE_BYTES);
}

/* It goes on from a parent. */
static inline bool index_is_increment(const struct index_head *head)
{
	return !state_equals(head->parent, (const uint8_t[STATE_BYTES]){ 0 });
}

/* A state as messages have it: 32 hexadecimal digits. */
enum { STATE_TEXT_BYTES = 2 * STATE_BYTES + 1 };
const char *state_text(const uint8_t *state, char text[STATE_TEXT_BYTES]);

/* Exactly so many bytes from there in the file. */
int file_read_at(int fd, const char *name, void *to, size_t count, uint64_t at);

#endif
