/*
 * See control.h. The socket that root's programs talk to pvferryd by. The directory has a lock of its own: two pvferryd
 * would both think that the other's jobs were theirs. The trap: the socket's file outlives the process, so its being
 * there means nothing; the lock does.
 */
#include "daemon/control.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/client.h"
#include "log.h"

enum { BACKLOG = 64, LOOK_MS = 5000 };

static const char *run_folder(void)
{
	const char *folder = getenv("PVFERRY_RUN");

	return folder ? folder : "/run/pvferry";
}

static void on_client(uv_stream_t *stream, int status)
{
	if (status < 0)
		say(SAY_WARNING, "control socket: %s", uv_strerror(status));
	else
		client_accept(stream->data);
}

static void on_timer(uv_timer_t *timer)
{
	struct control *control = timer->data;
	uint64_t now = uv_now(timer->loop);

	for (struct client *client = control->clients; client; client = client_next(client))
		client_look(client, now);
}

/* One pvferryd a folder. The lock goes with the process; the socket's name may be left by a dead one. */
static int lock_folder(struct control *control)
{
	char path[PATH_MAX];

	if (mkdir(run_folder(), 0700) && errno != EEXIST)
		return fail_errno("%s", run_folder());
	snprintf(path, sizeof(path), "%s/pvferryd.lock", run_folder());
	control->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (control->lock < 0)
		return fail_errno("%s", path);
	if (!flock(control->lock, LOCK_EX | LOCK_NB))
		return 0;
	fail_errno("%s: another pvferryd holds it", path);
	close(control->lock);
	control->lock = -1;
	return -EBUSY;
}

static int listen_at(struct control *control, const char *path)
{
	int rc = uv_pipe_init(control->jobs->loop, &control->pipe, 0);

	control->pipe.data = control;
	if (unlink(path) && errno != ENOENT)
		rc = -errno;
	if (!rc)
		rc = uv_pipe_bind(&control->pipe, path);
	if (!rc && chmod(path, 0600))
		rc = -errno;
	if (!rc)
		rc = uv_listen((uv_stream_t *)&control->pipe, BACKLOG, on_client);
	return rc ? fail(-rc, "cannot listen at %s: %s", path, uv_strerror(rc)) : 0;
}

int control_open(struct control *control, struct jobs *jobs)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];

	*control = (struct control){ .jobs = jobs, .lock = -1 };
	if (snprintf(path, sizeof(path), "%s/control", run_folder()) >= (int)sizeof(path))
		return fail(ENAMETOOLONG, "%s/control: too long for a socket", run_folder());
	if (lock_folder(control))
		return -EBUSY;
	uv_timer_init(jobs->loop, &control->timer);
	control->timer.data = control;
	uv_timer_start(&control->timer, on_timer, LOOK_MS, LOOK_MS);
	return listen_at(control, path);
}

void control_tell(struct control *control, const struct job *job, struct json_object *event)
{
	for (struct client *client = control->clients; client; client = client_next(client))
		client_tell(client, job, event);
}

void control_close(struct control *control)
{
	for (struct client *client = control->clients; client; client = client_next(client))
		client_close(client);
	if (control->lock < 0)
		return;
	uv_close((uv_handle_t *)&control->pipe, NULL);
	uv_close((uv_handle_t *)&control->timer, NULL);
	close(control->lock);
	control->lock = -1;
}
