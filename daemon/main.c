/*
 * pvferryd: listens for guests that arrive and for orders, and starts a process for
 * each. It reads no byte of a peer and never asks Xen for anything; see pvferryd(8).
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <uv.h>

#include "daemon/check.h"
#include "daemon/control.h"
#include "daemon/incoming.h"
#include "daemon/notify.h"
#include "daemon/recovery.h"
#include "log.h"
#include "process/descriptors.h"
#include "version.h"

#define DEFAULT_CONFIG "/etc/pvferry/pvferryd.conf"

/* After the time to stop: for jobs that were told to end, and for clients to read the last of it. */
enum { TERMINATE_SECONDS = 15, CLIENTS_SECONDS = 3 };
enum { SIGNALS = 3 };

static struct daemon {
	uv_loop_t loop;
	const char *config;
	bool must_exist;
	struct settings settings;
	struct jobs jobs;
	struct recovery recovery;
	struct incoming incoming;
	struct control control;
	uv_signal_t signals[SIGNALS];
	uv_timer_t watchdog, stop;
	enum { RUNNING, STOPPING, TERMINATING, CLOSING, GIVEN_UP } stage;
} pvferryd;

/* --- ending ------------------------------------------------------------------- */

static void on_clients_late(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;

	control_close(&daemon->control);
	uv_close((uv_handle_t *)timer, NULL);
}

static void close_handle(void *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

/* What is left in the loop then ends by itself; the clients have some time for it. */
static void close_all(struct daemon *daemon)
{
	daemon->stage = CLOSING;
	incoming_close(&daemon->incoming);
	recovery_close(&daemon->recovery);
	control_close(&daemon->control);
	close_handle(&daemon->watchdog);
	for (int i = 0; i < SIGNALS; i++)
		close_handle(&daemon->signals[i]);
	uv_timer_start(&daemon->stop, on_clients_late, CLIENTS_SECONDS * 1000, 0);
	uv_unref((uv_handle_t *)&daemon->stop);
}

static void on_terminate_late(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;

	say(SAY_WARNING, "%u jobs have not ended; they go on without pvferryd",
	    jobs_count(&daemon->jobs).alive);
	daemon->stage = GIVEN_UP;
	uv_stop(timer->loop);
}

static void on_stop_late(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;

	daemon->stage = TERMINATING;
	say(SAY_WARNING, "%u jobs were told to end", jobs_terminate(&daemon->jobs));
	uv_timer_start(timer, on_terminate_late, TERMINATE_SECONDS * 1000, 0);
}

static void on_changed(void *context)
{
	struct daemon *daemon = context;
	struct jobs_counts counts = jobs_count(&daemon->jobs);

	notify_status("%u guests leaving, %u arriving, %u connections not let in yet", counts.sources,
		      counts.incoming - counts.unauthenticated, counts.unauthenticated);
	if (daemon->stage != RUNNING && daemon->stage < CLOSING && !counts.alive && !daemon->recovery.child)
		close_all(daemon);
}

static void stop(struct daemon *daemon)
{
	daemon->stage = STOPPING;
	say(SAY_NOTE, "stopping");
	notify_stopping(daemon->settings.stop_seconds + TERMINATE_SECONDS + CLIENTS_SECONDS + 5);
	incoming_stop(&daemon->incoming);
	uv_timer_start(&daemon->stop, on_stop_late, daemon->settings.stop_seconds * 1000ULL, 0);
	jobs_stop(&daemon->jobs);
	on_changed(daemon);
}

/* --- signals ------------------------------------------------------------------- */

static void reload(struct daemon *daemon)
{
	struct settings fresh;

	notify_reloading();
	if (settings_read(&fresh, daemon->config, daemon->must_exist)) {
		say(SAY_WARNING, "%s; the settings stay as they were", fail_reason());
	} else {
		settings_release(&daemon->settings);
		daemon->settings = fresh;
		if (incoming_listen(&daemon->incoming, &daemon->settings))
			say(SAY_WARNING, "%s", fail_reason());
		say(SAY_NOTE, "%s was read again", daemon->config);
	}
	fail_forget();
	notify_ready();
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct daemon *daemon = handle->data;

	if (number == SIGHUP && daemon->stage == RUNNING)
		reload(daemon);
	else if (number != SIGHUP && daemon->stage == RUNNING)
		stop(daemon);
	else if (number != SIGHUP && daemon->stage == STOPPING)
		on_stop_late(&daemon->stop);
}

static void watch_signals(struct daemon *daemon)
{
	static const int numbers[SIGNALS] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction before;

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < SIGNALS; i++) {
		uv_signal_init(&daemon->loop, &daemon->signals[i]);
		daemon->signals[i].data = daemon;
		/* What was ignored at the start (nohup, a shell's background job) stays ignored. */
		if (!sigaction(numbers[i], NULL, &before) && before.sa_handler != SIG_IGN)
			uv_signal_start(&daemon->signals[i], on_signal, numbers[i]);
	}
}

/* --- beginning ------------------------------------------------------------------ */

static void on_told(void *context, const struct job *job, struct json_object *event)
{
	control_tell(&((struct daemon *)context)->control, job, event);
}

static void on_died(void *context)
{
	recovery_want(&((struct daemon *)context)->recovery);
}

/* A connection, and three pipes, for each job. */
static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur == files.rlim_max)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static void init(struct daemon *daemon)
{
	uv_loop_init(&daemon->loop);
	jobs_init(&daemon->jobs, &daemon->loop, &daemon->settings);
	daemon->jobs.told = on_told;
	daemon->jobs.died = on_died;
	daemon->jobs.changed = on_changed;
	daemon->jobs.context = daemon;
	daemon->stop.data = daemon;
	uv_timer_init(&daemon->loop, &daemon->stop);
	notify_watch(&daemon->loop, &daemon->watchdog);
	recovery_init(&daemon->recovery, &daemon->jobs);
	incoming_init(&daemon->incoming, &daemon->jobs);
	watch_signals(daemon);
}

/* The journals are looked at before a guest can come. */
static int open_all(struct daemon *daemon)
{
	int rc = control_open(&daemon->control, &daemon->jobs);

	if (rc)
		return rc;
	recovery_want(&daemon->recovery);
	check_warn(&daemon->settings);
	rc = incoming_listen(&daemon->incoming, &daemon->settings);
	if (!rc)
		notify_ready();
	return rc;
}

static int daemon_run(struct daemon *daemon)
{
	int rc;

	umask(077);
	raise_limits();
	init(daemon);
	rc = open_all(daemon);
	if (rc) {
		say(SAY_WARNING, "%s", fail_reason());
		close_all(daemon);
	}
	uv_run(&daemon->loop, UV_RUN_DEFAULT);
	if (daemon->stage == GIVEN_UP)
		return EXIT_FAILURE;
	close_handle(&daemon->stop);
	uv_run(&daemon->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&daemon->loop))
		say(SAY_WARNING, "something was left in the loop");
	jobs_release(&daemon->jobs);
	settings_release(&daemon->settings);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void print_help(void)
{
	printf("Usage: pvferryd [OPTION]...\n"
	       "Receives guests from other hosts, and carries out what pvferry orders.\n\n"
	       "  -c, --config FILE   the settings (" DEFAULT_CONFIG ")\n"
	       "      --check         only check them, the program and the certificates\n"
	       "  -v, --verbose       log more\n"
	       "  -h, --help          this text\n"
	       "      --version       the version\n\n"
	       "pvferryd(8) describes the settings.\n");
}

enum { CHECK = 1, VERSION };

static int read_options(struct daemon *daemon, int argc, char **argv, bool *is_check)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "check", no_argument, NULL, CHECK },
		{ "verbose", no_argument, NULL, 'v' },	    { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, VERSION },  { 0 },
	};
	int letter;

	while ((letter = getopt_long(argc, argv, "c:vh", options, NULL)) != -1)
		switch (letter) {
		case 'c':
			daemon->config = optarg;
			daemon->must_exist = true;
			break;
		case CHECK: *is_check = true; break;
		case 'v': say_level = SAY_DETAIL; break;
		case 'h': print_help(); exit(EXIT_SUCCESS);
		case VERSION: printf("pvferryd %s\n", PVFERRY_VERSION); exit(EXIT_SUCCESS);
		default: return -EINVAL;
		}
	return optind == argc ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	bool is_check = false;
	int rc;

	descriptors_open();
	pvferryd.config = DEFAULT_CONFIG;
	say_name = notify_journal_reads() ? NULL : "pvferryd";
	if (read_options(&pvferryd, argc, argv, &is_check)) {
		fprintf(stderr, "\"pvferryd --help\" lists the options.\n");
		return 2;
	}
	if (settings_read(&pvferryd.settings, pvferryd.config, pvferryd.must_exist)) {
		say(SAY_WARNING, "%s", fail_reason());
		return EXIT_FAILURE;
	}
	if (!is_check)
		return daemon_run(&pvferryd);
	rc = check_print(&pvferryd.settings, pvferryd.config);
	settings_release(&pvferryd.settings);
	return rc;
}
