/*
 * Tables the guest did not pin. Xen gives a table a type while it is pinned or
 * in use; one without goes as an ordinary page, machine frames and all, and
 * where the guest goes on it names frames of others. So pages that look like
 * tables are noted as they go, and once the guest has stopped they are held
 * against each other: a root, and below it three levels of the same kind, all
 * without a type. One such page is chance, and two are what guests leave in
 * free memory (a root that lost its user half, the domain builder's tables);
 * four in a row, each named by the one above, are an address space, unless the
 * root's kernel half names nothing but what is no table: then it belonged
 * to an earlier owner of the same machine frames.
 */
#ifndef MIGRATE_UNTYPED_H
#define MIGRATE_UNTYPED_H

#include "migrate/migrate.h"

int untyped_init(struct migration *m);
void untyped_release(struct migration *m);

/* By any thread: this is what goes for a pfn without a type. Pfns that came up since untyped_init() are passed over. */
void untyped_note(const struct migration *m, uint64_t pfn, const uint8_t *page);

/* After the guest has stopped and its memory was sent: -EUCLEAN with the reason if there is such a tree. */
int untyped_refuse(struct migration *m);

#endif
