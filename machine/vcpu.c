/*
 * vCPUs. Their context names machine frames in four places, which travel as
 * pfns: start info (vCPU 0, rdx), the GDT's frames, cr3 and, 64-bit, the
 * user's root in ctrlreg[1].
 *
 * One walk over these places serves all three: save, check and load. In: Xen's state of a vCPU, or four records of it.
 * Out: the other. The trap: Xen checks everything that a context names when it is loaded, so all tables must be in their
 * place by then, and no page of them may be mapped writable here any more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "machine/machine.h"

/* In the order in which libxc writes and loads them. */
static const uint32_t record_types[VCPU_STATES] = {
	RECORD_X86_PV_VCPU_BASIC,
	RECORD_X86_PV_VCPU_EXTENDED,
	RECORD_X86_PV_VCPU_XSAVE,
	RECORD_X86_PV_VCPU_MSRS,
};

/* What a place in the context must name. */
enum wanted { WANT_PAGE, WANT_FRAME, WANT_ROOT };

/* Translates one frame number; the places are rewritten with what it returns. */
struct translation {
	unsigned int vcpu;
	const struct inverse *inverse;	  /* mfn -> pfn if set, else pfn -> mfn */
	const struct destination *memory; /* types by pfn, and mfns on load */
	unsigned int top;		  /* level of a root */
	bool only_check;
};

/* Xen checks this too, when the context is loaded, but says only EINVAL. */
static bool fits(enum wanted wanted, unsigned int type, unsigned int top)
{
	if (wanted == WANT_ROOT)
		return frame_level(type) == top;
	return wanted == WANT_PAGE ? type == FRAME_NOTAB : frame_is_populated(type);
}

static int translate(const struct translation *t, const char *what, enum wanted wanted, uint64_t *frame)
{
	uint64_t pfn = t->inverse ? inverse_pfn_once(t->inverse, *frame) : *frame;

	if (t->inverse && pfn == INVALID_FRAME)
		return fail(ERANGE, "vcpu %u: %s names mfn %#lx, which is not the guest's", t->vcpu, what,
			    *frame);
	if (pfn >= t->memory->count || !fits(wanted, t->memory->type[pfn], t->top))
		return fail(EBADMSG, "vcpu %u: %s names pfn %#lx, which is %s", t->vcpu, what, pfn,
			    pfn >= t->memory->count ? "beyond the guest's last"
			    : wanted == WANT_ROOT   ? "no page table of the top level"
						    : "no page it may name");
	*frame = t->inverse || t->only_check ? pfn : t->memory->mfn[pfn].n;
	return 0;
}

/* When vCPU 0 suspends, rdx holds the mfn of start info: the hypercall's third argument. Other vCPUs have other things there. */
static int translate_start_info(const struct translation *t, const struct layout *layout, uint8_t *context)
{
	uint64_t frame = word_get(layout, context, layout->vcpu.start_info);
	int rc;

	if (t->vcpu)
		return 0;
	rc = translate(t, "rdx (start info)", WANT_PAGE, &frame);
	word_set(layout, context, layout->vcpu.start_info, frame);
	return rc;
}

/* The count is of descriptors, 512 a frame. Frames behind the last one in use are not touched: they mean nothing. */
static int translate_gdt(const struct translation *t, const struct layout *layout, uint8_t *context)
{
	uint64_t entries = word_get(layout, context, layout->vcpu.gdt_entries);
	int rc = 0;

	if (entries > GDT_MOST_ENTRIES)
		return fail(EBADMSG, "vcpu %u: a GDT of %lu entries", t->vcpu, entries);
	for (uint64_t i = 0; !rc && i * GDT_ENTRIES_A_FRAME < entries; i++) {
		size_t at = layout->vcpu.gdt_frames + i * layout->width;
		uint64_t frame = word_get(layout, context, at);

		rc = translate(t, "its GDT", WANT_FRAME, &frame);
		word_set(layout, context, at, frame);
	}
	return rc;
}

/* A 32-bit guest's root may lie above 4 GiB: the frame's upper bits are then in the lower ones (xen_pfn_to_cr3). */
static uint64_t root_get(const struct layout *layout, const uint8_t *context)
{
	uint64_t cr3 = word_get(layout, context, layout->vcpu.cr3);

	return layout->width == 8 ? pte_frame(cr3) : compat_cr3_frame(cr3);
}

static int translate_roots(const struct translation *t, const struct layout *layout, uint8_t *context)
{
	uint64_t frame = root_get(layout, context), user;
	int rc;

	/* Bits beside the frame would be lost without a word; Xen gives none. */
	if (layout->width == 8 && word_get(layout, context, layout->vcpu.cr3) & ~PTE_FRAME_MASK)
		return fail(EBADMSG, "vcpu %u: a cr3 of %#lx", t->vcpu,
			    word_get(layout, context, layout->vcpu.cr3));
	rc = translate(t, "cr3", WANT_ROOT, &frame);

	word_set(layout, context, layout->vcpu.cr3,
		 layout->width == 8 ? frame << PAGE_BITS : compat_cr3(frame));
	if (rc || layout->width != 8)
		return rc;
	/* Only 64-bit guests have a second root, for user mode; of a vCPU without one Xen says 0. */
	user = word_get(layout, context, layout->vcpu.cr1);
	if (!user)
		return 0;
	/* In the stream bit 0 says that there is one; Xen wants the bare cr3. */
	if (!t->inverse && (user & ~PTE_FRAME_MASK) != 1)
		return fail(EBADMSG, "vcpu %u: a user root of %#lx without its mark", t->vcpu, user);
	frame = pte_frame(user);
	rc = translate(t, "the user's root", WANT_ROOT, &frame);
	word_set(layout, context, layout->vcpu.cr1,
		 frame << PAGE_BITS | (t->inverse || t->only_check ? 1 : 0));
	return rc;
}

static int translate_context(const struct translation *t, const struct layout *layout, uint8_t *context)
{
	int rc = translate_start_info(t, layout, context);

	if (!rc)
		rc = translate_gdt(t, layout, context);
	return rc ? rc : translate_roots(t, layout, context);
}

/* A record is as long as its state, and padded to 8 bytes, which its header's length does not count. */
static void put_state(struct bytes *out, unsigned int vcpu, enum vcpu_state kind, const void *state,
		      size_t bytes)
{
	struct record_header header = { record_types[kind], sizeof(struct vcpu_record) + bytes };
	struct vcpu_record record = { .vcpu = vcpu };

	bytes_put(out, &header, sizeof(header));
	bytes_put(out, &record, sizeof(record));
	bytes_put(out, state, bytes);
	bytes_grow(out, -bytes & 7);
}

/* A kind may be empty (no XSAVE, no MSRs that differ): then there is no record of it. */
static int save_vcpu(struct domain *domain, const struct layout *layout, const struct translation *t,
		     struct bytes *out)
{
	int rc = 0;

	for (int kind = 0; !rc && kind < VCPU_STATES; kind++) {
		size_t bytes;
		void *state;

		rc = domain_get_vcpu(domain, t->vcpu, kind, &state, &bytes);
		if (!rc && kind == VCPU_BASIC)
			rc = translate_context(t, layout, state);
		if (!rc && bytes)
			put_state(out, t->vcpu, kind, state, bytes);
		free(state);
	}
	return rc;
}

/*
 * Offline vCPUs have no records, as libxc has it: a restore leaves them as Xen made them, and Linux
 * brings them up itself. vCPU 0 must be on: it alone names start info.
 */
int vcpus_save(struct domain *domain, const struct layout *layout, const struct inverse *inverse,
	       const struct destination *memory, struct bytes *out)
{
	struct translation t = { .inverse = inverse, .memory = memory, .top = layout->levels };
	struct domain_facts facts;
	int rc = domain_facts(domain, &facts);

	for (t.vcpu = 0; !rc && t.vcpu < facts.vcpus; t.vcpu++) {
		bool online = false;

		rc = domain_vcpu_is_online(domain, t.vcpu, &online);
		if (!rc && online)
			rc = save_vcpu(domain, layout, &t, out);
		if (!rc && !online && !t.vcpu)
			rc = fail(ENODATA, "vcpu 0 is offline");
	}
	return rc;
}

/* What the config allows, if there is one; a plain stream without a config may have as many as Xen has. */
static unsigned int most_vcpus(const struct machine *machine)
{
	return machine->most_vcpus ? machine->most_vcpus : VCPU_MAX;
}

static int vcpus_make_room(struct machine *machine, unsigned int vcpu)
{
	if (!machine->vcpus)
		machine->vcpus = calloc(most_vcpus(machine), sizeof(*machine->vcpus));
	if (!machine->vcpus)
		return fail(ENOMEM, "out of memory");
	if (vcpu >= machine->vcpu_count)
		machine->vcpu_count = vcpu + 1;
	return 0;
}

/* In place of what there was of it. */
static int keep_state(struct machine *machine, struct vcpu *vcpu, enum vcpu_state kind,
		      const struct record *record)
{
	size_t bytes = record->bytes - sizeof(struct vcpu_record);

	free(vcpu->state[kind]);
	vcpu->state[kind] = NULL;
	machine->vcpu_bytes += bytes - vcpu->bytes[kind];
	vcpu->bytes[kind] = bytes;
	if (machine->vcpu_bytes > VCPUS_MAX_BYTES)
		return fail(EBADMSG, "record %lu: the vCPUs have more than %u MiB of state", record->number,
			    VCPUS_MAX_BYTES >> 20);
	vcpu->state[kind] = malloc(bytes);
	if (!vcpu->state[kind])
		return fail(ENOMEM, "out of memory");
	memcpy(vcpu->state[kind], record->body + sizeof(struct vcpu_record), bytes);
	return 0;
}

/* EXTENDED has its bounds in STREAM_RECORDS. XSAVE begins with two masks of 8 bytes; an entry of MSRS has 16 bytes. */
static int check_length(const struct machine *machine, const struct record *record, enum vcpu_state kind,
			size_t bytes)
{
	bool fits = true;

	if (kind == VCPU_BASIC)
		fits = machine->layout && bytes == machine->layout->vcpu.bytes;
	else if (kind == VCPU_XSAVE)
		fits = bytes >= 16;
	else if (kind == VCPU_MSRS)
		fits = bytes % 16 == 0;
	return fits ? 0
		    : fail(EBADMSG, "record %lu: %s of %u bytes", record->number, record_name(record->type),
			   record->bytes);
}

/* Only kept: what it names is checked when all memory has come. */
int vcpus_take(struct machine *machine, const struct record *record, enum vcpu_state kind)
{
	size_t bytes = record->bytes - sizeof(struct vcpu_record);
	struct vcpu_record header;
	int rc;

	memcpy(&header, record->body, sizeof(header));
	if (header.vcpu >= most_vcpus(machine) || header.zero)
		return fail(EBADMSG, "record %lu: %s of vcpu %u, the domain has %u vCPUs", record->number,
			    record_name(record->type), header.vcpu, most_vcpus(machine));
	if (!bytes)
		return 0; /* old writers: nothing of this kind */
	rc = check_length(machine, record, kind, bytes);
	if (!rc)
		rc = vcpus_make_room(machine, header.vcpu);
	return rc ? rc : keep_state(machine, &machine->vcpus[header.vcpu], kind, record);
}

static int check_vcpu(const struct machine *machine, unsigned int number, const struct destination *memory)
{
	struct translation t = {
		.vcpu = number, .memory = memory, .top = machine->layout->levels, .only_check = true
	};
	uint8_t *context = machine->vcpus[number].state[VCPU_BASIC];

	return context ? translate_context(&t, machine->layout, context) : 0;
}

int vcpus_check(const struct machine *machine, const struct destination *memory)
{
	int rc = 0;

	if (!machine->vcpu_count || !machine->vcpus[0].state[VCPU_BASIC])
		return fail(EBADMSG, "the stream has no X86_PV_VCPU_BASIC of vcpu 0");
	for (unsigned int i = 0; !rc && i < machine->vcpu_count; i++)
		rc = check_vcpu(machine, i, memory);
	return rc;
}

/* A copy is translated: the state stays as it came. Its size was compared with the layout's when it was taken. */
static int load_vcpu(struct domain *domain, const struct machine *machine, unsigned int number,
		     const struct destination *memory)
{
	struct translation t = { .vcpu = number, .memory = memory, .top = machine->layout->levels };
	const struct vcpu *vcpu = &machine->vcpus[number];
	uint8_t context[8192]; /* a 64-bit guest's has 5168 bytes, a 32-bit one's 2800 */
	uint32_t flags;
	int rc;

	memcpy(context, vcpu->state[VCPU_BASIC], vcpu->bytes[VCPU_BASIC]);
	memcpy(&flags, context + machine->layout->vcpu.flags, sizeof(flags));
	/* Only vCPUs that were on are in a stream; Xen takes one without this flag for one that is to stay off. */
	flags |= VCPU_FLAG_ONLINE;
	memcpy(context + machine->layout->vcpu.flags, &flags, sizeof(flags));
	/* BASIC first: it is what makes the vCPU, and has Xen walk its roots. */
	rc = translate_context(&t, machine->layout, context);
	if (!rc)
		rc = domain_set_vcpu(domain, number, VCPU_BASIC, context, vcpu->bytes[VCPU_BASIC]);
	for (int kind = VCPU_EXTENDED; !rc && kind < VCPU_STATES; kind++)
		if (vcpu->state[kind])
			rc = domain_set_vcpu(domain, number, kind, vcpu->state[kind], vcpu->bytes[kind]);
	return rc;
}

int vcpus_load(struct domain *domain, const struct machine *machine, const struct destination *memory)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < machine->vcpu_count; i++)
		if (machine->vcpus[i].state[VCPU_BASIC])
			rc = load_vcpu(domain, machine, i, memory);
	return rc;
}

/* Xen gives a GDT's pages a type of their own: they may not be mapped writable when it loads them. */
void vcpus_each_gdt_page(const struct machine *machine, void (*each)(pfn_t pfn, void *context), void *context)
{
	const struct layout *layout = machine->layout;

	for (unsigned int i = 0; i < machine->vcpu_count; i++) {
		const uint8_t *state = machine->vcpus[i].state[VCPU_BASIC];
		uint64_t entries = state ? word_get(layout, state, layout->vcpu.gdt_entries) : 0;

		for (uint64_t page = 0; page * GDT_ENTRIES_A_FRAME < entries; page++)
			each(PFN(word_get(layout, state, layout->vcpu.gdt_frames + page * layout->width)),
			     context);
	}
}

pfn_t vcpus_start_info(const struct machine *machine)
{
	return PFN(word_get(machine->layout, machine->vcpus[0].state[VCPU_BASIC],
			    machine->layout->vcpu.start_info));
}

void vcpu_roots(const struct layout *layout, const struct vcpu *vcpu, pfn_t *kernel, pfn_t *user)
{
	uint64_t cr1 = layout->width == 8 ? word_get(layout, vcpu->state[VCPU_BASIC], layout->vcpu.cr1) : 0;

	*kernel = PFN(root_get(layout, vcpu->state[VCPU_BASIC]));
	*user = PFN(cr1 ? pte_frame(cr1) : INVALID_FRAME);
}
