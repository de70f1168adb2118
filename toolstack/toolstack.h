/*
 * pvferry-toolstack: libxl's part of a domain. It makes and removes devices, runs their scripts, starts qemu.
 *
 * One process serves one domain. It gets its orders as lines of JSON from the socket that is its descriptor 3, and
 * answers there: man/pvferry-toolstack.8 has them all. It is a program of its own because libxl reaps every child of
 * the process it works in, and because devices outlive what started them.
 */
#ifndef TOOLSTACK_TOOLSTACK_H
#define TOOLSTACK_TOOLSTACK_H

#include <libxl.h>
#include <stdbool.h>
#include <stdint.h>

#include "toolstack/libxl-log.h"

struct json_object;

struct toolstack {
	libxl_ctx *ctx;
	struct libxl_log *log;
	uint32_t made;		 /* the domain that was made and does not run yet; 0: none */
	struct watcher *watcher; /* NULL: this process does not watch */
	/* What another domain of its UUID had before it was made; NULL: there is no such domain. */
	struct shared_entry *shared;
};

/* --- toolstack/domain.c: what is done with domains that are there. 0 or -errno, with a reason. ----------- */

/* answer gets what goes beside "done". */
int toolstack_config(struct toolstack *t, struct json_object *order, struct json_object *answer);
int toolstack_run(struct toolstack *t, struct json_object *order, struct json_object *answer);
int toolstack_keep(struct toolstack *t, struct json_object *order, struct json_object *answer);
int toolstack_abandon(struct toolstack *t, struct json_object *order, struct json_object *answer);
int toolstack_destroy(struct toolstack *t, struct json_object *order, struct json_object *answer);

/* toolstack/quiet.c: of a domain that is stopped. */
int toolstack_quiet(struct toolstack *t, struct json_object *order, struct json_object *answer);

/* The domain that an order names. */
int toolstack_domain_of(struct json_object *order, uint32_t *domain);
/* Before a domain of this entry, "/vm/UUID", is made. */
void toolstack_keep_shared(struct toolstack *t, const char *vm);
/* It is gone, or was not made. */
void toolstack_put_shared(struct toolstack *t);
/* With all that libxl keeps of it; what its scripts have left running is ended, too. */
int toolstack_remove(struct toolstack *t, uint32_t domain);

/* --- toolstack/create.c ----------------------------------------------------------------------------------- */

int toolstack_create(struct toolstack *t, struct json_object *order, struct json_object *answer);

/* --- toolstack/free-memory.c: 0 if so much is free, perhaps since domain 0 is smaller now; else why not. -------- */

int toolstack_make_room(struct toolstack *t, uint64_t need_kib);
int toolstack_make_room_for(struct toolstack *t, libxl_domain_config *config);
int toolstack_free_memory(struct toolstack *t, struct json_object *order, struct json_object *answer);

/* --- toolstack/watch.c ------------------------------------------------------------------------------------ */

int toolstack_watch(struct toolstack *t, struct json_object *order, struct json_object *answer);
/* Returns when the domain is not to be watched any more: 0; or -errno, if it is. */
int toolstack_go_on_watching(struct toolstack *t);

/* Standard error: again, since the file may have been put aside. */
void toolstack_open_log(void);

/* The failure of a call of libxl, with its own reason. */
int toolstack_fail(struct toolstack *t, int code, const char *what);

#endif
