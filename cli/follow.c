/* See follow.h. */
#include "cli/follow.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "xen/domain.h"

static int find_facts(struct host *host, uint32_t id, struct domain_facts *facts)
{
	struct domain *domain = NULL;
	int rc = domain_open(&domain, host, id);

	if (!rc)
		rc = domain_facts(domain, facts);
	domain_close(domain);
	return rc;
}

static void note_facts(struct host *host, struct followed *f, const struct domain_facts *facts)
{
	char *name = store_read(host, "/local/domain/%u/name", facts->id);

	f->id = facts->id;
	f->most_frames = facts->most_frames > facts->frames ? facts->most_frames : facts->frames;
	if (name)
		snprintf(f->name, sizeof(f->name), "%s", name);
	free(name);
}

int follow_begin(struct followed *f, const char *name_or_id)
{
	struct domain_facts facts;
	struct host *host;
	uint32_t id;
	int rc = host_open(&host);

	*f = (struct followed){ .id = 0 };
	if (rc)
		return rc;
	rc = domain_find(host, name_or_id, &id);
	if (!rc)
		rc = find_facts(host, id, &facts);
	if (!rc) {
		memcpy(f->uuid, facts.uuid, sizeof(f->uuid));
		note_facts(host, f, &facts);
	}
	host_close(host);
	return rc;
}

/* One that shut down for another reason than to be saved does not come back under this id. */
static bool is_it(const struct followed *f, const struct domain_facts *facts)
{
	return !memcmp(f->uuid, facts->uuid, sizeof(f->uuid)) && !facts->is_dying &&
	       (!facts->is_shut_down || facts->shutdown_reason == SHUTDOWN_REASON_SUSPEND);
}

/* 1 this id is the domain's, 0 it is not, or there is no such domain; or a failure, after which it may be. */
static int followed_look(struct host *host, const struct followed *f, uint32_t id, struct domain_facts *facts)
{
	int rc = find_facts(host, id, facts);

	if (rc != -ESRCH)
		return rc ? rc : is_it(f, facts);
	fail_forget();
	return 0;
}

static int search(struct host *host, const struct followed *f, struct domain_facts *facts)
{
	uint32_t *ids = NULL;
	size_t count = 0;
	int found = followed_look(host, f, f->id, facts), rc = found ? 0 : domain_list(host, &ids, &count);

	for (size_t i = 0; !rc && i < count && !found; i++)
		found = followed_look(host, f, ids[i], facts);
	free(ids);
	if (rc || found < 0)
		return rc ? rc : found;
	return found ? 0 : fail(ESRCH, "domain %u has ended, or was moved to another host", f->id);
}

int follow_again(struct followed *f)
{
	struct followed before = *f;
	struct domain_facts facts = { 0 };
	struct host *host;
	int rc = host_open(&host);

	if (rc)
		return rc;
	rc = search(host, f, &facts);
	if (!rc)
		note_facts(host, f, &facts);
	host_close(host);
	if (!rc && f->id != before.id)
		say(SAY_NOTE, "%s is domain %u now, and was domain %u", f->name, f->id, before.id);
	if (!rc && strcmp(f->name, before.name))
		say(SAY_NOTE, "domain %u is called %s now, and was called %s", f->id, f->name, before.name);
	return rc;
}
