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
#include "cli/order.h"
#include "cli/progress.h"
#include "cli/sending.h"
#include "process/child.h"
#include "log.h"
#include "machine/offer.h"
#include "process/stop.h"

enum {
	FOREGROUND = LONG_ONLY,
	DETACH,
	VIA,
	PORT,
	PKI,
	SSH,
	MAX_DOWNTIME,
	MAX_SUSPENDED,
	MAX_ROUNDS,
	BANDWIDTH,
	TIMEOUT,
	ON_TIMEOUT,
	ABORT_IF_BUSY,
	TRACKING,
	FORCE,
	NO_LIVE,
	CONNECTIONS,
	LEVEL,
	THREADS,
	P2M,
	WITHOUT_DEVICES,
	NAME,
	IDLE_TIMEOUT,
	CONTROL,
	PROGRESS,
	NO_PROGRESS,
	JSON,
	MIN_REMAINING,
};

const struct option_row migrate_options[] = {
	{ VIA, "via", "WAY", "tls, ssh or tcp (tls)" },
	{ PORT, "port", "N", "the other host's port (8666)" },
	{ PKI, "pki", "DIR", "where ca.pem, cert.pem and key.pem are (" PKI_DEFAULT ")" },
	{ SSH, "ssh", "COMMAND", "in place of ssh; '': HOST is the whole command" },
	{ MAX_DOWNTIME, "max-downtime", "MS", "stop the domain when that takes no longer (300)" },
	{ MAX_SUSPENDED, "max-suspended", "S",
	  "resume it after so long; 0: no limit (30, 3600 with --no-live)" },
	{ MAX_ROUNDS, "max-rounds", "N", "stop it after so many rounds in any case" },
	{ BANDWIDTH, "bandwidth", "N", "MiB a second at most while it runs" },
	{ TIMEOUT, "timeout", "S", "seconds that all rounds may take" },
	{ ON_TIMEOUT, "on-timeout", "WHAT", "then abort, or stop the domain and finish (abort)" },
	{ ABORT_IF_BUSY, "abort-if-busy", NULL, "give up rather than exceed the downtime" },
	{ TRACKING, "dirty-tracking", "HOW", "find what changes by auto, content or log (auto)" },
	{ FORCE, "force", NULL, "even if the other host lacks CPU features the guest knows" },
	{ NO_LIVE, "no-live", NULL, "stop the domain first" },
	{ CONNECTIONS, "connections", "N", "send over so many connections (1)" },
	{ LEVEL, "level", "N", "zstd's level, -7 to 19 (-1); 0: uncompressed" },
	{ THREADS, "threads", "N", "worker threads (one a processor, at most 8)" },
	{ P2M, "p2m", "FORM", "read the guest's p2m as auto, linear or list (auto)" },
	{ WITHOUT_DEVICES, "without-devices", NULL, "move a domain with devices, without them" },
	{ NAME, "name", "NAME", "give it this name there" },
	{ IDLE_TIMEOUT, "idle-timeout", "S", "a connection on which nothing is heard is broken (30)" },
	{ FOREGROUND, "foreground", NULL, "do it in this process, not in pvferryd" },
	{ DETACH, "detach", NULL, "have pvferryd do it, and print the job it is" },
	{ CONTROL, "control", NULL, "events as JSON on standard output, orders on standard input" },
	{ PROGRESS, "progress", NULL, "show progress even where there is no terminal" },
	{ NO_PROGRESS, "no-progress", NULL, "show no progress" },
	{ JSON, "json", NULL, "events as JSON on standard output" },
	{ MAX_ROUNDS, "max_iters", "N", "the same as --max-rounds" },
	{ ABORT_IF_BUSY, "abort_if_busy", NULL, "the same as --abort-if-busy" },
	{ MIN_REMAINING, "min_remaining", "N", "taken and ignored: the downtime decides" },
	{ 0 },
};

struct settings {
	bool is_live, is_controlled, is_foreground, is_detached, without_devices;
	struct move move;
	char name[256];	    /* the domain's */
	long max_suspended; /* -1: not given */
	struct live wanted; /* the orders it starts with */
};

static bool set_text(const char *option, const char *value, char *to, size_t room)
{
	if (strlen(value) < room) {
		snprintf(to, room, "%s", value);
		return true;
	}
	fprintf(stderr, "pvferry: --%s: \"%s\" is too long\n", option, value);
	return false;
}

static bool set_via(const char *value, enum via *via)
{
	if (via_parse(value, via))
		return true;
	fprintf(stderr, "pvferry: --via takes tls, ssh or tcp, not \"%s\"\n", value);
	return false;
}

static bool set_on_timeout(const char *value, struct precopy_limits *limits)
{
	limits->stop_on_timeout = !strcmp(value, "stop");
	if (limits->stop_on_timeout || !strcmp(value, "abort"))
		return true;
	fprintf(stderr, "pvferry: --on-timeout takes abort or stop, not \"%s\"\n", value);
	return false;
}

static bool set_name(const char *value, struct offer *offer)
{
	const char *defect = domain_name_defect(value);

	if (!defect)
		return set_text("name", value, offer->domain, sizeof(offer->domain));
	fail(EINVAL, "--name: \"%s\" cannot be a domain's name: %s", value, defect);
	fprintf(stderr, "pvferry: %s\n", fail_reason());
	return false;
}

/* Those that take a number: which, its bounds, and where it goes. */
static bool set_number(struct settings *s, int letter, const char *value)
{
	static const struct {
		int letter;
		const char *name;
		long least, most;
	} numbers[] = {
		{ PORT, "port", 1, 65535 },
		{ MAX_DOWNTIME, "max-downtime", 1, 3600000 },
		{ MAX_SUSPENDED, "max-suspended", 0, 86400 },
		{ MAX_ROUNDS, "max-rounds", 0, 1000000 },
		{ BANDWIDTH, "bandwidth", 0, 1 << 20 },
		{ TIMEOUT, "timeout", 1, 604800 },
		{ CONNECTIONS, "connections", 1, 16 },
		{ LEVEL, "level", LEVEL_LEAST, LEVEL_MOST },
		{ THREADS, "threads", 1, 64 },
		{ IDLE_TIMEOUT, "idle-timeout", 1, 86400 },
	};
	long n = 0;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (numbers[i].letter == letter &&
		    !parse_number(numbers[i].name, value, numbers[i].least, numbers[i].most, &n))
			return false;
	switch (letter) {
	case PORT: s->move.peer.port = n; break;
	case MAX_DOWNTIME: s->wanted.max_downtime_ms = n; break;
	case MAX_SUSPENDED: s->max_suspended = n; break;
	case MAX_ROUNDS: s->move.options.limits.max_rounds = n; break;
	case BANDWIDTH: s->wanted.bandwidth_bytes = (uint64_t)n << 20; break;
	case TIMEOUT: s->move.options.limits.timeout_seconds = n; break;
	case CONNECTIONS: s->move.offer.lanes = n; break;
	case LEVEL: s->move.options.level = n; break;
	case THREADS: s->move.options.threads = n; break;
	case IDLE_TIMEOUT: s->move.peer.idle_seconds = n; break;
	}
	return true;
}

static bool set(void *context, int letter, const char *value)
{
	struct settings *s = context;
	struct peer *peer = &s->move.peer;

	switch (letter) {
	case VIA: return set_via(value, &peer->via);
	case PKI: return set_text("pki", value, peer->pki, sizeof(peer->pki));
	case SSH: return set_text("ssh", value, peer->ssh, sizeof(peer->ssh));
	case ON_TIMEOUT: return set_on_timeout(value, &s->move.options.limits);
	case TRACKING: return parse_tracking(value, &s->move.options.tracking);
	case P2M: return parse_p2m(value, &s->move.options.p2m);
	case NAME: return set_name(value, &s->move.offer);
	case ABORT_IF_BUSY: s->move.options.limits.abort_if_busy = true; break;
	case FORCE: s->move.offer.force = true; break;
	case NO_LIVE: s->is_live = false; break;
	case WITHOUT_DEVICES: s->without_devices = true; break;
	case CONTROL: s->is_controlled = true; break;
	case FOREGROUND: s->is_foreground = true; break;
	case DETACH: s->is_detached = true; break;
	case PROGRESS: common.progress = PROGRESS_ON; break;
	case NO_PROGRESS: common.progress = PROGRESS_OFF; break;
	case JSON: common.json = true; break;
	default: return set_number(s, letter, value);
	}
	return true;
}

/* --- while it goes on ------------------------------------------------------- */

static void tell_status(const struct settings *s, uint64_t began_ns)
{
	bool as_line = common.json || s->is_controlled;

	event_tell(event_move_status(s->move.status, began_ns), as_line);
}

/* Until the mover has ended. */
static void watch(struct settings *s, uint64_t began_ns)
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

static int say_end(const struct settings *s, enum moved moved, const char *whom)
{
	char outcome[256];

	if (moved == MOVED)
		return EXIT_DONE;
	if (moved == NOT_MOVED)
		return say_failure("migrate", whom,
				   sent_outcome(&s->move.status->sent, s->move.status->waiter, outcome));
	snprintf(outcome, sizeof(outcome),
		 "the domain waits here, and may run there: \"pvferry resolve %s\" settles it",
		 s->move.offer.job);
	say_failure("migrate", whom, outcome);
	return EXIT_UNSETTLED;
}

static int migrate(struct settings *s, const char *whom)
{
	struct move *move = &s->move;
	bool as_line = common.json || s->is_controlled;
	uint64_t began_ns = now_ns();
	enum moved moved;

	event_tell(event_job(move->offer.job, s->name, move->domain, move->peer.host, "source"), as_line);
	progress_start("migrating");
	if (!move_start(move))
		watch(s, began_ns);
	moved = move_finish(move);
	progress_end();
	if (moved == MOVED)
		tell_status(s, began_ns);
	event_tell(event_move_end(move->status, moved, began_ns), as_line);
	ended_move(move->status, moved, began_ns);
	return say_end(s, moved, whom);
}

static int prepare(struct settings *s, const char *whom)
{
	struct move *move = &s->move;
	struct movable wish = { .without_devices = s->without_devices, .force = move->offer.force };
	int rc = find_movable(whom, &wish, &move->domain, s->name);

	if (!rc)
		rc = job_name(move->offer.job);
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
static bool is_for_pvferryd(const struct settings *s)
{
	if (s->is_detached)
		return true;
	return !s->is_foreground && !s->is_controlled && s->move.peer.via != VIA_SSH && control_is_there();
}

/* Its certificates are those that were asked for here. */
static int order(const struct settings *s, struct json_object *options, char **operands)
{
	char *pki = realpath(s->move.peer.pki, NULL);

	if (pki && strcmp(s->move.peer.pki, PKI_DEFAULT))
		json_object_object_add(options, "pki", json_object_new_string(pki));
	free(pki);
	return order_migrate(operands[0], operands[1], options, s->is_detached);
}

int run_migrate(const struct command *self, int argc, char **argv)
{
	struct settings settings = {
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
	first = command_options(self, argc, argv, set, &settings);
	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first != 2 || !set_text("HOST", argv[first + 1], peer->host, sizeof(peer->host))) {
		fprintf(stderr, "pvferry: migrate takes DOMAIN and HOST\n");
		return EXIT_USAGE;
	}
	if (settings.is_detached && (settings.is_foreground || settings.is_controlled)) {
		fprintf(stderr, "pvferry: --detach is for pvferryd, --foreground and --control are not\n");
		return EXIT_USAGE;
	}
	if (is_for_pvferryd(&settings))
		return order(&settings, order_options(self, argc, argv), argv + first);
	if (prepare(&settings, argv[first]))
		return say_failure("migrate", argv[first], "the domain was not stopped");
	return migrate(&settings, argv[first]);
}
