/*
 * The older form, what Linux sets up in xen_setup_mfn_list_list():
 *
 *   frame_list_list (one frame) -> frame lists -> leaves -> mfns
 *
 * each a page of guest words that are mfns. A leaf that has only holes may be
 * one and the same page in many places.
 */
#include <errno.h>
#include <stdlib.h>

#include "log.h"
#include "p2m/find.h"

static int check_frames(const mfn_t *frames, uint64_t count, const char *what)
{
	for (uint64_t i = 0; i < count; i++)
		if (!frames[i].n || frames[i].n >> MFN_BITS)
			return fail(ERANGE, "the p2m's %s %lu is mfn %#lx, which is not a valid one", what, i,
				    frames[i].n);
	return 0;
}

int p2m_find_list_list(struct p2m *p2m, struct domain *domain, const void *shared_info, uint64_t first)
{
	uint64_t per_page = p2m_per_page(p2m->layout);
	uint64_t list_first = first / per_page, lists = (p2m->leaves + per_page - 1) / per_page;
	mfn_t top = { word_get(p2m->layout, shared_info, p2m->layout->shared_info.frame_list_list) };
	mfn_t *list;
	int rc = check_frames(&top, 1, "frame-list-list");

	if (rc)
		return rc;
	if (lists > per_page)
		return fail(ERANGE, "a frame-list-list of one page has no room for %lu pfns", p2m->claimed);
	list = malloc((lists - list_first) * sizeof(*list));
	if (!list)
		return fail(ENOMEM, "out of memory");
	rc = p2m_read_words(domain, &(struct word_run){ p2m->layout, &top, list_first, lists - list_first },
			    (uint64_t *)list, "frame-list-list");
	if (!rc)
		rc = check_frames(list, lists - list_first, "frame list");
	if (!rc)
		rc = p2m_read_words(
			domain,
			&(struct word_run){ p2m->layout, list, first % per_page, p2m->leaves - first },
			(uint64_t *)(p2m->leaf + first), "frame lists");
	if (!rc)
		rc = check_frames(p2m->leaf + first, p2m->leaves - first, "leaf");
	free(list);
	return rc;
}
