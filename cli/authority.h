/*
 * A certificate authority of pvferry's own, in a directory that only its owner reads: ca.pem,
 * ca.key (mode 0600), hosts/NAME. It signs a certificate for each host that sends or receives.
 * P-256 keys; written by OpenSSL's library. A file appears whole or not at all, and none
 * is replaced unless the caller asks for that.
 */
#ifndef CLI_AUTHORITY_H
#define CLI_AUTHORITY_H

#include <stdbool.h>
#include <time.h>

/* -EEXIST if there is one. name: its common name, for people. */
int authority_make(const char *folder, const char *name, time_t from, time_t until);

struct issue {
	const char *authority;	 /* its directory */
	const char *folder;	 /* gets ca.pem, cert.pem and key.pem */
	const char *host;	 /* a DNS name */
	const char *const *also; /* further DNS names and addresses; ends with NULL */
	time_t from, until;	 /* until at most the CA's own end */
	bool renews;		 /* replaces cert.pem and ca.pem; a key.pem that is there stays */
};

/* Checks all names first; the directory is made, but not what is above it. -EEXIST unless it renews. */
int authority_issue(const struct issue *issue);

#endif
