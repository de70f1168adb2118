/*
 * Where the fields stand that we read and rewrite in Xen's public structures,
 * for guests of both widths. Plain numbers, so that an image can be looked
 * into without Xen's headers; xen/layout.c asserts them against those.
 */
#ifndef XEN_LAYOUT_H
#define XEN_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

/* struct vcpu_guest_context */
struct vcpu_layout {
	size_t bytes;
	size_t start_info;		   /* rdx, edx of vCPU 0 */
	size_t registers, registers_bytes; /* the general ones, start_info among them */
	size_t pc, sp;
	size_t gdt_frames, gdt_entries;
	size_t cr1, cr3; /* ctrlreg[1], ctrlreg[3] */
	size_t flags;	 /* u32 on both */
};

/* struct shared_info */
struct shared_info_layout {
	size_t vcpu_info_bytes; /* of one; they stand at the start */
	size_t pending_sel;	/* in it */
	size_t evtchn_pending, evtchn_mask, evtchn_bytes;
	size_t arch, arch_bytes;
	size_t max_pfn, frame_list_list, p2m_cr3, p2m_vaddr, p2m_generation;
};

/* struct start_info */
struct start_info_layout {
	size_t nr_pages, shared_info, flags;			     /* flags: u32 on both */
	size_t store_frame, store_port, console_frame, console_port; /* ports: u32 on both */
};

struct layout {
	unsigned int width;  /* bytes of a word: 4 or 8 */
	unsigned int levels; /* of page tables */
	struct vcpu_layout vcpu;
	struct shared_info_layout shared_info;
	struct start_info_layout start_info;
};

enum {
	SHARED_INFO_VCPUS = 32,
	GDT_MOST_ENTRIES = 7168, /* FIRST_RESERVED_GDT_ENTRY */
	GDT_ENTRIES_A_FRAME = 512,
	START_FLAG_P2M_4TOOLS = 1 << 4, /* SIF_VIRT_P2M_4TOOLS */
	VCPU_FLAG_ONLINE = 1 << 5,	/* VGCF_online */
};

/* NULL for a width that is neither 4 nor 8. */
const struct layout *layout_of(unsigned int width);

/*
 * The console page's last field (xencons_interface.connection, new in 4.21): what
 * this host's toolstack puts there before its xenconsoled serves the page. Where
 * xenconsoled does not know the field, only 0 lets the guest write.
 */
enum { CONSOLE_CONNECTION_AT = 1024 + 2048 + 4 * 4 };
uint8_t console_connection_at_start(void);

/* A guest word in a structure, widened; ~0 of a 32-bit guest stays all ones. */
uint64_t word_get(const struct layout *layout, const void *structure, size_t offset);
void word_set(const struct layout *layout, void *structure, size_t offset, uint64_t value);

#endif
