/*
 * See fuzz-machine.h. Text -> flat, as the expander makes it -> a config that is read,
 * changed and written; and what an expander that was taken over may make of it.
 */
#include <errno.h>

#include "fuzz-machine.h"
#include "text/allow.h"
#include "machine/config-filter.h"
#include "machine/config-flat.h"
#include "text/text.h"

static void use_config(struct config *config)
{
	struct bytes out = { 0 };
	struct config again;
	uint8_t uuid[16];
	char devices[64], dropped[128];
	bool available[4];

	expect(*config_name(config));
	config_devices(config, devices, sizeof(devices));
	expect(strlen(devices) < sizeof(devices));
	config_vcpus_available(config, available, 4);
	config_filter(config, ALLOW_LABELS | ALLOW_SCRIPTS, dropped, sizeof(dropped));
	expect(strlen(dropped) < sizeof(dropped) && text_is_plain(dropped));
	config_uuid(config, uuid);
	config_set_uuid(config, uuid);
	config_set_name(config, "other");
	expect(!strcmp(config_name(config), "other") && config_uuid(config, uuid));
	config_save(config, &out);
	expect(!bytes_check(&out) && out.count > sizeof(struct xl_header) + 4 && !out.at[out.count - 1]);
	expect(!config_parse(&again, (const char *)out.at + sizeof(struct xl_header) + 4));
	expect(!strcmp(config_text(&again), config_text(config)));
	config_release(&again);
	bytes_release(&out);
}

static int rebuild(struct config *config, const struct bytes *flat)
{
	uint8_t *exact = malloc(flat->count);
	int rc;

	memcpy(exact, flat->at, flat->count);
	rc = config_rebuild(config, exact, flat->count);
	free(exact);
	expect_reason(rc);
	expect(!rc == !!config->root);
	return rc;
}

/* By their values: the parser keeps how a fraction was written, "1.50". */
static void expect_flat(const struct config *config, const struct bytes *flat)
{
	struct bytes again = { 0 };

	expect(!config_flatten(config_text(config), &again));
	expect(again.count == flat->count && !memcmp(again.at, flat->at, flat->count));
	bytes_release(&again);
}

/* The way over the expander leads to what the parser alone makes of it. */
static void expect_same(const char *text, const struct config *parsed, int parsed_rc)
{
	struct bytes flat = { 0 };
	struct config config = { 0 };
	int rc;

	fail_forget();
	rc = config_flatten(text, &flat);
	expect_reason(rc);
	if (!rc)
		rc = rebuild(&config, &flat);
	expect(rc == parsed_rc);
	if (!rc) {
		expect_flat(&config, &flat);
		expect_flat(parsed, &flat);
	}
	config_release(&config);
	bytes_release(&flat);
}

static const char sound[] = "{\"c_info\":{\"type\":\"pv\",\"name\":\"n\",\"uuid\":"
			    "\"01234567-89ab-cdef-0123-456789abcdef\"},\"b_info\":{\"max_vcpus\":1,"
			    "\"avail_vcpus\":[0],\"target_memkb\":4,\"x\":[null,true,1.5,{}]},\"disks\":[{}]}";

/* Some bytes of a sound one become others, some are taken out, the end is cut off. */
static void edit(struct bytes *flat, struct input *in)
{
	while (in->left > 3) {
		unsigned int how = take8(in);
		size_t at = take16(in) % flat->count, length = how % 32 + 1;

		if (length > flat->count - at)
			length = flat->count - at;
		if (how < 192)
			take(in, flat->at + at, how % 8 + 1 < length ? how % 8 + 1 : length);
		else if (how < 254)
			memmove(flat->at + at, flat->at + at + length, flat->count - at - length);
		else
			flat->count = at ? at : 1;
	}
}

static void fuzz_flat(struct input *in)
{
	struct bytes flat = { 0 };
	struct config config = { 0 };

	expect(!config_flatten(sound, &flat));
	edit(&flat, in);
	fail_forget();
	if (!rebuild(&config, &flat))
		use_config(&config);
	config_release(&config);
	bytes_release(&flat);
}

/* No JSON begins with such a byte. */
enum { FLAT_BEGINS = 8 };

void fuzz_config(struct input *in)
{
	char *text = calloc(1, in->left + 1);
	struct config config = { 0 };
	int rc;

	if (in->left && *in->at < FLAT_BEGINS) {
		free(text);
		take8(in);
		fuzz_flat(in);
		return;
	}
	take(in, text, in->left);
	fail_forget();
	rc = config_parse(&config, text);
	expect_reason(rc);
	expect(!rc || rc == -EBADMSG || rc == -EMEDIUMTYPE);
	expect(!rc == !!config.root);
	expect_same(text, &config, rc);
	if (!rc)
		use_config(&config);
	config_release(&config);
	free(text);
}
