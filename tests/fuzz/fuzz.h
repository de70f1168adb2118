/* What the fuzzers share: expectations, and bytes taken one after another from the input. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

/* An expectation that does not hold is a crash, which the fuzzer keeps. */
#define expect(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: expected: %s; reason: \"%s\"\n", __FILE__, __LINE__, \
				#condition, fail_reason()); \
			abort(); \
		} \
	} while (0)

/* The contract of everything that can fail: 0, or -errno and a reason. */
static inline void expect_reason(int rc)
{
	expect(rc <= 0);
	expect(!rc || *fail_reason());
}

struct input {
	const uint8_t *at;
	size_t left;
};

/* What is not there any more is zero. */
static inline void take(struct input *in, void *to, size_t count)
{
	size_t held = in->left < count ? in->left : count;

	memset(to, 0, count);
	if (held)
		memcpy(to, in->at, held);
	in->at += held;
	in->left -= held;
}

static inline uint8_t take8(struct input *in)
{
	uint8_t value;

	take(in, &value, sizeof(value));
	return value;
}

static inline uint16_t take16(struct input *in)
{
	uint16_t value;

	take(in, &value, sizeof(value));
	return value;
}

static inline uint64_t take64(struct input *in)
{
	uint64_t value;

	take(in, &value, sizeof(value));
	return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t count, size_t most, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t count, size_t most);

#endif
