/* What systemd is told, if it asked for it: that we are ready, how things stand, that we live. */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stdbool.h>
#include <uv.h>

void notify_ready(void);
void notify_reloading(void);
/* So many seconds may pass until we have ended. */
void notify_stopping(unsigned int seconds);
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Feeds the watchdog from now on, if there is one. The timer is the caller's to close. */
void notify_watch(uv_loop_t *loop, uv_timer_t *timer);

/* Is standard error read by the journal, so that lines may begin with a priority? */
bool notify_journal_reads(void);

#endif
