/*
 * Several files with keys and certificates that appear together, or not at all: all are written
 * and synced under temporary names (cli/publish.h) before the first gets its own.
 */
#ifndef CLI_SHEET_H
#define CLI_SHEET_H

#include <openssl/x509.h>

#include "cli/publish.h"

struct sheet {
	char path[4096];
	struct publication publication;
	bool is_open, is_public, was_there, is_placed;
};

/* A zeroed sheet. Keys ("key.pem", "ca.key") get mode 0600, all others 0644. */
int sheet_begin(struct sheet *sheet, const char *folder, const char *name, bool replace);
/* The certificate, or, if that is NULL, the key. */
int sheet_write(struct sheet *sheet, X509 *certificate, EVP_PKEY *key);
/* Ends them all: in place in their order if rc is 0, else removed. Returns rc, or the first failure. */
int sheets_place(struct sheet *sheets, size_t count, int rc);

#endif
