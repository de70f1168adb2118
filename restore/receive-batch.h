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
/* Waits for all copies; after a failure, for the workers. Nothing is left to wait for the second time. */
int copies_finish(struct restoration *restoration);

/* Gives back to Xen what stands in given_up. */
int copies_return(struct restoration *restoration);

/* Moves the GDTs to frames that are not writable, as Xen demands of them. After copies_finish(), before localise. */
int copies_free_gdts(struct restoration *restoration);

/* Rewrites every table in place, pfn -> mfn, checking each entry. No table is mapped afterwards. */
int localise_tables(struct restoration *restoration);

#endif
