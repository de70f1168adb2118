/* Ours or the stock helper's? That is decided before a byte of the stream or a message has gone anywhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper/gate.h"
#include "helper/helper.h"
#include "helper/libxl.h"
#include "helper/stock.h"
#include "log.h"
#include "machine/gate.h"
#include "process/descriptors.h"
#include "process/stop.h"
#include "version.h"

static const char conf_path[] = "/etc/pvferry/helper.conf";

/* What is said while it is not yet known who the helper is. */
static enum say_level early_level[8];
static char early_text[8][1024];
static int early_count;

static void say_early(enum say_level level, const char *text)
{
	if (early_count == 8)
		return;
	early_level[early_count] = level;
	snprintf(early_text[early_count++], sizeof(early_text[0]), "%s", text);
}

static void say_for_libxl(void)
{
	say_to = libxl_say;
	for (int i = 0; i < early_count; i++)
		libxl_say(early_level[i], early_text[i]);
}

/* Nothing of it is undone: the one who goes on has to find all as libxl left it. */
static int hand_over(const struct settings *settings, char **argv)
{
	stock_exec(settings->stock_helper, argv);
	say_for_libxl();
	libxl_say_reason("cannot hand over");
	return EXIT_FAILURE;
}

static bool is_packed(void)
{
	const char *wire = getenv("PVFERRY_WIRE");

	return wire && !strcmp(wire, "zstd");
}

static int task_run(struct task *task)
{
	const char *gate = getenv(GATE_VARIABLE);
	int rc = stop_on_signals();

	if (rc) {
		libxl_say_reason("cannot begin");
		return EXIT_FAILURE;
	}
	say(SAY_DETAIL, "pvferry %s: domain %u", PVFERRY_VERSION, task->order.domain);
	if (gate && task->order.is_restore)
		return run_gate(&task->order, gate);
	if (task->order.is_debug)
		say(SAY_NOTE, "debug: the second pass, for the other side to compare, is not sent");
	return task->order.is_restore ? run_restore(task) : run_save(task);
}

static bool is_word(const char *given, const char *word)
{
	return given && !strcmp(given, word);
}

static const char usage[] = "pvferry-save-helper is started by libxl, in place of libxl-save-helper, if its\n"
			    "environment says LIBXL_SAVE_HELPER=%s; see pvferry-save-helper(8).\n";

int main(int argc, char **argv)
{
	const char *other_conf = getenv("PVFERRY_HELPER_CONF");
	struct task task = { 0 };
	bool is_ours;
	int rc;

	descriptors_open();
	task.is_packed = is_packed();
	if (is_word(argv[1], "--help") || is_word(argv[1], "-h")) {
		printf(usage, argv[0]);
		return EXIT_SUCCESS;
	}
	if (is_word(argv[1], "--version")) {
		printf("pvferry-save-helper %s\n", PVFERRY_VERSION);
		return EXIT_SUCCESS;
	}
	/* A mode of a later libxl begins with "--" as well. Anything else is a person's, and the stock helper fails an assertion on it. */
	if (argc < 2 || strncmp(argv[1], "--", 2) != 0) {
		fprintf(stderr, usage, argv[0]);
		return EXIT_FAILURE;
	}
	say_to = say_early;
	say_level = SAY_DETAIL;
	settings_read(&task.settings, other_conf ? other_conf : conf_path, getenv("PVFERRY_HELPER"));
	is_ours = order_parse(&task.order, argc, argv);
	rc = is_ours ? order_is_ours(&task.order, &is_ours) : 0;
	if (!rc && !is_ours)
		return hand_over(&task.settings, argv);
	say_for_libxl();
	if (rc) {
		libxl_say_reason("cannot look at the domain");
		return libxl_complete(rc) ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	return task_run(&task);
}
