/*
 * Many address spaces at once, of every kind that a guest pins or has to pin when it is suspended:
 *   alive      processes that sleep, and check pages of their own under page tables of their own; all are pinned
 *   ended      processes that were killed, of which an open /proc/PID/maps keeps the mm_struct: two top levels, unpinned
 *   building   processes that wait in execve() for a file that does not answer (hung-file.patch): page tables under
 *              construction, unpinned; when the file answers, the execve fails, and they begin anew
 *   storm      processes that fork and exec all the time
 * Each process checks itself; what is wrong is a line that begins with CORRUPT. Once a second it prints
 * "spaces round R alive A ended E building B failed F storm S errors X": in a round every one alive has checked itself,
 * failed counts the execves that did. After each suspend it prints what its kernel shows of that (a kernel with the
 * series of guest/linux/), and lets the file answer.
 * Arguments: name=number pairs, see options[].
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, WORDS = PAGE / 8, AREAS = 2, APART = 2 << 20, MAX_SPACES = 8192, MAX_REPORTS = 20,
       ARGUMENT = 3 * PAGE };

static long alive = 1000, ended = 1000, building, storm = 2;

static const struct {
	const char *name;
	long *value;
} options[] = { { "alive", &alive }, { "ended", &ended }, { "building", &building }, { "storm", &storm } };

/* In shared memory. */
static struct shared {
	uint64_t round, failed, stormed, errors, waiting;
	uint64_t seen[MAX_SPACES];
} *shared;

static void print_line(const char *format, ...)
{
	char line[256];
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (write(1, line, length) < 0)
		_exit(3);
}

#define CORRUPT(format, ...)                                                                                 \
	do {                                                                                                 \
		if (__atomic_fetch_add(&shared->errors, 1, __ATOMIC_RELAXED) < MAX_REPORTS)                  \
			print_line("CORRUPT spaces: " format "\n", __VA_ARGS__);                             \
	} while (0)

static void rest_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

static void add(uint64_t *counter, int64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static uint64_t next(uint64_t x)
{
	return x * 6364136223846793005ull + 1442695040888963407ull;
}

/* Pages 2 MiB apart, each under a page table of its own. */
static uint64_t *own_pages(uint64_t seed)
{
	uint64_t *area = mmap(NULL, AREAS * APART, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			      -1, 0);

	if (area == MAP_FAILED) {
		CORRUPT("no memory: %s", strerror(errno));
		_exit(2);
	}
	for (int i = 0; i < AREAS; i++)
		for (int w = 0; w < WORDS; w++)
			area[i * (APART / 8) + w] = seed = next(seed);
	return area;
}

static int check_pages(const char *who, const uint64_t *area, uint64_t seed)
{
	uint64_t x = seed;

	for (int i = 0; i < AREAS; i++)
		for (int w = 0; w < WORDS; w++)
			if (area[i * (APART / 8) + w] != (x = next(x))) {
				CORRUPT("%s %lu: word %d of page %d is %#lx, must be %#lx", who, seed, w, i,
					area[i * (APART / 8) + w], x);
				return 1;
			}
	return 0;
}

static pid_t child(void (*job)(long), long number)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		job(number);
		_exit(0);
	}
	if (pid < 0)
		CORRUPT("fork: %s", strerror(errno));
	return pid;
}

static void live(long number)
{
	uint64_t *area = own_pages(number);

	for (;;) {
		uint64_t round = __atomic_load_n(&shared->round, __ATOMIC_RELAXED);

		if (shared->seen[number] != round && check_pages("alive", area, number))
			_exit(1);
		shared->seen[number] = round;
		rest_ms(1000 + number % 100 * 10);
	}
}

/* ---- ended */

static void wait_for_death(long number)
{
	own_pages(number);
	for (;;)
		pause();
}

/* An open file that keeps the mm_struct of a process that is no more. */
static int open_ended(long number)
{
	char path[32];
	pid_t pid = child(wait_for_death, number);

	if (pid < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		CORRUPT("%s: %s", path, strerror(errno));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return fd;
}

static void check_ended(int fd)
{
	char byte;

	if (pread(fd, &byte, 1, 0) > 0)
		CORRUPT("a process that has ended still has mappings, fd %d", fd);
	close(fd);
}

/* Keeps that many, and replaces one after the other, so that their page tables are freed and used for something else. */
static void keep_ended(long number)
{
	int *fds = malloc(sizeof(*fds) * ended);

	for (long i = 0; i < ended; i++)
		fds[i] = open_ended(i);
	add(&shared->waiting, 1);
	for (long i = 0;; i = (i + 1) % ended) {
		check_ended(fds[i]);
		fds[i] = open_ended(number + i);
		rest_ms(50);
	}
}

/* ---- building */

static void build(long number)
{
	static char big[ARGUMENT];
	char *argv[] = { "/tmp/hung-script", big, NULL }, *environment[] = { NULL };
	uint64_t *area = own_pages(number);

	memset(big, 'x', sizeof(big) - 1);
	for (;;) {
		execve(argv[0], argv, environment);
		if (errno != EIO)
			CORRUPT("execve: %s", strerror(errno));
		add(&shared->failed, 1);
		if (check_pages("building", area, number))
			_exit(1);
		rest_ms(2000);
	}
}

static void write_script(void)
{
	static const char line[] = "#!/sys/kernel/debug/hung\n";
	int fd = open("/tmp/hung-script", O_WRONLY | O_CREAT | O_TRUNC, 0755);

	if (fd < 0 || write(fd, line, sizeof(line) - 1) != sizeof(line) - 1)
		CORRUPT("/tmp/hung-script: %s", strerror(errno));
	close(fd);
}

/* ---- storm */

static void rage(long number)
{
	for (uint64_t n = 0;; n++) {
		char seed[24];
		int status;

		snprintf(seed, sizeof(seed), "%lu", number << 32 | n);
		pid_t pid = fork();

		if (pid == 0) {
			execl("/proc/self/exe", "spaces", "once", seed, NULL);
			_exit(4);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			CORRUPT("storm %ld: fork %d, status %#x", number, pid, status);
		add(&shared->stormed, 1);
		rest_ms(20);
	}
}

/* What an exec'ed process of the storm does. */
static int live_once(const char *seed)
{
	uint64_t *area = own_pages(strtoul(seed, NULL, 10));

	return check_pages("exec", area, strtoul(seed, NULL, 10));
}

/* ---- all together */

static int all_seen(uint64_t round)
{
	for (long i = 0; i < alive; i++)
		if (shared->seen[i] != round)
			return 0;
	return 1;
}

static void answer(void)
{
	int fd = open("/sys/kernel/debug/hung-answer", O_RDONLY);

	if (fd < 0)
		CORRUPT("hung-answer: %s", strerror(errno));
	close(fd);
}

/* Of suspends, since the last time; 0 where the kernel shows none. */
static int had_suspend(void)
{
	static long last;
	char text[1024];
	int fd = open("/sys/kernel/debug/xen/suspend", O_RDONLY);
	ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	long now;

	close(fd);
	text[length < 0 ? 0 : length] = 0;
	if (sscanf(text, "suspends %ld", &now) != 1 || now == last)
		return 0;
	last = now;
	return write(1, text, length) == length;
}

static void report(void)
{
	for (;;) {
		rest_ms(1000);
		if (had_suspend() && building)
			answer();
		if (all_seen(shared->round))
			__atomic_fetch_add(&shared->round, 1, __ATOMIC_RELAXED);
		print_line("spaces round %lu alive %ld ended %ld building %ld failed %lu storm %lu errors %lu\n",
			   shared->round - 1, alive, shared->waiting ? ended : 0, building, shared->failed,
			   shared->stormed, shared->errors);
		if (waitpid(-1, NULL, WNOHANG) > 0)
			CORRUPT("a process ended in round %lu", shared->round);
	}
}

static int set_options(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *equals = strchr(argv[i], '=');
		size_t n = sizeof(options) / sizeof(*options);

		for (size_t o = 0; equals && o < n; o++)
			if (!strncmp(argv[i], options[o].name, equals - argv[i]) &&
			    strlen(options[o].name) == (size_t)(equals - argv[i])) {
				*options[o].value = atol(equals + 1);
				equals = NULL;
			}
		if (equals || !strchr(argv[i], '='))
			return -1;
	}
	return alive <= MAX_SPACES ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct rlimit files = { 65536, 65536 }, processes = { 65536, 65536 };

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	if (argc == 3 && !strcmp(argv[1], "once"))
		return live_once(argv[2]);
	if (set_options(argc, argv)) {
		print_line("CORRUPT spaces: what is asked for?\n");
		return 2;
	}
	shared->round = 1;
	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_NPROC, &processes);
	if (building)
		write_script();
	for (long i = 0; i < building; i++)
		child(build, MAX_SPACES + i);
	if (ended)
		child(keep_ended, 0);
	for (long i = 0; i < alive; i++)
		child(live, i);
	for (long i = 0; i < storm; i++)
		child(rage, i);
	report();
}
