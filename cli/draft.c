/*
 * See draft.h. What an increment is made from: the parent's index, read once, and then the memory's digests of the
 * image that was just written, kept for the next one. The trap: kept memory is shared with the process that saves, and
 * must be there before that process is started.
 */
#include "cli/draft.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "cli/open-image.h"
#include "cli/parents.h"
#include "log.h"
#include "process/child.h"
#include "process/confined.h"
#include "stream/index.h"
#include "stream/writer.h"

/* What was in memory when the parent's image was made, by pfn: in memory that is shared with the process that reads it. */
struct reading {
	struct parents parents;
	struct channel channel;
	struct memory_state memory;
};

static int read_indexes(void *context)
{
	struct reading *reading = context;
	const struct memory_state *to = &reading->memory;
	struct chain_map map;
	int rc = chain_load(&map, &reading->parents.chain);

	if (!rc) {
		memcpy(to->type, map.memory.type, to->count);
		memcpy(to->digest, map.memory.digest, to->count * sizeof(*to->digest));
	}
	chain_unload(&map);
	return rc;
}

static void kept_drop(struct kept_memory *kept)
{
	child_unshare(kept->shared, kept->bytes);
	*kept = (struct kept_memory){ .shared = NULL };
}

static int share(struct kept_memory *kept, uint64_t count)
{
	struct memory_state *state = &kept->state;

	kept_drop(kept);
	kept->bytes = count * (sizeof(*state->digest) + sizeof(*state->type));
	kept->shared = child_share(kept->bytes);
	if (!kept->shared)
		return -ENOMEM;
	state->count = count;
	state->digest = kept->shared;
	state->type = (uint8_t *)(state->digest + count);
	return 0;
}

/* Indexes are files that others may have written: they are read without privileges. */
static int read_parent(struct draft *draft, struct reading *reading, unsigned int threads)
{
	const struct index_head *head = &reading->parents.chain.files[0].place.head;
	struct confined confined = { .work = read_indexes, .context = reading, .threads = threads };
	int fds[CHAIN_MOST], rc;

	if (!reading->parents.chain.count)
		return fail(EMEDIUMTYPE, "%s has no index, so it cannot be a parent: save --index writes one",
			    reading->channel.name);
	rc = share(&draft->parent, head->pfns);
	if (rc)
		return rc;
	reading->memory = draft->parent.state;
	confined.fd = reading->channel.fd;
	confined.shared = draft->parent.shared;
	confined.more_fds = fds;
	confined.more_count = parents_fds(&reading->parents, fds);
	rc = confined_run(&confined);
	free(confined.text);
	return rc ? rc : index_draft_begin_increment(&draft->index, head, &reading->memory);
}

static int open_parent(struct draft *draft, const char *path, unsigned int threads)
{
	struct reading reading = { .memory = { 0 } };
	int rc = open_image(&reading.channel, path);

	if (rc)
		return rc;
	rc = parents_find(&reading.parents, &reading.channel, NULL, true);
	if (!rc)
		rc = read_parent(draft, &reading, threads);
	parents_close(&reading.parents);
	close_image(&reading.channel);
	return rc;
}

int draft_open(struct draft *draft, struct migrate_options *options, const char *parent)
{
	if (options->level == LEVEL_PLAIN)
		return fail(EINVAL, "a plain xl save file (--level 0) has no place for an index");
	index_draft_release(&draft->index);
	options->index = &draft->index;
	return parent ? open_parent(draft, parent, options->threads) : index_draft_begin(&draft->index);
}

void draft_close(struct draft *draft)
{
	index_draft_release(&draft->index);
	kept_drop(&draft->parent);
	kept_drop(&draft->next);
}

/* Memory that has room for it is used again: what is touched already need not be brought in once more. */
int draft_keep(struct draft *draft, uint64_t pfns)
{
	int rc = draft->next.state.count < pfns ? share(&draft->next, pfns) : 0;

	draft->index.room = draft->next.state;
	return rc;
}

bool draft_step(struct draft *draft, const struct index_head *written)
{
	struct kept_memory old = draft->parent;

	draft->parent_head = (struct index_head){ .pfns = 0 };
	if (written->pfns > draft->next.state.count)
		return false;
	draft->parent = draft->next;
	draft->next = old;
	draft->parent_head = *written;
	return true;
}

int draft_open_next(struct draft *draft, struct migrate_options *options)
{
	struct memory_state memory = draft->parent.state;

	index_draft_release(&draft->index);
	options->index = &draft->index;
	memory.count = draft->parent_head.pfns;
	return index_draft_begin_increment(&draft->index, &draft->parent_head, &memory);
}

void draft_print(const struct index_draft *draft, struct json_object *json)
{
	char text[STATE_TEXT_BYTES];

	json_object_object_add(json, "state", json_object_new_string(state_text(draft->head.state, text)));
	if (index_is_increment(&draft->head))
		json_object_object_add(json, "parent",
				       json_object_new_string(state_text(draft->head.parent, text)));
}
