/*
 * See settings.h. In: helper.conf and the variable PVFERRY_HELPER. Out: struct settings. The trap: the person who runs xl
 * cannot be asked, and a guest's save must not fail for a typing error; so what is wrong is said in libxl's log, and left
 * out.
 */
#include "helper/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "text/text.h"
#include "stream/pipeline.h"

static const char blanks[] = " \t\r\n";

/* The text without what surrounds it. */
static char *trim(char *text)
{
	size_t count;

	text += strspn(text, blanks);
	count = strlen(text);
	while (count && strchr(blanks, text[count - 1]))
		count--;
	text[count] = '\0';
	return text;
}

static bool set_word(const char *value, const char *const *words, size_t count, unsigned int *which)
{
	for (*which = 0; *which < count; ++*which)
		if (!strcmp(value, words[*which]))
			return true;
	return false;
}

static bool set_tracking(struct settings *settings, const char *value)
{
	static const char *const words[] = { "auto", "content", "log" };
	unsigned int which;
	bool fine = set_word(value, words, 3, &which);

	if (fine)
		settings->tracking = (enum dirty_tracking)which;
	return fine;
}

static bool set_cpu(struct settings *settings, const char *value)
{
	static const char *const words[] = { "refuse", "ignore" };
	unsigned int which;
	bool fine = set_word(value, words, 2, &which);

	if (fine)
		settings->ignores_cpu = which;
	return fine;
}

static bool set_stock(struct settings *settings, const char *value)
{
	if (*value != '/' || strlen(value) >= sizeof(settings->stock_helper))
		return false;
	snprintf(settings->stock_helper, sizeof(settings->stock_helper), "%s", value);
	return true;
}

static bool set_number(const char *value, unsigned long least, unsigned long most, unsigned long *number)
{
	return text_number(value, most, number) && *number >= least;
}

static bool set_downtime(struct settings *settings, const char *value)
{
	unsigned long n;
	bool fine = set_number(value, 1, 3600000, &n);

	settings->max_downtime_ms = fine ? n : settings->max_downtime_ms;
	return fine;
}

static bool set_suspended(struct settings *settings, const char *value)
{
	unsigned long n;
	bool fine = set_number(value, 0, 86400, &n);

	settings->max_suspended_seconds = fine ? n : settings->max_suspended_seconds;
	return fine;
}

static bool set_rounds(struct settings *settings, const char *value)
{
	unsigned long n;
	bool fine = set_number(value, 0, 1000000, &n);

	settings->max_rounds = fine ? n : settings->max_rounds;
	return fine;
}

static bool set_bandwidth(struct settings *settings, const char *value)
{
	unsigned long n;
	bool fine = set_number(value, 0, 1 << 20, &n);

	settings->bandwidth_bytes = fine ? n << 20 : settings->bandwidth_bytes;
	return fine;
}

static bool set_threads(struct settings *settings, const char *value)
{
	unsigned long n;
	bool fine = set_number(value, 1, 64, &n);

	settings->threads = fine ? n : settings->threads;
	return fine;
}

static const struct key {
	const char *name, *takes;
	bool (*set)(struct settings *settings, const char *value);
} keys[] = {
	{ "max-downtime", "milliseconds, 1 to 3600000", set_downtime },
	{ "max-suspended", "seconds, up to 86400; 0: no limit", set_suspended },
	{ "max-rounds", "a number up to 1000000; 0: no limit", set_rounds },
	{ "bandwidth", "MiB a second, up to 1048576; 0: no limit", set_bandwidth },
	{ "dirty-tracking", "auto, content or log", set_tracking },
	{ "threads", "a number from 1 to 64", set_threads },
	{ "cpu-features", "refuse or ignore", set_cpu },
	{ "stock-helper", "the path of a program", set_stock },
};

/* KEY = VALUE; place: "FILE:LINE", for people. */
static void settings_set(struct settings *settings, char *text, const char *place)
{
	char *equals = strchr(text, '='), *key, *value;

	if (!equals) {
		say(SAY_WARNING, "%s: \"%s\" is not KEY = VALUE; left out", place, text);
		return;
	}
	*equals = '\0';
	key = trim(text);
	value = trim(equals + 1);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (strcmp(key, keys[i].name))
			continue;
		if (!keys[i].set(settings, value))
			say(SAY_WARNING, "%s: %s takes %s, not \"%s\"; left out", place, key, keys[i].takes,
			    value);
		return;
	}
	say(SAY_WARNING, "%s: unknown setting \"%s\"; left out", place, key);
}

static void read_file(struct settings *settings, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[PATH_MAX + 64], place[PATH_MAX + 16];

	if (!file && errno != ENOENT)
		say(SAY_WARNING, "%s: %s; left out", path, strerror(errno));
	if (!file)
		return;
	for (unsigned int number = 1; fgets(line, sizeof(line), file); number++) {
		char *text = trim(line);

		text[strcspn(text, "#")] = '\0';
		snprintf(place, sizeof(place), "%s:%u", path, number);
		if (*trim(text))
			settings_set(settings, trim(text), place);
	}
	fclose(file);
}

static void read_variable(struct settings *settings, const char *variable)
{
	char text[PATH_MAX], *rest = NULL;

	snprintf(text, sizeof(text), "%s", variable);
	for (char *word = strtok_r(text, " \t\n,;", &rest); word; word = strtok_r(NULL, " \t\n,;", &rest))
		settings_set(settings, word, "PVFERRY_HELPER");
}

void settings_read(struct settings *settings, const char *path, const char *variable)
{
	*settings = (struct settings){
		.max_downtime_ms = 300,
		.max_rounds = 30, /* under xl no command can change it while it runs */
		.threads = default_threads(),
	};
	read_file(settings, path);
	if (variable)
		read_variable(settings, variable);
}
