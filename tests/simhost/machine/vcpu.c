/*
 * The register context of a vCPU: refusals in Xen's order, then the tables.
 */
#include <errno.h>
#include <string.h>

#include "domain.h"
#include "frames.h"
#include "types.h"
#include "vcpu.h"

enum { GDT_ENTRIES_PER_FRAME = 512, GDT_ENTRIES_MAX = 7168, LDT_ENTRIES_MAX = 8192 };

#define HYPERVISOR_START 0xffff800000000000ul
#define HYPERVISOR_END	 0xffff880000000000ul
#define VM_ASSIST_KNOWN	 0x3ful

/* The fields of a context that both widths have, in one form. */
struct roots {
	uint64_t root, user_root;
	uint64_t gdt[GDT_FRAMES_MAX];
	unsigned gdt_entries, gdt_frames;
	uint64_t flags, vm_assist, ldt_base, ldt_entries;
};

bool address_is_canonical(uint64_t address)
{
	return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

static uint64_t cr3_to_mfn(uint64_t cr3)
{
	return cr3 >> 12 | cr3 << 52;
}

static uint64_t compat_cr3_to_mfn(uint32_t cr3)
{
	return cr3 >> 12 | cr3 << 20;
}

static void read_roots(const struct domain *domain, const void *context, struct roots *roots)
{
	const vcpu_guest_context_x86_64_t *x64 = context;
	const vcpu_guest_context_x86_32_t *x32 = context;
	bool is_32bit = domain->is_32bit;

	memset(roots, 0, sizeof(*roots));
	roots->root = is_32bit ? compat_cr3_to_mfn(x32->ctrlreg[3]) : cr3_to_mfn(x64->ctrlreg[3]);
	if (!is_32bit && x64->ctrlreg[1])
		roots->user_root = cr3_to_mfn(x64->ctrlreg[1]) & 0xffffffffffful;
	roots->gdt_entries = is_32bit ? x32->gdt_ents : x64->gdt_ents;
	roots->gdt_frames = (roots->gdt_entries + GDT_ENTRIES_PER_FRAME - 1) / GDT_ENTRIES_PER_FRAME;
	for (unsigned i = 0; i < roots->gdt_frames && i < GDT_FRAMES_MAX; i++)
		roots->gdt[i] = is_32bit ? x32->gdt_frames[i] : x64->gdt_frames[i];
	roots->flags = is_32bit ? x32->flags : x64->flags;
	roots->vm_assist = is_32bit ? x32->vm_assist : x64->vm_assist;
	roots->ldt_base = is_32bit ? x32->ldt_base : x64->ldt_base;
	roots->ldt_entries = is_32bit ? x32->ldt_ents : x64->ldt_ents;
}

static int check_addresses(const vcpu_guest_context_x86_64_t *context)
{
	const uint64_t addresses[] = {
		context->user_regs.rip,
		context->user_regs.rsp,
		context->kernel_sp,
		context->ldt_ents ? context->ldt_base : 0,
		context->fs_base,
		context->gs_base_kernel,
		context->gs_base_user,
		context->event_callback_eip,
		context->syscall_callback_eip,
		context->failsafe_callback_eip,
	};

	for (unsigned i = 0; i < sizeof(addresses) / sizeof(*addresses); i++)
		if (!address_is_canonical(addresses[i]))
			return -EINVAL;
	for (unsigned i = 0; i < 256; i++)
		if (!address_is_canonical(context->trap_ctxt[i].address))
			return -EINVAL;
	if (context->ldt_base >= HYPERVISOR_START && context->ldt_base < HYPERVISOR_END)
		return -EINVAL;
	return 0;
}

static int check_context(const struct domain *domain, const struct vcpu *vcpu, const void *context,
			 const struct roots *roots)
{
	if (!domain->is_32bit && check_addresses(context))
		return -EINVAL;
	if (roots->ldt_base % PAGE_BYTES || roots->ldt_entries > LDT_ENTRIES_MAX)
		return -EINVAL;
	if (vcpu == domain->vcpus && roots->vm_assist & ~VM_ASSIST_KNOWN)
		return -EINVAL;
	if (roots->gdt_frames > GDT_FRAMES_MAX)
		return -EINVAL;
	return 0;
}

static int same_tables(struct domain *domain, struct vcpu *vcpu, const struct roots *roots)
{
	struct roots now;

	read_roots(domain, &vcpu->context, &now);
	if (vcpu->root != roots->root || vcpu->user_root != roots->user_root ||
	    (!vcpu->user_root && !domain->is_32bit && !(roots->flags & VGCF_in_kernel)) ||
	    now.gdt_entries != roots->gdt_entries || now.ldt_base != roots->ldt_base ||
	    now.ldt_entries != roots->ldt_entries || memcmp(now.gdt, roots->gdt, sizeof(now.gdt)))
		return -EOPNOTSUPP;
	return 0;
}

static void put_gdt(struct host *host, const uint64_t *gdt, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		frame_put_as(host, gdt[i]);
}

static int get_gdt(struct host *host, struct domain *domain, const struct roots *roots)
{
	if (roots->gdt_entries > GDT_ENTRIES_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < roots->gdt_frames; i++) {
		if (frame_get_as(host, roots->gdt[i], FRAME_GDT, domain)) {
			put_gdt(host, roots->gdt, i);
			return -EINVAL;
		}
	}
	return 0;
}

static int get_roots(struct host *host, struct domain *domain, const struct roots *roots)
{
	enum frame_type top = domain->is_32bit ? FRAME_L3 : FRAME_L4;
	int err = frame_get_as(host, roots->root, top, domain);

	if (err || !roots->user_root)
		return err;
	err = frame_get_as(host, roots->user_root, FRAME_L4, domain);
	if (err)
		frame_put_as(host, roots->root);
	return err;
}

static int take_tables(struct host *host, struct domain *domain, struct vcpu *vcpu, const struct roots *roots)
{
	int err;

	if (!domain->is_32bit && !(roots->flags & VGCF_in_kernel) && !roots->user_root)
		return -EINVAL;
	err = get_gdt(host, domain, roots);
	if (err)
		return err;
	err = get_roots(host, domain, roots);
	if (err) {
		put_gdt(host, roots->gdt, roots->gdt_frames);
		return err;
	}
	vcpu->root = roots->root;
	vcpu->user_root = roots->user_root;
	return 0;
}

void vcpu_drop_tables(struct host *host, struct vcpu *vcpu)
{
	struct domain *domain = NULL;
	struct roots roots;

	if (!vcpu->initialised)
		return;
	domain = domain_find_any(host, host->frames[vcpu->root].owner);
	read_roots(domain, &vcpu->context, &roots);
	put_gdt(host, roots.gdt, roots.gdt_frames);
	frame_put_as(host, vcpu->root);
	if (vcpu->user_root)
		frame_put_as(host, vcpu->user_root);
	vcpu->root = vcpu->user_root = 0;
	vcpu->initialised = vcpu->online = false;
}

int vcpu_set_context(struct host *host, struct domain *domain, struct vcpu *vcpu, const void *context)
{
	size_t size = domain->is_32bit ? sizeof(vcpu->context.x32) : sizeof(vcpu->context.x64);
	struct roots roots;
	int err;

	if (!context) {
		vcpu_drop_tables(host, vcpu);
		return 0;
	}
	read_roots(domain, context, &roots);
	err = check_context(domain, vcpu, context, &roots);
	if (err)
		return err;
	err = vcpu->initialised ? same_tables(domain, vcpu, &roots) : take_tables(host, domain, vcpu, &roots);
	if (err)
		return err;
	if (vcpu == domain->vcpus && !vcpu->initialised)
		domain->vm_assist = roots.vm_assist;
	memcpy(&vcpu->context, context, size);
	vcpu->initialised = true;
	vcpu->online = roots.flags & VGCF_online;
	return 0;
}

static void write_roots(const struct vcpu *vcpu, const struct domain *domain, void *context)
{
	vcpu_guest_context_x86_64_t *x64 = context;
	vcpu_guest_context_x86_32_t *x32 = context;

	if (domain->is_32bit) {
		x32->ctrlreg[3] = (uint32_t)(vcpu->root << 12 | vcpu->root >> 20);
		x32->ctrlreg[1] = 0;
		x32->flags = (x32->flags & ~VGCF_online) | (vcpu->online ? VGCF_online : 0);
		x32->vm_assist = vcpu == domain->vcpus ? domain->vm_assist : 0;
		return;
	}
	x64->ctrlreg[3] = vcpu->root << 12;
	x64->ctrlreg[1] = vcpu->user_root << 12;
	x64->flags = (x64->flags & ~VGCF_online) | (vcpu->online ? VGCF_online : 0);
	x64->vm_assist = vcpu == domain->vcpus ? domain->vm_assist : 0;
}

int vcpu_get_context(struct host *host, struct domain *domain, struct vcpu *vcpu, void *context)
{
	size_t size = domain->is_32bit ? sizeof(vcpu->context.x32) : sizeof(vcpu->context.x64);

	(void)host;
	if (!vcpu->initialised)
		return -ENODATA;
	memcpy(context, &vcpu->context, size);
	write_roots(vcpu, domain, context);
	return 0;
}
