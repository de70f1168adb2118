/* See recovery.h. */
#include "daemon/recovery.h"

#include <stdlib.h>

#include "daemon/program.h"
#include "journal/watch.h"
#include "log.h"

/* Waits double from a second. After the last try for a job that died, its end is "needs-resolve". */
enum { LONGEST_SECONDS = 300, TRIES_FOR_A_JOB = 6, LOOK_SECONDS = 60, LONGEST_LOOK_SECONDS = 3600 };

static void recovery_start_now(struct recovery *recovery);

/* What became of each job: news once. */
static void on_event(void *context, char *line, size_t length)
{
	const struct recovery *recovery = context;

	(void)length;
	say(recovery->tries ? SAY_DETAIL : SAY_NOTE, "resolve: %s", line);
}

static void on_note(void *context, char *line)
{
	(void)context;
	say(SAY_NOTE, "resolve: %s", line);
}

static void on_late(void *context)
{
	(void)context;
}

static void on_timer(uv_timer_t *timer)
{
	recovery_start_now(timer->data);
}

static void start_later(struct recovery *recovery)
{
	unsigned int seconds = recovery->tries < 9 ? 1U << recovery->tries : LONGEST_SECONDS;

	recovery->tries++;
	uv_timer_start(&recovery->timer, on_timer,
		       1000ULL * (seconds < LONGEST_SECONDS ? seconds : LONGEST_SECONDS), 0);
}

/* Whether or not it could do its work: the journals say what is left. */
static void recovery_look(struct recovery *recovery)
{
	bool is_left = jobs_settle(recovery->jobs, recovery->tries >= TRIES_FOR_A_JOB);

	if (recovery->is_wanted)
		recovery_start_now(recovery);
	else if (is_left)
		start_later(recovery);
}

static void on_ended(void *context, int status, int signal)
{
	struct recovery *recovery = context;

	recovery->child = NULL;
	if (status || signal)
		say(SAY_WARNING, "pvferry resolve --recover ended with %s %d", signal ? "signal" : "status",
		    signal ? signal : status);
	recovery_look(recovery);
}

static void recovery_start_now(struct recovery *recovery)
{
	static const struct program_calls calls = { on_event, on_note, on_late, on_ended };
	char *argv[] = { recovery->jobs->settings->pvferry, "resolve", "--recover", NULL };

	recovery->is_wanted = false;
	recovery->child = program_start(recovery->jobs->loop, argv, -1, &calls, recovery);
	if (recovery->child)
		return;
	say(SAY_WARNING, "%s", fail_reason());
	fail_forget();
	recovery_look(recovery);
}

static bool has_dead_watcher(void)
{
	struct watch *list;
	size_t count, dead = 0;

	if (watch_list(&list, &count)) {
		fail_forget();
		return false;
	}
	for (size_t i = 0; i < count; i++)
		dead += !list[i].watcher;
	free(list);
	return dead;
}

/* In place of one that cannot be started another one is tried ever more rarely. */
static void on_look(uv_timer_t *timer)
{
	struct recovery *recovery = timer->data;

	if (recovery->jobs->is_stopping || !has_dead_watcher()) {
		recovery->look_seconds = recovery->least_seconds;
	} else {
		recovery_want(recovery);
		if (recovery->look_seconds < LONGEST_LOOK_SECONDS)
			recovery->look_seconds *= 2;
	}
	uv_timer_start(timer, on_look, 1000ULL * recovery->look_seconds, 0);
}

int recovery_init(struct recovery *recovery, struct jobs *jobs)
{
	*recovery = (struct recovery){ .jobs = jobs };
	const char *seconds = secure_getenv("PVFERRY_WATCH_SECONDS");

	recovery->timer.data = recovery->look.data = recovery;
	recovery->least_seconds = seconds && atoi(seconds) > 0 ? atoi(seconds) : LOOK_SECONDS;
	recovery->look_seconds = recovery->least_seconds;
	uv_timer_init(jobs->loop, &recovery->look);
	uv_timer_start(&recovery->look, on_look, 1000ULL * recovery->look_seconds, 0);
	return uv_timer_init(jobs->loop, &recovery->timer);
}

void recovery_want(struct recovery *recovery)
{
	recovery->tries = 0;
	uv_timer_stop(&recovery->timer);
	if (recovery->child)
		recovery->is_wanted = true;
	else
		recovery_start_now(recovery);
}

void recovery_close(struct recovery *recovery)
{
	if (!uv_is_closing((uv_handle_t *)&recovery->timer))
		uv_close((uv_handle_t *)&recovery->timer, NULL);
	if (!uv_is_closing((uv_handle_t *)&recovery->look))
		uv_close((uv_handle_t *)&recovery->look, NULL);
}
