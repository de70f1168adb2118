/* See links.h. */
#include "checkpoint/links.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "stream/page-digest.h"
#include "text/text.h"

static bool is_parent(const struct index_head *parent, const struct index_head *child)
{
	return page_digest_equals(parent->root, child->parent_root) &&
	       !memcmp(parent->key, child->key, sizeof(parent->key));
}

/*
 * Several files may hold a state. One whose own chain is there is taken, a full one rather than an increment, the first by name
 * otherwise; cli/parents.c, which reads them, chooses alike.
 */
static bool is_better(const struct points *p, const bool *whole, size_t each, long best)
{
	bool is_full = !index_is_increment(&p->at[each].head);

	if (best < 0 || whole[each] != whole[best])
		return best < 0 || whole[each];
	if (is_full == index_is_increment(&p->at[best].head))
		return is_full;
	return strcmp(p->at[each].file, p->at[best].file) < 0;
}

static void find_parent(const struct points *p, const bool *whole, size_t child, struct link *link)
{
	const struct index_head *head = &p->at[child].head;
	bool is_there = false;

	for (size_t i = 0; i < p->count; i++) {
		const struct index_head *each = &p->at[i].head;

		/* None is its own parent. */
		if (i == child || *p->at[i].defect || !state_equals(each->state, head->parent))
			continue;
		is_there = true;
		if (is_parent(each, head) && is_better(p, whole, i, link->parent))
			link->parent = i;
	}
	if (link->parent < 0)
		link->state = is_there ? LINK_PARENT_OTHER : LINK_PARENT_MISSING;
}

/* Is a parent of it there that is whole itself? */
static bool has_whole_parent(const struct points *p, const bool *whole, size_t child)
{
	const struct index_head *head = &p->at[child].head;

	for (size_t i = 0; i < p->count; i++)
		if (whole[i] && i != child && state_equals(p->at[i].head.state, head->parent) &&
		    is_parent(&p->at[i].head, head))
			return true;
	return false;
}

/* Those from which a way leads to a full one: the full ones first, then whatever goes on from one that is known to. */
static bool *find_whole(const struct points *p)
{
	bool *whole = calloc(p->count + 1, sizeof(*whole)), is_more = whole;

	for (size_t i = 0; whole && i < p->count; i++)
		whole[i] = !*p->at[i].defect && !index_is_increment(&p->at[i].head);
	while (is_more) {
		is_more = false;
		for (size_t i = 0; i < p->count; i++)
			if (!whole[i] && !*p->at[i].defect && has_whole_parent(p, whole, i))
				whole[i] = is_more = true;
	}
	return whole;
}

/* From the child to the full one; a chain that has no end comes back to itself. */
static void parents_follow(const struct points *p, struct link *links, size_t child)
{
	struct link *link = &links[child];
	long at = link->parent;

	for (; at >= 0 && link->parents <= p->count; at = links[at].parent) {
		link->parents++;
		if (links[at].state != LINK_SOUND)
			link->state = LINK_PARENT_BROKEN;
	}
	if (at >= 0)
		link->state = LINK_PARENT_BROKEN;
}

struct link *points_link(const struct points *p)
{
	struct link *links = calloc(p->count + 1, sizeof(*links));
	bool *whole = find_whole(p);

	if (!links || !whole) {
		fail(ENOMEM, "out of memory");
		free(links);
		free(whole);
		return NULL;
	}
	for (size_t i = 0; i < p->count; i++) {
		links[i].parent = -1;
		if (*p->at[i].defect)
			links[i].state = LINK_DAMAGED;
		else if (index_is_increment(&p->at[i].head))
			find_parent(p, whole, i, &links[i]);
		if (links[i].parent >= 0)
			links[links[i].parent].children++;
	}
	free(whole);
	for (size_t i = 0; i < p->count; i++)
		parents_follow(p, links, i);
	/* What goes in a circle has no beginning: who goes from child to parent comes to an end all the same. */
	for (size_t i = 0; i < p->count; i++)
		if (links[i].parents > p->count)
			links[i].parent = -1;
	return links;
}

struct link *points_survey(struct points *points, const char *directory)
{
	if (points_open(points, directory, false) || points_read(points))
		return NULL;
	if (points->count)
		return points_link(points);
	fail(ENOENT, "there is no checkpoint in it");
	return NULL;
}

const char *link_state_text(enum link_state state)
{
	static const char *const texts[LINK_STATES] = {
		[LINK_SOUND] = "restorable",
		[LINK_DAMAGED] = "damaged",
		[LINK_PARENT_MISSING] = "its parent is missing",
		[LINK_PARENT_OTHER] = "its parent has other contents",
		[LINK_PARENT_BROKEN] = "a parent is missing or damaged",
	};

	return texts[state];
}

/* --- which one is meant ----------------------------------------------------------------- */

static bool parse_time(const char *text, time_t *time)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y%m%dT%H%M%S" };

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct tm utc = { 0 };
		const char *end = strptime(text, forms[i], &utc);

		if (!end || (*end && strcmp(end, "Z")))
			continue;
		*time = timegm(&utc);
		return true;
	}
	return false;
}

enum { BY_NUMBER, BY_TIME, BY_TAG, LATEST };

static bool is_meant(const struct point *point, int how, const struct point_name *wish)
{
	switch (how) {
	case BY_NUMBER: return point->name.number == wish->number;
	case BY_TIME: return point->name.time <= wish->time;
	case BY_TAG: return !strcmp(point->name.tag, wish->tag);
	default: return true;
	}
}

const struct point *points_select(const struct points *p, const char *text)
{
	struct point_name wish = { .number = 0 };
	const struct point *found = NULL;
	int how = BY_TAG;

	if (!strcmp(text, "latest"))
		how = LATEST;
	else if (text_number(text, UINT64_MAX, &wish.number))
		how = BY_NUMBER;
	else if (parse_time(text, &wish.time))
		how = BY_TIME;
	else if (!tag_defect(text))
		snprintf(wish.tag, sizeof(wish.tag), "%s", text);
	else
		fail(EINVAL,
		     "\"@%s\" is neither a number, nor a tag, nor a time like 2026-11-26T07:06:16Z, nor "
		     "@latest",
		     text);
	for (size_t i = 0; i < p->count && !*fail_reason(); i++)
		if (p->at[i].name.number && is_meant(&p->at[i], how, &wish) &&
		    (how != BY_TIME || !found || p->at[i].name.time >= found->name.time))
			found = &p->at[i];
	if (!found)
		fail(ENOENT,
		     how == LATEST ? "there is no checkpoint in %s" : "there is no checkpoint @%2$s in %1$s",
		     p->path, text);
	return found;
}
