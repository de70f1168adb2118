/* See events.h. */
#include "cli/command.h"
#include "cli/events.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "cli/display.h"
#include "log.h"
#include "process/stop.h"
#include "stream/body.h"
#include "stream/format.h"

enum { NS_IN_MS = 1000000 };

static struct json_object *new_event(const char *kind)
{
	struct json_object *event = json_object_new_object();

	body_put_text(event, "event", kind);
	return event;
}

/* From one moment to another, neither of which need have been; -1 then. */
static int64_t span_ms(uint64_t from_ns, uint64_t to_ns)
{
	return from_ns && to_ns >= from_ns ? (int64_t)((to_ns - from_ns) / NS_IN_MS) : -1;
}

static void put_span(struct json_object *object, const char *key, uint64_t from_ns, uint64_t to_ns)
{
	if (span_ms(from_ns, to_ns) >= 0)
		body_put_number(object, key, span_ms(from_ns, to_ns));
}

struct json_object *event_job(const char *job, const char *domain, uint32_t domid, const char *peer,
			      const char *role)
{
	struct json_object *event = new_event("job");

	body_put_text(event, "job", job);
	body_put_text(event, "domain", domain);
	body_put_number(event, "domid", domid);
	body_put_text(event, "peer", peer);
	body_put_text(event, "role", role);
	return event;
}

struct json_object *event_join(void)
{
	return new_event("join");
}

/* --- the source ------------------------------------------------------------- */

static const char *status_of(const struct move_status *status)
{
	enum live_phase phase = status->live.phase;

	if (status->stage >= MOVE_DONE)
		return "completed";
	if (status->sent.is_suspended || phase >= LIVE_LAST)
		return "device";
	if (status->sent.is_asked || phase == LIVE_SUSPENDING)
		return "pre-switchover";
	return phase == LIVE_ROUNDS ? "active" : "setup";
}

/*
 * How fast something grows, by what was seen of it before: over the last second, so that a round that has just begun shows
 * a rate as well. Each process shows one guest.
 */
struct meter {
	uint64_t at_ns,
		value; /* when a second began, and what it was then: at first when the memory began, and 0 */
	double speed;  /* a second; 0: not known yet */
};

static double meter_read(struct meter *meter, uint64_t value, uint64_t began_ns)
{
	enum { LEAST_MS = 800 };
	uint64_t now = now_ns();

	if (!meter->at_ns)
		meter->at_ns = began_ns;
	if (!meter->at_ns)
		return 0;
	if (!meter->speed && now > meter->at_ns) {
		meter->speed = (value - meter->value) * 1e9 / (now - meter->at_ns);
	} else if (now - meter->at_ns >= LEAST_MS * (uint64_t)NS_IN_MS) {
		meter->speed = value > meter->value ? (value - meter->value) * 1e9 / (now - meter->at_ns) : 0;
		meter->at_ns = now;
		meter->value = value;
	}
	return meter->speed;
}

/* What is not known is left out: a 0 would be read as "nothing moves". */
static void put_speed(struct json_object *ram, uint64_t wire_bytes, uint64_t began_ns)
{
	static struct meter wire;
	double speed = meter_read(&wire, wire_bytes, began_ns);

	if (speed > 0)
		json_object_object_add(ram, "mbps", json_object_new_double(speed * 8 / 1e6));
}

static struct json_object *ram_of(const struct move_status *status)
{
	static struct meter sent;
	struct json_object *ram = json_object_new_object();
	const struct live *live = &status->live;
	uint64_t pages = live->pages, looked_at = live->looked_at;
	uint64_t left = live->round > 1 ? live->dirty_pages : pages > looked_at ? pages - looked_at : 0;
	double pages_per_second = meter_read(&sent, live->sent_pages, live->phase_began_ns[LIVE_ROUNDS]);

	if (!pages)
		pages = status->sent.figures.frames;
	body_put_number(ram, "transferred", live->wire_bytes);
	body_put_number(ram, "remaining", status->stage >= MOVE_SENT ? 0 : left * PAGE_BYTES);
	body_put_number(ram, "total", pages * PAGE_BYTES);
	if (live->round > 1)
		body_put_number(ram, "dirty-pages-rate", live->dirty_pages_per_second);
	body_put_number(ram, "dirty-sync-count", live->round);
	put_speed(ram, live->wire_bytes, live->phase_began_ns[LIVE_ROUNDS]);
	body_put_number(ram, "page-size", PAGE_BYTES);
	if (pages_per_second > 0)
		body_put_number(ram, "pages-per-second", (int64_t)pages_per_second);
	return ram;
}

struct json_object *event_move_status(const struct move_status *status, uint64_t began_ns)
{
	struct json_object *event = new_event("status");
	const struct live *live = &status->live;

	body_put_text(event, "status", status_of(status));
	body_put_number(event, "total-time", span_ms(began_ns, now_ns()));
	if (live->round > 1)
		body_put_number(event, "expected-downtime", live->expected_downtime_ms);
	put_span(event, "setup-time", began_ns, live->phase_began_ns[LIVE_ROUNDS]);
	json_object_object_add(event, "ram", ram_of(status));
	return event;
}

/* The downtime in its parts. */
static struct json_object *phases_of(const struct move_status *status)
{
	struct json_object *phases = json_object_new_object();
	const _Atomic uint64_t *live = status->live.phase_began_ns, *move = status->began_ns;
	uint64_t stopped = status->sent.figures.stopped_at_ns;
	uint64_t sent = live[LIVE_SENT] ? live[LIVE_SENT] : move[MOVE_SENT];

	if (live[LIVE_STATE]) {
		put_span(phases, "last", stopped, live[LIVE_STATE]);
		put_span(phases, "state", live[LIVE_STATE], sent);
	} else {
		put_span(phases, "image", stopped, sent);
	}
	put_span(phases, "send", sent, move[MOVE_SENT]);
	put_span(phases, "build", move[MOVE_SENT], move[MOVE_READY]);
	put_span(phases, "go", move[MOVE_READY], move[MOVE_GO]);
	put_span(phases, "run", move[MOVE_GO], move[MOVE_RUNNING]);
	return phases;
}

static void put_round(struct json_object *rounds, unsigned int number, const struct live_round *kept,
		      bool is_stopped)
{
	struct json_object *round = json_object_new_object();

	if (!is_stopped)
		body_put_number(round, "round", number);
	if (kept->rounds > 1)
		body_put_number(round, "rounds", kept->rounds);
	json_object_object_add(round, "stopped", json_object_new_boolean(is_stopped));
	body_put_number(round, "pages", kept->pages);
	body_put_number(round, "bytes", kept->bytes);
	body_put_number(round, "time", kept->took_ns / NS_IN_MS);
	if (!is_stopped && number > 1)
		body_put_number(round, "expected-downtime", kept->expected_downtime_ms);
	json_object_array_add(rounds, round);
}

static struct json_object *rounds_of(const struct live *live)
{
	struct json_object *rounds = json_object_new_array();

	for (unsigned int i = 0; i < LIVE_ROUNDS_KEPT && live->kept[i].rounds; i++)
		put_round(rounds, i + 1, &live->kept[i], false);
	if (live->stopped.rounds)
		put_round(rounds, 0, &live->stopped, true);
	return rounds;
}

static const char *end_of(enum moved moved, const struct move_status *status)
{
	if (moved == NOT_MOVED && status->journal.stage != JOURNAL_GO && stop_was_asked())
		return "cancelled";
	return moved == MOVED ? "completed" : moved == UNSETTLED ? "needs-resolve" : "failed";
}

static void put_devices(struct json_object *event, const struct device_order *order)
{
	struct json_object *devices;

	if (!*order->reason)
		return;
	devices = json_object_new_object();
	body_put_text(devices, "order", order->is_early ? "early" : "late");
	body_put_text(devices, "reason", order->reason);
	json_object_object_add(event, "devices", devices);
}

struct json_object *event_move_end(const struct move_status *status, enum moved moved, uint64_t began_ns)
{
	uint64_t up = status->began_ns[MOVE_RUNNING];
	struct json_object *event = new_event("end");

	body_put_text(event, "status", end_of(moved, status));
	if (moved != MOVED)
		body_put_text(event, "error-desc", fail_reason());
	if (status->stage >= MOVE_RUNNING)
		body_put_number(event, "remote-domid", status->remote_domid);
	put_span(event, "suspend-time", status->live.phase_began_ns[LIVE_SUSPENDING],
		 status->sent.figures.stopped_at_ns);
	put_span(event, "downtime", status->sent.figures.stopped_at_ns, up ? up : status->resumed_ns);
	body_put_number(event, "total-time", span_ms(began_ns, now_ns()));
	json_object_object_add(event, "downtime-phases", phases_of(status));
	json_object_object_add(event, "rounds", rounds_of(&status->live));
	put_devices(event, &status->devices);
	json_object_object_add(event, "ram", ram_of(status));
	return event;
}

/* --- the destination ---------------------------------------------------------- */

static struct json_object *incoming_ram(const struct take_status *status)
{
	struct json_object *ram = json_object_new_object();

	uint64_t frames = status->offer.frames, pages = status->built->pages;

	body_put_number(ram, "transferred", status->wire_bytes);
	body_put_number(ram, "remaining", pages < frames ? (frames - pages) * PAGE_BYTES : 0);
	body_put_number(ram, "total", frames * PAGE_BYTES);
	put_speed(ram, status->wire_bytes, status->began_ns[TAKE_BUILDING]);
	body_put_number(ram, "page-size", PAGE_BYTES);
	return ram;
}

struct json_object *event_take_status(const struct take_status *status, uint64_t began_ns)
{
	struct json_object *event = new_event("status");

	body_put_text(event, "status",
		      status->stage >= TAKE_RUNNING   ? "completed"
		      : status->stage >= TAKE_READY   ? "device"
		      : status->stage == TAKE_WAITING ? "setup"
						      : "active");
	body_put_number(event, "total-time", span_ms(began_ns, now_ns()));
	json_object_object_add(event, "ram", incoming_ram(status));
	return event;
}

struct json_object *event_take_end(const struct take_status *status, int error, uint64_t began_ns)
{
	const _Atomic uint64_t *began = status->began_ns;
	struct json_object *event = new_event("end"), *phases = json_object_new_object();

	body_put_text(event, "status", !error ? "completed" : stop_was_asked() ? "cancelled" : "failed");
	if (error)
		body_put_text(event, "error-desc", fail_reason());
	body_put_number(event, "total-time", span_ms(began_ns, now_ns()));
	put_span(phases, "build", began[TAKE_BUILDING], began[TAKE_READY]);
	put_span(phases, "wait", began[TAKE_READY], began[TAKE_GO]);
	put_span(phases, "run", began[TAKE_GO], began[TAKE_RUNNING]);
	json_object_object_add(event, "phases", phases);
	json_object_object_add(event, "ram", incoming_ram(status));
	return event;
}

void event_tell(struct json_object *event, bool as_line)
{
	if (as_line) {
		const char *kind = body_text(event, "event");

		if (kind && !strcmp(kind, "end"))
			failure_told();
		print_json(stdout, event, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
		fflush(stdout);
	} else {
		display_event(event);
	}
	json_object_put(event);
}
