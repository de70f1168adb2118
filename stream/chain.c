/* See chain.h. */
#include "stream/chain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "process/budget.h"

enum { UNSEEN = 0xff };

/* --- are they a chain? --------------------------------------------------------- */

static int check_link(const struct chain_file *child, const struct chain_file *parent)
{
	const struct index_head *a = &child->place.head, *b = &parent->place.head;
	char text[STATE_TEXT_BYTES];

	state_text(a->parent, text);
	if (!state_equals(a->parent, b->state))
		return fail(EBADMSG, "%s does not hold state %s, the parent of %s", parent->name, text,
			    child->name);
	if (!page_digest_equals(a->parent_root, b->root) || memcmp(a->key, b->key, sizeof(a->key)))
		return fail(EBADMSG, "%s holds state %s with other contents than %s was made from",
			    parent->name, text, child->name);
	return 0;
}

/* Each pfn of the newest stands in some file: more than there are words there cannot be. */
static int check_count(const struct chain *chain)
{
	const struct index_head *head = &chain->files[0].place.head;
	uint64_t words = 0;

	for (unsigned int i = 0; i < chain->count; i++)
		words += chain->files[i].place.head.words;
	return head->pfns <= words ? 0
				   : fail(EBADMSG, "%s: %lu pfns, and its chain has %lu words",
					  chain->files[0].name, head->pfns, words);
}

int chain_open(struct chain *chain)
{
	const struct chain_file *last = &chain->files[chain->count - 1];
	char text[STATE_TEXT_BYTES];
	int rc = 0;

	for (unsigned int i = 0; i < chain->count && rc >= 0; i++) {
		struct chain_file *file = &chain->files[i];

		rc = index_find(file->fd, file->name, &file->place);
		if (!rc)
			rc = fail(EBADMSG, "%s has no index", file->name);
		if (rc > 0 && i)
			rc = check_link(file - 1, file);
	}
	if (rc >= 0 && index_is_increment(&last->place.head))
		rc = fail(EBADMSG, "state %s, the parent of %s, is missing",
			  state_text(last->place.head.parent, text), last->name);
	return rc < 0 ? rc : check_count(chain);
}

size_t chain_memory(const struct chain *chain)
{
	return CHAIN_BYTES + chain->files[0].place.head.pfns * CHAIN_PFN_BYTES;
}

/* --- the newest word on each pfn ------------------------------------------------- */

struct loading {
	struct chain_map *map;
	unsigned int file;
	bool is_bare; /* the group before */
	uint64_t groups;
};

static int put_frame(struct loading *l, const struct chain_frame *frame)
{
	struct chain_map *map = l->map;

	/* So many pieces no writer makes of it; and a frame takes more memory than a word. */
	if (chain_frame_count(map) > 65536 + map->memory.count / 4)
		return fail(EBADMSG, "%s: more than %zu frames", map->chain->files[l->file].name,
			    chain_frame_count(map));
	bytes_put(&map->frames, frame, sizeof(*frame));
	return bytes_check(&map->frames) ? fail(ENOMEM, "out of memory") : 0;
}

/* Words that no newer file has, of pfns that there still are. */
static uint32_t claim(struct chain_map *map, const struct index_group *group, const uint64_t *words,
		      const struct page_digest *digests)
{
	uint32_t claimed = 0;

	for (uint32_t i = 0; i < group->words; i++) {
		uint64_t pfn = words[i] & FRAME_PFN_MASK;
		unsigned int type = words[i] >> 60;

		if (pfn < map->memory.count && !map->frame_of[pfn]) {
			map->frame_of[pfn] = chain_frame_count(map) + 1;
			map->memory.type[pfn] = type;
			if (frame_has_data(type))
				map->memory.digest[pfn] = *digests;
			claimed++;
		}
		digests += frame_has_data(type);
	}
	return claimed;
}

static int take_group(const struct index_group *group, const uint64_t *words,
		      const struct page_digest *digests, void *context)
{
	struct loading *l = context;
	struct chain_frame frame = { .at = group->at,
				     .number = group->frame,
				     .stored = group->stored,
				     .expanded = group->expanded,
				     .file = l->file,
				     .is_bare = !group->words };

	if (!l->groups++ && !frame.is_bare)
		return fail(EBADMSG, "%s: its index does not begin with the opening",
			    l->map->chain->files[l->file].name);
	l->is_bare = frame.is_bare;
	if (!frame.is_bare)
		frame.words = claim(l->map, group, words, digests);
	return frame.words || (frame.is_bare && !l->file) ? put_frame(l, &frame) : 0;
}

static int load_file(struct chain_map *map, unsigned int number)
{
	const struct chain_file *file = &map->chain->files[number];
	struct loading loading = { .map = map, .file = number };
	struct index_visit visit = { take_group, &loading };
	int rc = index_read(file->fd, file->name, &file->place, &visit);

	if (!rc && (loading.groups < 2 || !loading.is_bare))
		rc = fail(EBADMSG, "%s: its index does not end with the closing", file->name);
	return rc;
}

static int check_whole(const struct chain_map *map)
{
	const struct chain_file *newest = &map->chain->files[0];
	struct page_digest root;
	int rc;

	for (uint64_t pfn = 0; pfn < map->memory.count; pfn++)
		if (!map->frame_of[pfn])
			return fail(EBADMSG, "pfn %#lx of %s is in none of its chain's files", pfn,
				    newest->name);
	rc = memory_root(&map->memory, newest->place.head.key, &root);
	if (!rc && !page_digest_equals(root, newest->place.head.root))
		rc = fail(EBADMSG, "%s: its root is not that of the pages that the indexes name",
			  newest->name);
	return rc;
}

int chain_load(struct chain_map *map, const struct chain *chain)
{
	uint64_t count = chain->files[0].place.head.pfns;
	int rc = budget_allow_bytes(chain_memory(chain));

	*map = (struct chain_map){ .chain = chain };
	if (rc)
		return rc;
	map->memory = (struct memory_state){ count, malloc(count),
					     calloc(count, sizeof(struct page_digest)) };
	map->frame_of = calloc(count, sizeof(*map->frame_of));
	if (!map->memory.type || !map->memory.digest || !map->frame_of)
		return fail(ENOMEM, "out of memory for %lu pfns", count);
	memset(map->memory.type, UNSEEN, count);
	for (unsigned int i = 0; !rc && i < chain->count; i++)
		rc = load_file(map, i);
	return rc ? rc : check_whole(map);
}

void chain_unload(struct chain_map *map)
{
	free(map->memory.type);
	free(map->memory.digest);
	free(map->frame_of);
	bytes_release(&map->frames);
	*map = (struct chain_map){ 0 };
}
