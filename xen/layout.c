/* Offsets of both widths, taken from Xen's headers and asserted against each other. */
#include "xen/layout.h"

#include <string.h>
#include <xen/io/console.h>
#include <xenctrl.h>

#define LAYOUT(bits, x, word_bytes, table_levels) \
	{ \
		.width = word_bytes, .levels = table_levels, \
	.vcpu = { \
		.bytes = sizeof(vcpu_guest_context_x86_##bits##_t), \
		.start_info = offsetof(vcpu_guest_context_x86_##bits##_t, user_regs.x##dx), \
		.registers = offsetof(vcpu_guest_context_x86_##bits##_t, user_regs), \
		.registers_bytes = offsetof(cpu_user_regs_x86_##bits##_t, error_code), \
		.pc = offsetof(vcpu_guest_context_x86_##bits##_t, user_regs.x##ip), \
		.sp = offsetof(vcpu_guest_context_x86_##bits##_t, user_regs.x##sp), \
		.gdt_frames = offsetof(vcpu_guest_context_x86_##bits##_t, gdt_frames), \
		.gdt_entries = offsetof(vcpu_guest_context_x86_##bits##_t, gdt_ents), \
		.cr1 = offsetof(vcpu_guest_context_x86_##bits##_t, ctrlreg) + 1 * word_bytes, \
		.cr3 = offsetof(vcpu_guest_context_x86_##bits##_t, ctrlreg) + 3 * word_bytes, \
		.flags = offsetof(vcpu_guest_context_x86_##bits##_t, flags), \
	}, \
	.shared_info = { \
		.vcpu_info_bytes = sizeof(vcpu_info_x86_##bits##_t), \
		.pending_sel = offsetof(vcpu_info_x86_##bits##_t, evtchn_pending_sel), \
		.evtchn_pending = offsetof(shared_info_x86_##bits##_t, evtchn_pending), \
		.evtchn_mask = offsetof(shared_info_x86_##bits##_t, evtchn_mask), \
		.evtchn_bytes = sizeof(((shared_info_x86_##bits##_t *)0)->evtchn_mask), \
		.arch = offsetof(shared_info_x86_##bits##_t, arch), \
		.arch_bytes = sizeof(((shared_info_x86_##bits##_t *)0)->arch), \
		.max_pfn = offsetof(shared_info_x86_##bits##_t, arch.max_pfn), \
		.frame_list_list = offsetof(shared_info_x86_##bits##_t, arch.pfn_to_mfn_frame_list_list), \
		.p2m_cr3 = offsetof(shared_info_x86_##bits##_t, arch.p2m_cr3), \
		.p2m_vaddr = offsetof(shared_info_x86_##bits##_t, arch.p2m_vaddr), \
		.p2m_generation = offsetof(shared_info_x86_##bits##_t, arch.p2m_generation), \
	}, \
	.start_info = { \
		.nr_pages = offsetof(start_info_x86_##bits##_t, nr_pages), \
		.shared_info = offsetof(start_info_x86_##bits##_t, shared_info), \
		.flags = offsetof(start_info_x86_##bits##_t, flags), \
		.store_frame = offsetof(start_info_x86_##bits##_t, store_mfn), \
		.store_port = offsetof(start_info_x86_##bits##_t, store_evtchn), \
		.console_frame = offsetof(start_info_x86_##bits##_t, console.domU.mfn), \
		.console_port = offsetof(start_info_x86_##bits##_t, console.domU.evtchn), \
	}, \
	}

static const struct layout layouts[] = {
	LAYOUT(64, r, 8, 4),
	LAYOUT(32, e, 4, 3),
};

_Static_assert(sizeof(vcpu_guest_context_x86_64_t) == 5168, "vcpu context, 64-bit");
_Static_assert(sizeof(vcpu_guest_context_x86_32_t) == 2800, "vcpu context, 32-bit");
_Static_assert(offsetof(shared_info_x86_64_t, arch.p2m_generation) == 3128, "shared info, 64-bit");
_Static_assert(offsetof(shared_info_x86_32_t, arch.p2m_generation) == 2336, "shared info, 32-bit");
_Static_assert(SIF_VIRT_P2M_4TOOLS == START_FLAG_P2M_4TOOLS, "start info flag");
_Static_assert(VGCF_online == VCPU_FLAG_ONLINE, "vcpu flag");

uint8_t console_connection_at_start(void)
{
#ifdef XENCONSOLE_DISCONNECTED
	_Static_assert(offsetof(struct xencons_interface, connection) == CONSOLE_CONNECTION_AT,
		       "console page");
	return XENCONSOLE_DISCONNECTED;
#else
	return 0;
#endif
}

const struct layout *layout_of(unsigned int width)
{
	return width == 8 ? &layouts[0] : width == 4 ? &layouts[1] : NULL;
}

uint64_t word_get(const struct layout *layout, const void *structure, size_t offset)
{
	uint64_t wide;
	uint32_t narrow;

	if (layout->width == 8) {
		memcpy(&wide, (const char *)structure + offset, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, (const char *)structure + offset, sizeof(narrow));
	return narrow == UINT32_MAX ? UINT64_MAX : narrow;
}

void word_set(const struct layout *layout, void *structure, size_t offset, uint64_t value)
{
	memcpy((char *)structure + offset, &value, layout->width); /* the low bytes come first */
}
