/*
 * The config of a running domain: what libxl keeps of it on disk, and what has changed since, which stands in xenstore.
 * In: a domain. Out: a config as xl would write it into a save file now. The trap: libxl's file is as old as the
 * domain's last change by libxl; balloon, vCPUs and name are changed without it.
 */
#include <errno.h>
#include <glob.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "machine/config-file.h"
#include "stream/format.h"
#include "text/text.h"

/* libxl writes the file with a zero byte at its end, which JSON does not want. -ENOENT without a reason. */
static int read_userdata(struct config *config, const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, CONFIG_MAX_BYTES + 1);
	int rc = 0;

	if (!file && errno == ENOENT)
		rc = -ENOENT;
	else if (!file || !text)
		rc = fail_errno("cannot open it");
	else if (!fread(text, 1, CONFIG_MAX_BYTES, file) && ferror(file))
		rc = fail_errno("cannot read it");
	else if (!*text)
		rc = fail(EBADMSG, "it is empty");
	else
		rc = config_parse_json(config, text);
	free(text);
	if (file)
		fclose(file);
	return rc;
}

/* What libxl knows of the domain; if it has no file, an object with both sections for what is added. */
static int fetch_userdata(struct config *config, uint32_t domain, const char *uuid)
{
	char path[4096], reason[512];
	int rc;

	config_file_path(path, sizeof(path), domain, uuid);
	rc = read_userdata(config, path);
	if (rc == -ENOENT) {
		say(SAY_DETAIL, "libxl keeps no config of domain %u: there is no %s", domain, path);
		config->is_made = true;
		return config_parse_json(config, "{ \"c_info\": {}, \"b_info\": {} }");
	}
	if (!rc)
		return 0;
	snprintf(reason, sizeof(reason), "%s", fail_reason());
	fail_forget();
	return fail(-rc,
		    "libxl's config of the domain cannot be used: %s: %s. Put the file right; or rename it, "
		    "and the "
		    "domain is saved without its kernel, disks and on_* settings",
		    path, reason);
}

static void key_set(struct json_object *object, const char *key, struct json_object *value)
{
	json_object_object_add(object, key, value);
}

static struct json_object *object_in(struct json_object *object, const char *key)
{
	struct json_object *found = NULL;

	if (!json_object_object_get_ex(object, key, &found) ||
	    !json_object_is_type(found, json_type_object)) {
		found = json_object_new_object();
		key_set(object, key, found);
	}
	return found;
}

/* A vCPU without a node counts as on. */
static void update_vcpus(struct json_object *build, struct host *host, const struct domain_facts *facts)
{
	struct json_object *list = json_object_new_array();

	for (unsigned int i = 0; i < facts->vcpus; i++) {
		char *state = store_read(host, "/local/domain/%u/cpu/%u/availability", facts->id, i);

		if (!state || strcmp(state, "offline"))
			json_object_array_add(list, json_object_new_int(i));
		free(state);
	}
	key_set(build, "max_vcpus", json_object_new_int(facts->vcpus));
	key_set(build, "avail_vcpus", list);
}

/* A number of KiB in xenstore, or what it is if none stands there. */
static int64_t read_kib(struct host *host, uint32_t domain, const char *node, int64_t otherwise)
{
	char *text = store_read(host, "/local/domain/%u/memory/%s", domain, node);
	uint64_t value = 0;

	if (text)
		text_number(text, INT64_MAX, &value);
	free(text);
	return value ? (int64_t)value : otherwise;
}

/* What xenstore lacks, a domain of another toolstack, is what Xen has: frames of 4 KiB. */
static void update_memory(struct json_object *build, struct host *host, const struct domain_facts *facts)
{
	int64_t target = read_kib(host, facts->id, "target", facts->frames * 4);
	int64_t most = read_kib(host, facts->id, "static-max", facts->most_frames * 4);

	key_set(build, "target_memkb", json_object_new_int64(target));
	key_set(build, "max_memkb", json_object_new_int64(most));
}

/*
 * The label that the domain has now, where libxl looks for it: exec_ssid_label is what
 * a domain gets when it has been built with another. The usual label is this host's
 * default and no matter of the domain's, unless its config named another one. Where Xen
 * has no FLASK the config keeps what it has. The numbers are of this host only.
 */
static int update_label(struct json_object *create, struct json_object *build, struct domain *domain)
{
	bool has_two = json_object_object_get_ex(build, "exec_ssid_label", NULL), is_usual;
	char label[LABEL_BYTES];
	int rc = domain_label(domain, label, &is_usual);

	json_object_object_del(create, "ssidref");
	json_object_object_del(build, "exec_ssidref");
	if (rc || !*label)
		return rc;
	if (has_two)
		key_set(build, "exec_ssid_label", json_object_new_string(label));
	else if (!is_usual || json_object_object_get_ex(create, "ssid_label", NULL))
		key_set(create, "ssid_label", json_object_new_string(label));
	return 0;
}

/* What has changed since stands in xenstore. */
static int bring_up_to_date(struct config *config, struct domain *domain, const struct domain_facts *facts)
{
	struct host *host = domain_host(domain);
	struct json_object *create, *build;
	char uuid[37], *name;
	int rc;

	uuid_format(facts->uuid, uuid);
	create = object_in(config->root, "c_info");
	build = object_in(config->root, "b_info");
	name = store_read(host, "/local/domain/%u/name", facts->id);
	if (!name) {
		config_release(config);
		return fail(ENOENT, "domain %u has no name in xenstore", facts->id);
	}
	/*
	 * Of a domain without libxl's file these are all there is; in one with it they are the newer ones. "type.pv" is
	 * the key of libxl's union for PV.
	 */
	json_object_object_del(create,
			       "xsdata"); /* of one restart by a watcher, see toolstack/restart-left.c */
	key_set(create, "type", json_object_new_string("pv"));
	key_set(create, "name", json_object_new_string(name));
	key_set(create, "uuid", json_object_new_string(uuid));
	free(name);
	object_in(build, "type.pv");
	update_vcpus(build, host, facts);
	update_memory(build, host, facts);
	rc = update_label(create, build, domain);
	if (rc)
		config_release(config);
	return rc;
}

int config_fetch(struct config *config, struct domain *domain, const struct domain_facts *facts)
{
	char uuid[37];
	int rc;

	*config = (struct config){ 0 };
	uuid_format(facts->uuid, uuid);
	rc = fetch_userdata(config, facts->id, uuid);
	return rc ? rc : bring_up_to_date(config, domain, facts);
}

int config_fetch_from(struct config *config, const char *text, struct domain *domain,
		      const struct domain_facts *facts)
{
	int rc;

	if (!text)
		return config_fetch(config, domain, facts);
	*config = (struct config){ 0 };
	rc = config_parse_json(config, text);
	return rc ? rc : bring_up_to_date(config, domain, facts);
}

/* All files of one domain are of one UUID: no other domain has its id. */
int config_rename(uint32_t domain, const char *name)
{
	struct config config = { 0 };
	char pattern[4096];
	glob_t found;
	int rc = 0;

	config_file_path(pattern, sizeof(pattern), domain, "*");
	if (glob(pattern, 0, NULL, &found))
		return 0;
	for (size_t i = 0; !rc && i < found.gl_pathc; i++) {
		if (read_userdata(&config, found.gl_pathv[i])) {
			fail_forget(); /* then it is not ours to write */
			continue;
		}
		key_set(object_in(config.root, "c_info"), "name", json_object_new_string(name));
		rc = config_file_write(found.gl_pathv[i], config_text(&config));
		config_release(&config);
	}
	globfree(&found);
	return rc;
}
