/* See budget.h. */
#include "process/budget.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "log.h"

enum {
	BASE_BYTES = 192 << 20, /* three times what tests/roundtrip/stories/45-bombs.py lets be touched */
	THREAD_BYTES = 8 << 20,
	OTHER_THREADS = 8, /* that read, give back, enter the domain */
	PFN_BYTES = 32,
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool is_sanitized = true;
#else
static const bool is_sanitized;
#endif

static rlim_t base, most; /* base 0: no budget */

/* As RLIMIT_DATA counts, and the stack; 0 if the kernel does not say. */
static size_t data_bytes(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file && fscanf(file, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

static size_t stack_bytes(void)
{
	size_t bytes = 0;
	pthread_attr_t attributes;

	if (!pthread_attr_init(&attributes)) {
		pthread_attr_getstacksize(&attributes, &bytes);
		pthread_attr_destroy(&attributes);
	}
	return bytes;
}

static int limit(rlim_t bytes)
{
	struct rlimit limit = { bytes < most ? bytes : most, most };

	return setrlimit(RLIMIT_DATA, &limit) ? fail_errno("cannot limit memory") : 0;
}

int budget_begin(unsigned int threads)
{
	size_t now = data_bytes();
	struct rlimit old;

	if (is_sanitized || !now)
		return 0;
	if (getrlimit(RLIMIT_DATA, &old))
		return fail_errno("cannot read the limit of memory");
	most = old.rlim_cur; /* a lower one that is set already stays */
	base = now + BASE_BYTES + (threads + OTHER_THREADS) * (THREAD_BYTES + stack_bytes());
	return limit(base);
}

int budget_allow_pfns(uint64_t count)
{
	return base ? limit(base + count * PFN_BYTES) : 0;
}

int budget_allow_bytes(uint64_t bytes)
{
	base += base ? bytes : 0;
	return base ? limit(base) : 0;
}
