/*
 * Notes and reasons, see log.h. The reason of a failure is kept by thread, as threads fail at the same time and each
 * failure is said once. The first one stays: what fails after it, in unwinding, follows from it, and is a detail.
 */
#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text/text.h"

enum say_level say_level = SAY_NOTE;
const char *say_name = "pvferry";
void (*say_before)(void);
void (*say_to)(enum say_level level, const char *text);

enum { LINE_BYTES = 1024 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local char reason[LINE_BYTES];
static _Thread_local int reason_error;

/* Without a name it is systemd's journal that reads standard error: a number in front is the priority. */
static void put_line(enum say_level level, const char *text)
{
	static const int priorities[] = { [SAY_WARNING] = 4, [SAY_NOTE] = 6, [SAY_DETAIL] = 7 };

	if (say_before)
		say_before();
	if (say_to)
		say_to(level, text);
	else if (say_name)
		fprintf(stderr, "%s: %s\n", say_name, text);
	else
		fprintf(stderr, "<%d>%s\n", priorities[level], text);
}

void say(enum say_level level, const char *format, ...)
{
	char text[LINE_BYTES], visible[LINE_BYTES];
	va_list args;

	if (level > say_level)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pthread_mutex_lock(&lock);
	put_line(level, text_visible(visible, sizeof(visible), text));
	pthread_mutex_unlock(&lock);
}

/* Text of others (a peer, a file) may be in it: nothing of it may reach a terminal as it is. */
static void keep_reason(int error, const char *text)
{
	char visible[LINE_BYTES];

	text_visible(visible, sizeof(visible), text);
	if (!reason[0]) {
		memcpy(reason, visible, sizeof(reason));
		reason_error = error;
	} else if (strcmp(reason, visible)) {
		say(SAY_DETAIL, "%s", visible);
	}
}

int fail(int error, const char *format, ...)
{
	char text[LINE_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	keep_reason(error ? error : EIO, text);
	return error ? -error : -EIO;
}

int fail_errno(const char *format, ...)
{
	char text[LINE_BYTES];
	int error = errno ? errno : EIO;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n >= 0 && (size_t)n < sizeof(text))
		snprintf(text + n, sizeof(text) - n, ": %s", strerror(error));
	keep_reason(error, text);
	return -error;
}

const char *fail_reason(void)
{
	return reason;
}

int fail_error(void)
{
	return reason_error;
}

void fail_forget(void)
{
	reason[0] = '\0';
	reason_error = 0;
}
