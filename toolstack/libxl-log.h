/*
 * What libxl says goes to standard error, which is a file by then; and of the errors that came since the last
 * libxl_log_begin() the reason is made that a person reads.
 */
#ifndef TOOLSTACK_LIBXL_LOG_H
#define TOOLSTACK_LIBXL_LOG_H

#include <stddef.h>
#include <xentoollog.h>

struct libxl_log;

/* NULL: no memory. It is the logger that libxl_ctx_alloc() takes, too. */
struct libxl_log *libxl_log_make(void);
xentoollog_logger *libxl_log_logger(struct libxl_log *log);

void libxl_log_begin(struct libxl_log *log);
/* "" if libxl gave none. */
void libxl_log_reason(struct libxl_log *log, char *text, size_t room);

#endif
