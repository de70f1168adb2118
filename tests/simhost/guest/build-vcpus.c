/*
 * The registers that a guest's vCPUs start with: each value tells whose it is.
 */
#include <string.h>

#include "../machine/types.h"
#include "../machine/vcpu.h"
#include "build.h"

enum { GDT_ENTRIES = 512, XSAVE_ALL = 7 };

static void fill_context_64(struct build *build, vcpu_guest_context_x86_64_t *context, unsigned vcpu)
{
	struct guest_state *state = build->state;

	context->flags = VGCF_in_kernel | VGCF_online | VGCF_i387_valid;
	context->user_regs.rip = state->direct_va;
	context->user_regs.rsp = state->direct_va + PAGE_BYTES;
	context->user_regs.rbx = state->direct_va;
	context->user_regs.rsi = state->direct_va + state->start_info * PAGE_BYTES;
	context->user_regs.rflags = 0x202;
	context->user_regs.cs = 0xe033;
	context->user_regs.ss = context->kernel_ss = 0xe02b;
	context->kernel_sp = context->user_regs.rsp;
	context->ctrlreg[3] = build->p2m[state->root] << 12;
	context->gdt_frames[0] = build->p2m[state->gdt + vcpu];
	context->gdt_ents = GDT_ENTRIES;
	context->event_callback_eip = context->failsafe_callback_eip = state->direct_va + vcpu;
	context->syscall_callback_eip = state->direct_va + 16;
	context->fs_base = 0x7f0000000000ul + vcpu * PAGE_BYTES;
	context->gs_base_kernel = state->direct_va + vcpu * PAGE_BYTES;
	context->debugreg[0] = 0x1000 + vcpu;
	context->vm_assist = 1u << VMASST_TYPE_writable_pagetables;
	context->trap_ctxt[14] = (struct trap_info_x86_64){ 14, 4, 0xe033, state->direct_va + 14 };
}

static void fill_context_32(struct build *build, vcpu_guest_context_x86_32_t *context, unsigned vcpu)
{
	struct guest_state *state = build->state;
	uint64_t root = build->p2m[state->root];

	context->flags = VGCF_in_kernel | VGCF_online | VGCF_i387_valid;
	context->user_regs.eip = state->direct_va;
	context->user_regs.esp = state->direct_va + PAGE_BYTES;
	context->user_regs.ebx = state->direct_va;
	context->user_regs.esi = state->direct_va + state->start_info * PAGE_BYTES;
	context->user_regs.eflags = 0x202;
	context->user_regs.cs = 0xe019;
	context->user_regs.ss = context->kernel_ss = 0xe021;
	context->kernel_sp = context->user_regs.esp;
	context->ctrlreg[3] = root << 12 | root >> 20;
	context->gdt_frames[0] = build->p2m[state->gdt + vcpu];
	context->gdt_ents = GDT_ENTRIES;
	context->event_callback_eip = context->failsafe_callback_eip = state->direct_va + vcpu;
	context->debugreg[0] = 0x1000 + vcpu;
	context->vm_assist = 1u << VMASST_TYPE_writable_pagetables;
	context->trap_ctxt[14] = (struct trap_info_x86_32){ 14, 4, 0xe019, state->direct_va + 14 };
}

static void fill_extra(struct build *build, struct vcpu *vcpu, unsigned number)
{
	uint64_t bv = 3;

	vcpu->xcr0 = vcpu->xcr0_accum = XSAVE_ALL;
	for (unsigned i = 0; i < 512; i++)
		vcpu->xsave[i] = build->options->seed + number + i;
	memcpy(vcpu->xsave + 512, &bv, sizeof(bv));
	vcpu->ext.sysenter_callback_cs = vcpu->ext.syscall32_callback_cs = 0xe033;
	vcpu->ext.sysenter_callback_eip = vcpu->ext.syscall32_callback_eip = build->state->direct_va + 32;
	vcpu->tsc_aux = number;
}

int build_vcpus(struct build *build)
{
	int err = 0;

	host_lock(build->host);
	for (unsigned i = 0; i < build->options->vcpus && !err; i++) {
		union {
			vcpu_guest_context_x86_64_t x64;
			vcpu_guest_context_x86_32_t x32;
		} context;

		memset(&context, 0, sizeof(context));
		if (build->options->is_32bit)
			fill_context_32(build, &context.x32, i);
		else
			fill_context_64(build, &context.x64, i);
		err = vcpu_set_context(build->host, build->domain, &build->domain->vcpus[i], &context);
		fill_extra(build, &build->domain->vcpus[i], i);
	}
	/* the kernel's root stays one, whoever runs, as from any domain builder */
	if (!err)
		err = frame_pin(build->host, build->domain, build->p2m[build->state->root],
				build->options->is_32bit ? FRAME_L3 : FRAME_L4);
	host_unlock(build->host);
	return err;
}
