/* See draw.h. splitmix64, by Sebastiano Vigna: any state gives a good sequence, so a round's may be seed and number. */
#include "stress/draw.h"

static uint64_t next(struct draw *draw)
{
	uint64_t z = draw->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

struct draw draw_of(uint64_t seed, unsigned int round)
{
	struct draw draw = { seed };

	draw.state = next(&draw) ^ round;
	next(&draw);
	return draw;
}

uint64_t draw_below(struct draw *draw, uint64_t below)
{
	uint64_t number = next(draw);

	return below ? number % below : 0;
}

unsigned int draw_weighted(struct draw *draw, const unsigned int *weights, unsigned int count)
{
	uint64_t sum = 0, at;

	for (unsigned int i = 0; i < count; i++)
		sum += weights[i];
	at = draw_below(draw, sum);
	for (unsigned int i = 0; i < count; i++) {
		if (at < weights[i])
			return i;
		at -= weights[i];
	}
	return 0;
}
