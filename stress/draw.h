/* Numbers drawn from a seed: each round has a sequence of its own, which does not depend on how others went. */
#ifndef STRESS_DRAW_H
#define STRESS_DRAW_H

#include <stdint.h>

struct draw {
	uint64_t state;
};

struct draw draw_of(uint64_t seed, unsigned int round);
/* From 0 to below - 1; 0 for below 0. */
uint64_t draw_below(struct draw *draw, uint64_t below);
/* Which of the weights; their sum is not 0. */
unsigned int draw_weighted(struct draw *draw, const unsigned int *weights, unsigned int count);

#endif
