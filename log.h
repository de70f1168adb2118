/*
 * What a person reads: notes while we work, and one reason when we fail.
 *
 * The one who finds an error says why, once, where it is found:
 *
 *	return fail(ERANGE, "vcpu %u: cr3 names mfn %#lx, ...", ...);
 *
 * and callers only pass the number on. The first reason is kept and printed
 * by the command at its end, in one line, together with what became of the
 * guest; reasons that follow from the first are seen with -v.
 *
 * Both may hold text of guests, files and peers: each becomes one line without
 * control characters (text/text.h), so that it can neither act on a terminal nor
 * pass for a line of ours.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

enum say_level { SAY_WARNING, SAY_NOTE, SAY_DETAIL };

/* Notes above this level are not printed. Starts at SAY_NOTE. */
extern enum say_level say_level;

/* Stands before each line; "pvferry" unless set. NULL: lines begin with <N>, the syslog priority, for the journal. */
extern const char *say_name;

/* Prints one line to standard error, after the program's name. Any thread. */
void say(enum say_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Keeps the reason, if it is this thread's first, and returns -error. Who hands
 * an error on to another thread hands the reason on as well: fail_reason() here,
 * fail() there.
 */
int fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As fail(), with errno as the error and its text behind the reason. */
int fail_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* This thread's first reason since the start or the last fail_forget(); "" if none. */
const char *fail_reason(void);

/* Its error, as errno has it; 0 if there is no reason. */
int fail_error(void);

/* For the rare caller who can do without what failed. */
void fail_forget(void);

/* Said before a line of ours: ends a progress line that stands on the terminal. */
extern void (*say_before)(void);

/* Takes the lines instead of standard error. Called by any thread, one at a time. */
extern void (*say_to)(enum say_level level, const char *text);

#endif
