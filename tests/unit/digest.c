/* migrate/digest.c: pages that differ have digests that differ, also those that were prepared not to. */
#include "unit.h"

#include <sys/random.h>
#include <xxhash.h>

#include "migrate/digest-words.h"
#include "migrate/digest.h"
#include "stream/format.h"
#include "stream/page-digest.h"

enum { WORDS = PAGE_BYTES / sizeof(uint64_t), KEYS = 40 };

static uint64_t one[WORDS], other[WORDS];

static int setup(void **state)
{
	(void)state;
	assert_int_equal(getrandom(one, sizeof(one), 0), sizeof(one));
	memcpy(other, one, sizeof(one));
	return 0;
}

/*
 * XXH64 cannot tell these two apart for half of all seeds: the top bit of a word becomes bit 30 times a prime behind the
 * rotation, and the same lane's next word takes that away again.
 */
static void prepared_pages_differ(void **state)
{
	uint64_t first = 0x9E3779B185EBCA87ULL, second = 0xC2B2AE3D27D4EB4FULL, inverse = 1;
	int alike = 0;

	(void)state;
	for (int i = 0; i < 6; i++)
		inverse *= 2 - second * inverse;
	other[0] ^= 1ULL << 63;
	other[4] += (1ULL << 30) * first * inverse;
	for (uint64_t seed = 0; seed < KEYS; seed++)
		alike += XXH64(one, PAGE_BYTES, seed * first) == XXH64(other, PAGE_BYTES, seed * first);
	assert_true(alike > 0); /* the pair is what it is said to be */
	for (int i = 0; i < KEYS; i++) {
		assert_done(digest_init());
		assert_int_not_equal(digest_page(one), digest_page(other));
	}
}

static void each_job_has_its_secret(void **state)
{
	uint64_t before;

	(void)state;
	assert_done(digest_init());
	before = digest_page(one);
	assert_int_equal(digest_page(other), before);
	assert_done(digest_init());
	assert_int_not_equal(digest_page(one), before);
}

static void each_bit_counts(void **state)
{
	uint64_t before;

	(void)state;
	assert_done(digest_init());
	before = digest_page(one);
	for (int bit = 0; bit < PAGE_BYTES * 8; bit++) {
		other[bit / 64] ^= 1ULL << bit % 64;
		assert_int_not_equal(digest_page(other), before);
		other[bit / 64] ^= 1ULL << bit % 64;
	}
}

/* By the rule itself, one product at a time. */
static uint64_t nh(const uint64_t *page, const struct words_key *key)
{
	unsigned __int128 sum = 0, fold[3];

	for (int i = 0; i < WORDS; i += 2)
		sum += (unsigned __int128)(page[i] + key->word[i]) * (page[i + 1] + key->word[i + 1]);
	memcpy(fold, key->fold, sizeof(fold));
	return (fold[0] + fold[1] * (uint64_t)sum + fold[2] * (uint64_t)(sum >> 64)) >> 64;
}

static void draw_key(struct words_key *key)
{
	for (size_t i = 0; i < sizeof(*key); i += 8)
		assert_int_equal(getrandom((char *)key + i, 8, 0), 8);
}

static void words_are_summed_by_the_rule(void **state)
{
	struct words_key key;

	(void)state;
	for (int i = 0; i < KEYS; i++) {
		draw_key(&key);
		assert_int_equal(getrandom(one, sizeof(one), 0), sizeof(one));
		assert_int_equal(digest_words(one, &key), nh(one, &key));
	}
}

/* Whichever is the faster one on this machine: the other one tells pages apart, too. */
static void each_bit_of_the_words_counts(void **state)
{
	struct words_key key;
	uint64_t before;

	(void)state;
	draw_key(&key);
	before = digest_words(one, &key);
	for (int bit = 0; bit < PAGE_BYTES * 8; bit++) {
		other[bit / 64] ^= 1ULL << bit % 64;
		assert_int_not_equal(digest_words(other, &key), before);
		other[bit / 64] ^= 1ULL << bit % 64;
	}
	for (int i = 0; i + 1 < WORDS; i++) {
		memcpy(other, one, sizeof(one));
		other[i] = one[i + 1];
		other[i + 1] = one[i];
		assert_int_not_equal(digest_words(other, &key), before);
	}
}

/* Digests of an index are compared with those of a job: they are as many bits of the same. */
static void a_chains_key_gives_the_low_half(void **state)
{
	uint8_t key[KEY_BYTES];
	XXH128_hash_t hash;

	(void)state;
	assert_int_equal(getrandom(key, sizeof(key), 0), sizeof(key));
	assert_done(digest_init());
	digest_use_key(key);
	hash = XXH3_128bits_withSecret(one, PAGE_BYTES, key, sizeof(key));
	assert_int_equal(digest_page(one), hash.low64);
	assert_int_equal(page_digest(one, key).low, hash.low64);
	assert_int_equal(page_digest(one, key).high, hash.high64);
	assert_non_null(strstr(digest_name(), "XXH3"));
	assert_true(digest_speed() > 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(prepared_pages_differ, setup),
		cmocka_unit_test_setup(each_job_has_its_secret, setup),
		cmocka_unit_test_setup(each_bit_counts, setup),
		cmocka_unit_test_setup(words_are_summed_by_the_rule, setup),
		cmocka_unit_test_setup(each_bit_of_the_words_counts, setup),
		cmocka_unit_test_setup(a_chains_key_gives_the_low_half, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
