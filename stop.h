/*
 * Has somebody asked us to stop? SIGINT, SIGTERM and SIGHUP only raise a
 * flag; the job looks at it between two steps and unwinds as after any other
 * failure, so that the guest is resumed and nothing half-built stays.
 */
#ifndef STOP_H
#define STOP_H

/* Installs the handlers, and ignores SIGPIPE: a closed pipe is EPIPE. */
int stop_on_signals(void);

/* 0, or a failure that names the signal. */
int stop_requested(void);

/* Readable as soon as a stop was asked for: to be polled beside what one waits for; -1 without handlers. */
int stop_fd(void);

#endif
