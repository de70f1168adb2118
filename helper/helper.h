/*
 * pvferry-save-helper: takes the place of libxl-save-helper, which does the
 * memory's part of saves, restores and migrations under xl and libvirt.
 *
 * The work is done by a child process, which meanwhile is the one that speaks
 * with libxl; the last word, that all is complete, is its parent's, when the
 * child has ended and nothing of the guest is mapped any more.
 */
#ifndef HELPER_HELPER_H
#define HELPER_HELPER_H

#include <stdbool.h>

#include "helper/order.h"
#include "helper/settings.h"

struct task {
	struct order order;
	struct settings settings;
	bool is_packed; /* the other side knows our frames, as its environment and ours say */
};

/*
 * The exit status. After a failure the guest is libxl's to resume or to
 * destroy; where there is no libxl any more it is resumed here.
 */
int run_save(struct task *task);
int run_restore(struct task *task);

#endif
