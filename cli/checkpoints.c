/* pvferry checkpoints: what is in a directory, which of it can be restored, and what is in the way of the rest. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/links.h"
#include "cli/command.h"
#include "log.h"
#include "text/text.h"

struct listing {
	struct points points;
	struct link *links;
	bool as_tree;
};

static bool checkpoints_set(void *context, enum option_id option, const struct option_value *value)
{
	(void)value;
	if (option == OPTION_TREE)
		*(bool *)context = true;
	return true;
}

/* "17", or the name of a file that is not called as a checkpoint. */
static const char *label(const struct point *point, char text[NAME_MAX + 1])
{
	if (point->name.number)
		snprintf(text, NAME_MAX + 1, "%lu", point->name.number);
	else
		text_visible(text, NAME_MAX + 1, point->file);
	return text;
}

/* Of what goes on from it: a straight chain is not moved to the right, only where it divides. */
static unsigned int level(const struct listing *l, size_t i)
{
	unsigned int levels = 0, steps = 0;

	for (long at = l->links[i].parent; at >= 0 && steps++ < l->points.count; at = l->links[at].parent)
		levels += l->links[at].children > 1 || l->links[at].parent < 0;
	return levels;
}

static void point_print(const struct listing *l, size_t i)
{
	const struct point *point = &l->points.at[i];
	const struct link *link = &l->links[i];
	char own[NAME_MAX + 1], parent[NAME_MAX + 1] = "-", time[POINT_TIME_BYTES] = "-",
						  number[NAME_MAX + 64], why[512];

	if (link->parent >= 0)
		label(&l->points.at[link->parent], parent);
	else if (!*point->defect && index_is_increment(&point->head))
		snprintf(parent, sizeof(parent), "?");
	if (point->name.number)
		point_time_text(point->name.time, time);
	snprintf(number, sizeof(number), "%*s%s", l->as_tree ? 2 * (int)level(l, i) : 0, "",
		 label(point, own));
	text_visible(why, sizeof(why), *point->defect ? point->defect : link_state_text(link->state));
	printf("%-8s %-23s %9.1f  %-6s %-12s %s\n", number, time, point->bytes / 1048576.0, parent,
	       *point->name.tag ? point->name.tag : "-", why);
}

/* A child below its parent, and the children of one in their order. */
static void print_below(const struct listing *l, long parent)
{
	for (size_t i = 0; i < l->points.count; i++)
		if (l->links[i].parent == parent) {
			point_print(l, i);
			if (l->links[i].children)
				print_below(l, i);
		}
}

static void print_table(const struct listing *l)
{
	size_t sound = 0, named = 0, others = 0;
	const struct point *newest = NULL;

	printf("%-8s %-23s %9s  %-6s %-12s %s\n", "Number", "Time", "MiB", "Parent", "Tag", "State");
	for (size_t i = 0; i < l->points.count; i++) {
		const struct point *point = &l->points.at[i];

		if (!l->as_tree)
			point_print(l, i);
		named += point->name.number != 0;
		others += !point->name.number && l->links[i].state == LINK_SOUND;
		if (!point->name.number || l->links[i].state != LINK_SOUND)
			continue;
		sound++;
		newest = point;
	}
	if (l->as_tree)
		print_below(l, -1);
	printf("%zu checkpoints, %zu can be restored", named, sound);
	if (newest && named > sound)
		printf("; the newest of these is @%lu", newest->name.number);
	if (named < l->points.count)
		printf("; %zu images of other names, %zu can be restored", l->points.count - named, others);
	printf("\n");
}

static struct json_object *describe(const struct listing *l, size_t i)
{
	const struct point *point = &l->points.at[i];
	const struct link *link = &l->links[i];
	struct json_object *json = json_object_new_object();
	char text[STATE_TEXT_BYTES], time[POINT_TIME_BYTES];

	json_object_object_add(json, "file", json_object_new_string(point->file));
	json_object_object_add(json, "bytes", json_object_new_int64(point->bytes));
	json_object_object_add(json, "restorable", json_object_new_boolean(link->state == LINK_SOUND));
	json_object_object_add(
		json, "verdict",
		json_object_new_string(*point->defect ? point->defect : link_state_text(link->state)));
	if (point->name.number) {
		json_object_object_add(json, "number", json_object_new_int64(point->name.number));
		json_object_object_add(json, "time",
				       json_object_new_string(point_time_text(point->name.time, time)));
	}
	if (*point->name.tag)
		json_object_object_add(json, "tag", json_object_new_string(point->name.tag));
	if (*point->defect)
		return json;
	json_object_object_add(json, "state", json_object_new_string(state_text(point->head.state, text)));
	if (index_is_increment(&point->head))
		json_object_object_add(json, "parent",
				       json_object_new_string(state_text(point->head.parent, text)));
	if (link->state == LINK_SOUND)
		json_object_object_add(json, "parents", json_object_new_int(link->parents));
	return json;
}

static void print_all(const struct listing *l)
{
	struct json_object *all;

	if (!common.json) {
		print_table(l);
		return;
	}
	all = json_object_new_array();
	for (size_t i = 0; i < l->points.count; i++)
		json_object_array_add(all, describe(l, i));
	print_json(stdout, all, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);
	json_object_put(all);
}

int run_checkpoints(const struct command *self, int argc, char **argv)
{
	struct listing listing = { .links = NULL };
	int first = command_options(self, argc, argv, checkpoints_set, &listing.as_tree), rc;

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first != 1)
		return say_usage(self, "takes one DIR");
	rc = points_open(&listing.points, argv[first], false);
	if (!rc)
		rc = points_read(&listing.points);
	if (!rc)
		listing.links = points_link(&listing.points);
	if (listing.links)
		print_all(&listing);
	rc = listing.links ? EXIT_DONE : say_failure("checkpoints", argv[first], NULL);
	free(listing.links);
	points_close(&listing.points);
	return rc;
}
