/*
 * See offer.h. What the source says of the guest before it sends it, as JSON on the wire and as a struct in memory. In:
 * a domain, or a peer's JSON. Out: the other. The trap: a peer's offer is text of another host, so each field is
 * checked before it is used as a name, a size or a path (offer_check_fields()).
 */
#include "machine/offer.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "machine/config.h"
#include "machine/machine.h"
#include "stream/body.h"
#include "text/text.h"

static int fetch_config(struct offer *offer, struct domain *domain, const struct domain_facts *facts,
			const char *text)
{
	struct config config;
	int rc = config_fetch_from(&config, text, domain, facts);

	if (rc)
		return rc;
	if (strlen(config_name(&config)) > DOMAIN_NAME_MOST)
		rc = fail(ENAMETOOLONG,
			  "the domain's name is longer than %zu bytes: xl rename gives it a shorter one",
			  DOMAIN_NAME_MOST);
	snprintf(offer->domain, sizeof(offer->domain), "%s", config_name(&config));
	offer->max_memory_kib = config_number(&config, "b_info", "max_memkb", 0);
	offer->config_bytes = strlen(config_text(&config)) + 1;
	config_devices(&config, offer->devices, sizeof(offer->devices));
	if (text)
		offer_devices_fetch(&offer->in_detail, &config, domain_host(domain), facts->id);
	config_release(&config);
	return rc;
}

int offer_fetch(struct offer *offer, struct domain *domain, const char *config, struct bytes *policy)
{
	struct domain_facts facts;
	int rc = domain_facts(domain, &facts);

	if (!rc)
		rc = domain_width(domain, &offer->width);
	if (!rc)
		rc = fetch_config(offer, domain, &facts, config);
	if (rc)
		return rc;
	uuid_format(facts.uuid, offer->uuid);
	offer->frames = facts.frames;
	offer->pfns = facts.most_frames > facts.frames ? facts.most_frames : facts.frames;
	return cpu_policy_save(domain, policy);
}

uint64_t offer_most_pfns(const struct offer *offer)
{
	uint64_t promised = offer->max_memory_kib / 4;

	return most_pfns(promised > offer->pfns ? promised : offer->pfns);
}

struct json_object *offer_to_json(const struct offer *offer)
{
	struct json_object *json = json_object_new_object();

	body_put_text(json, "job", offer->job);
	body_put_text(json, "domain", offer->domain);
	body_put_text(json, "uuid", offer->uuid);
	body_put_number(json, "frames", offer->frames);
	body_put_number(json, "pfns", offer->pfns);
	body_put_number(json, "max-memory-kib", offer->max_memory_kib);
	body_put_number(json, "width", offer->width);
	body_put_text(json, "p2m", offer->p2m);
	body_put_text(json, "devices", offer->devices);
	body_put_number(json, "config-bytes", offer->config_bytes);
	body_put_number(json, "lanes", offer->lanes);
	body_put_flag(json, "live", offer->live);
	body_put_flag(json, "force", offer->force);
	body_put_flag(json, "without-devices", offer->without_devices);
	body_put_flag(json, "early-devices", offer->early_devices);
	offer_devices_put(&offer->in_detail, json);
	return json;
}

static int offer_check_fields(struct offer *offer, int64_t lanes)
{
	const char *defect = domain_name_defect(offer->domain);
	uint8_t uuid[16];

	if (!job_is_name(offer->job))
		return fail(EPROTO, "the offer has no valid job name");
	if (defect)
		return fail(EPROTO, "\"%s\" cannot be a domain's name: %s", offer->domain, defect);
	if (!uuid_parse(offer->uuid, uuid))
		return fail(EPROTO, "the offer has no valid uuid");
	uuid_format(uuid, offer->uuid); /* as it stands wherever it is compared */
	if (offer->width != 4 && offer->width != 8)
		return fail(EOPNOTSUPP, "the guest has words of %u bytes", offer->width);
	if (!offer->frames || offer->frames > PFN_LIMIT || offer->pfns > PFN_LIMIT)
		return fail(EPROTO, "the offer is of a guest of %lu frames", offer->frames);
	if (offer->config_bytes > CONFIG_MAX_BYTES)
		return fail(EPROTO, "the offer is of a config of %lu bytes", offer->config_bytes);
	if (lanes < 1 || lanes > OFFER_LANES_MOST)
		return fail(EPROTO, "the offer is of %ld connections", lanes);
	return 0;
}

int offer_from_json(struct offer *offer, const struct json_object *json)
{
	int64_t lanes = body_number(json, "lanes", 1);
	const char *name = body_text(json, "domain");

	*offer = (struct offer){ .lanes = lanes };
	body_copy(json, "job", offer->job, sizeof(offer->job));
	body_copy(json, "domain", offer->domain, sizeof(offer->domain));
	body_copy(json, "uuid", offer->uuid, sizeof(offer->uuid));
	body_copy(json, "p2m", offer->p2m, sizeof(offer->p2m));
	body_copy(json, "devices", offer->devices, sizeof(offer->devices));
	offer->frames = body_number(json, "frames", 0);
	offer->pfns = body_number(json, "pfns", 0);
	offer->max_memory_kib = body_number(json, "max-memory-kib", 0);
	offer->width = body_number(json, "width", 0);
	offer->config_bytes = body_number(json, "config-bytes", 0);
	offer->live = body_flag(json, "live");
	offer->force = body_flag(json, "force");
	offer->without_devices = body_flag(json, "without-devices");
	offer->early_devices = body_flag(json, "early-devices");
	offer_devices_take(&offer->in_detail, json);
	/* One that was too long was cut: the error shows it as it was sent. */
	if (name && strcmp(name, offer->domain))
		return fail(EPROTO, "\"%s\" cannot be a domain's name: %s", name, domain_name_defect(name));
	return offer_check_fields(offer, lanes);
}

static void end_text(char *text, size_t room)
{
	text[room - 1] = '\0';
}

/*
 * The struct comes from a process that a peer may have taken over: a bool that is neither 0 nor 1 would make the
 * compiler's code do anything.
 */
static void make_flag(bool *flag)
{
	unsigned char byte;

	memcpy(&byte, flag, sizeof(byte));
	*flag = byte != 0;
}

int offer_check(struct offer *offer)
{
	end_text(offer->job, sizeof(offer->job));
	end_text(offer->domain, sizeof(offer->domain));
	end_text(offer->uuid, sizeof(offer->uuid));
	end_text(offer->p2m, sizeof(offer->p2m));
	end_text(offer->devices, sizeof(offer->devices));
	make_flag(&offer->live);
	make_flag(&offer->force);
	make_flag(&offer->without_devices);
	make_flag(&offer->early_devices);
	offer_devices_check(&offer->in_detail);
	return offer_check_fields(offer, offer->lanes);
}
