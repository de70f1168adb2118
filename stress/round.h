/* One round: what is done to the domain, by which commands, and what a fault that comes over one of them may do. */
#ifndef STRESS_ROUND_H
#define STRESS_ROUND_H

#include "stress/draw.h"
#include "stress/host.h"
#include "stress/results.h"

enum { CHAIN_FILES_MOST = 6, STRESS_PATH = 512 };

struct stress {
	const struct stress_options *options;
	char name[256], directory[STRESS_PATH];
	struct basis basis;
	struct guest guest;
	unsigned int chain_first, chain_next; /* checkpoints that can be rewound to: c3.pvf ... */
	double typical_ms[2];		      /* of the last command that saved or moved, and that restored */
	uint64_t stored_bytes;		      /* of the last image */
};

/* Draws what it is. */
void round_draw(struct stress *stress, struct round *round, struct draw *draw);
/* 0, or -errno with the reason: pvferry, the domain or the host is not as it should be. */
int round_run(struct stress *stress, struct round *round, struct draw *draw);
/* The image from which the domain can be had back, if it is gone after a failure; in path. False: the domain has no such image. */
bool round_has_image(const struct stress *stress, char path[PATH_MAX]);
/* A path in the directory. */
const char *stress_path(const struct stress *stress, const char *name, char path[PATH_MAX]);

#endif
