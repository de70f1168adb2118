/*
 * follow FILE...: prints the number of each line "tick N ..." as it comes into one of these files of one folder, a guest's
 * console logs, until it is killed. A file need not be there yet; of one that is, only what comes from now on counts. It
 * runs before all other programs, so that whoever stamps its output with a clock sees when the guest spoke, and sleeps
 * until something is written: to look every millisecond would cost an emulated host half a processor.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <libgen.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

struct log {
	const char *path;
	int fd;
	size_t held;
	char line[512];
};

static void open_log(struct log *log, bool at_end)
{
	log->fd = open(log->path, O_RDONLY | O_CLOEXEC);
	if (log->fd >= 0 && at_end)
		lseek(log->fd, 0, SEEK_END);
}

static void take_line(struct log *log)
{
	char number[32];

	log->line[log->held] = 0;
	if (strncmp(log->line, "tick ", 5) == 0) {
		int length = snprintf(number, sizeof(number), "%ld\n", atol(log->line + 5));

		if (write(STDOUT_FILENO, number, length) != length)
			exit(1);
	}
	log->held = 0;
}

static void read_on(struct log *log)
{
	char buffer[4096];
	ssize_t got = read(log->fd, buffer, sizeof(buffer));

	for (ssize_t i = 0; i < got; i++)
		if (buffer[i] == '\n')
			take_line(log);
		else if (log->held < sizeof(log->line) - 1)
			log->line[log->held++] = buffer[i];
}

static void look(struct log *logs, int count)
{
	for (int i = 0; i < count; i++) {
		if (logs[i].fd < 0)
			open_log(&logs[i], false);
		if (logs[i].fd >= 0)
			read_on(&logs[i]);
	}
}

int main(int argc, char **argv)
{
	struct log *logs = calloc(argc, sizeof(*logs));
	int folder = inotify_init();
	char events[4096];

	if (argc < 2 || !logs || inotify_add_watch(folder, dirname(strdupa(argv[1])), IN_CREATE | IN_MODIFY) < 0)
		return fprintf(stderr, "follow FILE...\n"), 2;
	sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 });
	for (int i = 0; i < argc - 1; i++) {
		logs[i].path = argv[i + 1];
		open_log(&logs[i], true);
	}
	while (read(folder, events, sizeof(events)) > 0)
		look(logs, argc - 1);
	return 1;
}
