/* Signals become a flag and a readable descriptor, see stop.h. */
#include "stop.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"

/* Shared with the processes that a job starts: who is told to stop tells them all. */
static volatile sig_atomic_t *stop_signal;
static int wake_fd = -1;

static void note_signal(int signal_number)
{
	int saved = errno;
	uint64_t one = 1;

	*stop_signal = signal_number;
	if (write(wake_fd, &one, sizeof(one)) < 0)
		errno = 0; /* the flag is up all the same */
	errno = saved;
}

int stop_on_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = note_signal, .sa_flags = SA_RESTART };

	stop_signal = mmap(NULL, sizeof(*stop_signal), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			   0);
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stop_signal == MAP_FAILED || wake_fd < 0)
		return fail_errno("cannot prepare for signals");
	for (unsigned int i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaction(signals[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

int stop_requested(void)
{
	if (!stop_signal || !*stop_signal)
		return 0;
	return fail(ECANCELED, "stopped by SIG%s", sigabbrev_np(*stop_signal));
}

int stop_fd(void)
{
	return wake_fd;
}
