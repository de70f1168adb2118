/*
 * A guest that checks itself. Every page it keeps has contents that follow from its number and its version, so a page
 * that is lost, stale or another's is seen; it says so in one line that begins with CORRUPT. Beside it run:
 *   keepers   one a CPU: rewrite pages at a chosen rate, sweep over all of them, compare each word
 *   forkers   fork all the time; parent and child write over the same private pages and compare their own, and map and
 *             drop sparse areas, so page tables are made and torn down without pause
 *   reader    with files: reads every file below a folder again and again, its checksum must stay
 *   ticker    prints "tick N ms M pages P rewritten R forks F errors E" at a fixed pace
 * Arguments: name=number pairs, see options[]; files=FOLDER.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, WORDS = PAGE / 8, STEP_MS = 10, MAX_REPORTS = 20, FORK_PAGES = 16, SPARSE_AREAS = 8 };

static long mib = 64, rate = 2048, forks = 2, keepers = 1, tick_ms = 100, fork_ms = 50;
static const char *files;

static const struct {
	const char *name;
	long *value;
	const char *meaning;
} options[] = {
	{ "mib", &mib, "MiB of checked pages, over all keepers" },
	{ "rate", &rate, "pages rewritten a second, over all keepers" },
	{ "keepers", &keepers, "processes that keep them" },
	{ "forks", &forks, "processes that fork without pause" },
	{ "fork", &fork_ms, "ms a forker rests between two forks" },
	{ "tick", &tick_ms, "ms between two lines" },
};

/* What all processes add to; in shared memory. */
static struct counters {
	uint64_t pages, rewritten, forks, files, errors;
} *counters;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

static void rest_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* One write(2) a line, so that lines of several processes do not mix. */
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
		if (__atomic_fetch_add(&counters->errors, 1, __ATOMIC_RELAXED) < MAX_REPORTS)                \
			print_line("CORRUPT " format "\n", __VA_ARGS__);                                     \
	} while (0)

static void count(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static void *map_pages(size_t pages, int flags)
{
	void *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

	if (at == MAP_FAILED) {
		print_line("CORRUPT no memory for %zu pages: %s\n", pages, strerror(errno));
		_exit(2);
	}
	return at;
}

/* Contents of a page: a sequence begun by (owner, page, version). */
static uint64_t seed(uint64_t owner, uint64_t page, uint64_t version)
{
	return (owner << 56 ^ page << 24 ^ version) * 0x9e3779b97f4a7c15ull + 0xd1b54a32d192ed03ull;
}

static uint64_t next(uint64_t x)
{
	return x * 6364136223846793005ull + 1442695040888963407ull;
}

static void fill_page(uint64_t *page, uint64_t x)
{
	for (int i = 0; i < WORDS; i++, x = next(x))
		page[i] = x;
}

static void check_page(const char *who, const uint64_t *page, uint64_t number, uint64_t version, uint64_t x)
{
	for (int i = 0; i < WORDS; i++, x = next(x))
		if (page[i] != x) {
			CORRUPT("%s page %lu version %lu word %d is %#lx, must be %#lx", who, number, version, i,
				page[i], x);
			break;
		}
	count(&counters->pages, 1);
}

/* ---- keepers */

struct keeper {
	uint64_t owner, pages, rewrites, random, sweep;
	uint64_t *memory;
	uint32_t *versions;
};

static void check_kept(struct keeper *k, uint64_t page)
{
	check_page("kept", k->memory + page * WORDS, page, k->versions[page],
		   seed(k->owner, page, k->versions[page]));
}

static void rewrite_one(struct keeper *k)
{
	k->random = next(k->random);
	uint64_t page = (k->random >> 33) % k->pages;

	check_kept(k, page);
	k->versions[page]++;
	k->rewrites++;
	fill_page(k->memory + page * WORDS, seed(k->owner, page, k->versions[page]));
	count(&counters->rewritten, 1);
}

/* A page and its version that went back in time together would still agree: the sum of versions would not. */
static void check_versions(struct keeper *k)
{
	uint64_t sum = 0;

	for (uint64_t page = 0; page < k->pages; page++)
		sum += k->versions[page];
	if (sum != k->rewrites)
		CORRUPT("keeper %lu: versions add up to %lu, rewrites are %lu", k->owner, sum, k->rewrites);
}

/* Sweeps about once in four seconds, a slice in each step. */
static void sweep_slice(struct keeper *k)
{
	uint64_t slice = k->pages / (4000 / STEP_MS) + 1;

	while (slice--) {
		check_kept(k, k->sweep);
		if (++k->sweep == k->pages) {
			k->sweep = 0;
			check_versions(k);
		}
	}
}

static void keep(uint64_t owner)
{
	uint64_t pages = mib * 256 / keepers;
	struct keeper k = { .owner = owner, .pages = pages, .random = owner + 1 };
	uint64_t start = now_ms(), due = 0;

	k.memory = map_pages(pages, MAP_PRIVATE);
	k.versions = map_pages(pages * sizeof(uint32_t) / PAGE + 1, MAP_PRIVATE);
	for (uint64_t page = 0; page < pages; page++)
		fill_page(k.memory + page * WORDS, seed(owner, page, 0));
	for (;;) {
		uint64_t behind = (now_ms() - start) * rate / keepers / 1000 - due;
		uint64_t n = behind < 1000 ? behind : 1000;

		due += behind;
		while (n--)
			rewrite_one(&k);
		sweep_slice(&k);
		rest_ms(STEP_MS);
	}
}

/* ---- forkers */

static void fill_all(uint64_t *memory, uint64_t owner, uint64_t version)
{
	for (uint64_t page = 0; page < FORK_PAGES; page++)
		fill_page(memory + page * WORDS, seed(owner, page, version));
}

static void check_all(const char *who, uint64_t *memory, uint64_t owner, uint64_t version)
{
	for (uint64_t page = 0; page < FORK_PAGES; page++)
		check_page(who, memory + page * WORDS, page, version, seed(owner, page, version));
}

/* Pages 2 MiB apart, each under a page table of its own. */
static void touch_sparse(uint64_t owner, uint64_t version)
{
	const size_t apart = 512 * WORDS;
	uint64_t *area = mmap(NULL, SPARSE_AREAS * apart * 8, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (area == MAP_FAILED)
		return;
	for (uint64_t i = 0; i < SPARSE_AREAS; i++)
		fill_page(area + i * apart, seed(owner, i, version));
	for (uint64_t i = 0; i < SPARSE_AREAS; i++)
		check_page("sparse", area + i * apart, i, version, seed(owner, i, version));
	munmap(area, SPARSE_AREAS * apart * 8);
}

static void live_as_child(uint64_t *memory, uint64_t owner, uint64_t version)
{
	check_all("inherited", memory, owner, version);
	fill_all(memory, owner + 64, version);
	touch_sparse(owner, version);
	check_all("child's", memory, owner + 64, version);
	_exit(0);
}

static void fork_storm(uint64_t owner)
{
	uint64_t *memory = map_pages(FORK_PAGES, MAP_PRIVATE);
	int status;

	for (uint64_t version = 1;; version++) {
		fill_all(memory, owner, version);
		pid_t child = fork();

		if (child == 0)
			live_as_child(memory, owner, version);
		check_all("parent's", memory, owner, version);
		if (child < 0 || waitpid(child, &status, 0) != child || status)
			CORRUPT("child of forker %lu: fork %d, status %#x", owner, child, status);
		check_all("parent's", memory, owner, version);
		count(&counters->forks, 1);
		rest_ms(fork_ms);
	}
}

/* ---- files */

static uint64_t sum_file(int folder, const char *name)
{
	static uint64_t buffer[8 * WORDS];
	uint64_t sum = 0;
	ssize_t got;
	int fd = openat(folder, name, O_RDONLY);

	memset(buffer, 0, sizeof(buffer));
	while ((got = read(fd, buffer, sizeof(buffer))) > 0)
		for (ssize_t i = 0; i < (got + 7) / 8; i++)
			sum = (sum << 5 | sum >> 59) ^ buffer[i] * 0x9e3779b97f4a7c15ull;
	if (got < 0)
		CORRUPT("file %s: %s", name, strerror(errno));
	close(fd);
	return sum;
}

/* Adds up all files below a folder, in the order of the folder, which stays. */
static uint64_t sum_folder(int fd, uint64_t *bytes)
{
	uint64_t sum = 0;
	DIR *folder = fdopendir(fd);

	for (struct dirent *e; (e = readdir(folder));) {
		if (e->d_name[0] == '.')
			continue;
		if (e->d_type == DT_DIR)
			sum = sum * 31 + sum_folder(openat(fd, e->d_name, O_RDONLY | O_DIRECTORY), bytes);
		else
			sum = sum * 31 + sum_file(fd, e->d_name), ++*bytes;
		rest_ms(1);
	}
	closedir(folder);
	return sum;
}

static void read_files(uint64_t owner)
{
	uint64_t first = 0, n = 0;

	for (uint64_t pass = 0;; pass++) {
		n = 0;
		uint64_t sum = sum_folder(open(files, O_RDONLY | O_DIRECTORY), &n);

		if (pass == 0)
			first = sum;
		if (pass == 0)
			print_line("files %lu sum %#lx\n", n, sum);
		if (sum != first)
			CORRUPT("files: sum %#lx, must be %#lx, reader %lu", sum, first, owner);
		count(&counters->files, n);
	}
}

/* ---- all together */

static void start(void (*job)(uint64_t), uint64_t owner)
{
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		job(owner);
		_exit(0);
	}
}

static void tick(void)
{
	uint64_t begin = now_ms();

	for (uint64_t n = 1;; n++) {
		rest_ms(tick_ms);
		print_line("tick %lu ms %lu pages %lu rewritten %lu forks %lu errors %lu\n", n, now_ms() - begin,
			   counters->pages, counters->rewritten, counters->forks, counters->errors);
		if (waitpid(-1, NULL, WNOHANG) > 0)
			CORRUPT("a process of selfcheck ended, tick %lu", n);
	}
}

static bool set_option(const char *argument)
{
	const char *equals = strchr(argument, '=');

	if (equals && !strncmp(argument, "files=", 6))
		return (files = equals + 1);
	for (size_t i = 0; equals && i < sizeof(options) / sizeof(*options); i++)
		if (!strncmp(argument, options[i].name, equals - argument) &&
		    strlen(options[i].name) == (size_t)(equals - argument))
			return (*options[i].value = atol(equals + 1), true);
	return false;
}

int main(int argc, char **argv)
{
	uint64_t owner = 0;

	for (int i = 1; i < argc; i++)
		if (!set_option(argv[i])) {
			print_line("CORRUPT selfcheck: what is %s?\n", argv[i]);
			return 2;
		}
	counters = map_pages(1, MAP_SHARED);
	for (long i = 0; i < keepers; i++)
		start(keep, owner++);
	for (long i = 0; i < forks; i++)
		start(fork_storm, owner++);
	if (files)
		start(read_files, owner++);
	tick();
}
