/* A config out of its text. Apart from config.c: the builder has no parser, see config-flat.h. */
#include "log.h"
#include "machine/config-flat.h"

int config_parse_json(struct config *config, const char *text)
{
	int rc = config_tokenise(&config->root, text);

	return rc ? rc : config_check_sections(config);
}

int config_parse(struct config *config, const char *text)
{
	int rc = config_tokenise(&config->root, text);

	return rc ? rc : config_check(config);
}
