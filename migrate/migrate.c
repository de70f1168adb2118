/*
 * The story of a save, stage by stage. Everything that can fail for a reason
 * that was there before is looked at before the guest is stopped.
 *
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
#include "migrate/send-batch.h"
#include "stop.h"
#include "version.h"

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* --- while the guest runs -------------------------------------------- */

static int look_at_guest(struct migration *m)
{
	unsigned int width;
	int rc = domain_facts(m->domain, &m->facts);

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
	rc = cpu_policy_save(m->domain, &m->policy);
	return rc ? rc : config_fetch(&m->config, m->domain, &m->facts);
}

/* --- from here on it is stopped -------------------------------------- */

static void note(const struct migration *m)
{
	if (m->note)
		m->note(m);
}

static int suspend_guest(struct migration *m)
{
	uint64_t asked = now_ns();
	int rc;

	m->is_asked = true;
	note(m);
	rc = domain_suspend(m->domain, m->options.timeout_seconds);
	m->is_asked = !rc;
	m->is_suspended = !rc;
	if (!rc)
		m->figures.stopped_at_ns = now_ns();
	note(m);
	if (rc)
		return rc;
	say(SAY_DETAIL, "the guest took %lu ms to suspend", (m->figures.stopped_at_ns - asked) / 1000000);
	return domain_facts(m->domain, &m->facts);
}

/* As many as its toolstack's word lets it have. */
static uint64_t promised_pfns(const struct migration *m)
{
	char *text = store_read(domain_host(m->domain), "/local/domain/%u/memory/static-max", m->facts.id);
	uint64_t promised = text ? strtoull(text, NULL, 10) / 4 : 0;

	free(text);
	if (promised < m->facts.most_frames && m->facts.most_frames < PFN_LIMIT)
		promised = m->facts.most_frames;
	return most_pfns(promised);
}

static void count_frames(struct migration *m)
{
	m->figures.pfns = m->p2m.count;
	for (uint64_t pfn = 0; pfn < m->p2m.count; pfn++) {
		unsigned int type = m->p2m.type[pfn];

		m->figures.frames += frame_is_populated(type);
		m->figures.tables += frame_level(type) != 0;
		m->figures.pinned += frame_level(type) && type & FRAME_PINNED;
	}
}

static int find_p2m(struct migration *m)
{
	struct p2m_source source = { m->domain, m->layout, m->shared_info };
	int rc = p2m_find(&m->p2m, &source, m->options.p2m, promised_pfns(m));

	if (!rc)
		rc = p2m_fetch_types(&m->p2m, m->domain);
	if (!rc)
		rc = inverse_init(&m->inverse, &m->p2m);
	if (rc)
		return rc;
	count_frames(m);
	say(SAY_DETAIL, "p2m (%s): %lu pfns, %lu frames, %lu page tables, %lu pinned",
	    p2m_form_name(m->p2m.form), m->figures.pfns, m->figures.frames, m->figures.tables,
	    m->figures.pinned);
	return 0;
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

static void put_stream_headers(const struct host_facts *host, struct bytes *out)
{
	struct libxl_header libxl = { htobe64(LIBXL_MAGIC), htobe32(LIBXL_VERSION), 0 };
	struct image_header image = { .marker = IMAGE_MARKER,
				      .id_be = htobe32(IMAGE_ID),
				      .version_be = htobe32(IMAGE_VERSION) };
	struct domain_header domain = { DOMAIN_X86_PV, PAGE_BITS, 0, host->xen_major, host->xen_minor };

	bytes_put(out, &libxl, sizeof(libxl));
	record_put(out, LIBXL_LIBXC_CONTEXT, NULL, 0);
	bytes_put(out, &image, sizeof(image));
	bytes_put(out, &domain, sizeof(domain));
}

static int put_p2m_frames(const struct migration *m, struct bytes *out)
{
	uint64_t end = m->p2m.count - 1;
	struct p2m_frames frames = { 0, end };
	struct record_header header = { RECORD_X86_PV_P2M_FRAMES,
					sizeof(frames) + m->p2m.leaves * sizeof(uint64_t) };

	bytes_put(out, &header, sizeof(header));
	bytes_put(out, &frames, sizeof(frames));
	for (uint64_t i = 0; i < m->p2m.leaves; i++) {
		uint64_t pfn = inverse_pfn_once(&m->inverse, m->p2m.leaf[i].n);

		if (pfn == INVALID_FRAME)
			return fail(ERANGE, "part %lu of the p2m lies in mfn %#lx, which is not the guest's",
				    i, m->p2m.leaf[i].n);
		bytes_put(out, &pfn, sizeof(pfn));
	}
	return 0;
}

static int send_opening(struct migration *m)
{
	struct bytes opening = { 0 };
	struct host_facts host;
	char *provenance;
	int rc = host_facts(domain_host(m->domain), &host);

	if (rc)
		return rc;
	provenance = make_provenance(m, &host);
	if (!provenance)
		return fail(ENOMEM, "out of memory");
	rc = writer_init(&m->writer, m->to, m->options.level, m->figures.frames, provenance);
	free(provenance);
	config_save(&m->config, &opening);
	put_stream_headers(&host, &opening);
	guest_info_save(m->layout, &opening);
	bytes_put(&opening, m->policy.at, m->policy.count);
	record_put(&opening, RECORD_STATIC_DATA_END, NULL, 0);
	if (!rc)
		rc = put_p2m_frames(m, &opening);
	if (!rc)
		rc = writer_group(&m->writer, &opening);
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
	int rc = tsc_save(m->domain, &closing);

	shared_info_save(m->shared_info, &closing);
	if (!rc)
		rc = vcpus_save(m->domain, m->layout, &m->inverse, &memory, &closing);
	record_put(&closing, RECORD_END, NULL, 0);
	record_put(&closing, LIBXL_END, NULL, 0);
	if (!rc)
		rc = writer_group(&m->writer, &closing);
	bytes_release(&closing);
	return rc;
}

static int finish(struct migration *m)
{
	int rc = writer_finish(&m->writer);

	m->figures.stored_bytes = m->to->bytes;
	m->figures.expanded_bytes = m->options.level == LEVEL_PLAIN ? m->to->bytes : m->writer.expanded;
	return rc;
}

static const struct stage {
	const char *name;
	int (*run)(struct migration *m);
} stages[] = {
	{ "look at the guest", look_at_guest },
	{ "suspend", suspend_guest },
	{ "find the p2m", find_p2m },
	{ "opening", send_opening },
	{ "memory", send_memory },
	{ "check the p2m", check_p2m },
	{ "closing", send_closing },
	{ "finish", finish },
};

int migration_send(struct migration *m, struct domain *domain, struct channel *to,
		   const struct migrate_options *options)
{
	m->domain = domain;
	m->to = to;
	m->options = *options;
	for (size_t i = 0; i < sizeof(stages) / sizeof(*stages); i++) {
		uint64_t start = now_ns();
		int rc = stop_requested();

		if (!rc)
			rc = stages[i].run(m);
		say(SAY_DETAIL, "%s: %.1f ms%s", stages[i].name, (now_ns() - start) / 1e6,
		    rc ? ", failed" : "");
		if (rc)
			return rc;
	}
	return 0;
}

void migration_release(struct migration *m)
{
	writer_release(&m->writer);
	inverse_release(&m->inverse);
	p2m_release(&m->p2m);
	bytes_release(&m->policy);
	config_release(&m->config);
	domain_unmap(m->domain, m->shared_info, 1);
	m->shared_info = NULL;
}
