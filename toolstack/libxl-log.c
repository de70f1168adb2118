/* See libxl-log.h. A line of libxl: "libxl_device.c:1264:device_hotplug_child_death_cb: Domain 5:script: no such disk". */
#include "toolstack/libxl-log.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINE_BYTES = 512 };

struct libxl_log {
	xentoollog_logger logger; /* first: libxl has the address of this */
	pthread_mutex_t lock;
	char first[LINE_BYTES];	 /* the first error */
	char script[LINE_BYTES]; /* what a script left as its reason */
	char exited[LINE_BYTES]; /* which script that was */
};

/* Behind "file.c:LINE:function: " and "Domain N:", which say nothing to those who read one line. */
static const char *skip_place(const char *text)
{
	const char *colon = strstr(text, ".c:"), *end = colon ? strstr(colon, ": ") : NULL, *digits;

	if (end)
		text = end + 2;
	if (strncmp(text, "Domain ", 7))
		return text;
	digits = text + 7;
	while (isdigit((unsigned char)*digits))
		digits++;
	return *digits == ':' ? digits + 1 : text;
}

static void keep(char kept[LINE_BYTES], const char *text)
{
	if (!*kept)
		snprintf(kept, LINE_BYTES, "%s", text);
}

static void remember(struct libxl_log *log, const char *text)
{
	const char *exited = strstr(text, " exited with error status ");

	text = skip_place(text);
	keep(log->first, text);
	if (!strncmp(text, "script: ", 8))
		keep(log->script, text + 8);
	else if (exited)
		keep(log->exited, text);
}

static void log_line(xentoollog_logger *logger, xentoollog_level level, int errnoval, const char *context,
		     const char *format, va_list args)
{
	struct libxl_log *log = (struct libxl_log *)logger;
	char text[LINE_BYTES * 2];
	size_t used;
	struct tm utc;
	time_t now = time(NULL);

	if (level < XTL_INFO)
		return;
	vsnprintf(text, sizeof(text), format, args);
	used = strlen(text);
	if (errnoval >= 0)
		snprintf(text + used, sizeof(text) - used, ": %s", strerror(errnoval));
	gmtime_r(&now, &utc);
	fprintf(stderr, "%04d-%02d-%02dT%02d:%02d:%02dZ %s: %s: %s\n", utc.tm_year + 1900, utc.tm_mon + 1,
		utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, context ? context : "",
		xtl_level_to_string(level), text);
	pthread_mutex_lock(&log->lock);
	if (level >= XTL_ERROR)
		remember(log, text);
	pthread_mutex_unlock(&log->lock);
}

static void log_progress(xentoollog_logger *logger, const char *context, const char *doing, int percent,
			 unsigned long done, unsigned long total)
{
	(void)logger, (void)context, (void)doing, (void)percent, (void)done, (void)total;
}

static void log_destroy(xentoollog_logger *logger)
{
	free(logger);
}

struct libxl_log *libxl_log_make(void)
{
	struct libxl_log *log = calloc(1, sizeof(*log));

	if (!log)
		return NULL;
	log->logger = (xentoollog_logger){ log_line, log_progress, log_destroy };
	pthread_mutex_init(&log->lock, NULL);
	return log;
}

xentoollog_logger *libxl_log_logger(struct libxl_log *log)
{
	return &log->logger;
}

void libxl_log_begin(struct libxl_log *log)
{
	pthread_mutex_lock(&log->lock);
	*log->first = *log->script = *log->exited = '\0';
	pthread_mutex_unlock(&log->lock);
}

/* "/etc/xen/scripts/block add [1234] exited ..." up to the number. */
static int action_length(const char *exited)
{
	const char *number = strstr(exited, " [");

	return number ? number - exited : (int)strlen(exited);
}

/* A script's own reason is worth more than that it failed. */
void libxl_log_reason(struct libxl_log *log, char *text, size_t room)
{
	pthread_mutex_lock(&log->lock);
	if (*log->script && *log->exited)
		snprintf(text, room, "%.*s: %s", action_length(log->exited), log->exited, log->script);
	else
		snprintf(text, room, "%s", *log->script ? log->script : log->first);
	pthread_mutex_unlock(&log->lock);
}
