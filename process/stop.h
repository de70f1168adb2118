/*
 * Has the user, or another process, asked us to stop? Signals that would end the
 * process (SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, ...) only raise a
 * flag; the job looks at it between two steps and unwinds as after any other
 * failure, so that the guest is resumed and nothing half-built stays.
 */
#ifndef PROCESS_STOP_H
#define PROCESS_STOP_H

#include <stdbool.h>

/*
 * Installs the handlers, but for signals that are ignored already: nohup(1) and a shell's background jobs rely on
 * that. Ignores SIGPIPE and SIGXFSZ: a closed pipe is EPIPE, a file that is too large EFBIG.
 */
int stop_on_signals(void);

/*
 * For a program that is a process of this job: stop_share() gives the two descriptors that it needs, -1 without
 * handlers; the program calls stop_join() with its own of them in place of stop_on_signals().
 */
void stop_share(int fds[2]);
int stop_join(const int fds[2]);

/* 0, or a failure that names the signal. */
int stop_requested(void);

/* Sleeps so long, or until a stop is asked for; the same answer. */
int stop_wait(int milliseconds);

/*
 * The guest is suspended and may be so for that many seconds, of which so much is left: after
 * that all processes of the job are stopped, whatever they wait for. 0 seconds: no limit.
 */
void stop_when_late(unsigned int seconds, unsigned int left_ms);

/* It runs again: no process is stopped for that any more. One that has been stopped already stays so. */
void stop_not_late(void);

/* As if a signal had come, for a process that is told in another way. */
void stop_ask(void);

/* Did a stop come before the first process of the job was past stopping? */
bool stop_was_asked(void);

/* From now on this process is past stopping: the two others answer as if no stop had come. */
void stop_ignore(void);

/* This process hears no signal and shares no flag any more: the process that started it decides. */
void stop_leave(void);

/*
 * Until stop_release() the first SIGTERM to this process is only noted, so that what has been begun is finished; then it
 * counts as if it came just now. A second SIGTERM, and every other signal, counts at once. No other process of the job
 * holds, so that one that is killed by itself ends as ever.
 */
void stop_hold(void);
void stop_release(void);

/* Readable as soon as a stop was asked for: to be polled beside what one waits for; -1 without handlers. */
int stop_fd(void);

#endif
