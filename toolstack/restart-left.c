/*
 * A restart that was cut short, as its watcher has died: another watcher removes what it left, and continues it. A domain
 * that a person, or another job, has made meanwhile never goes.
 */
#include <errno.h>
#include <libxl_utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/journal.h"
#include "log.h"
#include "toolstack/watch.h"
#include "xen/domain.h"

/* --- the mark ------------------------------------------------------------------------ */

/*
 * libxl enters it with the domain, in one transaction: so a domain that a person has made meanwhile, under the same name and
 * UUID, and left paused, is not taken for ours. It is of this one restart, and kept with the config.
 */
static const char mark_name[] = "pvferry-restart";

void restart_mark(struct watcher *w)
{
	libxl_key_value_list list = calloc(3, sizeof(*list));
	char text[LIBXL_UUID_FMTLEN + 1];
	libxl_uuid uuid;

	libxl_key_value_list_dispose(&w->config.c_info.xsdata);
	w->config.c_info.xsdata = list;
	if (!list)
		return;
	libxl_uuid_generate(&uuid);
	snprintf(text, sizeof(text), LIBXL_UUID_FMT, LIBXL_UUID_BYTES(uuid));
	list[0] = strdup(mark_name);
	list[1] = strdup(text);
}

static bool has_mark(const struct watcher *w, uint32_t domain)
{
	char *const *list = w->config.c_info.xsdata, *found = NULL;
	struct host *host = NULL;
	bool has;

	if (!list || !list[0] || !list[1] || strcmp(list[0], mark_name))
		return false;
	if (!host_open(&host))
		found = store_read(host, "/local/domain/%u/%s", domain, mark_name);
	fail_forget();
	host_close(host);
	has = found && !strcmp(found, list[1]);
	free(found);
	return has;
}

/* --- what is left --------------------------------------------------------------------- */

/*
 * The domain of before, which has shut down; or a new one of this restart, which has not run yet. One that was made and not
 * entered into xenstore has no name; one that another job makes has its name before others could see it.
 */
static bool is_left(struct watcher *w, const libxl_dominfo *info)
{
	char *name;
	bool is;

	if (info->domid == w->watch.domain)
		return info->shutdown && info->shutdown_reason != LIBXL_SHUTDOWN_REASON_SUSPEND;
	if (!info->paused || info->shutdown)
		return false;
	name = libxl_domid_to_name(w->t->ctx, info->domid);
	is = !name || has_mark(w, info->domid);
	free(name);
	return is;
}

/* Of all, or of none: a domain that is not left has come into its place. */
static int remove_those(struct watcher *w, const libxl_dominfo *list, int count)
{
	int rc = 0;

	for (int i = 0; i < count; i++) {
		if (list[i].dying || !watcher_has_uuid(w, &list[i]) || is_left(w, &list[i]))
			continue;
		watcher_say(w, "is not started again: domain %u has its UUID", list[i].domid);
		watch_forget_restart(w->watch.uuid);
		return WATCH_IS_OVER;
	}
	for (int i = 0; !rc && i < count; i++)
		if (!list[i].dying && watcher_has_uuid(w, &list[i]))
			rc = toolstack_remove(w->t, list[i].domid);
	return rc;
}

/* While we look and remove no job of pvferry's begins to make a domain of the UUID. */
static int remove_left(struct watcher *w)
{
	int count = 0, lock, rc = journal_lock_uuid(w->watch.uuid, &lock);
	libxl_dominfo *list;

	if (rc)
		return rc;
	libxl_log_begin(w->t->log);
	list = libxl_list_domain(w->t->ctx, &count);
	rc = list ? remove_those(w, list, count)
		  : toolstack_fail(w->t, ERROR_FAIL, "libxl cannot list the domains");
	libxl_dominfo_list_free(list, count);
	journal_unlock_uuid(w->watch.uuid, lock);
	return rc;
}

static bool take_kept_config(struct watcher *w, char *config)
{
	int code = libxl_domain_config_from_json(w->t->ctx, &w->config, config);

	snprintf(w->name, sizeof(w->name), "%s",
		 code || !w->config.c_info.name ? w->watch.uuid : w->config.c_info.name);
	free(config);
	if (code)
		watcher_say_failed(w, code, "the config to start it again with is damaged");
	return !code;
}

/* The domain that the file names has not shut down, but to be suspended: then it is the new one, and complete. */
static int go_on(struct watcher *w, const libxl_dominfo *info)
{
	if (info->paused && !info->shutdown)
		return watcher_let_run(w);
	watch_forget_restart(w->watch.uuid);
	return WATCHES;
}

int watcher_finish_restart(struct watcher *w)
{
	libxl_dominfo info;
	bool is_complete;
	char *config;
	int rc;

	if (watch_get_restart(w->watch.uuid, &config)) {
		fail_forget();
		return WATCHES;
	}
	libxl_dominfo_init(&info);
	rc = watcher_find_domain(w, &info);
	is_complete = rc > 0 && !is_left(w, &info);
	if (rc < 0)
		free(config);
	else if (!take_kept_config(w, config))
		rc = is_complete ? WATCHES : WATCH_IS_OVER;
	else if (is_complete)
		rc = go_on(w, &info);
	else
		rc = remove_left(w);
	libxl_dominfo_dispose(&info);
	return rc || is_complete ? rc : watcher_make(w);
}
