/*
 * Has the domain that was built the vCPUs of the image? They are saved once more, which makes them free of machine
 * frames by the domain's own p2m, and taken once more; what a guest cannot live without is compared: registers, page
 * tables, GDT, start info. What Xen sets right by itself as it loads a vCPU, selectors and flags, is left out: two
 * releases of Xen do that differently.
 */
#include <errno.h>
#include <string.h>

#include "log.h"
#include "machine/machine.h"

/* Each whole record of what vcpus_save() makes. */
static int take_all(struct machine *machine, const struct bytes *saved)
{
	int rc = 0;

	for (size_t at = 0; !rc && at < saved->count;) {
		struct record_header header;
		struct record record;
		bool taken;

		memcpy(&header, saved->at + at, sizeof(header));
		record = (struct record){ .type = header.type,
					  .bytes = header.bytes,
					  .body = (const uint8_t *)saved->at + at + sizeof(header) };
		rc = machine_take(machine, &record, &taken);
		at += sizeof(header) + (header.bytes + 7) / 8 * 8;
	}
	return rc;
}

static int unlike(unsigned int vcpu, const char *what)
{
	return fail(EUCLEAN, "the domain that was built is not the image's: vcpu %u has %s", vcpu, what);
}

/* Frames behind the last entry are never loaded, and hold what the guest last left there. */
static bool has_same_gdt(const struct layout *layout, const uint8_t *a, const uint8_t *b)
{
	uint64_t entries = word_get(layout, a, layout->vcpu.gdt_entries);
	uint64_t frames = (entries + GDT_ENTRIES_A_FRAME - 1) / GDT_ENTRIES_A_FRAME;

	return entries == word_get(layout, b, layout->vcpu.gdt_entries) &&
	       !memcmp(a + layout->vcpu.gdt_frames, b + layout->vcpu.gdt_frames, frames * layout->width);
}

static int vcpus_compare(unsigned int vcpu, const struct layout *layout, const uint8_t *a, const uint8_t *b)
{
	const struct vcpu_layout *at = &layout->vcpu;

	if (!a || !b)
		return a == b ? 0 : unlike(vcpu, a ? "gone" : "come from nowhere");
	if (word_get(layout, a, at->cr3) != word_get(layout, b, at->cr3))
		return unlike(vcpu, "another cr3");
	/* A 32-bit guest has one root for both modes. */
	if (layout->width == 8 && word_get(layout, a, at->cr1) != word_get(layout, b, at->cr1))
		return unlike(vcpu, "another root for the guest's user mode");
	if (!has_same_gdt(layout, a, b))
		return unlike(vcpu, "another GDT");
	if (memcmp(a + at->registers, b + at->registers, at->registers_bytes) ||
	    word_get(layout, a, at->pc) != word_get(layout, b, at->pc) ||
	    word_get(layout, a, at->sp) != word_get(layout, b, at->sp))
		return unlike(vcpu, "other registers");
	return 0;
}

static const uint8_t *basic_of(const struct machine *machine, unsigned int vcpu)
{
	return vcpu < machine->vcpu_count ? machine->vcpus[vcpu].state[VCPU_BASIC] : NULL;
}

int vcpus_prove(struct domain *domain, const struct machine *machine, const struct inverse *inverse,
		const struct destination *memory)
{
	struct machine built = { .layout = machine->layout, .most_vcpus = machine->most_vcpus };
	struct bytes saved = { 0 };
	int rc = vcpus_save(domain, machine->layout, inverse, memory, &saved);

	if (!rc)
		rc = bytes_check(&saved);
	if (!rc)
		rc = take_all(&built, &saved);
	for (unsigned int i = 0; !rc && (i < machine->vcpu_count || i < built.vcpu_count); i++)
		rc = vcpus_compare(i, machine->layout, basic_of(machine, i), basic_of(&built, i));
	machine_release(&built);
	bytes_release(&saved);
	return rc;
}
