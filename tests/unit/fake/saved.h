/* A guest with vCPUs, and the machine that a restore takes from what a save of it says. */
#ifndef FAKE_SAVED_H
#define FAKE_SAVED_H

#include "guest.h"
#include "machine/machine.h"

extern struct saved {
	struct guest guest;
	struct machine machine;
	uint8_t *type; /* by pfn */
	struct destination memory;
	bool taken; /* the last record was the machine's */
} saved;

/* Three vCPUs, the last of them offline; saved once. */
void saved_make(unsigned int width);
/* Saves again and takes what was saved. Returns what the first of the two to fail returned. */
int saved_again(void);
void saved_release(void);

/* A record comes in. */
int saved_take(uint32_t type, const void *body, uint32_t bytes);
void saved_take_info(unsigned int width, unsigned int levels);
/* With so many bytes of state, all of them 0x5a. */
int saved_take_vcpu(uint32_t type, uint32_t vcpu, uint32_t bytes);

/* A guest word in a structure. */
uint64_t saved_word(const uint8_t *structure, size_t offset);

#endif
