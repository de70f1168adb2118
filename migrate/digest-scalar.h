/* XXH3 of a page without vector instructions: the same 64 bits as libxxhash's own. Only for digest.c. */
#ifndef MIGRATE_DIGEST_SCALAR_H
#define MIGRATE_DIGEST_SCALAR_H

#include <stddef.h>
#include <stdint.h>

uint64_t digest_scalar(const void *page, const void *secret, size_t secret_bytes);

#endif
