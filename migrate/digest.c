/* See digest.h. */
#include "migrate/digest.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxh_x86dispatch.h>

#include "log.h"
#include "migrate/digest-words.h"
#include "migrate/migrate.h"

/*
 * More than a first-level cache holds: the memory of a guest does not lie in one. Not much more, as to touch a page
 * for the first time takes 60 us where both the processor and its page tables are emulated.
 */
enum { TRIAL_PAGES = 512, TRIALS = 3, LEAST_NS = TRIAL_PAGES * 41 };

static uint8_t secret[XXH3_SECRET_SIZE_MIN];
static struct words_key words_key;

/* What the trial took; 0: not tried. A child of who tried knows it, too. */
static uint64_t vectors_ns, words_ns;

/* AVX-512, AVX2 or SSE2: libxxhash looks at the processor, at the first call. */
static uint64_t by_vectors(const void *page)
{
	return XXH3_64bits_withSecret_dispatch(page, PAGE_BYTES, secret, sizeof(secret));
}

static uint64_t by_words(const void *page)
{
	return digest_words(page, &words_key);
}

static uint64_t (*chosen)(const void *page) = by_vectors;

/* The best of a few trials: a thread may be taken off its processor in any of them. */
static uint64_t trial(uint64_t (*digest)(const void *page), const uint8_t *pages)
{
	uint64_t best = UINT64_MAX;
	volatile uint64_t sum = 0;

	for (int i = 0; i < TRIALS; i++) {
		uint64_t start = now_ns(), took;

		for (int page = 0; page < TRIAL_PAGES; page++)
			sum += digest(pages + page * PAGE_BYTES);
		took = now_ns() - start;
		best = took < best ? took : best;
	}
	/* A clock may be too coarse to tell: no machine reads 100 GB/s. */
	return best > LEAST_NS ? best : LEAST_NS;
}

/* A signal may cut short what is longer than 256 bytes. */
static bool draw(void *to, size_t count)
{
	enum { AT_ONCE = 256 };
	uint8_t *at = to;

	for (size_t done = 0, n; done < count; done += n) {
		n = count - done < AT_ONCE ? count - done : AT_ONCE;
		if (getrandom(at + done, n, 0) != (ssize_t)n)
			return false;
	}
	return true;
}

int digest_try(void)
{
	uint8_t *pages;

	if (vectors_ns)
		return 0;
	pages = malloc(TRIAL_PAGES * PAGE_BYTES);
	if (!pages)
		return fail(ENOMEM, "out of memory");
	memset(pages, 0x5a, TRIAL_PAGES * PAGE_BYTES);
	vectors_ns = trial(by_vectors, pages);
	words_ns = trial(by_words, pages);
	free(pages);
	return 0;
}

int digest_init(void)
{
	if (!draw(secret, sizeof(secret)) || !draw(&words_key, sizeof(words_key)))
		return fail_errno("no random numbers");
	if (digest_try())
		return -ENOMEM;
	chosen = words_ns < vectors_ns ? by_words : by_vectors;
	return 0;
}

static_assert(sizeof(secret) == DIGEST_KEY_BYTES, "the key is the secret as it is");

/* Of what is in an index there is one kind, wherever it is made. */
void digest_use_key(const uint8_t *key)
{
	chosen = by_vectors;
	memcpy(secret, key, sizeof(secret));
}

uint64_t digest_page(const void *page)
{
	return chosen(page);
}

uint64_t digest_speed(void)
{
	uint64_t took_ns = chosen == by_words ? words_ns : vectors_ns;

	return took_ns ? TRIAL_PAGES * PAGE_BYTES * 1000000000ULL / took_ns : 0;
}

const char *digest_name(void)
{
	return chosen == by_words ? "NH, by words" : "XXH3, by vectors";
}
