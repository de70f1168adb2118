/* See chain.h: chain_check_seal(). What feed-image.c checks of a file that is read from its start to its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "log.h"
#include "process/stop.h"
#include "stream/chain.h"

enum { PIECE = 1 << 20, ENTRIES = 4096 };

struct sealed {
	const struct chain_file *file;
	uint64_t size, table; /* bytes of the file; where its seek table begins */
	uint32_t frames;
	struct seal seal;
	uint64_t seal_at;
};

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
	rc = read_at(s, &footer, sizeof(footer), s->size - sizeof(footer));
	if (rc)
		return rc;
	s->frames = footer.frames;
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

	for (uint32_t done = 0; !rc && done < s->frames;) {
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

static int check_hash(const struct sealed *s)
{
	XXH64_state_t *hash = XXH64_createState();
	uint8_t *piece = malloc(PIECE);
	int rc = hash && piece ? 0 : fail(ENOMEM, "out of memory");

	if (!rc)
		XXH64_reset(hash, 0);
	for (uint64_t at = 0; !rc && at < s->seal_at;) {
		size_t count = s->seal_at - at < PIECE ? s->seal_at - at : PIECE;

		rc = stop_requested();
		if (!rc)
			rc = read_at(s, piece, count, at);
		if (!rc)
			XXH64_update(hash, piece, count);
		at += count;
	}
	if (!rc && XXH64_digest(hash) != s->seal.hash)
		rc = damaged(s, "the seal does not fit: some byte before it is not as it was written");
	XXH64_freeState(hash);
	free(piece);
	return rc;
}

int chain_check_seal(const struct chain_file *file)
{
	struct sealed s = { .file = file };
	int rc = find_end(&s);

	if (!rc)
		rc = find_seal(&s);
	if (!rc)
		rc = check_table(&s);
	return rc ? rc : check_hash(&s);
}
