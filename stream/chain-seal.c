/*
 * See chain-seal.h. What feed-image.c checks of a file that is read from its start to its end, here for one of which
 * only some frames are wanted. In: the pieces that were read, in ascending order. Out: whether the hash of all bytes is
 * the seal's. The trap: the parts between those pieces have to be read for the hash alone.
 */
#include "stream/chain-seal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "log.h"
#include "process/stop.h"

/* PIECE: what a second-level cache holds, as it is read and then hashed. */
enum { PIECE = 256 << 10, ENTRIES = 4096 };

static int damaged(const struct sealed *s, const char *what)
{
	return fail(EBADMSG, "%s: %s", s->file->name, what);
}

static int read_at(const struct sealed *s, void *to, size_t count, uint64_t at)
{
	return file_read_at(s->file->fd, s->file->name, to, count, at);
}

static int find_end(struct sealed *s)
{
	struct skippable cover;
	struct seek_footer footer;
	struct stat facts;
	int rc;

	if (fstat(s->file->fd, &facts))
		return fail_errno("cannot read %s", s->file->name);
	s->size = facts.st_size;
	if (s->size < sizeof(cover) + sizeof(footer))
		return damaged(s, "it is cut short");
	rc = read_at(s, &footer, sizeof(footer), s->size - sizeof(footer));
	if (rc)
		return rc;
	s->frames = footer.frames;
	/* The seal and this table are in the file, or its places would be before the beginning. */
	if (2 * sizeof(cover) + sizeof(s->seal) + footer.frames * sizeof(struct seek_entry) + sizeof(footer) >
	    s->size)
		return damaged(s, "its seek table is damaged");
	s->table = s->size - sizeof(cover) - footer.frames * sizeof(struct seek_entry) - sizeof(footer);
	rc = read_at(s, &cover, sizeof(cover), s->table);
	if (!rc && (cover.magic != SEEK_TABLE_MAGIC || cover.bytes != s->size - s->table - sizeof(cover) ||
		    footer.descriptor || footer.magic != SEEK_FOOTER_MAGIC))
		rc = damaged(s, "its seek table is damaged");
	return rc;
}

static int find_seal(struct sealed *s)
{
	struct skippable cover;
	int rc;

	s->seal_at = s->table - sizeof(cover) - sizeof(s->seal);
	rc = read_at(s, &cover, sizeof(cover), s->seal_at);
	if (!rc)
		rc = read_at(s, &s->seal, sizeof(s->seal), s->seal_at + sizeof(cover));
	if (!rc &&
	    (cover.magic != SEAL_MAGIC || cover.bytes != sizeof(s->seal) ||
	     memcmp(s->seal.mark, SEAL_MARK, sizeof(s->seal.mark)) ||
	     s->seal.self != XXH64(&s->seal, offsetof(struct seal, self), 0) || s->seal.stored != s->seal_at))
		rc = damaged(s, "its seal is damaged");
	return rc;
}

/* The frames of the table lie side by side, from the head to the seal. */
static int check_table(const struct sealed *s)
{
	struct seek_entry entries[ENTRIES];
	uint64_t at = 0, expanded = 0;
	int rc = 0;

	/* A table may name 2^32 frames of no bytes: a signal is heard between two pieces of it. */
	for (uint32_t done = 0; !rc && !(rc = stop_requested()) && done < s->frames;) {
		uint32_t count = s->frames - done < ENTRIES ? s->frames - done : ENTRIES;

		rc = read_at(s, entries, count * sizeof(*entries),
			     s->table + sizeof(struct skippable) + done * sizeof(*entries));
		for (uint32_t i = 0; !rc && i < count; i++) {
			uint32_t magic;

			rc = at + sizeof(magic) <= s->table ? read_at(s, &magic, sizeof(magic), at)
							    : -EBADMSG;
			if (!rc && (magic == ZSTD_FRAME_MAGIC) != (entries[i].expanded != 0))
				rc = -EBADMSG;
			at += entries[i].stored;
			expanded += entries[i].expanded;
		}
		done += count;
	}
	if (rc == -EBADMSG || (!rc && (at != s->table || expanded != s->seal.expanded)))
		return damaged(s, "its seek table does not fit its frames");
	return rc;
}

/* What no caller has read: frames of which no page counts, the index, the head. */
static int pass_to(struct sealed *s, uint64_t end)
{
	int rc = 0;

	while (!rc && s->at < end) {
		size_t count = end - s->at < PIECE ? end - s->at : PIECE;

		rc = stop_requested();
		if (!rc)
			rc = read_at(s, s->piece, count, s->at);
		if (!rc)
			XXH64_update(s->hash, s->piece, count);
		s->at += count;
	}
	return rc;
}

int sealed_open(struct sealed *s, const struct chain_file *file)
{
	int rc;

	*s = (struct sealed){ .file = file, .hash = XXH64_createState(), .piece = malloc(PIECE) };
	rc = s->hash && s->piece ? find_end(s) : fail(ENOMEM, "out of memory");
	if (!rc)
		rc = find_seal(s);
	if (!rc)
		rc = check_table(s);
	if (!rc)
		XXH64_reset(s->hash, 0);
	return rc;
}

int sealed_pass(struct sealed *s, const void *bytes, size_t count, uint64_t at)
{
	int rc = pass_to(s, at);

	if (rc)
		return rc;
	XXH64_update(s->hash, bytes, count);
	s->at = at + count;
	return 0;
}

int sealed_check(struct sealed *s)
{
	int rc = pass_to(s, s->seal_at);

	if (!rc && XXH64_digest(s->hash) != s->seal.hash)
		rc = damaged(s, "the seal does not fit: some byte before it is not as it was written");
	return rc;
}

void sealed_close(struct sealed *s)
{
	XXH64_freeState(s->hash);
	free(s->piece);
}
