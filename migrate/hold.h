/*
 * A buffer for what goes into the stream while the guest is stopped: pages are
 * copied into it, the guest is resumed, and only then are they compressed and
 * written. The stop then depends on memory, and not on zstd or the disk.
 *
 * What will be needed of it is touched, and locked where that is allowed, before
 * the guest is stopped: to copy pages into fresh memory takes three times as
 * long. What does not fit goes to the heap, and hold_is_full() then tells the
 * caller to write.
 */
#ifndef MIGRATE_HOLD_H
#define MIGRATE_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hold;

/* Whole records, in the order of the stream. */
struct held {
	uint8_t *record;
	size_t bytes;
	uint64_t pfns; /* looked at for it; 0: no record of pages, but a small group, or the end of a round */
};

/*
 * What a guest of so many frames gets unless it is told otherwise: an eighth of it, at least 64 MiB and at most
 * 1 GiB; but no more than half of available_bytes, if that is not 0.
 */
size_t hold_default_bytes(uint64_t frames, size_t available_bytes);
/* What the host could give now without swapping, and no limit of this process forbids; 0 if the host does not say. */
size_t hold_available_bytes(void);

/*
 * A buffer of so many bytes; 0: hold_default_bytes(), or less where that cannot be had. -ENOMEM without any room.
 * hold_close() in any case; NULL is fine.
 */
int hold_open(struct hold **hold, size_t bytes, uint64_t frames);
void hold_close(struct hold *hold);
size_t hold_room(const struct hold *hold);
/* Brings in so much of it, or all. */
void hold_touch(struct hold *hold, size_t bytes);

/* A place for a record. Any thread. NULL without memory. */
uint8_t *hold_take(struct hold *hold, size_t bytes);
/* A record was taken that the buffer had no room for. */
bool hold_is_full(const struct hold *hold);
/* The next record in order; one thread at a time. */
int hold_add(struct hold *hold, struct held held);

size_t hold_count(const struct hold *hold);
const struct held *hold_at(const struct hold *hold, size_t number);
/* All bytes of the records that it has. */
uint64_t hold_used(const struct hold *hold);
/* All were written: it is empty again. */
void hold_empty(struct hold *hold);

#endif
