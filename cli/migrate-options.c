/* See migrate-options.h. */
#include "cli/migrate-options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/sending.h"
#include "log.h"
#include "machine/offer.h"

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
	LIVE,
};

const struct option_row migrate_options[] = {
	{ VIA, "via", "WAY", "tls, ssh or tcp (tls)" },
	{ PORT, "port", "N", "the other host's port (8666)" },
	{ PKI, "pki", "DIR", "the directory of ca.pem, cert.pem and key.pem (" PKI_DEFAULT ")" },
	{ SSH, "ssh", "COMMAND", "the command in place of ssh; '': HOST is the whole command" },
	{ MAX_DOWNTIME, "max-downtime", "MS", "stop the domain when that takes at most so long (300)" },
	{ MAX_SUSPENDED, "max-suspended", "S",
	  "resume it after so long; 0: no limit (30, 3600 with --no-live)" },
	{ MAX_ROUNDS, "max-rounds", "N", "stop it after so many rounds in any case" },
	{ BANDWIDTH, "bandwidth", "N", "MiB a second at most while it runs" },
	{ TIMEOUT, "timeout", "S", "seconds that all rounds may take" },
	{ ON_TIMEOUT, "on-timeout", "WHAT", "then abort, or stop the domain and finish (abort)" },
	{ ABORT_IF_BUSY, "abort-if-busy", NULL, "give up rather than exceed the downtime" },
	{ TRACKING, "dirty-tracking", "HOW", "how to detect changed pages: auto, content or log (auto)" },
	{ FORCE, "force", NULL, "even if the other host lacks CPU features the guest knows" },
	{ NO_LIVE, "no-live", NULL, "stop the domain first" },
	{ CONNECTIONS, "connections", "N", "send over so many connections (1)" },
	{ LEVEL, "level", "N", "zstd's level, -7 to 19, or auto (auto); 0: uncompressed" },
	{ THREADS, "threads", "N", "worker threads (one a processor, at most 8)" },
	{ P2M, "p2m", "FORM", "read the guest's p2m as auto, linear or list (auto)" },
	{ WITHOUT_DEVICES, "without-devices", NULL, "move a domain with devices, without them" },
	{ NAME, "name", "NAME", "give it this name there" },
	{ IDLE_TIMEOUT, "idle-timeout", "S", "give up after so many seconds of silence (30)" },
	{ FOREGROUND, "foreground", NULL, "do it in this process, not in pvferryd" },
	{ DETACH, "detach", NULL, "let pvferryd do it; print the job and do not wait" },
	{ CONTROL, "control", NULL, "events as JSON on standard output, orders on standard input" },
	{ PROGRESS, "progress", NULL, "show progress even where there is no terminal" },
	{ NO_PROGRESS, "no-progress", NULL, "show no progress" },
	{ JSON, "json", NULL, "events as JSON on standard output" },
	{ MAX_ROUNDS, "max_iters", "N", "the same as --max-rounds" },
	{ ABORT_IF_BUSY, "abort_if_busy", NULL, "the same as --abort-if-busy" },
	{ MIN_REMAINING, "min_remaining", "N", "accepted and ignored: the downtime decides" },
	{ LIVE, "live", NULL, "accepted and ignored: a migration is live unless --no-live is given" },
	{ 0 },
};

static bool set_via(const char *value, enum via *via)
{
	if (via_parse(value, via))
		return true;
	fprintf(stderr, "pvferry: --via takes tls, ssh or tcp, not \"%s\"\n", value);
	return false;
}

static bool set_pki(const char *value, struct peer *peer)
{
	if (*value)
		return parse_text("pki", value, peer->pki, sizeof(peer->pki));
	fprintf(stderr, "pvferry: --pki: a directory is wanted, as in --pki " PKI_DEFAULT "\n");
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
		return parse_text("name", value, offer->domain, sizeof(offer->domain));
	fail(EINVAL, "--name: \"%s\" cannot be a domain's name: %s", value, defect);
	fprintf(stderr, "pvferry: %s\n", fail_reason());
	return false;
}

/* Those that take a number: which, its bounds, and where it goes. */
static bool set_number(struct migrate_settings *s, int letter, const char *value)
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
	case THREADS: s->move.options.threads = n; break;
	case IDLE_TIMEOUT: s->move.peer.idle_seconds = n; break;
	}
	return true;
}

bool migrate_set(void *context, int letter, const char *value)
{
	struct migrate_settings *s = context;
	struct peer *peer = &s->move.peer;

	switch (letter) {
	case VIA: return set_via(value, &peer->via);
	case PKI: return set_pki(value, peer);
	case SSH: return parse_text("ssh", value, peer->ssh, sizeof(peer->ssh));
	case ON_TIMEOUT: return set_on_timeout(value, &s->move.options.limits);
	case TRACKING: return parse_tracking(value, &s->move.options.tracking);
	case P2M: return parse_p2m(value, &s->move.options.p2m);
	case LEVEL: return parse_level(value, &s->move.options.level);
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

bool migrate_set_host(struct migrate_settings *s, const char *text)
{
	struct peer *peer = &s->move.peer;
	char host[sizeof(peer->host)];
	char *colon;
	long port;

	if (!parse_text("HOST", text, host, sizeof(host)))
		return false;
	if (peer->via == VIA_SSH)
		return parse_text("HOST", text, peer->host, sizeof(peer->host));
	if (strchr(host, '@')) {
		fprintf(stderr, "pvferry: migrate: \"%s\": a user is named for --via ssh only\n", text);
		return false;
	}
	colon = strrchr(host, ':');
	if (colon && (strchr(host, ':') == colon || colon[-1] == ']')) {
		if (!parse_number("port", colon + 1, 1, 65535, &port))
			return false;
		peer->port = port;
		*colon = '\0';
	}
	if (*host == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = '\0';
		return parse_text("HOST", host + 1, peer->host, sizeof(peer->host));
	}
	return parse_text("HOST", host, peer->host, sizeof(peer->host));
}
