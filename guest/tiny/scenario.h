/* What a scenario is, and what it may use besides the kernel. */
#ifndef SCENARIO_H
#define SCENARIO_H

#include "tiny.h"

/* --- scenario.c --- */
enum outcome { SUCCESS, SKIP, ERROR, FAILURE };

/* One file each, in still/ (what is set up stays as it is) or moving/. */
struct scenario {
	const char *name, *says;
	enum outcome (*start)(void);
	enum outcome (*check)(void);	 /* after each resume, the others parked */
	void (*leave)(void);		 /* before each suspend */
	void (*work)(unsigned int vcpu); /* again and again, on every vCPU; NULL: they sleep */
};

#define SCENARIO(...) \
	static const struct scenario this_scenario \
		__attribute__((section("scenarios"), aligned(8), used)) = { __VA_ARGS__ }

/* return success("%u pages", n); the text is shown with the outcome. */
__attribute__((format(printf, 2, 3))) enum outcome outcome(enum outcome which, const char *format, ...);
#define success(...) outcome(SUCCESS, __VA_ARGS__)
#define skip(...)    outcome(SKIP, __VA_ARGS__)
#define error(...)   outcome(ERROR, __VA_ARGS__)
#define failure(...) outcome(FAILURE, __VA_ARGS__)

/* Something that should not be, seen by any vCPU at any time: the next outcome is a failure. */
__attribute__((format(printf, 1, 2))) void wrong(const char *format, ...);

/* The words of a page as they follow from a number and a version; those that differ are wrong(). */
void pattern_fill(uint64_t pfn, uint64_t number, uint64_t version);
bool pattern_check(uint64_t pfn, uint64_t number, uint64_t version);
bool pattern_check_at(const void *at, uint64_t number, uint64_t version);
uint64_t pattern_word(uint64_t number, uint64_t version, unsigned int word);
uint64_t random_next(uint64_t *state);

/* --- space.c: address spaces that scenarios make --- */
/* count pages with patterns number, number + 1, ... at space_va(0), space_va(1), ..., under several tables. */
struct mm *space_make(uint64_t number, unsigned int count);
uint64_t space_va(unsigned int i);
/* By its entries first, then loaded and read; what differs is wrong(). Leaves it loaded if all is well. */
bool space_check(struct mm *mm, uint64_t number, unsigned int count);
/* A copy of it, page by page. */
struct mm *space_clone(struct mm *mm, unsigned int count);
/* Every entry names a frame of ours. Never panics. */
bool space_sound(struct mm *mm);

#endif
