/*
 * See p2m-snapshot.h. In: the guest's p2m in its own memory, in either form, and Xen's types of its frames. Out: arrays
 * by pfn, and their inverse. The trap: a running guest may change any of it while it is read; so every frame is checked
 * to be the guest's, and a contradiction is a failure that the caller may try again.
 */
#include "migrate/p2m-snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "text/text.h"

/* As many as its toolstack's word lets it have. */
static uint64_t promised_pfns(const struct migration *m)
{
	char *text = store_read(domain_host(m->domain), "/local/domain/%u/memory/static-max", m->facts.id);
	uint64_t promised = 0;

	if (text && text_number(text, UINT64_MAX, &promised))
		promised /= 4;
	free(text);
	if (promised < m->facts.most_frames && m->facts.most_frames < PFN_LIMIT)
		promised = m->facts.most_frames;
	return most_pfns(promised);
}

/* The record has the pfn of each page of the p2m; none longer is read by a restore of ours. */
static uint64_t p2m_record_bytes(uint64_t leaves)
{
	return sizeof(struct p2m_frames) + leaves * sizeof(uint64_t);
}

static int check_pfns(const struct layout *layout, uint64_t pfns)
{
	uint64_t per_page = p2m_per_page(layout);
	uint64_t most = (RECORD_MAX_BYTES - sizeof(struct p2m_frames)) / sizeof(uint64_t);

	return p2m_record_bytes((pfns + per_page - 1) / per_page) <= RECORD_MAX_BYTES
		     ? 0
		     : fail(EFBIG, "the guest has %lu pfns, an image has room for %lu", pfns,
			    most * per_page);
}

int p2m_check_size(const struct migration *m)
{
	uint64_t claimed = word_get(m->layout, m->shared_info, m->layout->shared_info.max_pfn);
	int rc = p2m_check_claim(m->layout, m->shared_info, promised_pfns(m));

	return rc ? rc : check_pfns(m->layout, claimed);
}

/* For people, and for the head of the image: how many frames a restore has to ask Xen for. */
static void count_frames(struct migration *m)
{
	struct migrate_figures *figures = &m->figures;

	figures->pfns = m->p2m.count;
	figures->frames = figures->tables = figures->pinned = 0;
	for (uint64_t pfn = 0; pfn < m->p2m.count; pfn++) {
		unsigned int type = m->p2m.type[pfn];

		figures->frames += frame_is_populated(type);
		figures->tables += frame_level(type) != 0;
		figures->pinned += frame_level(type) && type & FRAME_PINNED;
	}
}

static bool has_same_frames(const struct p2m *a, const struct p2m *b)
{
	return a->count == b->count && !memcmp(a->mfn, b->mfn, a->count * sizeof(*a->mfn));
}

/* A running guest may be moving what holds its p2m, too. */
static int check_leaves(const struct p2m *p2m, const struct inverse *inverse)
{
	for (uint64_t i = 0; i < p2m->leaves; i++)
		if (inverse_pfn_once(inverse, p2m->leaf[i].n) == INVALID_FRAME)
			return fail(ERANGE, "part %lu of the p2m lies in mfn %#lx, which is not the guest's",
				    i, p2m->leaf[i].n);
	return 0;
}

/* The inverse of what has not changed is still right. */
static int turn_round(const struct migration *m, struct p2m_snapshot *snapshot)
{
	const struct p2m *now = &snapshot->p2m;
	int rc;

	if (m->p2m.count && has_same_frames(now, &m->p2m))
		return check_leaves(now, &m->inverse);
	rc = inverse_init(&snapshot->inverse, now);
	return rc ? rc : check_leaves(now, &snapshot->inverse);
}

int p2m_snapshot_take(const struct migration *m, struct p2m_snapshot *snapshot)
{
	struct p2m_source source = { m->domain, m->layout, m->shared_info, m->p2m.count,
				     !m->figures.stopped_at_ns };
	int rc;

	*snapshot = (struct p2m_snapshot){ .inverse = { 0 } };
	rc = p2m_find(&snapshot->p2m, &source, m->options.p2m, promised_pfns(m));
	if (!rc)
		rc = check_pfns(m->layout, snapshot->p2m.count);
	if (!rc && snapshot->p2m.count < m->p2m.count)
		rc = fail(ERANGE, "the guest's p2m shrank from %lu pfns to %lu", m->p2m.count,
			  snapshot->p2m.count);
	if (!rc)
		rc = p2m_fetch_types(&snapshot->p2m, m->domain);
	if (!rc)
		rc = turn_round(m, snapshot);
	if (rc)
		p2m_snapshot_release(snapshot);
	return rc;
}

void p2m_snapshot_use(struct migration *m, struct p2m_snapshot *snapshot)
{
	p2m_release(&m->p2m);
	m->p2m = snapshot->p2m;
	if (snapshot->inverse.bits) {
		inverse_release(&m->inverse);
		m->inverse = snapshot->inverse;
	}
	*snapshot = (struct p2m_snapshot){ .inverse = { 0 } };
	count_frames(m);
}

void p2m_snapshot_release(struct p2m_snapshot *snapshot)
{
	p2m_release(&snapshot->p2m);
	inverse_release(&snapshot->inverse);
}

int p2m_snapshot_renew(struct migration *m)
{
	struct p2m_snapshot snapshot;
	int rc = p2m_snapshot_take(m, &snapshot);

	if (!rc)
		p2m_snapshot_use(m, &snapshot);
	return rc;
}

void put_p2m_frames(const struct migration *m, struct bytes *out)
{
	struct p2m_frames frames = { 0, m->p2m.count - 1 };
	struct record_header header = { RECORD_X86_PV_P2M_FRAMES, p2m_record_bytes(m->p2m.leaves) };

	bytes_put(out, &header, sizeof(header));
	bytes_put(out, &frames, sizeof(frames));
	for (uint64_t i = 0; i < m->p2m.leaves; i++) {
		uint64_t pfn = inverse_pfn_once(&m->inverse, m->p2m.leaf[i].n);

		bytes_put(out, &pfn, sizeof(pfn));
	}
}
