/* An entry of a page table, as the processor defines it. PAE and 64-bit alike: 64 bits wide. */
#ifndef XEN_PTE_H
#define XEN_PTE_H

#include <stdint.h>

#define PTE_PRESENT    0x001ULL
#define PTE_WRITABLE   0x002ULL
#define PTE_SUPERPAGE  0x080ULL /* levels above 1 only */
#define PTE_FRAME_MASK 0x000ffffffffff000ULL

static inline uint64_t pte_frame(uint64_t entry)
{
	return (entry & PTE_FRAME_MASK) >> 12;
}

static inline uint64_t pte_with_frame(uint64_t entry, uint64_t frame)
{
	return (entry & ~PTE_FRAME_MASK) | frame << 12;
}

/* A 32-bit guest's cr3 is rotated, so that it has room for a frame above 4 GiB. */
static inline uint64_t compat_cr3_frame(uint32_t cr3)
{
	return cr3 >> 12 | (cr3 & 0xfff) << 20;
}

static inline uint32_t compat_cr3(uint64_t frame)
{
	return (uint32_t)(frame << 12 | frame >> 20);
}

#endif
