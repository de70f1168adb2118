/* Rounds that write an image: the domain is saved and restored, or a copy of it is made and verified. See round-parts.h. */
#include "stress/round-parts.h"

#include <errno.h>

#include "log.h"
#include "process/stop.h"

/* What can be drawn for a save; an image with an index is compressed. */
static void add_save_options(struct command *command, struct draw *draw, const char *parent, bool index)
{
	static const char *const levels[] = { "auto", "1", "3", "-5", "0" };

	if (parent) {
		command_add(command, "--parent");
		command_add(command, parent);
	} else if (index) {
		command_add(command, "--index");
	}
	command_add(command, "--level");
	command_add(command, levels[draw_below(draw, parent || index ? 4 : 5)]);
	command_add(command, draw_below(draw, 2) ? "--live" : "--no-live");
	command_add_threads(command, draw);
}

int round_save(struct stress *s, struct round *r, struct draw *draw, const struct save_how *how)
{
	char path[PATH_MAX];
	struct command command;
	int rc;

	command_begin(&command, "save");
	if (how->keeps)
		command_add(&command, "-c");
	command_add(&command, "--json");
	add_save_options(&command, draw, how->parent, how->index);
	command_add(&command, s->name);
	command_add(&command, stress_path(s, how->file, path));
	if (round_has_fault(r, false))
		command_arm(s, r, draw, &command);
	rc = round_command(s, r, &command);
	if (!rc) {
		r->figures[FIGURE_STOPPED] = how->keeps ? command_fact(&command, "stopped-ms") : 0;
		r->figures[FIGURE_SUSPEND] = command_fact(&command, "suspend-ms");
		s->stored_bytes = command_fact(&command, "stored-bytes");
		s->typical_ms[0] = command.ms;
	}
	command_release(&command);
	return rc;
}

int round_restore(struct stress *s, struct round *r, struct draw *draw, const char *file)
{
	char path[PATH_MAX];
	struct command command;
	int rc;

	command_begin(&command, "restore");
	command_add(&command, "--prove");
	command_add(&command, "--json");
	command_add_threads(&command, draw);
	command_add(&command, stress_path(s, file, path));
	if (round_has_fault(r, true))
		command_arm(s, r, draw, &command);
	rc = round_command(s, r, &command);
	if (!rc) {
		r->figures[FIGURE_RESTORE] = s->typical_ms[1] = command.ms;
		r->proven += command_fact(&command, "proven-pages");
		if (!command_fact(&command, "proven-pages"))
			rc = fail(EUCLEAN, "pvferry restore --prove: it says of no page that it was proven");
	}
	command_release(&command);
	return rc;
}

static void pause_between(const struct stress *s, struct draw *draw)
{
	stop_wait(draw_below(draw, s->options->pause_ms + 1));
}

/* After a save that was done: no domain, and all that was its is Xen's again. */
static int expect_gone(struct stress *s)
{
	struct guest guest;
	int rc = strays_wait();

	if (!rc)
		rc = guest_find(s->name, &guest);
	if (!rc)
		return fail(EUCLEAN, "the domain is still there after it was saved");
	if (rc == -ESRCH)
		rc = basis_check_gone(&s->guest);
	return rc ? rc : basis_check_frames(&s->basis);
}

int round_save_and_restore(struct stress *s, struct round *r, struct draw *draw, const char *file)
{
	struct save_how how = { .file = SAVED, .index = draw_below(draw, 2) };
	int rc = round_save(s, r, draw, &how);

	if (!rc)
		rc = expect_gone(s);
	if (rc)
		return rc;
	pause_between(s, draw);
	return round_restore(s, r, draw, file);
}

int round_copy(struct stress *s, struct round *r, struct draw *draw)
{
	struct save_how how = { .file = "copy.pvf", .index = draw_below(draw, 2), .keeps = true };
	char path[PATH_MAX];
	int rc = round_save(s, r, draw, &how);

	if (!rc)
		rc = round_simple(s, r, "verify", stress_path(s, "copy.pvf", path));
	if (rc >= 0)
		stress_drop(s, "copy.pvf");
	return rc;
}
