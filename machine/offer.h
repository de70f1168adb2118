/*
 * What is said of a guest before it moves, so that the other host can refuse
 * it before anything was done. On the wire it is a JSON object and the guest's
 * CPU policy in the form of records.
 */
#ifndef MACHINE_OFFER_H
#define MACHINE_OFFER_H

#include "journal/journal.h"
#include "machine/offer-devices.h"
#include "stream/bytes.h"
#include "xen/domain.h"

struct json_object;

enum { OFFER_LANES_MOST = 16 }; /* connections */

struct offer {
	char job[JOB_DIGITS + 1];
	char domain[256]; /* its name, there and here */
	char uuid[37];
	uint64_t frames, pfns, max_memory_kib;
	unsigned int width; /* bytes of a guest word */
	char p2m[16];	    /* how its p2m will be read */
	char devices[256];  /* "disks, nics"; "" if it has none */
	struct offer_devices in_detail;
	uint64_t config_bytes;
	unsigned int lanes; /* connections */
	bool live, force, without_devices;
	bool early_devices; /* make its devices while it still runs at the source */
};

/* All but job, name, lanes and the flags, of a domain that is here; policy gets the records. config: libxl's, of a domain with devices; else NULL. */
int offer_fetch(struct offer *offer, struct domain *domain, const char *config, struct bytes *policy);

struct json_object *offer_to_json(const struct offer *offer);
/* As many pfns as a guest that was offered so may have; see most_pfns(). */
uint64_t offer_most_pfns(const struct offer *offer);
/* What makes no sense is refused. */
int offer_from_json(struct offer *offer, const struct json_object *json);
/* The same of one that another process has filled in, with any bytes. */
int offer_check(struct offer *offer);

#define DOMAIN_NAME_MOST (sizeof(((struct offer *)0)->domain) - 1)
/*
 * What keeps a text from being a domain's name, as the end of a sentence: "it is a
 * number"; NULL if nothing does. A number would be taken for an id; a slash ends up
 * in the paths of the toolstack's logs. Blanks and all of UTF-8 that can be seen are fine.
 */
const char *domain_name_defect(const char *name);

#endif
