/*
 * xl's description of a domain: libxl_domain_config as JSON, the first thing
 * in an image. Where the toolstack keeps that of a running domain is libxl's
 * userdata file, /var/lib/xen/userdata-d.DOMID.UUID.libxl-json.
 */
#ifndef MACHINE_CONFIG_H
#define MACHINE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "stream/bytes.h"
#include "xen/domain.h"

struct config {
	struct json_object *root;
	bool is_made; /* libxl keeps none of the domain: this has only what Xen and xenstore know */
};

/*
 * Checks that it has what a restore needs. Text, values and depth are bounded; after a failure there
 * is nothing to release. Of an image, another process parses it: see config-flat.h.
 */
int config_parse(struct config *config, const char *text);
/* The same of any config that libxl could have written. */
int config_parse_json(struct config *config, const char *text);
void config_release(struct config *config);

/*
 * That of a running domain, brought up to date from xenstore. A domain that libxl
 * has no file of, made by other tools, gets one that is_made. A file that is there
 * but cannot be read or understood is an error, as in xl: without it the image would
 * lack the domain's kernel, disks and on_* settings.
 */
int config_fetch(struct config *config, struct domain *domain, const struct domain_facts *facts);
/* The same of the config that libxl itself tells (see toolstack_config()), unless that is NULL. */
int config_fetch_from(struct config *config, const char *text, struct domain *domain,
		      const struct domain_facts *facts);

/* Lent until the next call on the config. */
const char *config_text(const struct config *config);
const char *config_name(const struct config *config);
void config_set_name(struct config *config, const char *name);
bool config_uuid(const struct config *config, uint8_t uuid[16]);
void config_set_uuid(struct config *config, const uint8_t uuid[16]);

/* A number in b_info or c_info, or what it is if it does not stand there. */
int64_t config_number(const struct config *config, const char *section, const char *key, int64_t otherwise);
/*
 * How many pfns can a guest honestly have? What its toolstack promised it at
 * most (in frames), twice, and room for the holes below 4 GiB that a PC has.
 */
static inline uint64_t most_pfns(uint64_t promised_frames)
{
	uint64_t most = 2 * promised_frames + (1 << 20);

	return promised_frames < PFN_LIMIT && most < PFN_LIMIT ? most : PFN_LIMIT;
}
/* The same, of what the config promises. */
uint64_t config_most_pfns(const struct config *config);

/* A string there; NULL if there is none. */
const char *config_string(const struct config *config, const char *section, const char *key);
/* Whether libxl's "True" stands at a key of an object in b_info. */
bool config_build_flag(const struct config *config, const char *object, const char *key);
/* Which of the vCPUs are to be online: all, unless avail_vcpus lists some. */
void config_vcpus_available(const struct config *config, bool *available, unsigned int vcpus);
/* "disks, nics": devices that the config gives the domain; "" if none. */
void config_devices(const struct config *config, char *text, size_t room);

/* Has a domain of this config, libxl's JSON, a disk that it may write to? */
bool config_writes_disks(const char *text);
/* Which they are: "xvda /dev/vg0/web1" and an end of line for each, on which nothing else stands. The caller's to free; NULL without memory. */
char *config_written_disks(const char *text);
/*
 * Of those the ones whose file is not all there is of them while qemu serves them: "xvda (qcow2), xvdb (vhd)", "" if there are
 * none. As above.
 */
char *config_cached_disks(const char *text);
/* How many devices of kinds that are known (config-keys.h). */
unsigned int config_count_devices(const struct config *config);

/*
 * Does the config say on which processors or nodes the domain runs, or with what share of them? Only libxl carries that
 * out: affinity, scheduler, cpupool, virtual NUMA.
 */
bool config_places(const struct config *config);
/* May libxl choose a node of the host for it? It does where the host has several. */
bool config_wants_node(const struct config *config);

/* The xl header and the config, as an image begins. */
void config_save(const struct config *config, struct bytes *out);

/* Does a toolstack keep such a file of a domain? "libxl-json", "libvirt-xml". */
bool config_has_file(uint32_t domain, const char *uuid, const char *kind);
/* Keeps the config where libxl looks for it, or removes it. */
int config_keep(const struct config *config, uint32_t domain);
void config_forget(uint32_t domain);
/* Writes another name into what is kept; fine if nothing is. */
int config_rename(uint32_t domain, const char *name);

/* 36 characters and a zero byte. */
void uuid_format(const uint8_t uuid[16], char text[37]);
bool uuid_parse(const char *text, uint8_t uuid[16]);
/* A new random one. */
int uuid_make(uint8_t uuid[16]);

#endif
