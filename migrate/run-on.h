/*
 * Stop, copy, run on, write afterwards: the stages of a save whose guest does
 * not wait for its image. Without options.runs_on they do nothing.
 */
#ifndef MIGRATE_RUN_ON_H
#define MIGRATE_RUN_ON_H

#include "migrate/migrate.h"

/* Early, since to have no memory for it is a reason to fail. */
int buffer_prepare(struct migration *migration);
/* Just before the guest is stopped: the pages that are expected to be needed. To bring them in takes its time. */
int buffer_touch(struct migration *migration);
/* A small group of records: written, or copied into the buffer while the migration is_held. */
int send_group(struct migration *migration, const struct bytes *group);
/* What others do meanwhile: options.moment. */
int moment_begin(struct migration *migration);
int moment_await(struct migration *migration);
void moment_cancel(struct migration *migration);
/*
 * With all there is to know of the guest in the buffer: it is resumed. Should Xen refuse that, a warning says so, the
 * guest stays suspended, and it is for the caller to try again when the image is written.
 */
int resume_early(struct migration *migration);
/* What is in the buffer is compressed and written. */
int buffer_write(struct migration *migration);
void buffer_release(struct migration *migration);

#endif
