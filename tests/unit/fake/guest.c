/* See guest.h. */
#include "guest.h"

#include <stdlib.h>
#include <string.h>

#include "p2m/p2m.h"
#include "xen/pte.h"

static void fill_p2m(struct guest *g)
{
	uint64_t per_page = p2m_per_page(g->layout);

	g->leaves = (g->count + per_page - 1) / per_page;
	g->leaf = calloc(g->leaves, sizeof(*g->leaf));
	for (uint64_t i = 0; i < g->leaves; i++) {
		g->leaf[i] = guest_take(g);
		memset(guest_page(g, g->leaf[i]), 0xff, PAGE_BYTES);
	}
	for (uint64_t pfn = 0; pfn < g->count; pfn++)
		guest_set_entry(g, pfn, g->mfn[pfn].n);
}

void guest_make(struct guest *g, unsigned int width, uint64_t pfns)
{
	*g = (struct guest){
		.domain = fake_domain(width, 1), .layout = layout_of(width), .count = pfns, .next = pfns
	};
	g->mfn = calloc(pfns, sizeof(*g->mfn));
	for (uint64_t pfn = 0; pfn < pfns; pfn++)
		g->mfn[pfn] = fake_allocate(g->domain->id);
	g->domain->frames = g->domain->most_frames = pfns;
	g->shared_info = fake_page(g->domain->shared_info);
	word_set(g->layout, g->shared_info, g->layout->shared_info.max_pfn, pfns);
	fill_p2m(g);
	g->root = guest_take(g);
	guest_set_type(g, g->root, FRAME_PINNED | g->layout->levels);
}

void guest_release(struct guest *g)
{
	free(g->mfn);
	free(g->leaf);
	g->mfn = NULL, g->leaf = NULL;
}

uint64_t guest_take(struct guest *g)
{
	return --g->next;
}

void *guest_page(const struct guest *g, uint64_t pfn)
{
	return fake_page(g->mfn[pfn]);
}

void guest_set_type(struct guest *g, uint64_t pfn, unsigned int type)
{
	fake_frame(g->mfn[pfn])->type = type;
	if (type != FRAME_XTAB)
		return;
	*fake_frame(g->mfn[pfn]) = (struct fake_frame){ .owner = 0 };
	g->mfn[pfn] = MFN(INVALID_FRAME);
	guest_set_entry(g, pfn, INVALID_FRAME);
}

void guest_set_entry(struct guest *g, uint64_t pfn, uint64_t value)
{
	uint64_t per_page = p2m_per_page(g->layout);

	word_set(g->layout, guest_page(g, g->leaf[pfn / per_page]), pfn % per_page * g->layout->width, value);
}

/* --- page tables ------------------------------------------------------- */

static unsigned int slot_of(const struct guest *g, unsigned int level, uint64_t address)
{
	unsigned int slot = address >> (PAGE_BITS + 9 * (level - 1)) & (TABLE_SLOTS - 1);

	return g->layout->width == 4 && level == 3 ? slot & 3 : slot;
}

static uint64_t *next_table(struct guest *g, uint64_t *entry, unsigned int level)
{
	if (!*entry) {
		uint64_t pfn = guest_take(g);

		guest_set_type(g, pfn, level);
		/* PAE: the four entries of a level 3 have no writable bit. */
		*entry = g->mfn[pfn].n << PAGE_BITS | PTE_PRESENT |
			 (g->layout->width == 4 && level == 2 ? 0 : PTE_WRITABLE);
	}
	return fake_page(MFN(pte_frame(*entry)));
}

uint64_t *guest_entry(struct guest *g, unsigned int level, uint64_t address)
{
	uint64_t *table = guest_page(g, g->root);

	for (unsigned int at = g->layout->levels; at > level; at--)
		table = next_table(g, &table[slot_of(g, at, address)], at - 1);
	return &table[slot_of(g, level, address)];
}

void guest_map(struct guest *g, uint64_t address, uint64_t pfn, uint64_t flags)
{
	*guest_entry(g, 1, address) = g->mfn[pfn].n << PAGE_BITS | PTE_PRESENT | flags;
}

/* --- what the guest publishes ------------------------------------------ */

static void publish(struct guest *g, size_t field, uint64_t value)
{
	word_set(g->layout, g->shared_info, field, value);
}

void guest_publish_linear(struct guest *g, uint64_t address)
{
	const struct shared_info_layout *at = &g->layout->shared_info;
	uint64_t root = g->mfn[g->root].n;

	for (uint64_t i = 0; i < g->leaves; i++)
		guest_map(g, address + i * PAGE_BYTES, g->leaf[i], PTE_WRITABLE);
	publish(g, at->p2m_cr3, g->layout->width == 8 ? root << PAGE_BITS : compat_cr3(root));
	publish(g, at->p2m_vaddr, address);
	publish(g, at->p2m_generation, 2);
}

/* One page or several of mfns that name these pages. */
static uint64_t *list_pages(struct guest *g, const uint64_t *pfns, uint64_t count, uint64_t *lists)
{
	uint64_t per_page = p2m_per_page(g->layout), *list;

	*lists = (count + per_page - 1) / per_page;
	list = calloc(*lists, sizeof(*list));
	for (uint64_t i = 0; i < *lists; i++)
		list[i] = guest_take(g);
	for (uint64_t i = 0; i < count; i++)
		word_set(g->layout, guest_page(g, list[i / per_page]), i % per_page * g->layout->width,
			 g->mfn[pfns[i]].n);
	return list;
}

void guest_publish_list(struct guest *g)
{
	uint64_t lists, tops, *list, *top;

	list = list_pages(g, g->leaf, g->leaves, &lists);
	top = list_pages(g, list, lists, &tops);
	publish(g, g->layout->shared_info.frame_list_list, g->mfn[top[0]].n);
	free(list);
	free(top);
}

/* --- vCPUs --------------------------------------------------------------- */

static void set_state(struct fake_vcpu *vcpu, enum vcpu_state kind, size_t bytes)
{
	vcpu->state[kind] = malloc(bytes);
	vcpu->bytes[kind] = bytes;
	for (size_t i = 0; i < bytes; i++)
		vcpu->state[kind][i] = i * 7 + kind;
}

/* In the user's half of the root: the tables below are the kernel's too, and none is pinned. */
static uint64_t add_user_root(struct guest *g)
{
	uint64_t pfn = guest_take(g), *table = guest_page(g, pfn);

	guest_map(g, 0x400000, 1, PTE_WRITABLE);
	table[0] = *guest_entry(g, 4, 0x400000);
	guest_set_type(g, pfn, FRAME_L4);
	return g->mfn[pfn].n << PAGE_BITS;
}

static void add_context(struct guest *g, struct fake_vcpu *vcpu, uint64_t start_info, uint64_t user)
{
	const struct vcpu_layout *at = &g->layout->vcpu;
	uint64_t root = g->mfn[g->root].n;
	uint8_t *context;

	set_state(vcpu, VCPU_BASIC, at->bytes);
	context = vcpu->state[VCPU_BASIC];
	word_set(g->layout, context, at->start_info, g->mfn[start_info].n);
	word_set(g->layout, context, at->gdt_entries, 2 * GDT_ENTRIES_A_FRAME);
	for (unsigned int i = 0; i < 2; i++)
		word_set(g->layout, context, at->gdt_frames + i * g->layout->width, g->mfn[guest_take(g)].n);
	word_set(g->layout, context, at->cr3, g->layout->width == 8 ? root << PAGE_BITS : compat_cr3(root));
	word_set(g->layout, context, at->cr1, user);
}

static uint64_t add_start_info(struct guest *g)
{
	const struct start_info_layout *at = &g->layout->start_info;
	uint64_t pfn = guest_take(g);
	uint32_t flags = START_FLAG_P2M_4TOOLS | 1;
	void *page = guest_page(g, pfn);

	/* As a guest leaves it that suspends: pfns. */
	word_set(g->layout, page, at->store_frame, guest_take(g));
	word_set(g->layout, page, at->console_frame, guest_take(g));
	memcpy((char *)page + at->flags, &flags, sizeof(flags));
	return pfn;
}

void guest_add_vcpus(struct guest *g)
{
	uint64_t user = g->layout->width == 8 ? add_user_root(g) : 0, start_info = add_start_info(g);

	for (unsigned int i = 0; i < g->domain->vcpu_count; i++) {
		struct fake_vcpu *vcpu = &g->domain->vcpus[i];

		if (i && i == g->domain->vcpu_count - 1)
			continue; /* the last of several is offline */
		vcpu->is_online = true;
		add_context(g, vcpu, start_info, i ? 0 : user);
		set_state(vcpu, VCPU_EXTENDED, 128);
		set_state(vcpu, VCPU_XSAVE, 16 + 576);
		if (i)
			set_state(vcpu, VCPU_MSRS, 32);
	}
}
