/* Orders to a migration, see events.h. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

#include "cli/events.h"
#include "log.h"
#include "process/stop.h"
#include "stream/body.h"

static void set_all(const struct json_object *set, struct live *live)
{
	int64_t downtime = body_number(set, "max-downtime", 0);
	int64_t bandwidth = body_number(set, "bandwidth", -1);

	if (downtime > 0 && downtime <= UINT32_MAX)
		live->max_downtime_ms = downtime;
	if (bandwidth >= 0 && bandwidth < INT64_MAX >> 20)
		live->bandwidth_bytes = bandwidth << 20;
}

static void take_order(const char *text, struct live *live)
{
	struct json_object *order = body_parse(text, strlen(text)), *set = NULL;

	if (!order) {
		say(SAY_WARNING, "not an order: %s", fail_reason());
		fail_forget();
		return;
	}
	if (json_object_object_get_ex(order, "set", &set) && live)
		set_all(set, live);
	if (body_flag(order, "cancel"))
		stop_ask();
	json_object_put(order);
}

void orders_take(struct orders *orders, struct live *live)
{
	ssize_t got = read(STDIN_FILENO, orders->line + orders->held,
			   sizeof(orders->line) - 1 - orders->held);
	char *end;

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0) {
		orders->is_over = true;
		return;
	}
	orders->held += got;
	orders->line[orders->held] = '\0';
	while ((end = strchr(orders->line, '\n'))) {
		*end = '\0';
		take_order(orders->line, live);
		orders->held -= end + 1 - orders->line;
		memmove(orders->line, end + 1, orders->held + 1);
	}
	if (orders->held == sizeof(orders->line) - 1) /* no order is so long */
		orders->held = 0;
}
