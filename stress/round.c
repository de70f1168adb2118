/*
 * See round.h. A command that no fault came over must succeed. One that was killed, cut, or had no room may fail: then
 * the domain must be to be had again by what pvferry's pages say, and nothing may be left.
 */
#include "stress/round.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal/journal.h"
#include "log.h"
#include "process/stop.h"
#include "stress/job.h"

#define SAVED "save.pvf"

/* A command's outcome, beside failures: a fault kept it from its end. */
enum { NOT_DONE = 1 };

const char *stress_path(const struct stress *s, const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", s->directory, name);
	return path;
}

bool round_has_image(const struct stress *s, char path[PATH_MAX])
{
	return !access(stress_path(s, SAVED, path), F_OK);
}

/* --- one command --------------------------------------------------------------------------- */

static bool is_for(const struct round *r, bool is_restore)
{
	return r->fault != FAULT_NONE && r->is_on_second == is_restore;
}

/* At any moment of what such a command took last, and a little later. */
static void arm(const struct stress *s, const struct round *r, struct draw *draw, struct job *job)
{
	double typical = s->typical_ms[r->is_on_second];

	job->fault = r->fault;
	job->after_ms = draw_below(draw, 1 + (uint64_t)(1.2 * typical));
	job->whom = draw_below(draw, 2) ? draw_below(draw, 16) : 0;
	job->most_bytes = (64 << 10) + draw_below(draw, s->stored_bytes);
}

/* What the round did, without the paths, which say nothing. */
static void note_words(struct round *r, const struct job *job)
{
	size_t length = strlen(r->text);

	for (unsigned int i = 1; i < job->count && length < sizeof(r->text); i++)
		if (*job->words[i] && !strchr(job->words[i], '/') && strcmp(job->words[i], "--json") != 0)
			length += snprintf(r->text + length, sizeof(r->text) - length, "%s%s",
					   length ? (i > 1 ? " " : "; ") : "", job->words[i]);
}

/* 0, NOT_DONE, or a failure. */
static int round_job(struct stress *s, struct round *r, struct job *job)
{
	bool may_fail;
	int rc;

	note_words(r, job);
	job->words[job->count] = NULL;
	rc = job_run(job, s->directory);
	if (rc)
		return rc;
	may_fail = job->fault == FAULT_FULL ||
		   (job->was_hit && (job->fault == FAULT_KILL || job->fault == FAULT_CUT));
	r->was_hit |= job->was_hit || (job->fault == FAULT_FULL && job->status);
	if (!job->status || may_fail)
		return job->status ? NOT_DONE : 0;
	return fail(EUCLEAN, "pvferry %s: status %d: %s", job->words[1], job->status,
		    *job->said ? job->said : "it said nothing");
}

static void job_begin(struct job *job, const char *command)
{
	*job = (struct job){ .fault = FAULT_NONE };
	job_add(job, "pvferry");
	job_add(job, command);
}

static void add_threads(struct job *job, struct draw *draw)
{
	job_add(job, "--threads");
	job_add_number(job, 1 + draw_below(draw, 4));
}

/* What can be drawn for a save; an image with an index is compressed. */
static void add_save_options(struct job *job, struct draw *draw, const char *parent, bool index)
{
	static const char *const levels[] = { "auto", "1", "3", "-5", "0" };

	if (parent) {
		job_add(job, "--parent");
		job_add(job, parent);
	} else if (index) {
		job_add(job, "--index");
	}
	job_add(job, "--level");
	job_add(job, levels[draw_below(draw, parent || index ? 4 : 5)]);
	job_add(job, draw_below(draw, 2) ? "--live" : "--no-live");
	add_threads(job, draw);
}

struct saving {
	const char *file;   /* a name in the directory */
	const char *parent; /* a path; NULL */
	bool index, keeps;
};

static int save(struct stress *s, struct round *r, struct draw *draw, const struct saving *how)
{
	char path[PATH_MAX];
	struct job job;
	int rc;

	job_begin(&job, "save");
	if (how->keeps)
		job_add(&job, "-c");
	job_add(&job, "--json");
	add_save_options(&job, draw, how->parent, how->index);
	job_add(&job, s->name);
	job_add(&job, stress_path(s, how->file, path));
	if (is_for(r, false))
		arm(s, r, draw, &job);
	rc = round_job(s, r, &job);
	if (!rc) {
		r->figures[FIGURE_STOPPED] = how->keeps ? job_fact(&job, "stopped-ms") : 0;
		r->figures[FIGURE_SUSPEND] = job_fact(&job, "suspend-ms");
		s->stored_bytes = job_fact(&job, "stored-bytes");
		s->typical_ms[0] = job.ms;
	}
	job_release(&job);
	return rc;
}

static int restore(struct stress *s, struct round *r, struct draw *draw, const char *file)
{
	char path[PATH_MAX];
	struct job job;
	int rc;

	job_begin(&job, "restore");
	job_add(&job, "--prove");
	job_add(&job, "--json");
	add_threads(&job, draw);
	job_add(&job, stress_path(s, file, path));
	if (is_for(r, true))
		arm(s, r, draw, &job);
	rc = round_job(s, r, &job);
	if (!rc) {
		r->figures[FIGURE_RESTORE] = s->typical_ms[1] = job.ms;
		r->proven += job_fact(&job, "proven-pages");
		if (!job_fact(&job, "proven-pages"))
			rc = fail(EUCLEAN, "pvferry restore --prove: it says of no page that it was proven");
	}
	job_release(&job);
	return rc;
}

static int simple(struct stress *s, struct round *r, const char *command, const char *operand)
{
	struct job job;
	int rc;

	job_begin(&job, command);
	job_add(&job, operand);
	rc = round_job(s, r, &job);
	job_release(&job);
	return rc;
}

static void file_drop(const struct stress *s, const char *name)
{
	char path[PATH_MAX];

	unlink(stress_path(s, name, path));
}

static void pause_between(const struct stress *s, struct draw *draw)
{
	stop_wait(draw_below(draw, s->options->pause_ms + 1));
}

/* --- the kinds ------------------------------------------------------------------------------ */

/* After a save that was done: no domain, and all that was its is Xen's again. */
static int expect_gone(struct stress *s)
{
	struct guest guest;
	int rc = jobs_wait_strays();

	if (!rc)
		rc = guest_find(s->name, &guest);
	if (!rc)
		return fail(EUCLEAN, "the domain is still there after it was saved");
	if (rc == -ESRCH)
		rc = basis_check_gone(&s->guest);
	return rc ? rc : basis_check_frames(&s->basis);
}

static int save_and_restore(struct stress *s, struct round *r, struct draw *draw, const char *file)
{
	struct saving how = { .file = SAVED, .index = draw_below(draw, 2) };
	int rc = save(s, r, draw, &how);

	if (!rc)
		rc = expect_gone(s);
	if (rc)
		return rc;
	pause_between(s, draw);
	return restore(s, r, draw, file);
}

static int copy(struct stress *s, struct round *r, struct draw *draw)
{
	struct saving how = { .file = "copy.pvf", .index = draw_below(draw, 2), .keeps = true };
	char path[PATH_MAX];
	int rc = save(s, r, draw, &how);

	if (!rc)
		rc = simple(s, r, "verify", stress_path(s, "copy.pvf", path));
	if (rc >= 0)
		file_drop(s, "copy.pvf");
	return rc;
}

static const char *chain_name(unsigned int which, char name[32])
{
	snprintf(name, 32, "c%u.pvf", which);
	return name;
}

static void drop_chain(struct stress *s)
{
	char name[32];

	for (; s->chain_first < s->chain_next; s->chain_first++)
		file_drop(s, chain_name(s->chain_first, name));
}

/* A full image, then increments; when there are so many of them, all anew. */
static int checkpoint(struct stress *s, struct round *r, struct draw *draw)
{
	char name[32], parent[PATH_MAX], parent_name[32];
	struct saving how = { .index = true, .keeps = true };
	int rc;

	if (s->chain_next - s->chain_first == CHAIN_FILES_MOST)
		drop_chain(s);
	how.file = chain_name(s->chain_next, name);
	if (s->chain_next > s->chain_first)
		how.parent = stress_path(s, chain_name(s->chain_next - 1, parent_name), parent);
	rc = save(s, r, draw, &how);
	if (!rc)
		s->chain_next++;
	else if (rc == NOT_DONE)
		file_drop(s, name);
	return rc;
}

/* The newest state is saved first: whatever comes, the domain can be had back. */
static int rewind_to(struct stress *s, struct round *r, struct draw *draw)
{
	unsigned int count = s->chain_next - s->chain_first;
	char name[32];

	if (!count)
		return checkpoint(s, r, draw);
	return save_and_restore(s, r, draw, chain_name(s->chain_first + draw_below(draw, count), name));
}

static int migrate(struct stress *s, struct round *r, struct draw *draw)
{
	char self[PATH_MAX], receiver[PATH_MAX + 32];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct job job;
	int rc;

	snprintf(receiver, sizeof(receiver), "%.*s receive --prove", (int)(length < 0 ? 0 : length), self);
	job_begin(&job, "migrate");
	job_add(&job, "--json");
	add_threads(&job, draw);
	job_add(&job, "--via");
	job_add(&job, "ssh");
	job_add(&job, "--ssh");
	job_add(&job, "");
	job_add(&job, s->name);
	job_add(&job, receiver);
	if (is_for(r, false))
		arm(s, r, draw, &job);
	rc = round_job(s, r, &job);
	if (!rc) {
		r->figures[FIGURE_DOWNTIME] = job_fact(&job, "downtime");
		r->figures[FIGURE_SUSPEND] = job_fact(&job, "suspend-time");
		s->typical_ms[0] = job.ms;
	}
	job_release(&job);
	return rc;
}

static int act(struct stress *s, struct round *r, struct draw *draw)
{
	switch (r->kind) {
	case STRESS_SAVE: return save_and_restore(s, r, draw, SAVED);
	case STRESS_COPY: return copy(s, r, draw);
	case STRESS_CHECKPOINT: return checkpoint(s, r, draw);
	case STRESS_REWIND: return rewind_to(s, r, draw);
	default: return migrate(s, r, draw);
	}
}

/* --- after a fault ------------------------------------------------------------------------------ */

/* A migration that was cut short is settled by its journals, which are both on this host. */
static int resolve(struct stress *s, struct round *r)
{
	struct journal *list = NULL;
	size_t count = 0;
	int rc = journal_list(&list, &count);

	for (size_t i = 0; !rc && i < count; i++)
		if (!journal_is_settled(&list[i]) && list[i].role == JOURNAL_SOURCE)
			rc = simple(s, r, "resolve", list[i].job);
	free(list);
	return rc;
}

/* A save that is killed has no time to take away what it has written so far. */
static void drop_drafts(const struct stress *s)
{
	DIR *dir = opendir(s->directory);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] == '.' && strstr(entry->d_name, ".pvf."))
			file_drop(s, entry->d_name);
	if (dir)
		closedir(dir);
}

/* By what pvferry's pages say to a person who finds the domain so. */
static int recover(struct stress *s, struct round *r, struct draw *draw)
{
	char path[PATH_MAX];
	int rc = jobs_wait_strays();

	if (r->fault == FAULT_KILL)
		drop_drafts(s);
	r->fault = FAULT_NONE; /* it has come: what mends it must succeed */
	if (!rc && r->kind == STRESS_MIGRATE)
		rc = resolve(s, r);
	if (!rc)
		rc = guest_find(s->name, &s->guest);
	if (rc == -ESRCH && round_has_image(s, path))
		return restore(s, r, draw, SAVED);
	if (rc == -ESRCH)
		return fail(ESRCH, "the domain is lost: it is not there, and there is no image of it");
	if (!rc && s->guest.is_suspended)
		rc = simple(s, r, "resume", s->name);
	else if (!rc && s->guest.is_paused)
		rc = guest_unpause(&s->guest);
	return rc;
}

/* --- what must be so after each round ----------------------------------------------------------- */

static bool is_known(const struct stress *s, const char *name)
{
	unsigned int which = 0;
	char own[32];

	if (!strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, "log") || !strcmp(name, ".out") ||
	    !strcmp(name, ".err"))
		return true;
	return sscanf(name, "c%u.pvf", &which) == 1 && which >= s->chain_first && which < s->chain_next &&
	       !strcmp(name, chain_name(which, own));
}

static int check_directory(const struct stress *s)
{
	DIR *dir = opendir(s->directory);
	struct dirent *entry;
	int rc = 0;

	while (!rc && dir && (entry = readdir(dir)))
		if (!is_known(s, entry->d_name))
			rc = fail(EUCLEAN, "a file is left: %s/%s", s->directory, entry->d_name);
	if (dir)
		closedir(dir);
	return rc;
}

/* The guest's own word on its memory, if there is a way to have it. */
static int run_check(const struct stress *s)
{
	char command[4096];
	int status;

	if (!s->options->check)
		return 0;
	setenv("PVFERRY_DOMAIN", s->name, 1);
	/* Standard output is for the rounds. */
	if (snprintf(command, sizeof(command), "{ %s\n} >&2", s->options->check) >= (int)sizeof(command))
		return fail(E2BIG, "--check: too long a command");
	fflush(NULL);
	status = system(command);
	return status ? fail(EUCLEAN, "--check says that the domain is not sound: status %d",
			     WIFEXITED(status) ? WEXITSTATUS(status) : status)
		      : 0;
}

static int check_all(struct stress *s)
{
	int rc = jobs_wait_strays();

	if (!rc)
		rc = guest_wait_running(s->name, &s->guest);
	if (!rc && s->basis.nodes.count)
		rc = run_check(s);
	if (!rc && s->basis.nodes.count)
		rc = basis_check(&s->basis, &s->guest);
	return rc ? rc : check_directory(s);
}

void round_draw(struct stress *s, struct round *r, struct draw *draw)
{
	const struct stress_options *o = s->options;
	unsigned int weights[FAULTS + 1] = { 0 };

	r->kind = draw_weighted(draw, o->weights, STRESS_KINDS);
	for (unsigned int i = 0; i < FAULTS; i++)
		weights[i] = o->faults >> i & 1;
	if (r->kind == STRESS_MIGRATE)
		weights[FAULT_FULL] = 0; /* it writes no file */
	else
		weights[FAULT_CUT] = 0;
	weights[FAULT_NONE] = 1;
	r->fault = draw_weighted(draw, weights, FAULTS + 1);
	r->is_on_second = (r->kind == STRESS_SAVE || r->kind == STRESS_REWIND) && r->fault != FAULT_FULL &&
			  draw_below(draw, 2);
}

int round_run(struct stress *s, struct round *r, struct draw *draw)
{
	enum stress_fault fault = r->fault;
	int rc = act(s, r, draw);

	if (rc == NOT_DONE)
		rc = recover(s, r, draw);
	r->fault = fault;
	if (rc)
		return rc;
	rc = guest_wait_running(s->name, &s->guest);
	if (!rc) /* it runs: the image is not needed any more */
		file_drop(s, SAVED);
	return rc ? rc : check_all(s);
}
