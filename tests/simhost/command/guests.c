/*
 * guests: runs the guests of a host, all or one, for a while or in the background.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../cpu/cpu.h"
#include "../guest/run.h"
#include "../machine/domain.h"
#include "command.h"

enum { IDLE_US = 300, IDLE_MOST_US = 2000 };

struct plan {
	long steps, ms, domain, pace;
	bool daemon, stop;
};

static const struct option options_known[] = {
	{ "domain", required_argument, NULL, 'd' }, { "steps", required_argument, NULL, 's' },
	{ "ms", required_argument, NULL, 'm' },	    { "daemon", no_argument, NULL, 'b' },
	{ "stop", no_argument, NULL, 'x' },	    { "pace", required_argument, NULL, 'p' },
	{ NULL, 0, NULL, 0 },
};

static void on_signal(int number)
{
	(void)number;
	cpu_interrupted = 1;
}

static int parse(int argc, char **argv, struct plan *plan)
{
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options_known, NULL)) != -1) {
		switch (option) {
		case 'd': plan->domain = atol(optarg); break;
		case 's': plan->steps = atol(optarg); break;
		case 'm': plan->ms = atol(optarg); break;
		case 'p': plan->pace = atol(optarg); break;
		case 'b': plan->daemon = true; break;
		case 'x': plan->stop = true; break;
		default: return 2;
		}
	}
	return optind + 1 == argc ? 0 : 2;
}

static uint16_t next_domid(struct host *host, uint32_t from)
{
	struct domain *domain;
	uint16_t domid;

	host_lock(host);
	domain = domain_next(host, from);
	domid = domain ? domain->domid : 0;
	host_unlock(host);
	return domid;
}

/* One step of each: true if any had something to do. */
static bool step_all(struct host *host, long only)
{
	uint32_t from = only ? only : 1;
	bool busy = false;
	uint16_t domid;

	while ((domid = next_domid(host, from)) && (!only || domid == only)) {
		busy |= guest_step(host, domid) > 0;
		from = domid + 1u;
	}
	return busy;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Its file has been removed, and so it is nobody's. */
static bool host_is_gone(const struct host *host)
{
	struct stat stat;

	return fstat(host->fd, &stat) || !stat.st_nlink;
}

/* So many steps a second at most: what was missed is not made up for. */
static void keep_pace(long pace, struct timespec *due)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	due->tv_nsec += 1000000000 / pace;
	due->tv_sec += due->tv_nsec / 1000000000;
	due->tv_nsec %= 1000000000;
	if (now.tv_sec > due->tv_sec || (now.tv_sec == due->tv_sec && now.tv_nsec > due->tv_nsec))
		*due = now;
	else
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, due, NULL);
}

static void run(struct host *host, const struct plan *plan)
{
	struct timespec due = { 0 };
	long end = plan->ms ? now_ms() + plan->ms : 0;
	useconds_t nap = IDLE_US; /* ever longer: a host without guests costs next to nothing */

	for (long step = 0; !cpu_interrupted && (!plan->steps || step < plan->steps); step++) {
		if (end && now_ms() >= end)
			break;
		if (plan->pace)
			keep_pace(plan->pace, &due);
		if (step_all(host, plan->domain) || plan->steps) {
			nap = IDLE_US;
			continue;
		}
		if (host_is_gone(host))
			break;
		usleep(nap);
		nap = 2 * nap < IDLE_MOST_US ? 2 * nap : IDLE_MOST_US;
	}
}

static void pid_path(char *path, size_t size, const char *host_path)
{
	snprintf(path, size, "%s/guests.pid", host_path);
}

static int stop(const char *host_path)
{
	char path[PATH_MAX + 16];

	pid_path(path, sizeof(path), host_path);
	command_stop_process(path);
	return 0;
}

/* The parent waits until the file that says whom to stop is there. */
static int daemonise(const char *host_path)
{
	char path[PATH_MAX + 16], log[PATH_MAX + 16];
	pid_t pid = fork();
	FILE *out;

	if (pid < 0)
		return -errno;
	pid_path(path, sizeof(path), host_path);
	if (pid) {
		out = fopen(path, "we");
		if (!out)
			return -errno;
		fprintf(out, "%d\n", pid);
		fclose(out);
		return 1;
	}
	snprintf(log, sizeof(log), "%s/guests.log", host_path);
	setsid();
	closefrom(3);
	if (!freopen("/dev/null", "r", stdin) || !freopen(log, "a", stdout) || !freopen(log, "a", stderr))
		_exit(1);
	setvbuf(stderr, NULL, _IOLBF, 0);
	return 0;
}

int command_guests(int argc, char **argv)
{
	struct plan plan = { 0 };
	struct host host;
	int ret = parse(argc, argv, &plan);

	if (ret)
		return ret;
	if (command_attach(&host, argv[optind]))
		return 1;
	if (plan.stop)
		return stop(host.path);
	if (plan.daemon) {
		ret = daemonise(host.path);
		if (ret)
			return ret < 0 ? command_fail("%s", strerror(-ret)) : 0;
		if (command_attach(&host, argv[optind]))
			return 1;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	run(&host, &plan);
	return 0;
}
