/* pvferry stress: rounds of all other commands over one domain, each of them proven. stress/ does it. */
#include <string.h>
#include <sys/random.h>

#include "cli/command.h"
#include "log.h"
#include "stress/stress.h"
#include "text/text.h"

static bool set_mix(struct stress_options *options, const char *text)
{
	if (stress_parse_mix(text, options->weights))
		return true;
	say_wrong("--mix takes KIND=WEIGHT,... of save, copy, checkpoint, rewind and migrate, not "
		  "\"%s\"",
		  text);
	return false;
}

static bool set_time(struct stress_options *options, const char *text)
{
	uint64_t ms;

	if (text_duration(text, &ms) && ms >= 1000 && ms / 1000 <= UINT32_MAX) {
		options->seconds = ms / 1000;
		return true;
	}
	say_wrong("--time takes a span of 1s or more, such as 90s, 30m or 12h, not \"%s\"", text);
	return false;
}

/* The row has checked the words. */
static bool set_faults(struct stress_options *options, const char *text)
{
	static const char *const names[] = { "kill", "pause", "full", "cut" };

	for (unsigned int i = 0; i < FAULTS; i++)
		if (strstr(text, names[i]) || strstr(text, "all"))
			options->faults |= 1U << i;
	return true;
}

static bool stress_set(void *context, enum option_id option, const struct option_value *value)
{
	struct stress_options *options = context;

	switch (option) {
	case OPTION_SEED: options->seed = value->number; break;
	case OPTION_ROUNDS: options->rounds = value->number; break;
	case OPTION_TIME: return set_time(options, value->text);
	case OPTION_PAUSE: options->pause_ms = value->number; break;
	case OPTION_MIX: return set_mix(options, value->text);
	case OPTION_FAULTS: return set_faults(options, value->text);
	case OPTION_CHECK: options->check = value->text; break;
	case OPTION_JUNIT: options->junit = value->text; break;
	case OPTION_DIRECTORY: options->directory = value->text; break;
	default: break;
	}
	return true;
}

/* A number that a person can type again. */
static uint64_t draw_seed(void)
{
	uint32_t seed = 0;

	return getrandom(&seed, sizeof(seed), 0) == sizeof(seed) ? seed % 1000000 : 0;
}

int run_stress(const struct command *self, int argc, char **argv)
{
	struct stress_options options = { .weights = { 2, 2, 4, 1, 2 },
					  .pause_ms = 100,
					  .seed = draw_seed() };
	int first = command_options(self, argc, argv, stress_set, &options), rc;

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first != 1)
		return say_usage(self, "takes one DOMAIN");
	options.domain = argv[first];
	options.as_json = common.json;
	if (!options.rounds && !options.seconds)
		options.rounds = 100;
	rc = stress_run(&options);
	if (rc < 0)
		return say_failure("stress", options.domain, NULL);
	return rc ? EXIT_NOT_DONE : EXIT_DONE;
}
