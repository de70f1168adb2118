/*
 * What is said between libxl and its helper: messages on descriptor 1, answers
 * on descriptor 0. Messages are numbered, libxl says at the start which of
 * those that ask it something it wants. Xen,
 * tools/libs/light/libxl_save_msgs_gen.pl.
 *
 * One process speaks at a time; of its threads any.
 */
#ifndef HELPER_LIBXL_H
#define HELPER_LIBXL_H

#include <stdbool.h>
#include <stdint.h>

#include "log.h"

enum libxl_message {
	LIBXL_LOG = 1,
	LIBXL_PROGRESS = 2,
	LIBXL_SUSPEND = 3,
	LIBXL_STATIC_DATA_DONE = 8,
	LIBXL_RESTORE_RESULTS = 9,
	LIBXL_COMPLETE = 10,
};

/* For say_to: into libxl's log. */
void libxl_say(enum say_level level, const char *text);
/* The reason why, as an error. */
void libxl_say_reason(const char *doing);
/* In pages; said once a percent. */
void libxl_progress(uint64_t done, uint64_t total);

/*
 * Each waits for the answer, however long; 0 if that is what the caller hopes
 * for. With a reason: -EPIPE, libxl is gone; -ECONNRESET, it went without an answer.
 */
int libxl_suspend(void);
int libxl_static_data_done(uint32_t missing);
int libxl_complete(int error);

/* The frames of the domain's two pages; no answer. */
int libxl_restore_results(uint64_t store, uint64_t console);

#endif
