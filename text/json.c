/* See json.h. */
#include "text/json.h"

#include <json-c/json.h>

/*
 * json-c 0.17 and 0.18 (Debian 13) compare signed characters: in their strict mode each byte from 0x80 up is less than 0x20,
 * a control character, and a name with an umlaut is refused. What such a text gains without that mode (comments, single quotes,
 * a comma too much) is harmless: nothing but the values is kept. One rule for all releases, so that all hosts agree.
 */
int json_strictness(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if ((unsigned char)text[i] > 0x7f)
			return 0;
	return JSON_TOKENER_STRICT;
}
