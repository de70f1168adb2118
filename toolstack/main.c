/* pvferry-toolstack: order by order, until the other side closes the socket; see toolstack.h. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "process/descriptors.h"
#include "process/program.h"
#include "toolstack/orders.h"
#include "toolstack/toolstack.h"
#include "version.h"

static const char log_path[] = "/var/log/xen/pvferry-toolstack.log";

static const struct {
	const char *name;
	int (*obey)(struct toolstack *t, struct json_object *order, struct json_object *answer);
} orders[] = {
	{ "config", toolstack_config },
	{ "create", toolstack_create },
	{ "run", toolstack_run },
	{ "keep", toolstack_keep },
	{ "abandon", toolstack_abandon },
	{ "destroy", toolstack_destroy },
	{ "watch", toolstack_watch },
	{ "quiet", toolstack_quiet },
	{ "free-memory", toolstack_free_memory },
	{ NULL, NULL },
};

static int obey(struct toolstack *t, const char *name, struct json_object *order, struct json_object *answer)
{
	for (int i = 0; orders[i].name; i++)
		if (!strcmp(name, orders[i].name))
			return orders[i].obey(t, order, answer);
	return fail(EINVAL, "there is no order \"%s\"", name);
}

static void serve(struct toolstack *t, struct json_object *order)
{
	struct json_object *answer = json_object_new_object();
	const char *name = order_text(order, "order");
	int rc;

	fail_forget();
	rc = obey(t, name, order, answer);
	json_object_object_add(answer, rc ? "failed" : "done", json_object_new_string(name));
	if (rc) {
		json_object_object_add(answer, "errno", json_object_new_int(-rc));
		json_object_object_add(answer, "reason", json_object_new_string(fail_reason()));
	}
	orders_answer(answer);
	json_object_put(answer);
	json_object_put(order);
}

void toolstack_open_log(void)
{
	int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	if (log < 0)
		log = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (log >= 0)
		dup2(log, STDERR_FILENO);
	if (log > STDERR_FILENO)
		close(log);
}

/*
 * Scripts and qemu inherit all of this. What they say goes where libxl's own words go, so that what the
 * user reads is one line.
 */
static void prepare_for_children(void)
{
	toolstack_open_log();
	fcntl(PROGRAM_FDS, F_SETFD, FD_CLOEXEC);
	umask(022);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	if (chdir("/"))
		say(SAY_DETAIL, "cannot change to /");
	signal(SIGPIPE, SIG_IGN); /* libxl gives its children the default */
}

static int toolstack_begin(struct toolstack *t)
{
	t->log = libxl_log_make();
	if (!t->log)
		return fail(ENOMEM, "out of memory");
	if (libxl_ctx_alloc(&t->ctx, LIBXL_VERSION, 0, libxl_log_logger(t->log)))
		return toolstack_fail(t, -1, "libxl cannot work here");
	return orders_begin(PROGRAM_FDS, t->ctx);
}

static void say_cannot_begin(int rc)
{
	struct json_object *answer = json_object_new_object();

	json_object_object_add(answer, "failed", json_object_new_string("begin"));
	json_object_object_add(answer, "errno", json_object_new_int(-rc));
	json_object_object_add(answer, "reason", json_object_new_string(fail_reason()));
	dprintf(PROGRAM_FDS, "%s\n", json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
	json_object_put(answer);
}

int main(int argc, char **argv)
{
	struct toolstack t = { 0 };
	struct json_object *order;
	struct stat stat;
	int rc;

	descriptors_open();
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		printf("pvferry-toolstack %s\n", PVFERRY_VERSION);
		return EXIT_SUCCESS;
	}
	if (argc != 1 || fstat(PROGRAM_FDS, &stat) || !S_ISSOCK(stat.st_mode)) {
		fprintf(stderr, "pvferry-toolstack is started by pvferry; see pvferry-toolstack(8).\n");
		return EXIT_FAILURE;
	}
	say_name = "pvferry-toolstack";
	prepare_for_children();
	rc = toolstack_begin(&t);
	if (rc) {
		say_cannot_begin(rc);
		return EXIT_FAILURE;
	}
	while (!t.watcher && (order = orders_take()))
		serve(&t, order);
	if (t.watcher)
		return toolstack_go_on_watching(&t) ? EXIT_FAILURE : EXIT_SUCCESS;
	/* Who gave the orders is gone, and the domain is no use without its memory. */
	if (t.made)
		toolstack_remove(&t, t.made);
	libxl_ctx_free(t.ctx);
	return EXIT_SUCCESS;
}
