/* See fuzz-machine.h. Text -> a config that is read, changed and written. */
#include <errno.h>

#include "fuzz-machine.h"
#include "text/allow.h"
#include "machine/config-filter.h"
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

void fuzz_config(struct input *in)
{
	char *text = calloc(1, in->left + 1);
	struct config config = { 0 };
	int rc;

	take(in, text, in->left);
	fail_forget();
	rc = config_parse(&config, text);
	expect_reason(rc);
	expect(!rc || rc == -EBADMSG || rc == -EMEDIUMTYPE);
	expect(!rc == !!config.root);
	if (!rc)
		use_config(&config);
	config_release(&config);
	free(text);
}
