/* See migrate-options.h. */
#include "cli/migrate-options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/sending.h"
#include "log.h"
#include "machine/offer.h"

static bool set_name(const char *value, struct offer *offer)
{
	const char *defect = domain_name_defect(value);

	if (!defect)
		return parse_text("name", value, offer->domain, sizeof(offer->domain));
	fail(EINVAL, "--name: \"%s\" cannot be a domain's name: %s", value, defect);
	say_wrong("%s", fail_reason());
	return false;
}

bool migrate_set(void *context, enum option_id option, const struct option_value *value)
{
	struct migrate_settings *s = context;
	struct peer *peer = &s->move.peer;
	struct migrate_options *options = &s->move.options;

	switch (option) {
	case OPTION_VIA: peer->via = value->word; break;
	case OPTION_PORT: peer->port = value->number; break;
	case OPTION_PKI: return parse_text("pki", value->text, peer->pki, sizeof(peer->pki));
	case OPTION_SSH: return parse_text("ssh", value->text, peer->ssh, sizeof(peer->ssh));
	case OPTION_IDLE_TIMEOUT: peer->idle_seconds = value->number; break;
	case OPTION_MAX_DOWNTIME: s->wanted.max_downtime_ms = value->number; break;
	case OPTION_MAX_SUSPENDED: s->max_suspended = value->number; break;
	case OPTION_BANDWIDTH: s->wanted.bandwidth_bytes = (uint64_t)value->number << 20; break;
	case OPTION_MAX_ROUNDS: options->limits.max_rounds = value->number; break;
	case OPTION_TIMEOUT: options->limits.timeout_seconds = value->number; break;
	case OPTION_ON_TIMEOUT: options->limits.stop_on_timeout = value->word; break;
	case OPTION_ABORT_IF_BUSY: options->limits.abort_if_busy = true; break;
	case OPTION_DIRTY_TRACKING: options->tracking = value->word; break;
	case OPTION_P2M: options->p2m = value->word; break;
	case OPTION_LEVEL: options->level = level_of(value); break;
	case OPTION_THREADS: options->threads = value->number; break;
	case OPTION_CONNECTIONS: s->move.offer.lanes = value->number; break;
	case OPTION_NAME: return set_name(value->text, &s->move.offer);
	case OPTION_FORCE: s->move.offer.force = true; break;
	case OPTION_DEVICES: s->move.devices = value->word; break;
	case OPTION_NO_LIVE: s->is_live = false; break;
	case OPTION_WITHOUT_DEVICES: s->without_devices = true; break;
	case OPTION_REPORT: return move_report_set(&s->report, value->text);
	case OPTION_CONTROL: s->is_controlled = true; break;
	case OPTION_FOREGROUND: s->is_foreground = true; break;
	case OPTION_DETACH: s->is_detached = true; break;
	default: break;
	}
	return true;
}

bool migrate_set_host(struct migrate_settings *s, const char *text)
{
	struct peer *peer = &s->move.peer;
	char host[sizeof(peer->host)];
	char *colon;
	struct option_value port;

	if (!parse_text("HOST", text, host, sizeof(host)))
		return false;
	if (peer->via == VIA_SSH)
		return parse_text("HOST", text, peer->host, sizeof(peer->host));
	if (strchr(host, '@')) {
		say_wrong("migrate: \"%s\": a user is named for --via ssh only", text);
		return false;
	}
	colon = strrchr(host, ':');
	if (colon && (strchr(host, ':') == colon || colon[-1] == ']')) {
		if (!parse_as("migrate", OPTION_PORT, colon + 1, &port))
			return false;
		peer->port = port.number;
		*colon = '\0';
	}
	if (*host == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = '\0';
		return parse_text("HOST", host + 1, peer->host, sizeof(peer->host));
	}
	return parse_text("HOST", host, peer->host, sizeof(peer->host));
}
