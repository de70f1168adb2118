/* A watcher, and what it does when its domain has shut down: toolstack/watch.c and on-shutdown.c. */
#ifndef TOOLSTACK_WATCH_H
#define TOOLSTACK_WATCH_H

#include <time.h>

#include "journal/watch.h"
#include "toolstack/toolstack.h"

enum { WATCHES = 0, WATCH_IS_OVER = 1 };

struct watcher {
	struct toolstack *t;
	struct watch watch;
	int lock;
	libxl_domain_config config; /* the last that libxl told: its on_* settings count */
	char name[256];
	libxl_evgen_domain_death *death;
	time_t made_at; /* by this process, of the monotonic clock; 0: another has made the domain */
};

/* One line with the time and the domain, into the log. */
void watcher_say(const struct watcher *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Takes the config of the domain as it is now; false: libxl has none, and the last one stays. */
bool watcher_take_config(struct watcher *w);

/* 1: there it is; 0: there is no such domain, or another one has the id by now; else -errno, with a reason. */
int watcher_find_domain(struct watcher *w, libxl_dominfo *info);
bool watcher_has_uuid(const struct watcher *w, const libxl_dominfo *info);

/* The domain has shut down for this reason, and not to suspend. WATCHES: a domain runs in its place. */
int watcher_carry_out(struct watcher *w, libxl_shutdown_reason reason);
/* A process of xl watches the domain, and will do what is to be done: toolstack/xl-watches.c. */
bool watcher_is_xl(const struct watcher *w);
/* Of toolstack/on-shutdown.c, for toolstack/restart-left.c: the domain of the config is made; runs. WATCHES, or it is over. */
int watcher_make(struct watcher *w);
int watcher_let_run(struct watcher *w);
/* A failure of libxl's into the log, with libxl's own reason. */
void watcher_say_failed(struct watcher *w, int code, const char *what);
/* toolstack/restart-left.c. Before the config is kept: the domain that is to be made with it gets a mark of its own. */
void restart_mark(struct watcher *w);
/* Goes on with a restart that a watcher of before has begun; the same, or -errno. WATCHES, too, if there was none. */
int watcher_finish_restart(struct watcher *w);

#endif
