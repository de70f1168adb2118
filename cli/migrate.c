/* pvferry migrate: a running domain goes to another host. */
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/control.h"
#include "cli/ended.h"
#include "cli/events.h"
#include "cli/migrate-options.h"
#include "cli/order.h"
#include "cli/progress.h"
#include "cli/sending.h"
#include "log.h"
#include "machine/offer.h"
#include "machine/toolstack.h"
#include "process/child.h"
#include "process/stop.h"

/* --- while it goes on ------------------------------------------------------- */

static void tell_status(const struct migrate_settings *s, uint64_t began_ns)
{
	bool as_line = common.json || s->is_controlled;

	event_tell(event_move_status(s->move.status, began_ns), as_line);
}

/* Until the source session has ended. */
static void watch(struct migrate_settings *s, uint64_t began_ns)
{
	enum { SHOW_MS = 200, TELL_MS = 1000 };
	int step_ms = common.json || s->is_controlled ? TELL_MS : SHOW_MS;
	struct orders orders = { .is_over = !s->is_controlled };
	uint64_t told_ns = 0;

	for (;;) {
		struct pollfd fds[2] = { { .fd = move_watch(&s->move), .events = POLLIN },
					 { .fd = orders.is_over ? -1 : STDIN_FILENO, .events = POLLIN } };

		if (poll(fds, 2, step_ms) < 0 && errno != EINTR)
			return;
		if (fds[0].revents)
			return;
		if (fds[1].revents)
			orders_take(&orders, &s->move.status->live);
		if (now_ns() - told_ns < step_ms * 900000ULL)
			continue;
		told_ns = now_ns();
		tell_status(s, began_ns);
	}
}

static int say_moved(const struct migrate_settings *s, enum moved moved, const char *whom)
{
	char outcome[256];

	if (moved == MOVED)
		return EXIT_DONE;
	if (moved == NOT_MOVED)
		return say_failure("migrate", whom,
				   sent_outcome(&s->move.status->sent, s->move.status->waiter, outcome));
	snprintf(outcome, sizeof(outcome),
		 "the domain waits here, and may run there: \"pvferry resolve %.8s\" settles it",
		 s->move.offer.job);
	say_failure("migrate", whom, outcome);
	return EXIT_UNSETTLED;
}

static int migrate(struct migrate_settings *s, const char *whom)
{
	struct move *move = &s->move;
	bool as_line = common.json || s->is_controlled;
	struct json_object *job = event_job(move->offer.job, s->name, move->domain, move->peer.host,
					    "source");
	struct json_object *end;
	uint64_t began_ns = now_ns();
	enum moved moved;
	int status;

	event_tell(json_object_get(job), as_line);
	progress_start("migrating");
	if (!move_start(move))
		watch(s, began_ns);
	moved = move_finish(move);
	progress_end();
	if (moved == MOVED)
		tell_status(s, began_ns);
	end = event_move_end(move->status, moved, began_ns);
	event_tell(json_object_get(end), as_line);
	ended_move(move->status, moved, began_ns);
	move_report_write(&s->report, job, end);
	json_object_put(job);
	json_object_put(end);
	status = say_moved(s, moved, whom);
	if (moved == NOT_MOVED)
		watch_sent(move->domain, &move->status->sent);
	return status;
}

static int prepare(struct migrate_settings *s, const char *whom)
{
	struct move *move = &s->move;
	struct movable wish = { .carries_devices = true,
				.without_devices = s->without_devices,
				.force = move->offer.force };
	int rc = find_movable(whom, &wish, &move->domain, s->name);

	if (!rc)
		rc = job_name(move->offer.job);
	if (!rc && wish.has_devices)
		rc = toolstack_config(move->domain, &s->config);
	move->options.config = s->config;
	if (rc)
		return rc;
	move->status = child_share(sizeof(*move->status));
	if (!move->status)
		return -ENOMEM;
	move->status->live.max_downtime_ms = s->wanted.max_downtime_ms;
	move->status->live.bandwidth_bytes = s->wanted.bandwidth_bytes;
	move->options.max_suspended_seconds = s->max_suspended >= 0 ? s->max_suspended
					    : s->is_live	    ? 30
								    : 3600;
	move->options.live = s->is_live ? &move->status->live : NULL;
	move->offer.live = s->is_live;
	move->offer.without_devices = s->without_devices;
	snprintf(move->offer.p2m, sizeof(move->offer.p2m), "%s", p2m_form_name(move->options.p2m));
	return 0;
}

/* ssh may have to ask for something at this terminal, with this user's keys. */
static bool is_for_pvferryd(const struct migrate_settings *s)
{
	if (s->is_detached)
		return true;
	return !s->is_foreground && !s->is_controlled && s->move.peer.via != VIA_SSH && control_is_there();
}

/* Its certificates are those that were asked for here. */
static int order(const struct migrate_settings *s, struct json_object *options, const char *domain)
{
	if (say_level == SAY_DETAIL)
		say(SAY_NOTE, "the details are in pvferryd's log; --foreground prints them here");
	if (s->move.peer.port != PORT_DEFAULT)
		json_object_object_add(options, "port", json_object_new_int64(s->move.peer.port));
	char *pki = realpath(s->move.peer.pki, NULL);

	if (pki && strcmp(s->move.peer.pki, PKI_DEFAULT))
		json_object_object_add(options, "pki", json_object_new_string(pki));
	free(pki);
	return order_migrate(domain, s->move.peer.host, options, s->is_detached, &s->report);
}

int run_migrate(const struct command *self, int argc, char **argv)
{
	struct migrate_settings settings = {
		.is_live = true,
		.max_suspended = -1,
		.wanted = { .max_downtime_ms = 300 },
		.move = { .peer = { .port = PORT_DEFAULT, .ssh = "ssh" },
			  .offer = { .lanes = 1 },
			  .options = { .level = LEVEL_DEFAULT,
				       .threads = default_threads(),
				       .timeout_seconds = 60 } },
	};
	struct peer *peer = &settings.move.peer;
	int first;

	snprintf(peer->pki, sizeof(peer->pki), "%s", pki_default());
	first = command_options(self, argc, argv, migrate_set, &settings);
	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first != 2)
		return say_usage(self, "takes DOMAIN and HOST");
	if (!migrate_set_host(&settings, argv[first + 1]))
		return EXIT_USAGE;
	if (settings.is_detached && (settings.is_foreground || settings.is_controlled))
		return say_usage(
			self,
			"takes --detach, which is for pvferryd, or --foreground or --control, not both");
	if (settings.is_detached && settings.report.path)
		return say_usage(self,
				 "takes --report or --detach, not both: the report is written at the end");
	if (move_report_begin(&settings.report))
		return say_failure("migrate", argv[first], "the domain was not stopped");
	if (is_for_pvferryd(&settings))
		return order(&settings, order_options(self, argc, argv), argv[first]);
	if (prepare(&settings, argv[first]))
		return say_failure("migrate", argv[first], "the domain was not stopped");
	return migrate(&settings, argv[first]);
}
