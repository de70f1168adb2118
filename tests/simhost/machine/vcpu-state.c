/*
 * The rest of a vCPU: callbacks, floating point, MSRs.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "vcpu.h"

enum {
	XSAVE_HEADER_BYTES = 16, /* xcr0 and xcr0_accum, before the area itself */
	XSAVE_LEGACY_BYTES = 576,
	XSTATE_BV_AT = 512,
	XCOMP_BV_AT = 520,
	XCR0_X87 = 1,
	XCR0_SSE = 2,
	XCR0_AVX = 4,
	XCR0_ALL = XCR0_X87 | XCR0_SSE | XCR0_AVX,
	MSR_MISC_FEATURES = 0x140,
	MSR_TSC_AUX = 0xc0000103,
	MSR_DR0_MASK = 0xc0011027,
	MSR_DR1_MASK = 0xc0011019,
	MSRS_MAX = 7,
};

int vcpu_get_extended(struct vcpu *vcpu, struct xen_domctl_ext_vcpucontext *ext)
{
	uint32_t number = ext->vcpu;

	*ext = vcpu->ext;
	ext->vcpu = number;
	ext->size = sizeof(*ext);
	return 0;
}

int vcpu_set_extended(struct vcpu *vcpu, const struct xen_domctl_ext_vcpucontext *ext)
{
	if (ext->size < offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap))
		return -EINVAL;
	if (!address_is_canonical(ext->sysenter_callback_eip) ||
	    !address_is_canonical(ext->syscall32_callback_eip))
		return -EINVAL;
	vcpu->ext = *ext;
	return 0;
}

static uint64_t area_bytes(uint64_t xcr0)
{
	if (!xcr0)
		return 0;
	return xcr0 & XCR0_AVX ? XSAVE_BYTES : XSAVE_LEGACY_BYTES;
}

int vcpu_get_xsave(struct vcpu *vcpu, struct xen_domctl_vcpuextstate *state)
{
	uint64_t size = XSAVE_HEADER_BYTES + area_bytes(vcpu->xcr0_accum);
	uint8_t *buffer = (uint8_t *)state->buffer.p;

	if ((!state->size && !state->xfeature_mask) || !buffer) {
		state->xfeature_mask = XCR0_ALL;
		state->size = XSAVE_HEADER_BYTES + XSAVE_BYTES;
		return 0;
	}
	if (state->size < size || state->xfeature_mask != XCR0_ALL)
		return -EINVAL;
	memcpy(buffer, &vcpu->xcr0, 8);
	memcpy(buffer + 8, &vcpu->xcr0_accum, 8);
	memcpy(buffer + XSAVE_HEADER_BYTES, vcpu->xsave, size - XSAVE_HEADER_BYTES);
	state->size = size;
	return 0;
}

static uint64_t word_at(const uint8_t *bytes, size_t at)
{
	uint64_t word;

	memcpy(&word, bytes + at, sizeof(word));
	return word;
}

static int check_xsave(const uint8_t *buffer, uint64_t size)
{
	uint64_t xcr0 = word_at(buffer, 0), accum = word_at(buffer, 8);
	const uint8_t *area = buffer + XSAVE_HEADER_BYTES;

	if (size != XSAVE_HEADER_BYTES + area_bytes(accum))
		return -EINVAL;
	if (!accum)
		return 0;
	if (accum & ~(uint64_t)XCR0_ALL || xcr0 & ~accum || !(xcr0 & XCR0_X87))
		return -EINVAL;
	if ((xcr0 & XCR0_AVX) && !(xcr0 & XCR0_SSE))
		return -EINVAL;
	if (word_at(area, XSTATE_BV_AT) & ~accum)
		return -EINVAL;
	return word_at(area, XCOMP_BV_AT) ? -EOPNOTSUPP : 0;
}

int vcpu_set_xsave(struct vcpu *vcpu, const struct xen_domctl_vcpuextstate *state)
{
	const uint8_t *buffer = (const uint8_t *)state->buffer.p;
	int err;

	if (state->size < XSAVE_HEADER_BYTES || state->size > XSAVE_HEADER_BYTES + XSAVE_BYTES)
		return -EINVAL;
	err = check_xsave(buffer, state->size);
	if (err)
		return err;
	vcpu->xcr0 = word_at(buffer, 0);
	vcpu->xcr0_accum = word_at(buffer, 8);
	memcpy(vcpu->xsave, buffer + XSAVE_HEADER_BYTES, state->size - XSAVE_HEADER_BYTES);
	return 0;
}

static uint64_t *find_msr(struct vcpu *vcpu, uint32_t index)
{
	if (index == MSR_MISC_FEATURES)
		return &vcpu->misc_features;
	if (index == MSR_TSC_AUX)
		return &vcpu->tsc_aux;
	if (index == MSR_DR0_MASK)
		return &vcpu->dr_mask[0];
	if (index >= MSR_DR1_MASK && index < MSR_DR1_MASK + 3)
		return &vcpu->dr_mask[1 + index - MSR_DR1_MASK];
	return NULL;
}

int vcpu_get_msrs(struct vcpu *vcpu, struct xen_domctl_vcpu_msrs *msrs)
{
	static const uint32_t known[] = {
		MSR_MISC_FEATURES, MSR_TSC_AUX,	     MSR_DR0_MASK,
		MSR_DR1_MASK,	   MSR_DR1_MASK + 1, MSR_DR1_MASK + 2,
	};
	uint32_t nr = 0;

	if (!msrs->msrs.p) {
		msrs->msr_count = MSRS_MAX;
		return 0;
	}
	for (unsigned i = 0; i < sizeof(known) / sizeof(*known); i++) {
		uint64_t value = *find_msr(vcpu, known[i]);

		if (!value)
			continue;
		if (nr < msrs->msr_count)
			msrs->msrs.p[nr] = (xen_domctl_vcpu_msr_t){ known[i], 0, value };
		nr++;
	}
	if (nr > msrs->msr_count) {
		msrs->msr_count = nr;
		return -ENOBUFS;
	}
	msrs->msr_count = nr;
	return 0;
}

int vcpu_set_msrs(struct vcpu *vcpu, struct xen_domctl_vcpu_msrs *msrs)
{
	if (msrs->msr_count > MSRS_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < msrs->msr_count; i++) {
		const xen_domctl_vcpu_msr_t *msr = &msrs->msrs.p[i];
		uint64_t *value = find_msr(vcpu, msr->index);

		if (!value || msr->reserved || (msr->index != MSR_MISC_FEATURES && msr->value >> 32)) {
			msrs->msr_count = i;
			return -EINVAL;
		}
		*value = msr->value;
	}
	return 0;
}
