/* See stress.h: from the first round to the last, or to the first that fails, whose evidence is kept. */
#include "stress/stress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "process/stop.h"
#include "stress/command.h"
#include "stress/round.h"
#include "text/text.h"

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

bool stress_parse_mix(const char *text, unsigned int weights[STRESS_KINDS])
{
	uint64_t sum = 0;

	memset(weights, 0, STRESS_KINDS * sizeof(*weights));
	while (*text) {
		size_t length = strcspn(text, ","), name = strcspn(text, "=,");
		char word[16], number[16];
		uint64_t weight;
		int kind;

		for (kind = 0; kind < STRESS_KINDS; kind++)
			if (strlen(stress_word(STRESS_KIND_WORDS, kind, word)) == name &&
			    !strncmp(word, text, name))
				break;
		snprintf(number, sizeof(number), "%.*s", (int)(length > name ? length - name - 1 : 0),
			 text + name + 1);
		if (kind == STRESS_KINDS || !text_number(number, 1000, &weight))
			return false;
		weights[kind] = weight;
		sum += weight;
		text += length + (text[length] == ',');
	}
	return sum;
}

/* --- the directory ------------------------------------------------------------------------------- */

/* A new one, so that what is found in it is of this run. */
static int make_directory(struct stress *s)
{
	const char *wanted = s->options->directory;
	char resolved[PATH_MAX];

	snprintf(s->directory, sizeof(s->directory), "%s",
		 wanted ? wanted : "/var/tmp/pvferry-stress-XXXXXX");
	if (wanted ? mkdir(s->directory, 0700) : !mkdtemp(s->directory))
		return fail_errno("cannot make the directory %s", s->directory);
	if (!realpath(s->directory, resolved) || strlen(resolved) >= sizeof(s->directory))
		return fail(ENAMETOOLONG, "the directory %s has too long a path", s->directory);
	snprintf(s->directory, sizeof(s->directory), "%s", resolved);
	return 0;
}

static void remove_directory(struct stress *s)
{
	static const char *const names[] = { "log", ".out", ".err" };
	char path[PATH_MAX], name[32];

	for (; s->chain_first < s->chain_next; s->chain_first++) {
		snprintf(name, sizeof(name), "c%u.pvf", s->chain_first);
		unlink(stress_path(s, name, path));
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlink(stress_path(s, names[i], path));
	if (rmdir(s->directory))
		say(SAY_WARNING, "cannot remove the directory %s: %s", s->directory, strerror(errno));
}

/* --- rounds -------------------------------------------------------------------------------------- */

/* Afterwards the domain is one that pvferry has built, and xenstore's directories are there: what all rounds leave. */
static int warm_up(struct stress *s)
{
	struct round round = { .kind = STRESS_SAVE, .fault = FAULT_NONE };
	struct draw draw = draw_of(s->options->seed, 0);
	int rc = round_run(s, &round, &draw);

	return rc ? rc : basis_take(&s->basis, &s->guest);
}

static bool is_over(const struct stress *s, unsigned int number, double began_ms)
{
	const struct stress_options *o = s->options;

	return (o->rounds && number > o->rounds) || (o->seconds && now_ms() - began_ms > o->seconds * 1e3) ||
	       stop_requested();
}

/* 0, or 1 if one failed. */
static int run_rounds(struct stress *s, struct results *results)
{
	double began_ms = now_ms();
	int rc = 0;

	for (unsigned int number = 1; !rc && !is_over(s, number, began_ms); number++) {
		struct round round = { .number = number };
		struct draw draw = draw_of(s->options->seed, number);
		double round_began_ms = now_ms();

		round_draw(s, &round, &draw);
		rc = round_run(s, &round, &draw) != 0;
		if (rc)
			snprintf(round.reason, sizeof(round.reason), "%s", fail_reason());
		round.ms = now_ms() - round_began_ms;
		results_round(results, &round);
		if (!rc)
			stop_wait(draw_below(&draw, s->options->pause_ms + 1));
	}
	return rc;
}

/* On standard error: standard output is for programs. */
static void say_evidence(const struct stress *s)
{
	struct guest guest;
	char path[PATH_MAX];

	fail_forget();
	say(SAY_NOTE, "what was done and said is in %s/log, the images are beside it; --seed %lu repeats it",
	    s->directory, s->options->seed);
	if (guest_find(s->name, &guest) == -ESRCH && round_has_image(s, path))
		say(SAY_NOTE, "the domain is not there: \"pvferry restore %s\" brings it back", path);
	fail_forget();
}

static int run_all(struct stress *s)
{
	struct results results;
	int rc = results_open(&results, s->options), closed;

	if (rc)
		return rc;
	rc = run_rounds(s, &results);
	closed = results_close(&results, s->name);
	if (rc)
		say_evidence(s);
	return closed ? closed : rc;
}

/* Disks go on while memory is rewound, which destroys what is on them. */
static int check_domain(struct stress *s)
{
	int rc = guest_name(s->options->domain, s->name);

	if (!rc)
		rc = guest_check_name(s->name);
	if (!rc)
		rc = guest_find(s->name, &s->guest);
	if (!rc && s->guest.has_devices && s->options->weights[STRESS_REWIND])
		rc = fail(EOPNOTSUPP,
			  "%s has devices: its disks would not go back as its memory does; give a --mix "
			  "without rewind",
			  s->name);
	return rc;
}

int stress_run(const struct stress_options *options)
{
	static struct stress s;
	char reason[512];
	int rc;

	s = (struct stress){
		.options = options, .chain_first = 1, .chain_next = 1, .typical_ms = { 200, 200 }
	};
	strays_inherit();
	rc = check_domain(&s);
	if (!rc)
		rc = make_directory(&s);
	if (rc)
		return rc;
	say(SAY_NOTE, "%s is destroyed and built again, round after round; --seed %lu", s.name,
	    options->seed);
	rc = warm_up(&s);
	if (rc) {
		snprintf(reason, sizeof(reason), "%s", fail_reason());
		say_evidence(&s);
		rc = fail(EIO, "before the first round: %s", reason);
	} else {
		rc = run_all(&s);
	}
	if (!rc)
		remove_directory(&s);
	basis_release(&s.basis);
	return rc;
}
