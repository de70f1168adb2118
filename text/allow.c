/* See allow.h. */
#include "text/allow.h"

#include <fnmatch.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const words[] = { "host-devices", "device-model", "scripts",	       "labels",
				     "pools",	     "msrs",	     "driver-domains", "boot" };

enum { WORDS = sizeof(words) / sizeof(*words), ALL = (1 << WORDS) - 1 };

static bool is_word(const char *at, size_t length, const char *word)
{
	return strlen(word) == length && !strncmp(at, word, length);
}

static unsigned int find_word(const char *at, size_t length)
{
	for (unsigned int i = 0; i < WORDS; i++)
		if (is_word(at, length, words[i]))
			return 1 << i;
	return is_word(at, length, "all") ? ALL : 0;
}

bool allow_parse(const char *list, unsigned int *allowed)
{
	static const char separators[] = ", \t";
	unsigned int found = 0;

	for (list += strspn(list, separators); *list; list += strspn(list, separators)) {
		size_t length = strcspn(list, separators);
		unsigned int what = find_word(list, length);

		if (!what)
			return false;
		found |= what;
		list += length;
	}
	*allowed |= found;
	return true;
}

const char *allow_word(unsigned int what)
{
	for (unsigned int i = 0; i < WORDS; i++)
		if (what == 1u << i)
			return words[i];
	return "all";
}

static bool goes_up(const char *path)
{
	size_t length = strlen(path);

	return strstr(path, "/../") || (length >= 3 && !strcmp(path + length - 3, "/.."));
}

bool allow_device(const char *patterns, const char *name)
{
	static const char separators[] = ", \t";

	for (patterns += strspn(patterns, separators); *patterns; patterns += strspn(patterns, separators)) {
		size_t length = strcspn(patterns, separators);
		char pattern[512];

		snprintf(pattern, sizeof(pattern), "%.*s", (int)length, patterns);
		if (length < sizeof(pattern) && !goes_up(name) && !fnmatch(pattern, name, 0))
			return true;
		patterns += length;
	}
	return false;
}
