/* Signals become a flag and a readable descriptor, see stop.h. */
#include "process/stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "log.h"

/* Shared with the processes that a job starts, programs among them: the one that is told to stop tells them all. */
static struct shared {
	/* A handler writes what all threads read: no lock may be needed. */
	atomic_int signal;
	atomic_int late_seconds;	       /* LATE is the end of so many */
	atomic_int is_settled, settled_signal; /* when a process of the job began to ignore it */
} * shared;
static int shared_fd = -1, wake_fd = -1;
static atomic_bool is_ignored;
/* The process that holds: children that are forked meanwhile have another number, and hear a SIGTERM at once. */
static atomic_int holder;

_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a signal's handler takes no lock");

enum { ASKED = -1, LATE = -2 };	       /* in place of a signal */
enum { HELD_NONE = 0, HELD_ONE = -1 }; /* in place of the holder: a SIGTERM has come */

static void note_signal(int signal_number)
{
	int saved = errno;
	uint64_t one = 1;

	/* The first counts: when the time is over, that is the reason. */
	if (shared->signal != LATE)
		shared->signal = signal_number;
	if (write(wake_fd, &one, sizeof(one)) < 0)
		errno = 0; /* the flag is up all the same */
	errno = saved;
}

static void on_signal(int signal_number)
{
	int self = getpid();

	if (signal_number != SIGTERM || !atomic_compare_exchange_strong(&holder, &self, HELD_ONE))
		note_signal(signal_number);
}

static void on_alarm(int signal_number, siginfo_t *info, void *context)
{
	(void)context;
	note_signal(info->si_code == SI_KERNEL ? LATE : signal_number);
}

/*
 * All that would end the process and can be caught, but for those that report a
 * fault of its own. A write beyond a limit is an error, not a signal.
 */
static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP,	   SIGQUIT, SIGUSR1, SIGUSR2,  SIGALRM,
				       SIGIO,  SIGPROF, SIGVTALRM, SIGPWR,  SIGXCPU, SIGSTKFLT };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, before;

	for (unsigned int i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (!sigaction(signals[i], NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
		if (!sigaction(number, NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(number, &action, NULL);
	action = (struct sigaction){ .sa_sigaction = on_alarm, .sa_flags = SA_RESTART | SA_SIGINFO };
	sigaction(SIGALRM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

static int map_shared(void)
{
	void *at = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, shared_fd, 0);

	if (at == MAP_FAILED)
		return fail_errno("cannot prepare for signals");
	shared = at;
	catch_signals();
	return 0;
}

int stop_on_signals(void)
{
	shared_fd = memfd_create("pvferry-stop", MFD_CLOEXEC);
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (shared_fd < 0 || wake_fd < 0 || ftruncate(shared_fd, sizeof(*shared)))
		return fail_errno("cannot prepare for signals");
	return map_shared();
}

void stop_share(int fds[2])
{
	fds[0] = shared_fd;
	fds[1] = wake_fd;
}

int stop_join(const int fds[2])
{
	shared_fd = fds[0];
	wake_fd = fds[1];
	return map_shared();
}

int stop_requested(void)
{
	const char *name;

	if (!shared || !shared->signal || is_ignored)
		return 0;
	if (shared->signal == ASKED)
		return fail(ECANCELED, "cancelled");
	if (shared->signal == LATE)
		return fail(ETIME, "the guest was suspended for %d s, the most it may be (max-suspended)",
			    shared->late_seconds);
	name = sigabbrev_np(shared->signal);
	return name ? fail(ECANCELED, "stopped by SIG%s", name)
		    : fail(ECANCELED, "stopped by signal %d", shared->signal);
}

int stop_wait(int milliseconds)
{
	struct pollfd fd = { .fd = stop_fd(), .events = POLLIN };

	poll(&fd, 1, milliseconds);
	return stop_requested();
}

void stop_when_late(unsigned int seconds, unsigned int left_ms)
{
	struct itimerval timer = { .it_value = { left_ms / 1000, left_ms % 1000 * 1000 + 1 } };

	if (!shared || !seconds)
		return;
	shared->late_seconds = seconds;
	setitimer(ITIMER_REAL, &timer, NULL);
}

void stop_not_late(void)
{
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
}

void stop_ask(void)
{
	note_signal(ASKED);
}

bool stop_was_asked(void)
{
	int number;

	if (!shared)
		return false;
	number = shared->is_settled ? shared->settled_signal : shared->signal;
	return number && number != LATE;
}

void stop_ignore(void)
{
	is_ignored = true;
	if (!shared || shared->is_settled)
		return;
	shared->settled_signal = shared->signal;
	shared->is_settled = true;
}

void stop_leave(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

	for (unsigned int i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		signal(signals[i], SIG_IGN);
	if (shared)
		munmap(shared, sizeof(*shared));
	shared = NULL;
	is_ignored = true;
}

void stop_hold(void)
{
	holder = getpid();
}

void stop_release(void)
{
	if (atomic_exchange(&holder, HELD_NONE) == HELD_ONE)
		note_signal(SIGTERM);
}

int stop_fd(void)
{
	return is_ignored ? -1 : wake_fd;
}
