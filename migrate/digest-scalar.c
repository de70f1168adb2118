/* See digest-scalar.h. Emulated processors take several times as long for a vector as for its words. */
#include "migrate/digest-scalar.h"

#define XXH_INLINE_ALL
#define XXH_VECTOR 0 /* XXH_SCALAR */
#include <xxhash.h>

#include "stream/format.h"

uint64_t digest_scalar(const void *page, const void *secret, size_t secret_bytes)
{
	return XXH3_64bits_withSecret(page, PAGE_BYTES, secret, secret_bytes);
}
