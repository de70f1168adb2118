/*
 * The story of a save, stage by stage. Everything that can fail for a reason that was there before is looked at before
 * the guest is stopped.
 * In: a running domain, a channel. Out: the stream, and a suspended guest. The trap: from "suspend" on a failure leaves
 * a stopped guest, which the callers (sender.c, and the processes above it) resume; nothing here does.
 * Mirror: restore/restore.c
 */
#include "migrate/migrate.h"

#include <endian.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "migrate/increment.h"
#include "migrate/p2m-snapshot.h"
#include "migrate/precopy.h"
#include "migrate/run-on.h"
#include "migrate/send-batch.h"
#include "migrate/untyped.h"
#include "process/stop.h"
#include "version.h"

enum { FIRST_LOOKS = 500 }; /* with 10 ms between: far longer than a guest needs to move its p2m */

/* --- while the guest runs -------------------------------------------- */

static int look_at_guest(struct migration *m)
{
	unsigned int width;
	int rc = host_check(domain_host(m->domain));

	if (!rc)
		rc = domain_facts(m->domain, &m->facts);
	if (!rc)
		rc = domain_width(m->domain, &width);
	if (rc)
		return rc;
	m->layout = layout_of(width);
	if (!m->layout)
		return fail(EOPNOTSUPP, "domain %u has words of %u bytes", m->facts.id, width);
	m->shared_info = domain_map(m->domain, &m->facts.shared_info, 1, false, NULL);
	if (!m->shared_info)
		return fail(EFAULT, "cannot map the shared info page of domain %u", m->facts.id);
	rc = p2m_check_size(m);
	if (!rc)
		rc = cpu_policy_save(m->domain, &m->policy);
	return rc || m->options.bare ? rc
				     : config_fetch_from(&m->config, m->options.config, m->domain, &m->facts);
}

/* --- from here on it is stopped -------------------------------------- */

static void migration_note(const struct migration *m)
{
	if (m->note)
		m->note(m);
}

/* The guest may have taken the request when the time was over: then it still counts as asked. */
static int ask_guest(struct migration *m)
{
	bool is_on_its_way = false;
	int rc = m->options.suspend ? m->options.suspend(m->domain, m->options.context)
				    : domain_suspend(m->domain, m->options.timeout_seconds, &is_on_its_way);

	m->is_asked = !rc || is_on_its_way;
	m->is_suspended = !rc;
	m->has_ended = rc == -ESHUTDOWN || rc == -ESRCH;
	return rc;
}

static int suspend_guest(struct migration *m)
{
	int rc = m->asking ? m->asking(m) : 0;

	if (rc)
		return rc;
	/* It counts as asked before it is: a process that finds us dead then withdraws the request. */
	m->figures.asked_at_ns = now_ns();
	m->is_asked = true;
	live_enter(m->options.live, LIVE_SUSPENDING, m->figures.asked_at_ns);
	migration_note(m);
	rc = ask_guest(m);
	if (!rc) {
		m->figures.stopped_at_ns = now_ns();
		stop_when_late(m->options.max_suspended_seconds, m->options.max_suspended_seconds * 1000);
	}
	migration_note(m);
	if (rc)
		return rc;
	m->is_held = m->hold != NULL;
	say(SAY_DETAIL, "the guest took %lu ms to suspend",
	    (m->figures.stopped_at_ns - m->figures.asked_at_ns) / 1000000);
	return domain_facts(m->domain, &m->facts);
}

static int say_p2m(const struct migration *m)
{
	say(SAY_DETAIL, "p2m (%s): %lu pfns, %lu frames, %lu page tables, %lu pinned",
	    p2m_form_name(m->p2m.form), m->figures.pfns, m->figures.frames, m->figures.tables,
	    m->figures.pinned);
	return increment_follow(m);
}

static int find_p2m(struct migration *m)
{
	int rc = p2m_snapshot_renew(m);

	return rc ? rc : say_p2m(m);
}

/* A guest that runs may be in the middle of a change, and will be out of it soon. */
static int find_moving_p2m(struct migration *m)
{
	struct timespec nap = { 0, 10 * 1000 * 1000 };
	int rc = p2m_snapshot_renew(m);

	for (int i = 0; i < FIRST_LOOKS && rc && !stop_requested(); i++) {
		fail_forget();
		nanosleep(&nap, NULL);
		rc = p2m_snapshot_renew(m);
	}
	return rc ? rc : say_p2m(m);
}

/* --- head and opening ------------------------------------------------- */

static char *make_provenance(const struct migration *m, const struct host_facts *host)
{
	struct json_object *json = json_object_new_object();
	char uuid[37], name[256] = "", when[32];
	time_t now = time(NULL);
	struct tm utc;
	char *text;

	uuid_format(m->facts.uuid, uuid);
	gethostname(name, sizeof(name) - 1);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	json_object_object_add(json, "domain", json_object_new_string(config_name(&m->config)));
	json_object_object_add(json, "uuid", json_object_new_string(uuid));
	json_object_object_add(json, "domid", json_object_new_int(m->facts.id));
	json_object_object_add(json, "host", json_object_new_string(name));
	json_object_object_add(json, "saved", json_object_new_string(when));
	json_object_object_add(json, "pvferry", json_object_new_string(PVFERRY_VERSION));
	json_object_object_add(json, "xen", json_object_new_string(host->xen_version));
	json_object_object_add(json, "p2m", json_object_new_string(p2m_form_name(m->p2m.form)));
	text = strdup(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN |
								   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(json);
	return text;
}

static void put_wrapper(const struct migration *m, struct bytes *out)
{
	struct libxl_header libxl = { htobe64(LIBXL_MAGIC), htobe32(LIBXL_VERSION), 0 };

	config_save(&m->config, out);
	increment_mark(&m->options, out);
	bytes_put(out, &libxl, sizeof(libxl));
	record_put(out, LIBXL_LIBXC_CONTEXT, NULL, 0);
}

static void put_stream_headers(const struct host_facts *host, struct bytes *out)
{
	struct image_header image = { .marker = IMAGE_MARKER,
				      .id_be = htobe32(IMAGE_ID),
				      .version_be = htobe32(IMAGE_VERSION) };
	struct domain_header domain = { DOMAIN_X86_PV, PAGE_BITS, 0, host->xen_major, host->xen_minor };

	bytes_put(out, &image, sizeof(image));
	bytes_put(out, &domain, sizeof(domain));
}

static int open_writer(struct migration *m, const struct host_facts *host)
{
	struct writer_head head = { .frames = m->figures.frames,
				    .features = (m->options.live ? FEATURE_ROUNDS : 0) |
						increment_features(&m->options) };
	char *provenance;
	int rc;

	if (m->options.bare)
		return writer_init(&m->writer, m->to, m->options.level, NULL);
	provenance = make_provenance(m, host);
	if (!provenance)
		return fail(ENOMEM, "out of memory");
	head.json = provenance;
	rc = writer_init(&m->writer, m->to, m->options.level, &head);
	m->writer.index = m->options.index;
	free(provenance);
	return rc;
}

static int send_opening(struct migration *m)
{
	struct bytes opening = { 0 };
	struct host_facts host;
	int rc = host_facts(domain_host(m->domain), &host);

	if (!rc)
		rc = open_writer(m, &host);
	if (rc)
		return rc;
	if (!m->options.bare)
		put_wrapper(m, &opening);
	put_stream_headers(&host, &opening);
	guest_info_save(m->layout, &opening);
	bytes_put(&opening, m->policy.at, m->policy.count);
	record_put(&opening, RECORD_STATIC_DATA_END, NULL, 0);
	put_p2m_frames(m, &opening);
	rc = send_group(m, &opening);
	bytes_release(&opening);
	return rc;
}

/* --- closing ----------------------------------------------------------- */

static int check_p2m(struct migration *m)
{
	return p2m_check_unmoved(&m->p2m, m->domain, m->shared_info);
}

static int send_closing(struct migration *m)
{
	struct destination memory = { m->p2m.mfn, m->p2m.type, m->p2m.count };
	struct bytes closing = { 0 };
	int rc;

	m->figures.copied_at_ns = now_ns();
	live_enter(m->options.live, LIVE_STATE, m->figures.copied_at_ns);
	rc = tsc_save(m->domain, &closing);
	shared_info_save(m->shared_info, &closing);
	if (!rc)
		rc = vcpus_save(m->domain, m->layout, &m->inverse, &memory, &closing);
	record_put(&closing, RECORD_END, NULL, 0);
	if (!m->options.bare)
		record_put(&closing, LIBXL_END, NULL, 0);
	if (!rc)
		rc = send_group(m, &closing);
	bytes_release(&closing);
	m->figures.ready_at_ns = now_ns();
	return rc;
}

static int migration_finish(struct migration *m)
{
	int rc = writer_finish(&m->writer);

	m->figures.stored_bytes = m->to->bytes;
	m->figures.expanded_bytes = m->options.level == LEVEL_PLAIN ? m->to->bytes : m->writer.expanded;
	return rc;
}

struct stage {
	const char *name;
	int (*run)(struct migration *m);
};

/* The order on the wire is libxc's, which stock tools read. */
static const struct stage stopped_stages[] = {
	{ "look at the guest", look_at_guest },
	{ "prepare the buffer", buffer_prepare },
	{ "touch the buffer", buffer_touch },
	{ "suspend", suspend_guest },
	{ "begin what goes beside", moment_begin },
	{ "find the p2m", find_p2m },
	{ "opening", send_opening },
	{ "prepare to look for tables", untyped_init },
	{ "memory", send_memory },
	{ "look for tables without a type", untyped_refuse },
	{ "check the p2m", check_p2m },
	{ "closing", send_closing },
	{ "await what goes beside", moment_await },
	{ "resume", resume_early },
	{ "write what was held", buffer_write },
	{ "finish", migration_finish },
	{ NULL, NULL },
};

static const struct stage live_stages[] = {
	{ "look at the guest", look_at_guest },
	{ "find the p2m", find_moving_p2m },
	{ "opening", send_opening },
	{ "prepare", precopy_begin },
	{ "prepare the buffer", buffer_prepare },
	{ "prepare to look for tables", untyped_init },
	{ "rounds", precopy_rounds },
	{ "touch the buffer", buffer_touch },
	{ "suspend", suspend_guest },
	{ "begin what goes beside", moment_begin },
	{ "last round", precopy_last },
	{ "look for tables without a type", untyped_refuse },
	{ "closing", send_closing },
	{ "await what goes beside", moment_await },
	{ "resume", resume_early },
	{ "write what was held", buffer_write },
	{ "finish", migration_finish },
	{ NULL, NULL },
};

static int run_stages(struct migration *m, const struct stage *stage)
{
	int rc = 0;

	for (; stage->run && !rc; stage++) {
		uint64_t start = now_ns();

		rc = stop_requested();
		if (!rc)
			rc = stage->run(m);
		say(SAY_DETAIL, "%s: %.1f ms%s", stage->name, (now_ns() - start) / 1e6, rc ? ", failed" : "");
	}
	return rc;
}

int migration_send(struct migration *m, struct domain *domain, struct channel *to,
		   const struct migrate_options *options)
{
	int rc;

	m->domain = domain;
	m->to = to;
	m->options = *options;
	live_enter(options->live, LIVE_SETUP, now_ns());
	rc = run_stages(m, options->live ? live_stages : stopped_stages);
	if (!rc)
		live_enter(options->live, LIVE_SENT, now_ns());
	if (!rc && m->sent)
		m->sent(m);
	return precopy_end(m, rc);
}

void migration_release(struct migration *m)
{
	moment_cancel(m);
	buffer_release(m);
	writer_release(&m->writer);
	untyped_release(m);
	inverse_release(&m->inverse);
	p2m_release(&m->p2m);
	bytes_release(&m->policy);
	config_release(&m->config);
	domain_unmap(m->domain, m->shared_info, 1);
	m->shared_info = NULL;
}
