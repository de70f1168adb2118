/* See display.h. */
#include "cli/display.h"

#include <json-c/json.h>
#include <langinfo.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/move-table.h"
#include "cli/progress.h"
#include "log.h"
#include "stream/body.h"

static char domain[256], peer[256];

static double number(const struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, key, &value);
	return json_object_get_double(value);
}

static const struct json_object *object_in(const struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, key, &value);
	return value;
}

static void show_job(const struct json_object *event)
{
	body_copy(event, "domain", domain, sizeof(domain));
	body_copy(event, "peer", peer, sizeof(peer));
}

/* "112 MiB/s", "-" in place of what is not known yet. */
static const char *with_unit(const struct json_object *object, const char *key, double unit, const char *name,
			     char text[32])
{
	double value = number(object, key) / unit;

	if (object_in(object, key))
		snprintf(text, 32, value < 10 && unit != 1 ? "%.1f %s" : "%.0f %s", value, name);
	else
		snprintf(text, 32, "- %s", name);
	return text;
}

/* How long until the rounds are through, if it goes on like this; "" if there is no telling. */
static void time_left(const struct json_object *ram, char text[32])
{
	double speed = number(ram, "pages-per-second") * number(ram, "page-size");

	*text = '\0';
	if (speed > 0)
		snprintf(text, 32, ", %.0f s left", number(ram, "remaining") / speed);
}

/* The statuses are QEMU's; a person reads what happens. */
static const char *word_for(const char *status)
{
	static const char *const words[][2] = { { "setup", "setting up" },
						{ "pre-switchover", "waiting for it to suspend" },
						{ "device", "stopped; sending the last of it" },
						{ "completed", "it runs there" } };

	for (unsigned int i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(status, words[i][0]))
			return words[i][1];
	return status;
}

static void show_status(const struct json_object *event)
{
	const struct json_object *ram = object_in(event, "ram");
	const char *status = body_text(event, "status");
	double total = number(ram, "total"), left = number(ram, "remaining");
	char line[512], until[32], speed[32], dirtied[32], downtime[32];

	if (!status)
		return;
	if (strcmp(status, "active")) {
		snprintf(line, sizeof(line), "%s: %s", domain, word_for(status));
		progress_line(line);
		return;
	}
	time_left(ram, until);
	snprintf(line, sizeof(line), "%s: round %.0f, %3.0f %%, %s, %s dirtied, expected downtime %s%s",
		 domain, number(ram, "dirty-sync-count"), total ? 100 * (total - left) / total : 0,
		 with_unit(ram, "mbps", 8.0 * (1 << 20) / 1e6, "MiB/s", speed),
		 with_unit(ram, "dirty-pages-rate", 1, "pages/s", dirtied),
		 with_unit(event, "expected-downtime", 1, "ms", downtime), until);
	progress_line(line);
}

/* "suspend 12, last pages 40, ..." */
static void list_phases(const struct json_object *phases, char *text, size_t room)
{
	size_t used = 0;

	*text = '\0';
	if (!phases)
		return;
	json_object_object_foreach ((struct json_object *)phases, key, value) {
		if (used < room)
			used += snprintf(text + used, room - used, "%s%s %ld", used ? ", " : "", key,
					 (long)json_object_get_int64(value));
	}
}

static bool is_utf8(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", NULL);
	bool is = locale && !strcmp(nl_langinfo_l(CODESET, locale), "UTF-8");

	if (locale)
		freelocale(locale);
	return is;
}

static void show_end(const struct json_object *event)
{
	const struct json_object *ram = object_in(event, "ram");
	const char *status = body_text(event, "status");
	char phases[256], suspend[64] = "";

	progress_end();
	if (!status || strcmp(status, "completed"))
		return; /* the command says why */
	list_phases(object_in(event, "downtime-phases"), phases, sizeof(phases));
	if (object_in(event, "suspend-time"))
		snprintf(suspend, sizeof(suspend), "suspending it took %.0f ms, then it was ",
			 number(event, "suspend-time"));
	say(SAY_NOTE, "%s: moved to %s in %.1f s, %.1f MiB, %.0f rounds; %sdown for %.0f ms%s%s%s", domain,
	    peer, number(event, "total-time") / 1000, number(ram, "transferred") / (1 << 20),
	    number(ram, "dirty-sync-count"), suspend, number(event, "downtime"), *phases ? " (" : "", phases,
	    *phases ? ")" : "");
	/* A script reads the line above; it has no terminal. */
	if (say_level == SAY_DETAIL || (say_level == SAY_NOTE && isatty(STDERR_FILENO)))
		move_table_print(stderr, event, is_utf8());
}

void display_event(const struct json_object *event)
{
	const char *kind = body_text(event, "event");

	if (!kind)
		return;
	if (!strcmp(kind, "job"))
		show_job(event);
	else if (!strcmp(kind, "status"))
		show_status(event);
	else if (!strcmp(kind, "end"))
		show_end(event);
}
