/* See page-digest.h. */
#include "stream/page-digest.h"

#include <errno.h>
#include <xxh_x86dispatch.h>

#include "log.h"

static_assert(KEY_BYTES == XXH3_SECRET_SIZE_MIN, "the key is the secret as it is");

static struct page_digest from(XXH128_hash_t hash)
{
	return (struct page_digest){ hash.low64, hash.high64 };
}

struct page_digest page_digest(const void *page, const uint8_t *key)
{
	return from(XXH3_128bits_withSecret_dispatch(page, PAGE_BYTES, key, KEY_BYTES));
}

/* Entries are put together a few at a time: 24 bytes for each pfn of a large guest are not taken at once. */
int memory_root(const struct memory_state *memory, const uint8_t *key, struct page_digest *root)
{
	enum { AT_ONCE = 512 };
	struct index_root_entry entries[AT_ONCE];
	XXH3_state_t *hash = XXH3_createState();

	if (!hash)
		return fail(ENOMEM, "out of memory");
	XXH3_128bits_reset_withSecret(hash, key, KEY_BYTES);
	for (uint64_t pfn = 0; pfn < memory->count;) {
		size_t n = 0;

		for (; n < AT_ONCE && pfn < memory->count; n++, pfn++) {
			entries[n] = (struct index_root_entry){ (uint64_t)memory->type[pfn] << 60 | pfn,
								{ 0, 0 } };
			if (frame_has_data(memory->type[pfn]))
				entries[n].digest = memory->digest[pfn];
		}
		XXH3_128bits_update_dispatch(hash, entries, n * sizeof(*entries));
	}
	*root = from(XXH3_128bits_digest(hash));
	XXH3_freeState(hash);
	return 0;
}
