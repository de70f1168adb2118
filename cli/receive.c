/* pvferry receive: takes a domain that another host sends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/ended.h"
#include "cli/events.h"
#include "log.h"
#include "machine/watch.h"
#include "process/child.h"
#include "process/stop.h"
#include "restore/prove.h"
#include "text/allow.h"

enum { ALLOWED_MOST = 256 };

struct settings {
	struct take take;
	struct proof_wish wish;
	const char *listen, *allowed[ALLOWED_MOST + 1];
	unsigned int allowed_count;
	char devices[4096]; /* that are allowed, as allow_device() reads them */
	bool is_controlled, is_tls;
	int connection; /* -1: standard input and output, or --listen */
};

static bool add_allowed(struct settings *s, const char *name)
{
	if (s->allowed_count == ALLOWED_MOST) {
		say_wrong("--allow: at most %d names", ALLOWED_MOST);
		return false;
	}
	if (strchr(name, '*')) {
		say_wrong("--allow: \"%s\": a name is compared as a whole, \"*\" stands for itself", name);
		return false;
	}
	s->allowed[s->allowed_count++] = name;
	return true;
}

static bool add_devices(struct settings *s, const char *patterns)
{
	size_t used = strlen(s->devices), left = sizeof(s->devices) - used;

	if ((size_t)snprintf(s->devices + used, left, "%s,", patterns) < left)
		return true;
	say_wrong("--allow-device: more than %zu bytes in all", sizeof(s->devices) - 1);
	return false;
}

static bool set_proof(struct settings *s)
{
	s->take.options.prove = &s->wish;
	return !proof_wish_init(&s->wish, NULL) || say_failure("receive", "", NULL) == EXIT_DONE;
}

static bool receive_set(void *context, enum option_id option, const struct option_value *value)
{
	struct settings *s = context;

	switch (option) {
	case OPTION_TLS: s->is_tls = true; break;
	case OPTION_PLAIN: s->take.door.is_plain = true; break;
	case OPTION_SENDERS: return add_allowed(s, value->text);
	case OPTION_ALLOW: return allow_parse(value->text, &s->take.options.allowed);
	case OPTION_ALLOW_DEVICE: return add_devices(s, value->text);
	case OPTION_PROVE: return set_proof(s);
	case OPTION_PKI: s->take.door.pki = value->text; break;
	case OPTION_LISTEN: s->listen = value->text; break;
	case OPTION_CONTROL: s->is_controlled = true; break;
	case OPTION_CONNECTION: s->connection = value->number; break;
	case OPTION_THREADS: s->take.options.threads = value->number; break;
	case OPTION_IDLE_TIMEOUT: s->take.door.idle_seconds = value->number; break;
	case OPTION_HANDSHAKE_TIMEOUT: s->take.door.handshake_seconds = value->number; break;
	default: break;
	}
	return true;
}

/* Standard input and output are the connection: nothing else may be read or written there. */
static int take_streams(struct take *take)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	take->in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	take->out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (null < 0 || take->in < 0 || take->out < 0)
		return fail_errno("standard input and output");
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close(null);
	take->is_stream = true;
	return 0;
}

static int accept_one(struct settings *s)
{
	int listener, rc;
	unsigned int port;

	rc = connect_listen(s->listen, &listener, &port);
	if (rc)
		return rc;
	if (s->is_controlled)
		printf("{\"event\":\"listening\",\"port\":%u}\n", port);
	else
		say(SAY_NOTE, "listening on port %u", port);
	fflush(stdout);
	rc = connect_accept(listener, &s->take.in);
	close(listener);
	s->take.out = s->take.in;
	return rc;
}

static int open_connection(struct settings *s)
{
	if (s->listen)
		return accept_one(s);
	if (s->connection < 0 && (isatty(STDIN_FILENO) || isatty(STDOUT_FILENO)))
		return fail(ENOTTY, "standard input and output are a terminal, not another pvferry; --listen "
				    "ADDRESS:PORT waits for a connection");
	if (s->connection < 0)
		return take_streams(&s->take);
	s->take.in = s->take.out = s->connection;
	if (fcntl(s->connection, F_SETFD, FD_CLOEXEC))
		return fail_errno("--connection %d", s->connection);
	return 0;
}

/* Who it is that was let in, once it is. */
static bool tell_name(const struct take_status *status)
{
	if (status->is_lane)
		event_tell(event_join(), true);
	else if (status->stage >= TAKE_BUILDING && status->stage != TAKE_ANSWERED)
		event_tell(event_job(status->offer.job, status->offer.domain, status->built->domain,
				     status->peer, "destination"),
			   true);
	else
		return false;
	return true;
}

/* Tells, if asked to, until the destination session has ended. */
static void watch(struct settings *s, uint64_t began_ns)
{
	enum { TELL_MS = 1000 };
	struct orders orders = { .is_over = !s->is_controlled };
	const struct take_status *status = s->take.status;
	bool is_named = false;

	for (;;) {
		struct pollfd fds[2] = { { .fd = take_watch(&s->take), .events = POLLIN },
					 { .fd = orders.is_over ? -1 : STDIN_FILENO, .events = POLLIN } };

		if (poll(fds, 2, s->is_controlled ? TELL_MS : -1) < 0 && errno != EINTR)
			return;
		if (fds[1].revents)
			orders_take(&orders, NULL);
		if (s->is_controlled && !is_named)
			is_named = tell_name(status);
		if (fds[0].revents)
			return;
		if (s->is_controlled)
			event_tell(event_take_status(status, began_ns), true);
	}
}

static int say_taken(const struct settings *s, int rc)
{
	const struct take_status *status = s->take.status;
	const char *whom = *status->offer.domain ? status->offer.domain : status->peer;

	if (!rc && status->stage == TAKE_RUNNING)
		say(s->take.is_stream ? SAY_DETAIL : SAY_NOTE, "%s: came from %s, runs as domain %u",
		    status->offer.domain, status->peer, status->built->domain);
	if (!rc)
		return EXIT_DONE;
	if (s->take.is_stream && status->is_known) { /* the source says it to the program that started us */
		say(SAY_DETAIL, "receive %s: %s", whom, fail_reason());
		return EXIT_NOT_DONE;
	}
	return say_failure("receive", *whom ? whom : "a domain",
			   status->built->is_there ? "a domain could not be removed" : "no domain was made");
}

/* The guest runs, with a watcher or without one. */
static void have_it_watched(const struct take_status *status, unsigned int allowed)
{
	int rc = watch_start(status->built->domain, allowed & ALLOW_BOOT);

	if (rc && rc != -EBUSY) /* another watcher was faster */
		say(SAY_WARNING,
		    "%s runs, but no process watches it, so its on_reboot and on_crash are not carried out: "
		    "%s",
		    status->offer.domain, fail_reason());
	fail_forget();
}

static bool share_status(struct take *take)
{
	take->status = child_share(sizeof(*take->status));
	if (take->status)
		take->status->built = built_open();
	return take->status && take->status->built;
}

static int receive(struct settings *s)
{
	uint64_t began_ns = line_now();
	int rc = open_connection(s), status;

	if (rc)
		return say_failure("receive", "a domain", NULL);
	/* A program that starts us has all of this host already, and lets in whom it likes. */
	if (!s->take.is_stream || *s->devices)
		s->take.options.allow_devices = s->devices;
	if (!take_start(&s->take))
		watch(s, began_ns);
	rc = take_finish(&s->take);
	if (s->is_controlled)
		event_tell(event_take_end(s->take.status, rc, began_ns), true);
	ended_take(s->take.status, rc, began_ns);
	status = say_taken(s, rc);
	if (s->take.status->stage == TAKE_RUNNING)
		have_it_watched(s->take.status, s->take.options.allowed);
	return status;
}

int run_receive(const struct command *self, int argc, char **argv)
{
	struct settings settings = {
		.connection = -1,
		.take = { .door = { .pki = pki_default() }, .options = { .threads = default_threads() } },
	};
	int first = command_options(self, argc, argv, receive_set, &settings);

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc != first)
		return say_usage(self, "takes no operand");
	if (settings.is_tls && settings.take.door.is_plain)
		return say_usage(self, "takes --tls or --plain, not both");
	if (settings.listen && settings.connection >= 0)
		return say_usage(self, "takes --listen or --connection, not both");
	settings.take.door.allowed = settings.allowed;
	return share_status(&settings.take) ? receive(&settings) : say_failure("receive", "a domain", NULL);
}
