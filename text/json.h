/* What json-c has to be told so that it reads the JSON of others. */
#ifndef TEXT_JSON_H
#define TEXT_JSON_H

#include <stddef.h>

/*
 * For json_tokener_set_flags(): JSON_TOKENER_STRICT, or 0 for a text with bytes beyond ASCII. The caller compares
 * json_tokener_get_parse_end() with the length as well: without that flag json-c stops behind the first value and says nothing.
 */
int json_strictness(const char *text, size_t bytes);

#endif
