/*
 * See send-changed.h. What a worker does with each pfn of its batch in a round of precopy: nothing, a word (a pfn
 * without data), a page, or a table. What went is noted in the view (sent[], digest[]): the next round compares with
 * that, and the destination has no more than that.
 */
#include "migrate/send-changed.h"

#include <errno.h>
#include <string.h>

#include "log.h"
#include "migrate/digest.h"

static void put_word(struct precopy *p, struct batch *batch, uint64_t pfn, unsigned int type)
{
	batch_add(batch, pfn, type, NULL);
	p->view.sent[pfn] = type;
}

/* What is in the record's page is what is digested: the guest may be writing to its own. */
static void note_sent(struct precopy *p, struct batch *batch, uint64_t pfn, unsigned int *pages)
{
	p->view.digest[pfn] = digest_page(batch_place(batch, *pages));
	++*pages;
}

static void put_page(const struct migration *m, struct batch *batch, uint64_t pfn, unsigned int *pages)
{
	struct precopy *p = m->precopy;

	batch_put_page(m, pfn, batch_place(batch, *pages), p->view.at[pfn]);
	put_word(p, batch, pfn, FRAME_NOTAB);
	note_sent(p, batch, pfn, pages);
}

/* The last that went of the pfn was this page, as that type. */
static bool is_sent(const struct precopy *p, uint64_t pfn, unsigned int type, const uint8_t *page)
{
	return p->view.sent[pfn] == type && digest_page(page) == p->view.digest[pfn];
}

/* By the time it goes it may be no table any more: then as a page that was not looked at. */
static int put_table(struct migration *m, struct batch *batch, uint64_t pfn, unsigned int *pages)
{
	struct precopy *p = m->precopy;
	uint64_t word = (uint64_t)m->p2m.type[pfn] << 60 | pfn;
	struct table_fault fault;

	if (!batch_put_table(m, word, batch_place(batch, *pages), p->view.at[pfn], &fault))
		return p->is_last ? batch_refuse_table(word, &fault) : 0;
	/* Without machine frames most are what they were when they went. */
	if (is_sent(p, pfn, m->p2m.type[pfn], batch_place(batch, *pages)))
		return 0;
	put_word(p, batch, pfn, m->p2m.type[pfn]);
	note_sent(p, batch, pfn, pages);
	return 0;
}

/*
 * A running guest may give a page away at any time: then it is tried again next round. A stopped one cannot have: then
 * the image would lack a page.
 */
static int cannot_read(struct migration *m, uint64_t pfn)
{
	dirty_note(&m->precopy->dirty, pfn);
	return m->precopy->is_last
		     ? fail(EFAULT, "pfn %#lx (mfn %#lx) cannot be mapped, and the guest has stopped", pfn,
			    m->p2m.mfn[pfn].n)
		     : 0;
}

static int send_if_changed(struct migration *m, struct batch *batch, uint64_t pfn, unsigned int *pages)
{
	struct precopy *p = m->precopy;
	unsigned int type = m->p2m.type[pfn], sent = p->view.sent[pfn];

	if (!frame_has_data(type)) {
		if (type != sent)
			put_word(p, batch, pfn, type);
		return 0;
	}
	if (!p->view.at[pfn])
		return cannot_read(m, pfn);
	/*
	 * A table goes once while the guest runs, so that the destination has a frame for it, and once more at the end;
	 * in between it would only change again.
	 */
	if (frame_level(type)) {
		dirty_note(&p->dirty, pfn);
		return p->is_last || !frame_has_data(sent) ? put_table(m, batch, pfn, pages) : 0;
	}
	/* A guest pins all its tables before it suspends: what went as one is one again by the types that are asked for now. */
	if (p->is_stopped && !p->is_last && frame_level(sent)) {
		dirty_note(&p->dirty, pfn);
		return 0;
	}
	dirty_clear(&p->dirty, pfn);
	if (is_sent(p, pfn, FRAME_NOTAB, p->view.at[pfn]))
		return 0;
	/*
	 * Pages that go for the first time have not changed; only a page that went before and differs now makes the
	 * guest "hot" there.
	 */
	if (sent == FRAME_NOTAB && !p->dirty.uses_log)
		p->fresh_pages += dirty_heat(&p->dirty, pfn);
	put_page(m, batch, pfn, pages);
	return 0;
}

uint64_t send_sample(const struct migration *m)
{
	enum {
		EACH = 61
	}; /* a prime: what a guest changes in steps is not missed, and not all that is looked at */
	const struct precopy *p = m->precopy;
	uint64_t changed = 0;

	for (uint64_t pfn = 0; pfn < m->p2m.count; pfn += EACH)
		changed += p->view.at[pfn] && p->view.sent[pfn] == FRAME_NOTAB &&
			   digest_page(p->view.at[pfn]) != p->view.digest[pfn];
	return changed * EACH;
}

bool send_is_due(const struct migration *m, uint64_t pfn)
{
	const struct precopy *p = m->precopy;
	unsigned int type = m->p2m.type[pfn];

	return dirty_is_suspect(&p->dirty, pfn) || type != p->view.sent[pfn] ||
	       (p->is_last && frame_level(type));
}

int fill_changed(struct batch *batch, struct migration *m)
{
	struct precopy *p = m->precopy;
	uint64_t start = now_ns();
	unsigned int pages = 0, looked = 0;

	for (uint64_t pfn = batch->first; pfn < batch->first + batch->count; pfn++) {
		int rc = send_is_due(m, pfn) ? send_if_changed(m, batch, pfn, &pages) : 0;

		if (rc)
			return rc;
		looked += dirty_is_suspect(&p->dirty, pfn);
	}
	if (batch->words)
		batch_seal(batch, pages);
	/* Reading and nothing else, of all pages: that is how long the last scan takes a page (measure.c). */
	if (!pages && looked == batch->count) {
		p->idle_ns += now_ns() - start;
		p->idle_pages += batch->count;
	}
	p->sent_pages += pages;
	m->options.live->looked_at += batch->count;
	m->options.live->sent_pages += pages;
	return 0;
}
