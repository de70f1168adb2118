/*
 * What every unit test includes: cmocka, and assertions for functions that
 * return 0 or -errno and keep the reason. One test program for each .c of the
 * product, of the same name; `make test` runs them all.
 *
 * The product's xen/ is not linked: tests/unit/fake/ stands in for it.
 */
#ifndef UNIT_H
#define UNIT_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#include <cmocka.h>
#undef fail /* cmocka's, which would hide ours */
#define fail_test(...) \
	do { \
		print_error("\n" __VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__); \
	} while (0)

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* The call succeeds; if not, the reason is printed. */
#define assert_done(call) \
	do { \
		int rc_ = (call); \
		if (rc_) \
			fail_test("%s: %s (%d)", #call, fail_reason(), rc_); \
	} while (0)

/* The call fails with this error and for a reason that has these words in it. */
#define assert_fails(call, error, words) \
	do { \
		int rc_ = (call); \
		if (rc_ != -(error) || !strstr(fail_reason(), words)) \
			fail_test("%s: %d \"%s\", not %d \"%s\"", #call, rc_, fail_reason(), -(error), \
				  words); \
		fail_forget(); \
	} while (0)

/* Numbers that look random and are the same in every run. */
static inline uint64_t next_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15;
	uint64_t z = *state;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

#endif
