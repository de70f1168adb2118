/* See preflight.h. */
#include "restore/preflight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "machine/registry.h"

enum { HOST_SLACK_FRAMES = 2048 }; /* what Xen itself takes for a domain */

int preflight_config(struct restoration *r)
{
	const struct stream_facts *facts = reader_facts(r->reader);
	char devices[256];
	int rc;

	if (!(facts->xl_flags & XL_FLAG_JSON))
		return fail(EMEDIUMTYPE, "its config is xl's old text form: let xl restore it");
	rc = config_parse(&r->config, facts->config);
	if (rc)
		return rc;
	config_devices(&r->config, devices, sizeof(devices));
	if (*devices && !r->options.without_devices)
		return fail(EOPNOTSUPP,
			    "the domain has devices, which pvferry does not carry: %s; "
			    "xl does (zstd -dc FILE | xl restore /dev/stdin), --without-devices goes on",
			    devices);
	if (r->options.name)
		config_set_name(&r->config, r->options.name);
	return 0;
}

static int check_name(struct restoration *r)
{
	uint32_t id;
	int rc = domain_find_name(r->host, config_name(&r->config), &id);

	if (rc == -ESRCH)
		return 0;
	return rc ? rc
		  : fail(EEXIST, "there is a domain \"%s\" already (id %u); --name gives another one",
			 config_name(&r->config), id);
}

/* A copy beside a domain that lives is a new one. */
static int check_uuid(struct restoration *r)
{
	uint8_t uuid[16];
	uint32_t *ids;
	size_t count;
	bool is_free = config_uuid(&r->config, uuid);
	int rc = domain_list(r->host, &ids, &count);

	for (size_t i = 0; !rc && is_free && i < count; i++) {
		struct domain *domain;
		struct domain_facts facts;

		if (domain_open(&domain, r->host, ids[i]))
			continue; /* gone in the meantime */
		if (!domain_facts(domain, &facts))
			is_free = memcmp(facts.uuid, uuid, sizeof(uuid));
		domain_close(domain);
	}
	free(rc ? NULL : ids);
	if (rc || is_free)
		return rc;
	rc = uuid_make(uuid);
	config_set_uuid(&r->config, uuid);
	return rc;
}

static int check_memory(struct restoration *r)
{
	uint64_t frames = reader_facts(r->reader)->frames;
	struct host_facts host;
	int rc = host_facts(r->host, &host);

	if (rc)
		return rc;
	if (!frames)
		frames = config_number(&r->config, "b_info", "target_memkb", 0) / 4;
	r->frames_wanted = frames;
	if (frames + HOST_SLACK_FRAMES <= host.free_frames)
		return 0;
	return fail(ENOMEM, "the host has too little free memory: the domain needs %lu MiB, %lu MiB are free",
		    frames / 256, host.free_frames / 256);
}

int preflight_host(struct restoration *r)
{
	int rc = check_name(r);

	if (!rc)
		rc = check_uuid(r);
	return rc ? rc : check_memory(r);
}
