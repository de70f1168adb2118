/* pvferry prune: fewer checkpoints, by rules. */
#include <json-c/json.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/keep-options.h"
#include "cli/pruning.h"
#include "log.h"

struct settings {
	struct keep keep;
	bool is_trial;
};

static bool prune_set(void *context, enum option_id option, const struct option_value *value)
{
	struct settings *settings = context;

	if (option == OPTION_DRY_RUN)
		settings->is_trial = true;
	return keep_set(&settings->keep, option, value);
}

static void say_done(const char *directory, const struct pruned *pruned, bool is_trial)
{
	struct json_object *json;

	if (!common.json) {
		say(SAY_NOTE, "%s: %u checkpoints %sremoved, %u %smerged with their parents, %u left",
		    directory, pruned->removed, is_trial ? "would be " : "", pruned->merged,
		    is_trial ? "would be " : "", pruned->left);
		return;
	}
	json = json_object_new_object();
	json_object_object_add(json, "dry-run", json_object_new_boolean(is_trial));
	json_object_object_add(json, "removed", json_object_new_int(pruned->removed));
	json_object_object_add(json, "merged", json_object_new_int(pruned->merged));
	json_object_object_add(json, "left", json_object_new_int(pruned->left));
	print_json(stdout, json, JSON_C_TO_STRING_SPACED);
	json_object_put(json);
}

int run_prune(const struct command *self, int argc, char **argv)
{
	struct settings settings = { .is_trial = false };
	int first = command_options(self, argc, argv, prune_set, &settings), rc;
	const char *outcome = "nothing was removed";
	struct pruned pruned;
	struct points points;

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first != 1)
		return say_usage(self, "takes one DIR");
	if (keep_is_empty(&settings.keep))
		return say_usage(self, "takes at least one rule, such as --keep-last 10");
	rc = points_open(&points, argv[first], false);
	/* The lock is a file, and who has it removes what was left: a trial changes nothing. */
	if (!rc && !settings.is_trial)
		rc = points_lock(&points);
	if (!rc) {
		outcome = "all checkpoints that were to stay can be restored";
		rc = prune_points(&points, &settings.keep, settings.is_trial, NULL, &pruned);
	}
	if (rc)
		rc = say_failure("prune", argv[first], outcome);
	else
		say_done(argv[first], &pruned, settings.is_trial);
	points_close(&points);
	return rc;
}
