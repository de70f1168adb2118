/*
 * Beside the builder, in the process that starts both: has pvferry-toolstack make the domain that the builder asks
 * for, if the guest has devices.
 */
#ifndef RESTORE_MAKER_H
#define RESTORE_MAKER_H

#include "machine/toolstack.h"
#include "restore/builder.h"

struct maker {
	struct domain_maker maker; /* for restore_options */
	struct toolstack toolstack;
	bool is_late;	  /* its devices are made at maker_open(), not at once */
	const int *locks; /* that the toolstack holds, too; the caller's */
	unsigned int lock_count;
	bool is_heard; /* how the devices ended: 0, or the failure with its reason */
	int rc;
	char reason[1024];
	struct built *built;
};

/* built: the caller's, of the same builder. */
void maker_init(struct maker *maker, struct built *built);
/* For a guest that comes from another host: what the toolstack is to hold; and whether its devices have to wait for a word. */
void maker_take_locks(struct maker *maker, const int *locks, unsigned int lock_count);
void maker_wait_for_word(struct maker *maker);
/* That word: from here on the devices may be made. */
int maker_open(struct maker *maker);
/* Is libxl still at work? */
bool maker_is_waiting(const struct maker *maker);
/* All devices are there. */
bool maker_is_done(const struct maker *maker);
/* Readable when there is news: how the making ended, or that the toolstack has died behind it. -1 as poll() likes it. */
int maker_watch(const struct maker *maker);
bool maker_has_news(const struct maker *maker);
/* Takes the news; a failure if there are no devices to be had. */
int maker_hear(struct maker *maker);
/* Was there such a domain to make? */
bool maker_is_used(const struct maker *maker);
/*
 * After the builder, which ended with rc. 0: the domain is complete, with all its devices, and paused; else it is gone,
 * and the reason is the first one's. maker_release() is due in any case.
 */
int maker_finish(struct maker *maker, int rc);
/* The domain, which is complete, is no longer the toolstack's: built has it. After a failure it is gone. */
int maker_keep(struct maker *maker);
/* After a failure the domain is gone. */
int maker_run(struct maker *maker, bool paused);
void maker_release(struct maker *maker);

#endif
