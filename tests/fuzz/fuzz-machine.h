/*
 * What fuzz-machine is made of: fuzz-machine.c, a machine that is taken from
 * records, loaded and saved; machine-guest.c, the guest it is one of;
 * machine-config.c, xl's config.
 */
#ifndef FUZZ_MACHINE_H
#define FUZZ_MACHINE_H

#include <stdbool.h>

#include "fuzz.h"
#include "machine/machine.h"

enum { PFNS = 64, FIRST_MFN = 0x7000 };

extern struct guest {
	mfn_t mfn[PFNS];
	uint8_t type[PFNS];
	const uint8_t *context; /* of each vCPU that is saved */
	size_t context_bytes;
	uint8_t page[PAGE_BYTES]; /* whatever is mapped */
} guest;

/* Types and frames for all pfns. */
void make_memory(const struct layout *layout, struct input *in);
struct destination memory(void);

/* A number a context may have where it names a frame. */
uint64_t any_word(struct input *in);

/* A vCPU's, as it stands in a stream or, with mfns, in Xen: sound, but for some of its words. The caller frees it. */
uint8_t *make_context(const struct layout *layout, struct input *in, bool has_mfns);

void fuzz_config(struct input *in);

#endif
