/* See fuzz-machine.h. A guest of few pages, as the input wants it. */
#include "fuzz-machine.h"

struct guest guest;

/* The first pfns are what a sound context names, unless the input says otherwise; the rest is of every type. */
enum { A_PAGE, A_ROOT, A_PINNED_ROOT, SOUND };

void make_memory(const struct layout *layout, struct input *in)
{
	static const uint8_t types[] = { 0, 0, 0, 1, 2, 3, 4, 9, 10, 11, 12, 13, 14, 15, 0, 12 };
	const uint8_t sound[SOUND] = { FRAME_NOTAB, layout->levels, FRAME_PINNED | layout->levels };
	uint8_t changes = take8(in) % 8;

	for (unsigned int pfn = 0; pfn < PFNS; pfn++)
		guest.type[pfn] = pfn < SOUND ? sound[pfn] : types[pfn % sizeof(types)];
	for (unsigned int i = 0; i < changes; i++) {
		uint8_t pfn = take8(in) % PFNS;

		guest.type[pfn] = types[take8(in) % sizeof(types)];
	}
	for (unsigned int pfn = 0; pfn < PFNS; pfn++)
		guest.mfn[pfn] = MFN(guest.type[pfn] == FRAME_XTAB ? INVALID_FRAME : FIRST_MFN + (pfn ^ 5));
}

struct destination memory(void)
{
	return (struct destination){ guest.mfn, guest.type, PFNS };
}

uint64_t any_word(struct input *in)
{
	uint8_t kind = take8(in);
	uint64_t frame = take8(in) % (PFNS + 4);

	if (kind & 0x40)
		frame += FIRST_MFN;
	switch (kind % 8) {
	case 0:
	case 1: return frame;
	case 2:
	case 3: return frame << PAGE_BITS;
	case 4: return frame << PAGE_BITS | 1;
	case 5: return frame * 512;
	case 6: return compat_cr3(frame);
	default: return kind & 0x80 ? ~0ULL : take64(in);
	}
}

static uint64_t cr3_of(const struct layout *layout, uint64_t frame)
{
	return layout->width == 8 ? frame << PAGE_BITS : compat_cr3(frame);
}

uint8_t *make_context(const struct layout *layout, struct input *in, bool has_mfns)
{
	const struct vcpu_layout *at = &layout->vcpu;
	size_t places[] = { at->start_info,
			    at->cr3,
			    at->cr1,
			    at->gdt_entries,
			    at->gdt_frames,
			    at->gdt_frames + layout->width,
			    at->gdt_frames + 13 * layout->width,
			    at->flags };
	uint8_t how = take8(in), changes = take8(in) % 8, *context = calloc(1, at->bytes);
	uint64_t flip = has_mfns ? FIRST_MFN : 0, page = flip + (A_PAGE ^ (has_mfns ? 5 : 0));
	uint64_t root = flip + ((how & 1 ? A_ROOT : A_PINNED_ROOT) ^ (has_mfns ? 5 : 0));

	word_set(layout, context, at->start_info, page);
	word_set(layout, context, at->cr3, cr3_of(layout, root));
	word_set(layout, context, at->cr1, how & 2 ? root << PAGE_BITS | !has_mfns : 0);
	word_set(layout, context, at->gdt_entries, 512 * (how >> 4));
	for (unsigned int i = 0; i < 16; i++)
		word_set(layout, context, at->gdt_frames + i * layout->width, page);
	for (unsigned int i = 0; i < changes; i++) {
		size_t place = places[take8(in) % 8];

		word_set(layout, context, place, any_word(in));
	}
	return context;
}
