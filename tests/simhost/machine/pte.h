/*
 * What x86 and Xen say of a page-table entry: its bits, which of them Xen lets a
 * PV guest set (-EINVAL otherwise), and which slots of a table are Xen's own.
 */
#ifndef SIMHOST_PTE_H
#define SIMHOST_PTE_H

#include <stdbool.h>
#include <stdint.h>

#define PTE_PRESENT	 0x001ul
#define PTE_RW		 0x002ul
#define PTE_USER	 0x004ul
#define PTE_ACCESSED	 0x020ul
#define PTE_DIRTY	 0x040ul
#define PTE_PSE		 0x080ul
#define PTE_GLOBAL	 0x100ul
#define PTE_GUEST_KERNEL (1ul << 52)
#define PTE_GNTTAB	 (1ul << 62)
#define PTE_NX		 (1ul << 63)
#define PTE_FRAME	 0x000ffffffffff000ul

#define PTE_CACHE 0x098ul /* PWT, PCD and, in a level 1, PAT */

enum {
	SLOTS = 512,
	L4_XEN_FIRST = 256,
	L4_XEN_LAST = 271,
	PAE_L2_XEN_FIRST = 428, /* 0xf5800000 in the fourth level 2 of a 32-bit guest */
	PAE_L3_SLOTS = 4,
};

static inline uint64_t pte_mfn(uint64_t pte)
{
	return (pte & PTE_FRAME) >> 12;
}

static inline uint64_t pte_make(uint64_t mfn, uint64_t bits)
{
	return mfn << 12 | bits;
}

/* Bits Xen refuses in a present entry of the level, of a guest without devices. */
static inline uint64_t pte_refused(unsigned level, bool is_32bit)
{
	if (level == 1)
		return PTE_CACHE | PTE_GNTTAB;
	if (level == 3 && is_32bit)
		return PTE_CACHE | PTE_GLOBAL | 0x7fful << 52 | PTE_NX;
	return PTE_CACHE | PTE_GLOBAL;
}

/* The entry as Xen stores it: the bits it adds so that ring 3 kernels work. */
static inline uint64_t pte_adjust(uint64_t pte, unsigned level, bool is_32bit)
{
	if (!(pte & PTE_PRESENT))
		return pte;
	if (level == 4)
		pte |= PTE_ACCESSED;
	if (is_32bit)
		return level == 3 ? pte | PTE_USER | PTE_RW : pte;
	if (level == 1 && !(pte & PTE_USER))
		pte |= PTE_GUEST_KERNEL;
	if (level == 1 && !(pte & PTE_GUEST_KERNEL))
		pte |= PTE_GLOBAL;
	return pte | PTE_USER;
}

#endif
