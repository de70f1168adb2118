/*
 * What a watcher does when its domain has shut down: the on_* settings of the domain's config, as xl carries them out
 * (tools/xl/xl_vmcontrol.c of Xen).
 *
 * A restart runs what the config names: a bootloader, a kernel, a ramdisk, as root in domain 0. What an image named
 * runs only if the user has allowed it (watch.boots); else the domain is not started again.
 */
#include <errno.h>
#include <libxl_utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "journal/journal.h"
#include "log.h"
#include "toolstack/watch.h"

#define DUMPS "/var/lib/xen/dump/"

static libxl_action_on_shutdown action_for(struct watcher *w, libxl_shutdown_reason reason)
{
	switch (reason) {
	case LIBXL_SHUTDOWN_REASON_POWEROFF: return w->config.on_poweroff;
	case LIBXL_SHUTDOWN_REASON_REBOOT: return w->config.on_reboot;
	case LIBXL_SHUTDOWN_REASON_CRASH: return w->config.on_crash;
	case LIBXL_SHUTDOWN_REASON_WATCHDOG: return w->config.on_watchdog;
	case LIBXL_SHUTDOWN_REASON_SOFT_RESET: return w->config.on_soft_reset;
	default: return LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
	}
}

void watcher_say_failed(struct watcher *w, int code, const char *what)
{
	fail_forget();
	toolstack_fail(w->t, code, what);
	watcher_say(w, "%s", fail_reason());
	fail_forget();
}

/* Without one the domain goes on as without the word "coredump". */
static void dump_core(struct watcher *w)
{
	char path[sizeof(DUMPS) + sizeof(w->name)];
	int code;

	snprintf(path, sizeof(path), DUMPS "%s", w->name);
	watcher_say(w, "its memory goes into %s", path);
	libxl_log_begin(w->t->log);
	code = libxl_domain_core_dump(w->t->ctx, w->watch.domain, path, NULL);
	if (code)
		watcher_say_failed(w, code, "libxl could not write its memory");
}

static void destroy(struct watcher *w)
{
	if (toolstack_remove(w->t, w->watch.domain))
		watcher_say(w, "%s", fail_reason());
	fail_forget();
}

/* --- a restart ---------------------------------------------------------------------- */

/* libxl_domain_destroy() may return before Xen has freed all of it; the new one needs its memory, perhaps. */
static void wait_until_gone(struct watcher *w)
{
	enum { NAP_MS = 20, MOST_MS = 10000 };
	const struct timespec nap = { 0, NAP_MS * 1000000 };

	for (int ms = 0; ms < MOST_MS; ms += NAP_MS) {
		if (libxl_domain_info(w->t->ctx, NULL, w->watch.domain) == ERROR_DOMAIN_NOTFOUND)
			return;
		nanosleep(&nap, NULL);
	}
}

/* Without it a watcher that takes over could not go on; this one can. */
static void put_config(struct watcher *w)
{
	char *text = libxl_domain_config_to_json(w->t->ctx, &w->config);

	if (!text || watch_put_restart(w->watch.uuid, text))
		watcher_say(w, "its config could not be kept: %s", fail_reason());
	fail_forget();
	free(text);
}

/* The file names it before it runs: a watcher that takes over then must not make it again. */
int watcher_let_run(struct watcher *w)
{
	int code = ERROR_FAIL;

	if (watch_update(&w->watch, w->lock))
		watcher_say(w, "%s", fail_reason());
	libxl_log_begin(w->t->log);
	for (int i = 0; code && i < 2; i++)
		code = libxl_domain_unpause(w->t->ctx, w->watch.domain, NULL);
	if (code)
		watcher_say_failed(w, code, "libxl could not unpause it");
	watch_forget_restart(w->watch.uuid);
	return WATCHES;
}

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* One that shuts down as soon as it has booted would else keep domain 0 busy; xl waits as long, each time. */
static void wait_if_soon(const struct watcher *w)
{
	enum { SOON = 60, PAUSE = 2 };
	struct timespec pause = { .tv_sec = PAUSE };

	if (!w->made_at || seconds() - w->made_at >= SOON)
		return;
	while (nanosleep(&pause, &pause) && errno == EINTR)
		;
}

int watcher_make(struct watcher *w)
{
	uint32_t before = w->watch.domain, id = 0;
	int code;

	wait_if_soon(w);
	if (toolstack_make_room_for(w->t, &w->config)) /* libxl's own failure says the rest */
		watcher_say(w, "too little free memory: %s", fail_reason());
	fail_forget();
	libxl_log_begin(w->t->log);
	code = libxl_domain_create_new(w->t->ctx, &w->config, &id, NULL, NULL);
	if (code) {
		watcher_say_failed(w, code, "libxl could not start it again, and it is gone");
		watch_forget_restart(w->watch.uuid);
		return WATCH_IS_OVER;
	}
	w->watch.domain = id;
	w->made_at = seconds();
	watcher_say(w, "is started again; it was domain %u", before);
	return watcher_let_run(w);
}

static int restart(struct watcher *w)
{
	restart_mark(w);
	put_config(w);
	destroy(w);
	wait_until_gone(w);
	return watcher_make(w);
}

/* The one that has shut down stays under another name and UUID. */
static int restart_beside(struct watcher *w)
{
	char suffix[32];
	time_t now = time(NULL);
	libxl_uuid uuid;
	struct tm utc;
	int code;

	gmtime_r(&now, &utc);
	strftime(suffix, sizeof(suffix), "-%Y%m%dT%H%MZ", &utc);
	libxl_uuid_generate(&uuid);
	libxl_log_begin(w->t->log);
	code = libxl_domain_preserve(w->t->ctx, w->watch.domain, &w->config.c_info, suffix, uuid);
	if (code) {
		watcher_say_failed(w, code, "libxl could not rename it, and it stays as it is");
		return WATCH_IS_OVER;
	}
	watcher_say(w, "stays as %s%s", w->name, suffix);
	restart_mark(w);
	put_config(w);
	return watcher_make(w);
}

static int soft_reset(struct watcher *w)
{
	int code;

	libxl_log_begin(w->t->log);
	code = libxl_domain_soft_reset(w->t->ctx, &w->config, w->watch.domain, NULL, NULL);
	if (code) {
		watcher_say_failed(w, code, "libxl could not reset it, and it is destroyed");
		destroy(w);
		return WATCH_IS_OVER;
	}
	return watcher_let_run(w);
}

/* --- all of them -------------------------------------------------------------------- */

static int carry_out(struct watcher *w, libxl_action_on_shutdown action)
{
	bool restarts = action == LIBXL_ACTION_ON_SHUTDOWN_RESTART ||
			action == LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME;

	if (restarts && !w->watch.boots) {
		watcher_say(
			w,
			"stays as it is and is not started again: what it boots was named by an image, and "
			"\"pvferry restore --allow boot\" did not allow that; to start it: \"xl destroy "
			"%u\", "
			"then \"xl create\" with a config of this host",
			w->watch.domain);
		action = LIBXL_ACTION_ON_SHUTDOWN_PRESERVE;
	}
	switch (action) {
	case LIBXL_ACTION_ON_SHUTDOWN_PRESERVE: return WATCH_IS_OVER;
	case LIBXL_ACTION_ON_SHUTDOWN_RESTART: return restart(w);
	case LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME: return restart_beside(w);
	case LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET: return soft_reset(w);
	default: destroy(w); return WATCH_IS_OVER;
	}
}

int watcher_carry_out(struct watcher *w, libxl_shutdown_reason reason)
{
	libxl_action_on_shutdown action;

	watcher_take_config(w); /* if libxl has none any more, that of before counts */
	if (watcher_is_xl(w)) {
		watcher_say(w, "has shut down (%s), and is left to xl, whose process watches it, too",
			    libxl_shutdown_reason_to_string(reason));
		return WATCH_IS_OVER;
	}
	action = action_for(w, reason);
	watcher_say(w, "has shut down (%s): %s", libxl_shutdown_reason_to_string(reason),
		    libxl_action_on_shutdown_to_string(action));
	if (action == LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY ||
	    action == LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_RESTART) {
		dump_core(w);
		action = action == LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY
			       ? LIBXL_ACTION_ON_SHUTDOWN_DESTROY
			       : LIBXL_ACTION_ON_SHUTDOWN_RESTART;
	}
	return carry_out(w, action);
}
