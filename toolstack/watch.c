/*
 * The watcher of a domain: carries out what the domain's config wants when it shuts down, as the process does that
 * "xl create" leaves behind. It is there until the domain is gone, or stays as the config wants it.
 *
 * libxl's events only wake it up; what has happened is looked up. So it does not matter what it has missed, whether a
 * watcher before it has died, or how often the domain was suspended in between.
 */
#include "toolstack/watch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "toolstack/orders.h"

void watcher_say(const struct watcher *w, const char *format, ...)
{
	char text[1024];
	time_t now = time(NULL);
	struct tm utc;
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	gmtime_r(&now, &utc);
	fprintf(stderr, "%04d-%02d-%02dT%02d:%02d:%02dZ %s (domain %u): %s\n", utc.tm_year + 1900,
		utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, w->name, w->watch.domain,
		text);
}

bool watcher_take_config(struct watcher *w)
{
	libxl_domain_config now;

	libxl_domain_config_init(&now);
	if (libxl_retrieve_domain_configuration(w->t->ctx, w->watch.domain, &now, NULL)) {
		libxl_domain_config_dispose(&now);
		return false;
	}
	libxl_domain_config_dispose(&w->config);
	w->config = now;
	snprintf(w->name, sizeof(w->name), "%s", now.c_info.name ? now.c_info.name : "");
	return true;
}

/* --- the beginning --------------------------------------------------------------- */

bool watcher_has_uuid(const struct watcher *w, const libxl_dominfo *info)
{
	char text[LIBXL_UUID_FMTLEN + 1];

	snprintf(text, sizeof(text), LIBXL_UUID_FMT, LIBXL_UUID_BYTES(info->uuid));
	return !strcmp(text, w->watch.uuid);
}

int watcher_find_domain(struct watcher *w, libxl_dominfo *info)
{
	int code = libxl_domain_info(w->t->ctx, info, w->watch.domain);

	if (code == ERROR_DOMAIN_NOTFOUND || (!code && (info->dying || !watcher_has_uuid(w, info))))
		return 0;
	return code ? toolstack_fail(w->t, code, "libxl cannot show what became of the domain") : 1;
}

/*
 * The new generator comes before the old one goes. With none in between libxl would look at once, report a domain
 * that is still suspended, and so again and again: xl's daemon of Xen 4.20 does the same.
 */
static int arm(struct watcher *w)
{
	libxl_evgen_domain_death *before = w->death;
	int code = libxl_evenable_domain_death(w->t->ctx, w->watch.domain, 0, &w->death);

	if (before)
		libxl_evdisable_domain_death(w->t->ctx, before);
	w->death = code ? NULL : w->death;
	return code ? toolstack_fail(w->t, code, "libxl cannot watch the domain") : 0;
}

static int find_out(struct watcher *w)
{
	libxl_dominfo info;
	int rc;

	libxl_dominfo_init(&info);
	rc = watcher_find_domain(w, &info);
	libxl_dominfo_dispose(&info);
	if (!rc)
		return fail(ESRCH, "there is no domain of this UUID");
	if (rc > 0 && !watcher_take_config(w))
		return toolstack_fail(w->t, -1, "libxl keeps no config of the domain");
	return rc < 0 ? rc : arm(w);
}

/* The lock is ours when this returns 0, and ends with the process. */
static int watcher_begin(struct watcher *w)
{
	int rc = watch_lock(&w->watch, &w->lock);

	if (rc == -EBUSY)
		return fail(EBUSY, "another process watches the domain");
	if (rc == -ENOENT)
		return fail(ENOENT, "pvferry does not know of a domain of this UUID that is to be watched");
	if (rc)
		return rc;
	libxl_domain_config_init(&w->config);
	rc = watcher_finish_restart(w);
	if (rc == WATCHES)
		rc = find_out(w);
	else if (rc == WATCH_IS_OVER)
		rc = fail(ESRCH, "it was not started again");
	if (rc == -ESRCH)
		watch_unlock(&w->watch, w->lock);
	return rc;
}

int toolstack_watch(struct toolstack *t, struct json_object *order, struct json_object *answer)
{
	struct watcher *w = calloc(1, sizeof(*w));
	int rc;

	(void)answer;
	if (!w)
		return fail(ENOMEM, "out of memory");
	w->t = t;
	snprintf(w->watch.uuid, sizeof(w->watch.uuid), "%s", order_text(order, "uuid"));
	rc = t->watcher || t->made ? fail(EBUSY, "there is a domain already") : watcher_begin(w);
	if (rc) {
		free(w);
		return rc;
	}
	t->watcher = w;
	prctl(PR_SET_NAME, "pvferry-watch"); /* before the answer: who has it finds us under this name */
	return 0;
}

/* --- the events -------------------------------------------------------------------- */

/* Whatever woke us up. A failure of libxl's ends the process, but not the watch: the file stays for another watcher. */
static int watcher_look(struct watcher *w)
{
	libxl_dominfo info;
	int rc, result = WATCHES;

	toolstack_open_log();
	rc = arm(w);
	if (rc)
		return rc;
	libxl_dominfo_init(&info);
	rc = watcher_find_domain(w, &info);
	if (rc == 0) {
		watcher_say(w, "is gone");
		result = WATCH_IS_OVER;
	} else if (rc > 0 && info.shutdown && info.shutdown_reason == LIBXL_SHUTDOWN_REASON_SUSPEND) {
		watcher_say(w, "is suspended");
	} else if (rc > 0 && info.shutdown) {
		result = watcher_carry_out(w, info.shutdown_reason);
		rc = result == WATCHES ? arm(w) : 0;
	}
	libxl_dominfo_dispose(&info);
	return rc < 0 ? rc : result;
}

/* Of a domain of before, perhaps; each says no more than that it is time to look. */
static int wait_for_event(struct watcher *w)
{
	libxl_event *event;
	int code = libxl_event_wait(w->t->ctx, &event, LIBXL_EVENTMASK_ALL, NULL, NULL);

	if (code)
		return toolstack_fail(w->t, code, "libxl's events are over");
	do
		libxl_event_free(w->t->ctx, event);
	while (!libxl_event_check(w->t->ctx, &event, LIBXL_EVENTMASK_ALL, NULL, NULL));
	return 0;
}

int toolstack_go_on_watching(struct toolstack *t)
{
	struct watcher *w = t->watcher;
	int result = WATCHES;

	watcher_say(w, "is watched by process %d", getpid());
	while (result == WATCHES) {
		result = watcher_look(w);
		if (result == WATCHES)
			result = wait_for_event(w);
	}
	if (result == WATCH_IS_OVER)
		watch_unlock(&w->watch, w->lock);
	else
		watcher_say(w, "is not watched any more: %s", fail_reason());
	libxl_domain_config_dispose(&w->config);
	free(w);
	return result < 0 ? result : 0;
}
