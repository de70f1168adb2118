/* See stream-model.h. */
#include "stream-model.h"

#include "fuzz.h"
#include "stream/format.h"

/* --- zeroes, counted ---------------------------------------------------- */

/* A zero byte and a count of the zeroes behind it: 7 bits, or 15. */
void model_unpack(struct model *m, const uint8_t *packed, size_t count)
{
	m->count = 0;
	for (size_t i = 0; i < count && m->count < MODEL_BYTES; i++) {
		size_t run = 1;

		if (!packed[i] && ++i < count) {
			run += packed[i] & 0x7f;
			if (packed[i] & 0x80 && ++i < count)
				run += (size_t)packed[i] << 7;
			run = run > MODEL_BYTES - m->count ? MODEL_BYTES - m->count : run;
			memset(m->bytes + m->count, 0, run);
		} else {
			m->bytes[m->count] = i < count ? packed[i] : 0;
		}
		m->count += run;
	}
	model_split(m);
}

static size_t zeroes_at(const struct model *m, size_t at)
{
	size_t end = at;

	while (end < m->count && end - at < 1 << 15 && !m->bytes[end])
		end++;
	return end - at;
}

size_t model_pack(const struct model *m, uint8_t *packed, size_t most)
{
	size_t used = 0;

	for (size_t i = 0; i < m->count;) {
		size_t run = zeroes_at(m, i);

		if (most - used < 3)
			return 0;
		packed[used++] = m->bytes[i];
		if (!run) {
			i++;
			continue;
		}
		packed[used++] = ((run - 1) & 0x7f) | (run > 128 ? 0x80 : 0);
		if (run > 128)
			packed[used++] = (run - 1) >> 7;
		i += run;
	}
	return used;
}

/* --- items --------------------------------------------------------------- */

uint32_t model_get32(const struct model *m, size_t at)
{
	uint32_t value = 0;

	if (at + sizeof(value) <= m->count)
		memcpy(&value, m->bytes + at, sizeof(value));
	return value;
}

void model_put(struct model *m, size_t at, uint64_t value, size_t bytes)
{
	if (at + bytes <= m->count)
		memcpy(m->bytes + at, &value, bytes);
}

static size_t item_bytes(const struct model *m, size_t at)
{
	enum { CONFIG_LENGTH = sizeof(struct xl_header) - sizeof(uint32_t) };

	if (m->item_count == 0)
		return sizeof(struct xl_header) + model_get32(m, CONFIG_LENGTH);
	if (m->item_count == 1)
		return sizeof(struct libxl_header) + sizeof(struct record_header) +
		       sizeof(struct image_header) + sizeof(struct domain_header);
	return sizeof(struct record_header) + (((uint64_t)model_get32(m, at + 4) + 7) & ~7UL);
}

void model_split(struct model *m)
{
	m->item_count = 0;
	for (size_t at = 0; at < m->count && m->item_count < MODEL_ITEMS;) {
		size_t bytes = item_bytes(m, at);
		bool is_last = bytes > m->count - at || m->item_count == MODEL_ITEMS - 1;

		bytes = is_last ? m->count - at : bytes;
		m->items[m->item_count++] = (struct item){ at, bytes };
		at += bytes;
	}
}

uint32_t model_type(const struct model *m, unsigned int item)
{
	return item < 2 || item >= m->item_count ? UINT32_MAX : model_get32(m, m->items[item].at);
}

bool model_is_vast(const struct model *m)
{
	enum { LEAVES = 256 };

	for (unsigned int i = 2; i < m->item_count; i++)
		if (model_type(m, i) == RECORD_X86_PV_P2M_FRAMES &&
		    m->items[i].count > sizeof(struct p2m_frames) + LEAVES * sizeof(uint64_t))
			return true;
	return false;
}

bool model_splice(struct model *m, size_t at, size_t removed, const void *from, size_t added)
{
	if (at > m->count || removed > m->count - at || m->count - removed + added > MODEL_BYTES)
		return false;
	memmove(m->bytes + (at + added), m->bytes + (at + removed), m->count - at - removed);
	if (from)
		memcpy(m->bytes + at, from, added);
	else
		memset(m->bytes + at, 0, added);
	m->count = m->count - removed + added;
	return true;
}
