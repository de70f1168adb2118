/*
 * A config as the expander hands it to the builder, so that the builder needs no parser: each value in
 * turn, those of a list or an object behind it. The builder takes it for hostile.
 *
 *	struct flat_value, then key_bytes bytes of a key, then of a text its bytes
 *
 * config-flatten.c is the expander's part, config-rebuild.c the builder's.
 */
#ifndef MACHINE_CONFIG_FLAT_H
#define MACHINE_CONFIG_FLAT_H

#include <stdint.h>

#include "machine/config.h"
#include "stream/bytes.h"

enum flat_kind { FLAT_NULL, FLAT_BOOLEAN, FLAT_NUMBER, FLAT_FRACTION, FLAT_TEXT, FLAT_LIST, FLAT_OBJECT };

/* Neither aligned nor padded in what is handed over. */
struct flat_value {
	uint32_t kind;
	uint32_t key_bytes; /* with its zero byte, of an object's member; of others 0 */
	uint32_t count;	    /* of values in a list or an object, of bytes in a text */
	uint32_t zero;
	union {
		int64_t number; /* of a boolean: 0 or 1 */
		double fraction;
	};
};

/* libxl's nests 6 deep; 512 vCPUs that may each run on 512 processors are nearly as many values. */
enum { CONFIG_DEPTH = 32, CONFIG_MOST_VALUES = 1 << 18 };
/*
 * Of a list and an object json-c makes room for 32 and 16 members at once, however many
 * they have: 350 and 780 bytes, beside 60 of a number. So they count as that many values more.
 */
enum { CONFIG_LIST_VALUES = 5, CONFIG_OBJECT_VALUES = 12 };

/* Parses the text, within bounds, and puts it behind what out has. */
int config_flatten(const char *text, struct bytes *out);
/* As config_parse(), of bytes that nothing else writes to. */
int config_rebuild(struct config *config, const uint8_t *at, size_t bytes);

/* What the two and config-parse.c share: the parser alone, and what a config must have after it; of any of libxl's, and to be restored. */
int config_tokenise(struct json_object **root, const char *text);
int config_check_sections(struct config *config);
int config_check(struct config *config);

#endif
