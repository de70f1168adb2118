/* Stands in for xen/store.c: paths and values in a list. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "log.h"

static struct entry {
	struct entry *next;
	char *path, *value;
} * entries;

#define FORMAT_PATH(path, format) \
	do { \
		va_list args; \
		va_start(args, format); \
		vsnprintf(path, sizeof(path), format, args); \
		va_end(args); \
	} while (0)

static bool is_below(const char *path, const char *top)
{
	size_t length = strlen(top);

	return !strncmp(path, top, length) && (!path[length] || path[length] == '/');
}

static void remove_below(const char *top)
{
	struct entry **place = &entries;

	while (*place) {
		struct entry *entry = *place;

		if (!is_below(entry->path, top)) {
			place = &entry->next;
			continue;
		}
		*place = entry->next;
		free(entry->path);
		free(entry->value);
		free(entry);
	}
}

void fake_store_reset(void)
{
	remove_below("");
}

void fake_store_forget(uint32_t id)
{
	static const char *const formats[] = { "/local/domain/%u", "/libxl/%u",
					       "/local/domain/0/backend/console/%u" };
	char path[64];

	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		snprintf(path, sizeof(path), formats[i], id);
		remove_below(path);
	}
}

const char *fake_store_at(const char *path)
{
	for (const struct entry *entry = entries; entry; entry = entry->next)
		if (!strcmp(entry->path, path))
			return entry->value;
	return NULL;
}

void fake_store_set(const char *path, const char *value)
{
	struct entry *entry = malloc(sizeof(*entry));

	for (struct entry *other = entries; other; other = other->next)
		if (!strcmp(other->path, path)) {
			free(other->value);
			other->value = strdup(value);
			free(entry);
			return;
		}
	*entry = (struct entry){ entries, strdup(path), strdup(value) };
	entries = entry;
}

char *store_read(struct host *host, const char *format, ...)
{
	const char *value;
	char path[256];

	(void)host;
	FORMAT_PATH(path, format);
	value = fake_store_at(path);
	return value ? strdup(value) : NULL;
}

bool store_exists(struct host *host, const char *format, ...)
{
	char path[256];

	(void)host;
	FORMAT_PATH(path, format);
	return fake_store_at(path);
}

/* Names of the nodes right below; as the real one, in one piece of memory. */
char **store_list(struct host *host, unsigned int *count, const char *format, ...)
{
	enum { MOST = 16, NAME = 64 };
	char path[256], **names = malloc(MOST * (sizeof(*names) + NAME));
	size_t length;

	(void)host;
	FORMAT_PATH(path, format);
	length = strlen(path);
	*count = 0;
	for (const struct entry *entry = entries; entry; entry = entry->next) {
		const char *name = entry->path + length + 1;

		if (!is_below(entry->path, path) || !entry->path[length] || strchr(name, '/') ||
		    *count == MOST)
			continue;
		names[*count] = (char *)(names + MOST) + *count * NAME;
		snprintf(names[(*count)++], NAME, "%s", name);
	}
	if (*count)
		return names;
	free(names);
	return NULL;
}

int store_write(struct host *host, const char *const *removals, size_t removal_count,
		const struct store_node *nodes, size_t count)
{
	(void)host;
	if (fake_fails("store write"))
		return -EIO;
	for (size_t i = 0; i < removal_count; i++)
		remove_below(removals[i]);
	for (size_t i = 0; i < count; i++)
		fake_store_set(nodes[i].path, nodes[i].value);
	return 0;
}

int store_remove(struct host *host, const char *format, ...)
{
	char path[256];

	(void)host;
	FORMAT_PATH(path, format);
	if (fake_fails("store remove"))
		return -EIO;
	remove_below(path);
	return 0;
}

int store_introduce(struct domain *domain, mfn_t ring, uint32_t port)
{
	(void)port;
	domain->ring = ring;
	return fake_fails("introduce") ? -EIO : 0;
}

void store_release(struct domain *domain)
{
	domain->ring = MFN(0);
}

/* --- libxl's file of the config (--wrap) -------------------------------- */

struct config;
int __wrap_config_keep(const struct config *config, uint32_t domain);
void __wrap_config_forget(uint32_t domain);
int __wrap_config_rename(uint32_t domain, const char *name);

int __wrap_config_keep(const struct config *config, uint32_t domain)
{
	(void)config, (void)domain;
	return fake_fails("keep config") ? -EIO : 0;
}

bool fake_forgets_named;

void __wrap_config_forget(uint32_t domain)
{
	fake_forgets_named = store_exists(NULL, "/local/domain/%u/name", domain);
}

int __wrap_config_rename(uint32_t domain, const char *name)
{
	(void)domain, (void)name;
	return fake_fails("rename config") ? -EIO : 0;
}
