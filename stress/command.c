/* See command.h. No connection to Xen is open while a command runs, and no thread: the process is only waited for. */
#include "stress/command.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

enum { PAUSE_MS = 200, STRAYS_MS = 60000, STEP_MS = 5, FAMILY_MOST = 64 };

void command_add(struct command *command, const char *word)
{
	if (command->count + 1 < COMMAND_WORDS)
		command->words[command->count++] = word;
}

void command_add_number(struct command *command, uint64_t number)
{
	char *text = command->texts[command->count];

	snprintf(text, sizeof(command->texts[0]), "%lu", number);
	command_add(command, text);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* --- its processes ----------------------------------------------------------------------- */

/* Those that a process has started and theirs, after those in pids already. */
static void find_family(pid_t pid, pid_t pids[FAMILY_MOST], unsigned int *count)
{
	char path[64];
	FILE *file;
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	file = fopen(path, "re");
	while (file && *count < FAMILY_MOST && fscanf(file, "%d", &child) == 1) {
		pids[(*count)++] = child;
		find_family(child, pids, count);
	}
	if (file)
		fclose(file);
}

static bool has_word(pid_t pid, const char *word)
{
	char path[64], line[512];
	size_t length;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	file = fopen(path, "re");
	length = file ? fread(line, 1, sizeof(line) - 1, file) : 0;
	if (file)
		fclose(file);
	line[length] = '\0';
	for (const char *at = line; at < line + length; at += strlen(at) + 1)
		if (!strcmp(at, word))
			return true;
	return false;
}

/* All of them, since a shell or ssh may be between the command and the receiver. */
static void cut_connection(const pid_t *pids, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (has_word(pids[i], "receive"))
			kill(pids[i], SIGKILL);
}

static void send_all(const pid_t *pids, unsigned int count, int number)
{
	for (unsigned int i = 0; i < count; i++)
		kill(pids[i], number);
}

/* The moment has come. */
static void hit(struct command *command, pid_t pid)
{
	pid_t pids[FAMILY_MOST] = { pid };
	unsigned int count = 1;

	find_family(pid, pids, &count);
	command->was_hit = true;
	if (command->fault == FAULT_KILL) {
		kill(pids[command->whom % count], SIGKILL);
	} else if (command->fault == FAULT_CUT) {
		cut_connection(pids, count);
	} else if (command->fault == FAULT_PAUSE) {
		send_all(pids, count, SIGSTOP);
		poll(NULL, 0, PAUSE_MS);
		send_all(pids, count, SIGCONT);
	}
}

/* --- the command ------------------------------------------------------------------------------- */

static int open_output(const char *directory, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

/* Of its own group, so that a Ctrl-C meant for the rounds lets the command under way come to its end. */
static void become(struct command *command, int out, int err)
{
	const struct rlimit limit = { command->most_bytes, command->most_bytes };
	char *const *words = (char *const *)command->words;

	setpgid(0, 0);
	dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close_range(3, ~0U, 0);
	if (command->fault == FAULT_FULL)
		setrlimit(RLIMIT_FSIZE, &limit);
	/* For a move within this host: what is run in place of ssh tells the receiver that both ends are here. */
	setenv("SSH_CONNECTION", "127.0.0.1 1 127.0.0.1 2", 1);
	execv("/proc/self/exe", words);
	_exit(127);
}

static void wait_for(struct command *command, pid_t pid)
{
	bool is_due = command->fault == FAULT_KILL || command->fault == FAULT_PAUSE ||
		      command->fault == FAULT_CUT;
	struct pollfd ended = { .fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int status = 0;

	if (is_due && poll(&ended, 1, command->after_ms) == 0)
		hit(command, pid);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	close(ended.fd);
	command->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The last whole line that begins so. */
static void last_line(int fd, const char *beginning, char *line, size_t room)
{
	FILE *file = fdopen(dup(fd), "r");
	char *each = NULL;
	size_t size = 0;

	*line = '\0';
	if (!file)
		return;
	rewind(file);
	while (getline(&each, &size, file) > 0)
		if (!strncmp(each, beginning, strlen(beginning))) {
			each[strcspn(each, "\n")] = '\0';
			snprintf(line, room, "%s", each);
		}
	free(each);
	fclose(file);
}

static void copy_to(FILE *log, int fd)
{
	char piece[4096];
	ssize_t bytes;

	lseek(fd, 0, SEEK_SET);
	while ((bytes = read(fd, piece, sizeof(piece))) > 0)
		fwrite(piece, 1, bytes, log);
}

static void keep_output(struct command *command, const char *directory, int out, int err)
{
	char path[PATH_MAX], line[4096];
	FILE *log;

	snprintf(path, sizeof(path), "%s/log", directory);
	log = fopen(path, "ae");
	if (log) {
		for (unsigned int i = 0; i < command->count; i++)
			fprintf(log, i ? " %s" : "$ %s", command->words[i]);
		fprintf(log, "\n");
		copy_to(log, out);
		copy_to(log, err);
		fprintf(log, "# status %d, %.0f ms\n", command->status, command->ms);
		fclose(log);
	}
	last_line(err, "", command->said, sizeof(command->said));
	last_line(out, "{", line, sizeof(line));
	command->facts = *line ? json_tokener_parse(line) : NULL;
}

int command_run(struct command *command, const char *directory)
{
	int out = open_output(directory, ".out"), err = open_output(directory, ".err");
	double began = now_ms();
	pid_t pid;

	if (out < 0 || err < 0)
		return fail_errno("cannot write to %s", directory);
	fflush(NULL);
	pid = fork();
	if (!pid)
		become(command, out, err);
	if (pid < 0)
		return fail_errno("cannot start a process");
	wait_for(command, pid);
	command->ms = now_ms() - began;
	keep_output(command, directory, out, err);
	close(out);
	close(err);
	return 0;
}

double command_fact(const struct command *command, const char *name)
{
	struct json_object *value = NULL;

	return command->facts && json_object_object_get_ex(command->facts, name, &value)
		     ? json_object_get_double(value)
		     : 0;
}

void command_release(struct command *command)
{
	json_object_put(command->facts);
	command->facts = NULL;
}

/* --- what commands leave -------------------------------------------------------------------------- */

void strays_inherit(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

static void process_name(pid_t pid, char name[32])
{
	char path[64];
	FILE *file;

	*name = '\0';
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (file && !fgets(name, 32, file))
		*name = '\0';
	if (file)
		fclose(file);
	name[strcspn(name, "\n")] = '\0';
}

/* It stays for as long as the domain does. Who watches the domain has another name: see toolstack/watch.c. */
static bool serves_domain(pid_t pid)
{
	char name[32];

	process_name(pid, name);
	return !strcmp(name, "pvferry-toolsta") || !strcmp(name, "pvferry-watch");
}

static pid_t find_stray(void)
{
	pid_t pids[FAMILY_MOST];
	unsigned int count = 0;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	find_family(getpid(), pids, &count);
	for (unsigned int i = 0; i < count; i++)
		if (!serves_domain(pids[i]))
			return pids[i];
	return 0;
}

int strays_wait(void)
{
	double end = now_ms() + STRAYS_MS;
	char name[32];
	pid_t pid;

	while ((pid = find_stray())) {
		if (now_ms() > end) {
			process_name(pid, name);
			return fail(ETIMEDOUT, "process %d (%s) of a command that has ended still runs", pid,
				    name);
		}
		poll(NULL, 0, STEP_MS);
	}
	return 0;
}
