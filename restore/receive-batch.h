/*
 * The memory, record by record: check -> populate -> map -> copy. Tables are
 * copied as they came, with pfns in them, and localised when everything they
 * can name is there: localise_tables().
 *
 * Mirror: migrate/send-batch.h
 */
#ifndef RESTORE_RECEIVE_BATCH_H
#define RESTORE_RECEIVE_BATCH_H

#include "restore/restore.h"

int copies_start(struct restoration *restoration);
/* Takes one PAGE_DATA record, and releases it when its pages are copied. */
int copies_take(struct restoration *restoration, struct record *record, const struct pages *pages);
/* Waits for all copies. */
int copies_finish(struct restoration *restoration);
/* After a failure: stops the workers. */
void copies_abandon(struct restoration *restoration);

/* Unmaps a page, and those mapped with it, that Xen must find nobody may write to. After copies_finish(). */
void copies_unmap_page(struct restoration *restoration, uint64_t pfn);

/* Rewrites every table in place, pfn -> mfn, checking each entry. No table is mapped afterwards. */
int localise_tables(struct restoration *restoration);

#endif
