/* See sending.h. */
#include "cli/sending.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/use.h"
#include "log.h"
#include "machine/devices.h"
#include "machine/watch.h"
#include "migrate/movable.h"
#include "migrate/recover.h"

int level_of(const struct option_value *value)
{
	return value->word >= 0 ? LEVEL_AUTO : value->number;
}

static bool is_gone_over(enum obstacle obstacle, struct movable *wish)
{
	bool is_device = obstacle == OBSTACLE_DEVICES || obstacle == OBSTACLE_FIXED_DEVICE;

	wish->has_devices = obstacle == OBSTACLE_DEVICES && wish->carries_devices && !wish->without_devices;
	return wish->has_devices || (is_device && wish->without_devices) ||
	       (obstacle == OBSTACLE_LIBVIRT && wish->force);
}

static int check_obstacles(struct domain *domain, struct movable *wish)
{
	struct domain_facts facts;
	enum obstacle obstacle;
	char text[512];
	int rc = domain_facts(domain, &facts);

	if (!rc)
		rc = use_check(&facts);
	if (!rc)
		rc = find_obstacle(domain, &facts, &obstacle, text, sizeof(text));
	if (rc || obstacle == OBSTACLE_NONE)
		return rc;
	if (!is_gone_over(obstacle, wish))
		return fail(EOPNOTSUPP, "%s%s", text,
			    obstacle == OBSTACLE_LIBVIRT	? " (--force continues anyway)"
			    : obstacle >= OBSTACLE_FIXED_DEVICE ? " (--without-devices continues anyway)"
								: "");
	if (obstacle == OBSTACLE_LIBVIRT) {
		/* Its devices have not been looked at. */
		wish->has_devices = wish->carries_devices && !wish->without_devices &&
				    devices_exist(domain_host(domain), facts.id);
		say(SAY_WARNING, "%s; going on", text);
	} else if (!wish->has_devices) {
		devices_list(domain_host(domain), facts.id, text, sizeof(text));
		say(SAY_WARNING, "going on without its devices: %s", text);
	}
	return 0;
}

static void fetch_name(struct host *host, uint32_t id, char name[256])
{
	char *has = store_read(host, "/local/domain/%u/name", id);

	snprintf(name, 256, "%s", has ? has : "");
	free(has);
}

int find_movable(const char *whom, struct movable *wish, uint32_t *id, char name[256])
{
	struct domain *domain = NULL;
	struct host *host;
	int rc;

	/* It may be the one that a save left suspended. */
	recover_saves();
	rc = host_open(&host);
	if (rc)
		return rc;
	rc = domain_find(host, whom, id);
	if (!rc)
		rc = domain_open(&domain, host, *id);
	if (!rc)
		rc = check_obstacles(domain, wish);
	if (!rc)
		fetch_name(host, *id, name);
	domain_close(domain);
	host_close(host);
	return rc;
}

const char *sent_outcome(const struct sent *sent, pid_t waiter, char *text)
{
	if (sent->is_suspended)
		return "the domain could not be resumed";
	if (sent->has_ended)
		return "it does not run, and was not sent";
	if (!sent->is_asked)
		return sent->was_asked ? "the domain runs on" : "the domain was not stopped";
	if (!waiter)
		return "the domain may suspend yet, and no process resumes it then";
	snprintf(text, OUTCOME_BYTES, "the domain may suspend yet: process %d waits for that and resumes it",
		 waiter);
	return text;
}

/* One that was not stopped has the watcher it had. */
void watch_sent(uint32_t id, const struct sent *sent)
{
	if (sent->figures.stopped_at_ns && !sent->is_suspended && !sent->has_ended)
		watch_resumed(id);
}
