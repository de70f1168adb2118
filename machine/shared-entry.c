/* See shared-entry.h. */
#include "machine/shared-entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

/* Few nodes, not deep. */
enum { NODES_MOST = 64 };

struct shared_entry {
	struct store_node nodes[NODES_MOST];
	size_t count;
	uint32_t sharer;
	char vm[64];
};

static bool is_name(const struct shared_entry *entry, const char *path)
{
	size_t length = strlen(entry->vm);

	return !strncmp(path, entry->vm, length) && !strcmp(path + length, "/name");
}

/* The name there is that of the domain which was made last. */
static char *read_value(struct host *host, const struct shared_entry *entry, const char *path)
{
	char *own = is_name(entry, path) ? store_read(host, "/local/domain/%u/name", entry->sharer) : NULL;

	return own ? own : store_read(host, "%s", path);
}

static void take_nodes(struct host *host, struct shared_entry *entry, const char *path)
{
	struct store_node *node;
	unsigned int count;
	char **names;

	if (entry->count == NODES_MOST || strlen(path) >= sizeof(node->path))
		return;
	node = &entry->nodes[entry->count];
	node->value = read_value(host, entry, path);
	if (!node->value)
		return;
	snprintf(node->path, sizeof(node->path), "%s", path);
	node->access = STORE_GUEST_READS;
	node->guest = entry->sharer;
	entry->count++;
	names = store_list(host, &count, "%s", path);
	for (unsigned int i = 0; i < count; i++) {
		char below[sizeof(node->path)];

		snprintf(below, sizeof(below), "%.200s/%.50s", path, names[i]);
		take_nodes(host, entry, below);
	}
	free(names);
}

static bool has_entry(struct host *host, uint32_t id, const char *vm)
{
	char *has = store_read(host, "/local/domain/%u/vm", id);
	bool is = has && !strcmp(has, vm);

	free(has);
	return is;
}

static uint32_t find_sharer(struct host *host, const char *vm, uint32_t but)
{
	uint32_t *ids, found = 0;
	size_t count;

	if (domain_list(host, &ids, &count)) {
		fail_forget();
		return 0;
	}
	for (size_t i = 0; i < count && !found; i++)
		found = ids[i] != but && has_entry(host, ids[i], vm) ? ids[i] : 0;
	free(ids);
	return found;
}

struct shared_entry *shared_entry_take(struct host *host, const char *vm, uint32_t but)
{
	uint32_t sharer = find_sharer(host, vm, but);
	struct shared_entry *entry = sharer ? calloc(1, sizeof(*entry)) : NULL;

	if (!entry)
		return NULL;
	entry->sharer = sharer;
	snprintf(entry->vm, sizeof(entry->vm), "%s", vm);
	take_nodes(host, entry, vm);
	return entry;
}

void shared_entry_put(struct host *host, struct shared_entry *entry)
{
	if (entry && entry->count && has_entry(host, entry->sharer, entry->vm) &&
	    store_write(host, NULL, 0, entry->nodes, entry->count)) {
		say(SAY_WARNING, "domain %u: %s could not be entered again", entry->sharer, entry->vm);
		fail_forget();
	}
	shared_entry_free(entry);
}

void shared_entry_free(struct shared_entry *entry)
{
	for (size_t i = 0; entry && i < entry->count; i++)
		free(entry->nodes[i].value);
	free(entry);
}
