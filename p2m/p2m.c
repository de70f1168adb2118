/*
 * See p2m.h. Linux marks entries that are no frames of its own in the top two
 * bits (foreign, identity); all ones is a hole.
 */
#include "p2m/p2m.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "p2m/find.h"
#include "process/stop.h"
#include "stream/format.h"

enum { PAGES_AT_ONCE = 512, TRIES = 10, NAP_MS = 1 };

/*
 * Linux 3.19 to 4.2 announces as many pfns as memory hotplug could ever reach:
 * XEN_BALLOON_MEMORY_HOTPLUG_LIMIT, 512 GiB unless configured otherwise.
 */
#define HOTPLUG_PFNS (1ULL << 27)

const char *p2m_form_name(enum p2m_form form)
{
	return form == P2M_LINEAR ? "linear" : form == P2M_LIST ? "list" : "auto";
}

static uint64_t widen(const struct layout *layout, const uint8_t *page, uint64_t slot)
{
	return word_get(layout, page, slot * layout->width);
}

int p2m_read_words(struct domain *domain, const struct word_run *run, uint64_t *words, const char *what)
{
	uint64_t per_page = p2m_per_page(run->layout);
	uint64_t done = 0;

	while (done < run->count) {
		uint64_t page = (run->first + done) / per_page;
		uint64_t last = (run->first + run->count - 1) / per_page;
		uint64_t pages = last - page + 1 < PAGES_AT_ONCE ? last - page + 1 : PAGES_AT_ONCE;
		uint8_t *at = domain_map(domain, run->frames + page, pages, false, NULL);

		if (!at)
			return fail(EFAULT, "the p2m's %s cannot be read (frame %lu of them, mfn %#lx)", what,
				    page, run->frames[page].n);
		for (; done < run->count && (run->first + done) / per_page < page + pages; done++) {
			uint64_t n = run->first + done;

			words[done] = widen(run->layout, at + (n / per_page - page) * PAGE_BYTES,
					    n % per_page);
		}
		domain_unmap(domain, at, pages);
	}
	return 0;
}

static mfn_t entry_mfn(const struct layout *layout, uint64_t entry)
{
	uint64_t marks = 3ULL << (layout->width * 8 - 2);

	return entry & marks || entry >> MFN_BITS ? MFN(INVALID_FRAME) : MFN(entry);
}

static int read_entries(struct p2m *p2m, struct domain *domain)
{
	uint64_t words = p2m->leaves * p2m_per_page(p2m->layout);
	struct word_run run = { p2m->layout, p2m->leaf, 0, words };
	int rc = p2m_read_words(domain, &run, (uint64_t *)p2m->mfn, "pages");

	for (uint64_t pfn = 0; !rc && pfn < words; pfn++)
		p2m->mfn[pfn] = entry_mfn(p2m->layout, p2m->mfn[pfn].n);
	return rc;
}

static uint64_t field(const struct p2m *p2m, const void *shared_info, size_t offset)
{
	/* The guest may write while we read: each field is fetched once. */
	uint64_t value = word_get(p2m->layout, shared_info, offset);

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return value;
}

static uint64_t generation(const struct p2m *p2m, const void *shared_info)
{
	return field(p2m, shared_info, p2m->layout->shared_info.p2m_generation);
}

static int refuse_claim(uint64_t claimed, uint64_t most)
{
	return fail(ERANGE, "the guest claims %lu pfns, it can have 1 to %lu", claimed, most);
}

/* Of the leaves at the end that are one page, full of holes, the first stays. */
static int drop_repeated_leaves(struct p2m *p2m)
{
	while (p2m->leaves > 1 && p2m->leaf[p2m->leaves - 1].n == p2m->leaf[p2m->leaves - 2].n)
		p2m->leaves--;
	p2m->count = p2m->leaves * p2m_per_page(p2m->layout);
	return p2m->count > p2m->most ? refuse_claim(p2m->claimed, p2m->most) : 0;
}

static int find_from(struct p2m *p2m, struct domain *domain, const void *shared_info, uint64_t first)
{
	return p2m->form == P2M_LINEAR ? p2m_find_linear(p2m, domain, shared_info, first)
				       : p2m_find_list_list(p2m, domain, shared_info, first);
}

/*
 * A claim that ends with a leaf may mean the first pfn of one more leaf. That there is
 * none, or that it is not the guest's, is no fault: then the claim was right. Of a guest
 * that runs no further leaf is looked for: a leaf that it moves just then stands twice in
 * a list that is filled up with it, once as the old frame. The look after the stop finds it.
 */
static void find_further_leaf(struct p2m *p2m, struct domain *domain, const void *shared_info)
{
	uint8_t type = FRAME_XTAB;

	if (p2m->claimed % p2m_per_page(p2m->layout) || p2m->claimed >= p2m->most)
		return;
	p2m->leaves++;
	p2m->has_further = !find_from(p2m, domain, shared_info, p2m->leaves - 1) &&
			   !domain_frame_types(domain, &p2m->leaf[p2m->leaves - 1], 1, &type) &&
			   frame_has_data(type);
	if (!p2m->has_further)
		p2m->leaves--;
	fail_forget();
}

/* It holds no page of the guest. */
static void drop_further_leaf(struct p2m *p2m)
{
	if (!p2m->has_further || p2m->count > (p2m->leaves - 1) * p2m_per_page(p2m->layout))
		return;
	p2m->leaves--;
	p2m->has_further = false;
}

static int find_leaves(struct p2m *p2m, const struct p2m_source *source)
{
	int rc;

	p2m->has_further = false;
	p2m->count = p2m->claimed;
	p2m->leaves = (p2m->claimed + p2m_per_page(p2m->layout) - 1) / p2m_per_page(p2m->layout);
	if (!p2m->leaf)
		p2m->leaf = malloc((p2m->leaves + 1) * sizeof(*p2m->leaf));
	if (!p2m->leaf)
		return fail(ENOMEM, "out of memory for a p2m of %lu pfns", p2m->claimed);
	rc = find_from(p2m, source->domain, source->shared_info, 0);
	if (!rc && p2m->claimed > p2m->most)
		return drop_repeated_leaves(p2m);
	if (!rc && !source->is_running)
		find_further_leaf(p2m, source->domain, source->shared_info);
	return rc;
}

/* For whole leaves. */
static int allocate_entries(struct p2m *p2m)
{
	uint64_t words = p2m->leaves * p2m_per_page(p2m->layout);

	free(p2m->mfn);
	free(p2m->type);
	p2m->mfn = malloc(words * sizeof(*p2m->mfn));
	p2m->type = malloc(words);
	if (!p2m->mfn || !p2m->type)
		return fail(ENOMEM, "out of memory for a p2m of %lu pfns", p2m->count);
	memset(p2m->type, FRAME_XTAB, words);
	return 0;
}

static int choose_form(struct p2m *p2m, const void *shared_info, enum p2m_form form)
{
	const struct shared_info_layout *at = &p2m->layout->shared_info;
	uint64_t list = field(p2m, shared_info, at->frame_list_list);
	bool has_linear = field(p2m, shared_info, at->p2m_cr3);
	bool has_list = list && list != INVALID_FRAME;

	if (form == P2M_AUTO)
		form = has_linear ? P2M_LINEAR : P2M_LIST;
	if (form == P2M_LINEAR ? !has_linear : !has_list)
		return fail(ENOENT, "the guest does not publish %s (it may not have booted far enough)",
			    form == P2M_LINEAR ? "a linear p2m" : "a frame-list-list");
	p2m->form = form;
	return 0;
}

static int read_once(struct p2m *p2m, const struct p2m_source *source)
{
	int rc;

	p2m->generation = generation(p2m, source->shared_info);
	rc = find_leaves(p2m, source);
	if (!rc)
		rc = allocate_entries(p2m);
	return rc ? rc : read_entries(p2m, source->domain);
}

/* The generation is odd while the guest is at it: then the whole p2m is not worth reading. */
static bool is_moving(const struct p2m *p2m, const void *shared_info)
{
	return p2m->form == P2M_LINEAR && generation(p2m, shared_info) & 1;
}

/* And it is another one when the guest has been at it. */
static bool was_moving(const struct p2m *p2m, const void *shared_info)
{
	return p2m->form == P2M_LINEAR &&
	       (p2m->generation & 1 || p2m->generation != generation(p2m, shared_info));
}

/* Reads it until it held still meanwhile. */
static int read_still(struct p2m *p2m, const struct p2m_source *source)
{
	for (int i = 0; i < TRIES; i++) {
		int rc = stop_requested();

		if (!rc && is_moving(p2m, source->shared_info)) {
			rc = stop_wait(NAP_MS);
			if (!rc)
				continue;
		}
		if (rc)
			return rc;
		rc = read_once(p2m, source);
		if (!was_moving(p2m, source->shared_info))
			return rc;
		fail_forget();
	}
	return fail(EAGAIN, "the guest keeps changing its p2m (generation %lu)",
		    generation(p2m, source->shared_info));
}

/* What was a pfn in an earlier look stays one, if only as a hole: the rounds of a live save count on it. */
static void keep_least(struct p2m *p2m, uint64_t least)
{
	uint64_t end = p2m->leaves * p2m_per_page(p2m->layout);

	if (least > end)
		least = end;
	if (p2m->count < least)
		p2m->count = least;
}

static int check_claim(uint64_t claimed, uint64_t most)
{
	return !claimed || claimed > PFN_LIMIT || (claimed > most && claimed > HOTPLUG_PFNS)
		     ? refuse_claim(claimed, most)
		     : 0;
}

int p2m_check_claim(const struct layout *layout, const void *shared_info, uint64_t most_pfns)
{
	return check_claim(word_get(layout, shared_info, layout->shared_info.max_pfn), most_pfns);
}

int p2m_find(struct p2m *p2m, const struct p2m_source *source, enum p2m_form form, uint64_t most_pfns)
{
	const void *shared_info = source->shared_info;
	int rc;

	*p2m = (struct p2m){ .layout = source->layout, .most = most_pfns };
	p2m->claimed = field(p2m, shared_info, source->layout->shared_info.max_pfn);
	rc = check_claim(p2m->claimed, most_pfns);
	if (!rc)
		rc = choose_form(p2m, shared_info, form);
	if (!rc)
		rc = read_still(p2m, source);
	if (!rc)
		rc = p2m_take_tail(p2m, source->domain);
	if (rc)
		return rc;
	keep_least(p2m, source->least);
	drop_further_leaf(p2m);
	return 0;
}

void p2m_release(struct p2m *p2m)
{
	free(p2m->mfn);
	free(p2m->type);
	free(p2m->leaf);
	*p2m = (struct p2m){ 0 };
}

/* Holes are not asked for: what Xen is asked about is packed, then spread again. */
static int fetch_some(struct p2m *p2m, struct domain *domain, uint64_t first, uint64_t end)
{
	mfn_t mfns[PAGES_AT_ONCE * 2] = { 0 };
	uint8_t types[PAGES_AT_ONCE * 2];
	size_t count = 0;
	int rc;

	for (uint64_t pfn = first; pfn < end; pfn++)
		if (mfn_is_valid(p2m->mfn[pfn]))
			mfns[count++] = p2m->mfn[pfn];
	rc = domain_frame_types(domain, mfns, count, types);
	for (uint64_t pfn = first, i = 0; !rc && pfn < end; pfn++) {
		if (!mfn_is_valid(p2m->mfn[pfn]))
			continue;
		p2m->type[pfn] = types[i++];
		if (!frame_type_is_valid(p2m->type[pfn]))
			rc = fail(EPROTO, "pfn %#lx: Xen names type %#x, not known here", pfn,
				  p2m->type[pfn]);
		if (!frame_has_data(p2m->type[pfn]))
			p2m->mfn[pfn] = MFN(INVALID_FRAME);
	}
	return rc;
}

int p2m_fetch_types(struct p2m *p2m, struct domain *domain)
{
	enum { STEP = PAGES_AT_ONCE * 2 };
	int rc = 0;

	for (uint64_t pfn = 0; !rc && pfn < p2m->count; pfn += STEP)
		rc = fetch_some(p2m, domain, pfn, pfn + STEP < p2m->count ? pfn + STEP : p2m->count);
	return rc;
}

int p2m_check_unmoved(const struct p2m *p2m, struct domain *domain, const void *shared_info)
{
	struct p2m now = { .form = p2m->form, .layout = p2m->layout, .most = p2m->most };
	struct p2m_source source = { .domain = domain, .layout = p2m->layout, .shared_info = shared_info };
	int rc;

	now.claimed = field(p2m, shared_info, p2m->layout->shared_info.max_pfn);
	if (now.claimed != p2m->claimed ||
	    (p2m->form == P2M_LINEAR && generation(p2m, shared_info) != p2m->generation))
		return fail(EAGAIN, "the guest's p2m changed while it was saved");
	rc = find_leaves(&now, &source);
	now.leaves -= now.has_further && !p2m->has_further;
	if (!rc &&
	    (now.leaves != p2m->leaves || memcmp(now.leaf, p2m->leaf, p2m->leaves * sizeof(*p2m->leaf))))
		rc = fail(EAGAIN, "the guest's p2m moved while it was saved");
	p2m_release(&now);
	return rc;
}
