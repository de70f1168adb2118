/*
 * What an image with an index has beside: the digest of each page that goes, taken by the worker that fills
 * the record; and, if it is an increment, words that its parent has are cut out of the record again.
 */
#ifndef MIGRATE_INCREMENT_H
#define MIGRATE_INCREMENT_H

#include "migrate/batch.h"
#include "migrate/guest-view.h"
#include "stream/index-draft.h"

/* By a worker: digests the pages of a record, and cuts out what need not go; the record may become empty. */
int increment_cut(struct batch *batch, const struct index_draft *draft);
/* By the writer, before the record's frame is written. */
int increment_note(const struct batch *batch, struct migration *migration);

/* What the parent has need not be copied, nor sent: it counts as sent. After guest_view_follow(), before the first round. */
void increment_seed(const struct index_draft *draft, struct guest_view *view);

/* After a new snapshot: the guest may have more pfns. */
int increment_follow(const struct migration *migration);

/* FEATURE_*, and xl's flag in an opening that begins with xl's header. */
uint32_t increment_features(const struct migrate_options *options);
void increment_mark(const struct migrate_options *options, struct bytes *opening);

#endif
