/*
 * See settings.h. In: pvferryd.conf. Out: struct settings, or a failure and nothing. The trap: a list that was set
 * twice adds up, everything else takes the last value.
 */
#include "daemon/settings.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text/allow.h"
#include "log.h"
#include "text/text.h"

#define DEFAULT_ADDRESS "[::]:8666"

/* What is wrong with a value is text; NULL if nothing is. */
typedef const char *setter(struct settings *settings, const char *value);

static const char *set_text(char **to, const char *value)
{
	free(*to);
	*to = strdup(value);
	return *to ? NULL : "no memory";
}

static const char *set_listen(struct settings *settings, const char *value)
{
	if (settings->listen_count == SETTINGS_ADDRESSES)
		return "too many addresses";
	if (!address_parse(&settings->listen[settings->listen_count], value))
		return "this is not ADDRESS:PORT, in numbers, an IPv6 address in []";
	settings->listen_count++;
	return NULL;
}

static const char *set_allow(struct settings *settings, const char *value)
{
	const char *end = value, *problem;

	for (; *value; value = end + strspn(end, " \t,")) {
		char name[256];

		end = value + strcspn(value, " \t,");
		if (memchr(value, '*', end - value))
			return "a name is compared as a whole, \"*\" stands for itself";
		if (settings->allow_count == SETTINGS_NAMES || end - value >= (long)sizeof(name))
			return "too many names, or too long a name";
		snprintf(name, sizeof(name), "%.*s", (int)(end - value), value);
		problem = set_text(&settings->allow[settings->allow_count], name);
		if (problem)
			return problem;
		settings->allow_count++;
	}
	return NULL;
}

/* Lines add up. */
static const char *set_allow_devices(struct settings *settings, const char *value)
{
	char all[4096];
	int length = snprintf(all, sizeof(all), "%s%s%s",
			      settings->allow_devices ? settings->allow_devices : "",
			      settings->allow_devices ? " " : "", value);

	return length < (int)sizeof(all) - 1 ? set_text(&settings->allow_devices, all) : "too many patterns";
}

static const char *set_allow_config(struct settings *settings, const char *value)
{
	unsigned int allowed = 0;

	return allow_parse(value, &allowed) ? set_text(&settings->allow_config, value)
					    : "allow-config takes " ALLOW_WORDS;
}

static const char *set_transport(struct settings *settings, const char *value)
{
	settings->is_plain = !strcmp(value, "tcp");
	return settings->is_plain || !strcmp(value, "tls") ? NULL : "transport is tls or tcp";
}

static const char *set_pki(struct settings *settings, const char *value)
{
	return value[0] == '/' ? set_text(&settings->pki, value) : "a directory's full path is wanted";
}

static const char *set_pvferry(struct settings *settings, const char *value)
{
	return value[0] == '/' ? set_text(&settings->pvferry, value) : "a program's full path is wanted";
}

static const struct row {
	const char *name;
	setter *set;
	size_t offset; /* of a number, if there is no set() */
	unsigned long least, most;
} rows[] = {
	{ "listen", set_listen, 0, 0, 0 },
	{ "allow", set_allow, 0, 0, 0 },
	{ "allow-config", set_allow_config, 0, 0, 0 },
	{ "allow-devices", set_allow_devices, 0, 0, 0 },
	{ "transport", set_transport, 0, 0, 0 },
	{ "pki", set_pki, 0, 0, 0 },
	{ "pvferry", set_pvferry, 0, 0, 0 },
	{ "max-connections", NULL, offsetof(struct settings, max_connections), 1, 1024 },
	{ "max-unauthenticated", NULL, offsetof(struct settings, max_unauthenticated), 1, 1024 },
	{ "max-per-address", NULL, offsetof(struct settings, max_per_address), 1, 1024 },
	{ "max-per-second", NULL, offsetof(struct settings, max_per_second), 1, 1024 },
	{ "max-jobs", NULL, offsetof(struct settings, max_jobs), 1, 1024 },
	{ "handshake-timeout", NULL, offsetof(struct settings, handshake_seconds), 1, 3600 },
	{ "stop-timeout", NULL, offsetof(struct settings, stop_seconds), 1, 86400 },
};

static const struct row *find_row(const char *name)
{
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

static int set_number(struct settings *settings, const struct row *row, const char *value, const char *where)
{
	uint64_t number;

	if (!text_number(value, row->most, &number) || number < row->least)
		return fail(EINVAL, "%s: %s: \"%s\" is not a whole number from %lu to %lu", where, row->name,
			    value, row->least, row->most);
	*(unsigned int *)((char *)settings + row->offset) = number;
	return 0;
}

/* Without the blanks at both ends; in place. */
static char *trim(char *text)
{
	char *end;

	text += strspn(text, " \t");
	for (end = text + strlen(text); end > text && isspace((unsigned char)end[-1]); end--)
		;
	*end = '\0';
	return text;
}

static int set_line(struct settings *settings, char *line, const char *where)
{
	char *name = trim(line), *value = strchr(name, '=');
	const struct row *row;
	const char *problem;

	if (!*name || *name == '#')
		return 0;
	if (!value)
		return fail(EINVAL, "%s: \"%s\" is not NAME = VALUE", where, name);
	*value = '\0';
	value = trim(value + 1);
	name = trim(name);
	row = find_row(name);
	if (!row)
		return fail(EINVAL, "%s: unknown setting \"%s\"", where, name);
	if (!*value)
		return fail(EINVAL, "%s: %s has no value", where, name);
	if (!row->set)
		return set_number(settings, row, value, where);
	problem = row->set(settings, value);
	return problem ? fail(EINVAL, "%s: %s = %s: %s", where, name, value, problem) : 0;
}

/* Without one the reason stays what it is. */
static void put_back(const char *first)
{
	if (!*first)
		return;
	fail_forget();
	fail(EINVAL, "%s", first);
}

static int read_lines(struct settings *settings, const char *path, FILE *file)
{
	char *line = NULL, where[512];
	unsigned int number = 0;
	size_t room = 0;
	ssize_t length;
	int rc = 0;

	/* The last mistake is the caller's reason; those before it are said. */
	while ((length = getline(&line, &room, file)) >= 0) {
		bool is_text = strlen(line) == (size_t)length;
		char before[1024];

		snprintf(where, sizeof(where), "%s:%u", path, ++number);
		snprintf(before, sizeof(before), "%s", fail_reason());
		fail_forget();
		if (is_text ? set_line(settings, line, where) : fail(EINVAL, "%s: a zero byte", where)) {
			if (*before)
				say(SAY_WARNING, "%s", before);
			rc = -EINVAL;
		} else {
			put_back(before);
		}
	}
	if (!rc && ferror(file))
		rc = fail_errno("%s", path);
	free(line);
	return rc;
}

/* pvferry lies beside pvferryd, or in PATH. */
static const char *set_default_pvferry(struct settings *settings)
{
	char self[PATH_MAX], path[PATH_MAX + sizeof("pvferry")];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self));

	while (n > 0 && self[n - 1] != '/')
		n--;
	snprintf(path, sizeof(path), "%.*spvferry", n > 0 ? (int)n : 0, self);
	return set_text(&settings->pvferry, n > 0 && !access(path, X_OK) ? path : "pvferry");
}

static int complete(struct settings *settings, const char *path)
{
	if (!settings->pvferry && set_default_pvferry(settings))
		return fail(ENOMEM, "%s: no memory", path);
	if (settings->is_plain && !settings->listen_count)
		return fail(EINVAL,
			    "%s: transport = tcp lets every host send that reaches the port: \"listen = "
			    "ADDRESS:PORT\" must name it",
			    path);
	if (!settings->is_plain && !settings->allow_count)
		settings->listen_count = 0;
	else if (!settings->listen_count)
		set_listen(settings, DEFAULT_ADDRESS);
	return 0;
}

int settings_read(struct settings *settings, const char *path, bool must_exist)
{
	FILE *file = fopen(path, "re");
	int rc = 0;

	*settings = (struct settings){ .max_connections = 128,
				       .max_unauthenticated = 48,
				       .max_per_address = 32,
				       .max_per_second = 48,
				       .max_jobs = 16,
				       .handshake_seconds = 30,
				       .stop_seconds = 60 };
	if (!file && (must_exist || errno != ENOENT))
		return fail_errno("%s", path);
	if (file) {
		rc = read_lines(settings, path, file);
		fclose(file);
	}
	if (!rc)
		rc = complete(settings, path);
	if (rc)
		settings_release(settings);
	return rc;
}

void settings_release(struct settings *settings)
{
	for (unsigned int i = 0; i < settings->allow_count; i++)
		free(settings->allow[i]);
	free(settings->allow_config);
	free(settings->allow_devices);
	free(settings->pki);
	free(settings->pvferry);
	*settings = (struct settings){ 0 };
}
