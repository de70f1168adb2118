/*
 * The page tables of a stream that is examined. In a stream of rounds a table may come again, and
 * only the last one counts. All are noted at first: without a contradiction then, the tables are sound.
 * Else the last ones are, in a second look at the file, or of those that were kept.
 */
#ifndef RESTORE_EXAMINE_TABLES_H
#define RESTORE_EXAMINE_TABLES_H

#include "restore/examine.h"

/* An image of a guest that was stopped: each record has its one place in it, each pfn too. */
static inline bool is_ordered(const struct examination *x)
{
	return x->facts->is_image && !x->facts->has_rounds;
}

/* Its records can be read once more. */
static inline bool can_look_again(const struct examination *x)
{
	return x->start >= 0;
}

/* A table has come. */
int table_note(struct examination *examination, uint64_t pfn, unsigned int level, const uint8_t *page);
/* When all types are known: afterwards only the demands of the last tables are noted. */
int tables_settle(struct examination *examination);
void tables_forget(struct examination *examination);

#endif
