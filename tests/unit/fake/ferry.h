/* A guest, the file it is sent into, and the domain that is built from it. */
#ifndef FAKE_FERRY_H
#define FAKE_FERRY_H

#include "guest.h"
#include "migrate/migrate.h"
#include "restore/restore.h"

extern struct ferry {
	struct guest guest;
	struct migration migration;
	struct restoration restoration;
	struct channel to, from;
	struct migrate_options options; /* but for level, threads and timeout_seconds; zero unless set */
	unsigned int allowed;		/* ALLOW_*, of a restore */
	const struct domain_maker *maker;
	const struct proof_wish *prove;
	int fd;
} ferry;

void ferry_open(void);
void ferry_close(void);

/*
 * A guest called web1 of so many pfns: random pages, 100 holes, tables that
 * are pinned, not pinned, and mapped read-only, three vCPUs, one offline.
 */
void ferry_make(unsigned int width, enum p2m_form form, uint64_t pfns);

/* Each returns what the product's function does. */
int ferry_save(int level);
int ferry_verify(void);
int ferry_restore(const char *name);

/* As if the processes of save and restore had ended, and what they built had never been. */
void ferry_release(void);

#endif
