/* See preflight.h. */
#include "restore/preflight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "machine/config-filter.h"
#include "machine/config-flat.h"
#include "machine/config-redirect.h"
#include "machine/registry.h"
#include "restore/preflight-devices.h"

enum { HOST_SLACK_FRAMES = 2048 }; /* what Xen itself takes for a domain */

/* Of a guest that was offered: names and UUIDs here were compared with what the offer said. */
static int check_own_uuid(const struct restoration *r)
{
	char has[37], offered[37];
	uint8_t uuid[16] = { 0 };

	if (!r->options.uuid)
		return 0;
	config_uuid(&r->config, uuid);
	uuid_format(uuid, has);
	uuid_format(r->options.uuid, offered);
	return memcmp(uuid, r->options.uuid, sizeof(uuid))
		     ? fail(EBADMSG, "the image is of a guest of UUID %s, not of %s, which was offered", has,
			    offered)
		     : 0;
}

/* What was dropped is said before there is a domain. Without a device that it had the guest would not be the same. */
static int filter(struct restoration *r)
{
	unsigned int devices = config_count_devices(&r->config);
	char dropped[900];

	config_filter(&r->config, r->options.allowed, dropped, sizeof(dropped));
	if (r->options.maker && !r->options.without_devices && config_count_devices(&r->config) < devices)
		return fail(EPERM, "the config has a device that may not be made here: %s", dropped);
	if (*dropped)
		say(SAY_WARNING, "%s: not taken from the image's config: %s", config_name(&r->config),
		    dropped);
	return 0;
}

/* The image's own, unless another one is wanted, which is checked and may have a suffix. */
static int choose_name(struct restoration *r)
{
	const char *name = config_name(&r->config), *defect = domain_name_defect(name);

	if (r->options.name)
		config_set_name(&r->config, r->options.name);
	else if (defect)
		return fail(EBADMSG,
			    "the image's domain cannot be called \"%s\": %s; --name gives another name", name,
			    defect);
	return 0;
}

/*
 * libxl makes the domain if it has devices, or if its config or a host of several nodes asks for a place: affinity,
 * scheduler, cpupool, nodes. Without the devices that the config names libxl cannot be had: it would make them.
 */
static int choose_maker(struct restoration *r)
{
	bool has_devices = config_count_devices(&r->config), is_placed = config_places(&r->config);
	struct host_facts host;
	int rc = host_facts(r->host, &host);

	if (rc || !r->options.maker)
		return rc;
	if (!has_devices || !r->options.without_devices)
		r->by_libxl = has_devices || is_placed || (host.nodes > 1 && config_wants_node(&r->config));
	else if (is_placed)
		say(SAY_WARNING,
		    "%s: without its devices the domain is made without its CPU affinity, scheduler "
		    "parameters and cpupool, too",
		    config_name(&r->config));
	return 0;
}

int preflight_config(struct restoration *r)
{
	const struct stream_facts *facts = reader_facts(r->reader);
	char devices[256];
	int rc;

	if (facts->is_bare)
		return fail(EMEDIUMTYPE, "a libxc stream with nothing around it: there is no config");
	if (!(facts->xl_flags & XL_FLAG_JSON))
		return fail(EMEDIUMTYPE, "its config is xl's old text form: let xl restore it");
	rc = r->options.config ? config_rebuild(&r->config, r->options.config, r->options.config_bytes)
			       : config_rebuild(&r->config, facts->flat_config.at, facts->flat_config.count);
	if (!rc && r->options.redirect)
		rc = config_redirect(&r->config, r->options.redirect);
	if (!rc)
		rc = check_own_uuid(r);
	if (rc)
		return rc;
	rc = choose_name(r);
	if (rc)
		return rc;
	rc = filter(r);
	if (!rc)
		rc = choose_maker(r);
	if (!rc && r->by_libxl)
		rc = preflight_device_names(&r->config, r->options.allow_devices);
	if (rc || r->by_libxl)
		return rc;
	config_devices(&r->config, devices, sizeof(devices));
	if (*devices && !r->options.without_devices)
		return fail(EOPNOTSUPP,
			    "the domain has devices, which pvferry does not carry: %s; "
			    "xl does (zstd -dc FILE | xl restore /dev/stdin), --without-devices restores it "
			    "without them",
			    devices);
	return 0;
}

/* No domain has it but, perhaps, one. Another host need not know which one has. */
static int check_name(struct host *host, const char *name, bool is_restored, uint32_t but)
{
	uint32_t id;
	int rc = domain_find_name(host, name, &id);

	if (rc == -ESRCH || (!rc && but && id == but))
		return 0;
	if (rc)
		return rc;
	return is_restored
		     ? fail(EEXIST, "there is a domain \"%s\" already (id %u); --name gives another one",
			    name, id)
		     : fail(EEXIST, "there is a domain \"%s\" already", name);
}

/* Nor does one come that will have it. */
static int check_names(struct host *host, const char *name, bool is_restored, uint32_t but)
{
	char incoming[sizeof(((struct offer *)0)->domain) + sizeof(INCOMING_SUFFIX)];
	int rc = check_name(host, name, is_restored, but);

	snprintf(incoming, sizeof(incoming), "%s" INCOMING_SUFFIX, name);
	return rc ? rc : check_name(host, incoming, is_restored, 0);
}

/* A UUID that another job brings is in use. */
static int claim_uuid(struct restoration *r, const uint8_t uuid[16], bool *is_free)
{
	int rc;

	uuid_format(uuid, r->claim.uuid);
	rc = journal_lock_uuid(r->claim.uuid, &r->claim.uuid_lock);
	*is_free = !rc;
	if (rc != -EBUSY)
		return rc;
	fail_forget();
	return 0;
}

/* A copy beside a domain that lives is a new one. */
static int check_uuid(struct restoration *r)
{
	uint8_t uuid[16];
	uint32_t *ids;
	size_t count;
	bool is_free = config_uuid(&r->config, uuid);
	int rc = is_free ? claim_uuid(r, uuid, &is_free) : 0;

	if (!rc)
		rc = domain_list(r->host, &ids, &count);

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

static int fail_too_little(uint64_t frames, uint64_t free_frames)
{
	char why[600];

	snprintf(why, sizeof(why), "%s%s", *fail_reason() ? ": " : "", fail_reason());
	fail_forget();
	return fail(ENOMEM,
		    "the host has too little free memory: the domain needs %lu MiB, %lu MiB are free%s",
		    frames / 256, free_frames / 256, why);
}

int preflight_memory(struct host *host, uint64_t frames, const struct domain_maker *maker)
{
	uint64_t wanted = frames + HOST_SLACK_FRAMES;
	struct host_facts facts;
	int rc = host_facts(host, &facts);

	if (rc || wanted <= facts.free_frames)
		return rc;
	if (maker && maker->make_room && !maker->make_room(wanted * (PAGE_BYTES / 1024), maker->context))
		return 0;
	return fail_too_little(frames, facts.free_frames);
}

int preflight_host(struct restoration *r)
{
	uint64_t frames = reader_facts(r->reader)->frames;
	int rc = host_check(r->host);

	if (!rc && !r->options.uuid) /* what is offered has its locks */
		rc = journal_lock_name(config_name(&r->config), &r->claim.name_lock);
	if (!rc)
		rc = check_names(r->host, config_name(&r->config), true, 0);
	if (!rc && !r->options.uuid)
		rc = check_uuid(r);
	if (!frames)
		frames = config_number(&r->config, "b_info", "target_memkb", 0) / 4;
	r->frames_wanted = frames;
	return rc ? rc : preflight_memory(r->host, frames, r->options.maker);
}

void preflight_end(struct restoration *r)
{
	if (r->config.root)
		journal_unlock_name(config_name(&r->config), r->claim.name_lock);
	journal_unlock_uuid(r->claim.uuid, r->claim.uuid_lock);
}

/* --- of what is offered ---------------------------------------------------- */

/* No domain here but the guest itself may have its UUID. */
static int check_offered_uuid(struct host *host, const struct offer *offer, uint32_t itself)
{
	uint8_t uuid[16];
	uint32_t *ids;
	size_t count;
	int rc = domain_list(host, &ids, &count);

	uuid_parse(offer->uuid, uuid);
	for (size_t i = 0; !rc && i < count; i++) {
		struct domain_facts facts;
		struct domain *domain;
		bool has;

		if (domain_open(&domain, host, ids[i])) {
			fail_forget(); /* gone in the meantime */
			continue;
		}
		has = !domain_facts(domain, &facts) && !facts.is_dying &&
		      !memcmp(facts.uuid, uuid, sizeof(uuid)) && ids[i];
		domain_close(domain);
		if (has && ids[i] != itself)
			rc = fail(EEXIST, "there is a domain with the guest's UUID already");
	}
	free(ids);
	return rc;
}

int preflight_offer(struct host *host, const struct offer *offer, uint32_t itself,
		    const struct message *policy)
{
	int rc = host_check(host);

	if (!rc)
		rc = check_offered_uuid(host, offer, itself);
	if (!rc)
		rc = check_names(host, offer->domain, false, itself);
	if (!rc && strcmp(offer->p2m, "auto") && strcmp(offer->p2m, "linear") && strcmp(offer->p2m, "list"))
		rc = fail(EOPNOTSUPP, "a p2m of the form \"%s\" is not known here", offer->p2m);
	return rc ? rc : cpu_policy_check(host, policy->body, policy->bytes, offer->force);
}
