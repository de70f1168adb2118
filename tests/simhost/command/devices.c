/*
 * devices: stands in for what domain 0's kernel and xenconsoled do with the devices that libxl makes, and for the
 * guests' drivers. A backend is ready to be plugged in (2) when it appears, connects (4) when its frontend does, and
 * closes (6) when it is told to (5); the frontend of a domain that runs connects. Each console gets a terminal's name.
 *
 * A path in the host's directory, devices.no, holds a word: backends whose class it is stay as they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenstore.h>

#include "../machine/domain.h"
#include "command.h"

enum { NEW = 1, WAITS = 2, CONNECTED = 4, CLOSING = 5, CLOSED = 6, LOOK_MS = 10, REST_MS = 1000 };

struct stand_in {
	struct xs_handle *store;
	struct host host;
	char idle[64];		  /* the class of backends that do nothing */
	uint64_t domain_0_frames; /* that it had at first */
	bool waits;		  /* a device waits for its guest, of which no node tells */
};

static void write_text(struct stand_in *s, const char *path, const char *text)
{
	xs_write(s->store, XBT_NULL, path, text, strlen(text));
}

/* 0 if nothing stands there. */
static int read_number(struct stand_in *s, const char *base, const char *name)
{
	char path[256], *text;
	int number = 0;

	snprintf(path, sizeof(path), "%s/%s", base, name);
	text = xs_read(s->store, XBT_NULL, path, NULL);
	if (text)
		number = atoi(text);
	free(text);
	return number;
}

/* Keeps the access that the node has. */
static void set_state(struct stand_in *s, const char *base, int state)
{
	char path[256], text[16];

	snprintf(path, sizeof(path), "%s/state", base);
	snprintf(text, sizeof(text), "%d", state);
	write_text(s, path, text);
}

static bool domain_is_running(struct stand_in *s, int domid)
{
	struct domain *domain;
	bool runs;

	host_lock(&s->host);
	domain = domain_find(&s->host, domid);
	runs = domain && domain_runs(domain);
	host_unlock(&s->host);
	return runs;
}

/* Both ends, as soon as the guest is there to do its part: once a boot or a resume on new nodes. */
static void connect_ends(struct stand_in *s, const char *backend)
{
	char path[256], *frontend;

	snprintf(path, sizeof(path), "%s/frontend", backend);
	frontend = xs_read(s->store, XBT_NULL, path, NULL);
	if (frontend && read_number(s, frontend, "state") == NEW) {
		set_state(s, frontend, CONNECTED);
		set_state(s, backend, CONNECTED);
	}
	free(frontend);
}

static void serve_backend(struct stand_in *s, const char *class, const char *backend)
{
	switch (read_number(s, backend, "state")) {
	case NEW:
		if (strcmp(class, s->idle))
			set_state(s, backend, WAITS);
		break;
	case WAITS:
		s->waits = true;
		if (read_number(s, backend, "frontend-id") &&
		    domain_is_running(s, read_number(s, backend, "frontend-id")))
			connect_ends(s, backend);
		break;
	case CLOSING: set_state(s, backend, CLOSED); break;
	}
}

static void serve_console(struct stand_in *s, const char *domid)
{
	char path[64], *tty;

	snprintf(path, sizeof(path), "/local/domain/%s/console", domid);
	if (!read_number(s, path, "ring-ref"))
		return;
	snprintf(path, sizeof(path), "/local/domain/%s/console/tty", domid);
	tty = xs_read(s->store, XBT_NULL, path, NULL);
	if (tty && !*tty)
		write_text(s, path, "/dev/pts/1");
	free(tty);
}

/* each(path below, its name) of all nodes below path. */
static void each_below(struct stand_in *s, const char *path,
		       void (*each)(struct stand_in *s, const char *path, const char *name))
{
	unsigned count = 0;
	char **names = xs_directory(s->store, XBT_NULL, path, &count), below[256];

	for (unsigned i = 0; i < count; i++) {
		snprintf(below, sizeof(below), "%s/%s", path, names[i]);
		each(s, below, names[i]);
	}
	free(names);
}

static void look_at_device(struct stand_in *s, const char *path, const char *name)
{
	char class[64] = "";

	(void)name;
	sscanf(path, "/local/domain/0/backend/%63[^/]", class);
	if (strcmp(class, "console"))
		serve_backend(s, class, path);
}

static void look_at_domain(struct stand_in *s, const char *path, const char *name)
{
	(void)name;
	each_below(s, path, look_at_device);
}

static void look_at_class(struct stand_in *s, const char *path, const char *name)
{
	(void)name;
	each_below(s, path, look_at_domain);
}

static void look_at_console(struct stand_in *s, const char *path, const char *name)
{
	(void)path;
	serve_console(s, name);
}

static void read_idle(struct stand_in *s)
{
	char path[PATH_MAX + 16];
	FILE *in;

	snprintf(path, sizeof(path), "%s/devices.no", s->host.path);
	in = fopen(path, "re");
	*s->idle = '\0';
	if (!in)
		return;
	if (fscanf(in, "%63s", s->idle) != 1)
		*s->idle = '\0';
	fclose(in);
}

/* Domain 0's own balloon. libxl enters the target when it is first asked for it. */
static void follow_target(struct stand_in *s)
{
	uint64_t target = read_number(s, "/local/domain/0/memory", "target") / 4;

	host_lock(&s->host);
	if (target && strcmp(s->idle, "balloon"))
		domain_set_privileged_frames(&s->host,
					     target < s->domain_0_frames ? target : s->domain_0_frames);
	host_unlock(&s->host);
}

/* False: xenstored is gone. */
static bool wait_for_change(struct stand_in *s)
{
	struct pollfd change = { .fd = xs_fileno(s->store), .events = POLLIN };
	char **event;

	poll(&change, 1, s->waits ? LOOK_MS : REST_MS);
	do {
		errno = 0;
		event = xs_check_watch(s->store);
		free(event);
	} while (event);
	return errno == EAGAIN;
}

int command_devices(int argc, char **argv)
{
	struct stand_in s = { 0 };

	if (argc != 2)
		return 2;
	if (command_attach(&s.host, argv[1]))
		return 1;
	s.domain_0_frames = domain_find(&s.host, 0)->tot_pages;
	command_set_environment(s.host.path);
	s.store = xs_open(0);
	if (!s.store)
		return command_fail("%s: no xenstored: %s", s.host.path, strerror(errno));
	if (!xs_watch(s.store, "/local/domain", "") || !xs_watch(s.store, "/local/domain/0/backend", ""))
		return command_fail("%s: no watch: %s", s.host.path, strerror(errno));
	do {
		s.waits = false;
		read_idle(&s);
		each_below(&s, "/local/domain/0/backend", look_at_class);
		each_below(&s, "/local/domain", look_at_console);
		if (s.domain_0_frames)
			follow_target(&s);
	} while (wait_for_change(&s));
	return 0;
}

/* --- started with the host ------------------------------------------------- */

static int enter_domain_0(const char *path)
{
	static const char *const nodes[][2] = {
		{ "/local/domain/0/name", "Domain-0" },
		{ "/local/domain/0/domid", "0" },
		{ "/local/pool/0/name", "Pool-0" },
		{ "/libxl/0/dm-version", "qemu_xen" },
		{ "/libxl/0/device", "" },
	};
	struct xs_handle *store;
	bool done = true;

	command_set_environment(path);
	store = xs_open(0);
	for (unsigned i = 0; store && i < sizeof(nodes) / sizeof(*nodes); i++)
		done &= xs_write(store, XBT_NULL, nodes[i][0], nodes[i][1], strlen(nodes[i][1]));
	if (store)
		xs_close(store);
	return store && done ? 0 : -EIO;
}

static void become_devices(const char *path)
{
	char log[PATH_MAX + 16], program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[length > 0 ? length : 0] = '\0';
	snprintf(log, sizeof(log), "%s/devices.log", path);
	setsid();
	closefrom(3);
	if (!freopen("/dev/null", "r", stdin) || !freopen(log, "a", stdout) || !freopen(log, "a", stderr))
		_exit(1);
	execl(program, "simhost", "devices", path, (char *)NULL);
	_exit(127);
}

int command_start_devices(const char *path)
{
	char pid_path[PATH_MAX + 16];
	int err = command_make_folders(path);
	pid_t pid;
	FILE *out;

	if (!err)
		err = enter_domain_0(path);
	if (err)
		return err;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		become_devices(path);
	snprintf(pid_path, sizeof(pid_path), "%s/devices.pid", path);
	out = fopen(pid_path, "we");
	if (!out)
		return -errno;
	fprintf(out, "%d\n", pid);
	return fclose(out) ? -EIO : 0;
}

void command_stop_devices(const char *path)
{
	char pid_path[PATH_MAX + 16];

	snprintf(pid_path, sizeof(pid_path), "%s/devices.pid", path);
	command_stop_process(pid_path);
}
