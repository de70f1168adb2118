/*
 * See text.h. Pure. In: text that others wrote: names, messages of a peer, JSON. Out: text that a terminal shows and
 * does not obey. The trap: UTF-8 is not only bytes above 127: overlong forms, surrogates and marks of direction can
 * hide or disguise what is there, and are shown by number.
 */
#include "text/text.h"

#include <stdio.h>
#include <string.h>

enum form { LINE, LINES, JSON };

bool text_number(const char *text, uint64_t most, uint64_t *number)
{
	uint64_t value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		unsigned int digit = (unsigned char)*text - '0';

		/* Compared before it is multiplied: nothing wraps round, whatever most is. */
		if (digit > 9 || value > most / 10 || value * 10 > most - digit || digit > most)
			return false;
		value = value * 10 + digit;
	}
	*number = value;
	return true;
}

bool text_duration(const char *text, uint64_t *ms)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = { { "ms", 1 },	{ "s", 1000 },	   { "m", 60000 },
		      { "h", 3600000 }, { "d", 86400000 }, { "", 1000 } };
	enum { DIGITS = 10 };
	size_t digits = strspn(text, "0123456789");
	char number[DIGITS + 1];
	uint64_t value;

	if (digits > DIGITS)
		return false;
	snprintf(number, sizeof(number), "%.*s", (int)digits, text);
	if (!text_number(number, UINT32_MAX, &value))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (!strcmp(text + digits, units[i].name)) {
			*ms = value * units[i].ms;
			return true;
		}
	return false;
}

/* The bytes of the UTF-8 character at the head of text, its number in *code; 0: it is not UTF-8 (RFC 3629). */
static size_t decode(const unsigned char *text, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t bytes = *text < 0x80	? 1
		     : *text >> 5 == 6	? 2
		     : *text >> 4 == 14 ? 3
		     : *text >> 3 == 30 ? 4
					: 0;

	if (!bytes)
		return 0;
	*code = bytes == 1 ? *text : *text & (0xff >> (bytes + 1));
	for (size_t i = 1; i < bytes; i++) {
		if (text[i] >> 6 != 2)
			return 0;
		*code = *code << 6 | (text[i] & 0x3f);
	}
	return *code < least[bytes] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000) ? 0 : bytes;
}

/* Characters that act instead of being seen; Unicode's marks, embeddings, overrides and isolates of direction. */
static bool is_hidden(uint32_t code)
{
	return code < ' ' || (code >= 0x7f && code < 0xa0) || code == 0x061c || code == 0x200e ||
	       code == 0x200f || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/* Writes what stands for the character at the head of text; returns how many bytes of text that was. */
static size_t show_next(const char *text, enum form form, char shown[8])
{
	uint32_t code;
	size_t bytes = decode((const unsigned char *)text, &code);

	if (!bytes) {
		if (form == JSON)
			memcpy(shown, "\\ufffd", sizeof("\\ufffd"));
		else
			snprintf(shown, 8, "\\x%02x", (unsigned char)*text);
		return 1;
	}
	if (!is_hidden(code) || (form != LINE && (code == '\n' || code == '\t')))
		snprintf(shown, 8, "%.*s", (int)bytes, text);
	else
		snprintf(shown, 8, code < 0x80 && form != JSON ? "\\x%02x" : "\\u%04x", code & 0xffff);
	return bytes;
}

char *text_visible(char *to, size_t room, const char *text)
{
	size_t used = 0;

	while (*text) {
		char shown[8];

		text += show_next(text, LINE, shown);
		if (used + strlen(shown) >= room)
			break;
		memcpy(to + used, shown, strlen(shown));
		used += strlen(shown);
	}
	to[used] = '\0';
	return to;
}

bool text_is_plain(const char *text)
{
	uint32_t code;
	size_t bytes = 1;

	for (; *text && bytes; text += bytes) {
		bytes = decode((const unsigned char *)text, &code);
		if (bytes && is_hidden(code))
			return false;
	}
	return bytes;
}

static void print(FILE *file, const char *text, enum form form)
{
	while (*text) {
		char shown[8];

		text += show_next(text, form, shown);
		fputs(shown, file);
	}
}

void text_print_lines(FILE *file, const char *text)
{
	print(file, text, LINES);
}

void text_print_json(FILE *file, const char *json)
{
	print(file, json, JSON);
}
