/*
 * Certificates as files: what one says, and whether the three files of a PKI directory
 * (ca.pem, cert.pem, key.pem) let this host send and receive. Making them: cli/authority.h.
 */
#ifndef CLI_CERTIFICATE_H
#define CLI_CERTIFICATE_H

#include <time.h>

#include "cli/report.h"

#define CA_DEFAULT "/etc/pvferry/ca"

/* From then on "cert show", "doctor" and the example alert say that it is time to renew. */
enum { CERTIFICATE_WARN_DAYS = 30 };

struct certificate {
	char names[512]; /* of subjectAltName, what a peer checks: "host2, 192.0.2.7" */
	char name
		[256]; /* the first DNS name, what `allow` of the other host must have; "" if it has no name */
	char subject[256]; /* the common name */
	time_t from, until;
};

/* The first certificate of a PEM file: -ENOENT, -EACCES..., -EBADMSG, each with a reason that names the file. */
int certificate_read(const char *path, struct certificate *certificate);

/* Whole days, rounded down: 0 on its last day, negative once it has expired. */
long certificate_days_left(const struct certificate *certificate, time_t now);

/* "2027-11-26", UTC. */
const char *certificate_day(time_t time, char text[16]);

/* Is it ca's? False too if either cannot be read. */
bool certificate_is_signed_by(const char *path, const char *ca);

/* Adds what it finds of the directory to the report, with the commands that mend it. host: this host's name. */
void certificate_examine(struct report *report, const char *folder, const char *host);

/* One line for a certificate that can be read: names, expiry, and how to renew it. */
void certificate_examine_expiry(struct report *report, const char *check,
				const struct certificate *certificate, const char *renew);

#endif
