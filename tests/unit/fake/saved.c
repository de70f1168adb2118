/* See saved.h. */
#include "saved.h"

#include <stdlib.h>
#include <string.h>

#include "p2m/inverse.h"

struct saved saved;

int saved_take(uint32_t type, const void *body, uint32_t bytes)
{
	struct record record = { .type = type, .bytes = bytes, .body = body, .number = 5 };

	return machine_take(&saved.machine, &record, &saved.taken);
}

void saved_take_info(unsigned int width, unsigned int levels)
{
	struct pv_info info = { .width = width, .levels = levels };

	if (saved_take(RECORD_X86_PV_INFO, &info, sizeof(info)))
		abort();
}

int saved_take_vcpu(uint32_t type, uint32_t vcpu, uint32_t bytes)
{
	uint8_t *body = malloc(8 + bytes);
	int rc;

	memset(body, 0x5a, 8 + bytes);
	memcpy(body, (uint32_t[]){ vcpu, 0 }, 8);
	rc = saved_take(type, body, 8 + bytes);
	free(body);
	return rc;
}

/* The record's part of what a save puts into the stream. */
static int take_all(const struct bytes *out)
{
	int rc = 0;

	machine_release(&saved.machine);
	saved_take_info(saved.guest.layout->width, saved.guest.layout->levels);
	for (size_t at = 0; !rc && at < out->count;) {
		const struct record_header *header = (const void *)(out->at + at);

		rc = saved_take(header->type, header + 1, header->bytes);
		at += sizeof(*header) + ((header->bytes + 7) & ~7u);
	}
	return rc;
}

int saved_again(void)
{
	struct guest *guest = &saved.guest;
	struct p2m p2m = { .mfn = guest->mfn, .count = guest->count };
	struct inverse inverse;
	struct bytes out = { 0 };
	int rc;

	saved.type = realloc(saved.type, guest->count);
	for (uint64_t pfn = 0; pfn < guest->count; pfn++)
		saved.type[pfn] = fake_frame(guest->mfn[pfn])->type;
	saved.memory = (struct destination){ guest->mfn, saved.type, guest->count };
	rc = inverse_init(&inverse, &p2m);
	if (!rc)
		rc = vcpus_save(guest->domain, guest->layout, &inverse, &saved.memory, &out);
	inverse_release(&inverse);
	if (!rc)
		rc = take_all(&out);
	bytes_release(&out);
	return rc;
}

void saved_make(unsigned int width)
{
	fake_reset();
	guest_make(&saved.guest, width, 2000);
	saved.guest.domain->vcpu_count = 3;
	guest_add_vcpus(&saved.guest);
	if (saved_again())
		abort();
}

void saved_release(void)
{
	machine_release(&saved.machine);
	guest_release(&saved.guest);
	free(saved.type);
	saved = (struct saved){ 0 };
}

uint64_t saved_word(const uint8_t *structure, size_t offset)
{
	return word_get(saved.guest.layout, structure, offset);
}
