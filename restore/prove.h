/*
 * restore --prove: the domain that was built is read again before it may run, made free of machine frames by its
 * own p2m, as a save would do it, and held against what came: types, pages, vCPUs, p2m, start info, shared info.
 *
 * What a page should be is known by its digest, taken as it came from the reader. Where the image has an index
 * those digests are held against its root, too: so what was built is what was saved, whatever lies between.
 *
 * Mirror: migrate/send-batch.h, which reads a domain that is to be saved
 */
#ifndef RESTORE_PROVE_H
#define RESTORE_PROVE_H

#include "restore/restore.h"
#include "stream/index.h"
#include "stream/page-digest.h"

struct proof_wish {
	bool has_root;
	uint8_t key[KEY_BYTES];	 /* of all digests */
	struct page_digest root; /* of the memory, in the image's index */
};

/* By the image's index; NULL: it has none, and a key is drawn. */
int proof_wish_init(struct proof_wish *wish, const struct index_head *index);

/* There are so many pfns more than old_count. */
int proof_resize(struct restoration *restoration, uint64_t old_count);
/* Digests of the pages that go with these words, from where they came. Any thread, each pfn in one at a time. */
void proof_note(struct restoration *restoration, const uint64_t *frame, uint32_t count, const uint8_t *data);

/* The last stage; restoration->proven is then how many pages are as they should be. -EUCLEAN if one is not. */
int prove_domain(struct restoration *restoration);

#endif
