/*
 * The real xenstored, one a host, on sockets of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../machine/domain.h"
#include "../machine/ports.h"
#include "command.h"

#define XENSTORED XEN_BIN "/xenstored"

enum { TRIES = 30000, TRY_US = 2000, STOP_TRIES = 20000, STOP_US = 250 };

static int write_file(const char *path, const void *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, bytes, size);
	close(fd);
	return n == (ssize_t)size ? 0 : -EIO;
}

/* The page and the port that a Linux domain 0 would show below /proc/xen. */
static int make_proc_files(const char *path)
{
	char file[PATH_MAX + 32], text[16], page[PAGE_BYTES] = { 0 };
	struct host host;
	int port, err = host_attach(&host, path);

	if (err)
		return err;
	host_lock(&host);
	port = port_alloc_unbound(&host, domain_find(&host, 0), 0);
	host_unlock(&host);
	host_detach(&host);
	snprintf(file, sizeof(file), "%s/xsd_port", path);
	snprintf(text, sizeof(text), "%d", port);
	err = write_file(file, text, strlen(text));
	snprintf(file, sizeof(file), "%s/xsd_kva", path);
	return err ? err : write_file(file, page, sizeof(page));
}

static void become_xenstored(const char *path)
{
	char pid_file[PATH_MAX + 32], log[PATH_MAX + 32];
	int fd;

	snprintf(pid_file, sizeof(pid_file), "%s/xenstored/pid", path);
	snprintf(log, sizeof(log), "%s/xenstored/log", path);
	command_set_environment(path);
	setsid();
	fd = open("/dev/null", O_RDONLY);
	dup2(fd, 0);
	fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	dup2(fd, 1);
	dup2(fd, 2);
	closefrom(3);
	execl(XENSTORED, "xenstored", "-N", "--pid-file", pid_file, (char *)NULL);
	_exit(127);
}

static bool answers(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/xenstored/socket", path);
	ok = !connect(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return ok;
}

int command_start_xenstored(const char *path)
{
	char file[PATH_MAX + 32];
	pid_t pid;
	int err;

	snprintf(file, sizeof(file), "%s/xenstored", path);
	if (mkdir(file, 0755))
		return -errno;
	err = make_proc_files(path);
	if (err)
		return err;
	pid = fork();
	if (!pid)
		become_xenstored(path);
	for (unsigned i = 0; i < TRIES; i++) {
		if (answers(path))
			return 0;
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return -ECHILD;
		usleep(TRY_US);
	}
	return -ETIMEDOUT;
}

/* A process that nobody waits for stays a zombie where there is no init to do so. */
static bool is_over(int pid)
{
	char path[32], state = 'Z';
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	in = fopen(path, "re");
	if (!in)
		return true;
	if (fscanf(in, "%*d (%*[^)]) %c", &state) != 1)
		state = 'Z';
	fclose(in);
	return state == 'Z';
}

void command_stop_process(const char *pid_file)
{
	FILE *in = fopen(pid_file, "re");
	int pid = 0;

	if (!in)
		return;
	if (fscanf(in, "%d", &pid) != 1)
		pid = 0;
	fclose(in);
	if (pid <= 0 || is_over(pid) || kill(pid, SIGTERM))
		return;
	for (unsigned i = 0; i < STOP_TRIES && !is_over(pid); i++)
		usleep(STOP_US);
	unlink(pid_file);
}

void command_stop_xenstored(const char *path)
{
	char file[PATH_MAX + 32];

	snprintf(file, sizeof(file), "%s/xenstored/pid", path);
	command_stop_process(file);
}
