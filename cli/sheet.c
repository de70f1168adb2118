/* See sheet.h. */
#include "cli/sheet.h"

#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

int sheet_begin(struct sheet *sheet, const char *folder, const char *name, bool replace)
{
	struct stat status;

	snprintf(sheet->path, sizeof(sheet->path), "%s/%s", folder, name);
	sheet->is_open = true;
	sheet->was_there = !lstat(sheet->path, &status);
	sheet->is_public = strcmp(name, "key.pem") && strcmp(name, "ca.key");
	return publication_open(&sheet->publication, sheet->path, replace, false);
}

int sheet_write(struct sheet *sheet, X509 *certificate, EVP_PKEY *key)
{
	BIO *bio = BIO_new_fd(sheet->publication.fd, BIO_NOCLOSE);
	bool is_written = bio &&
			  (certificate ? PEM_write_bio_X509(bio, certificate)
				       : PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));

	BIO_free(bio);
	if (!is_written)
		return fail_errno("cannot write %s", sheet->path);
	return sheet->is_public && fchmod(sheet->publication.fd, 0644) ? fail_errno("%s", sheet->path) : 0;
}

/* All or none: should one of them fail, those that were not there before go again. */
int sheets_place(struct sheet *sheets, size_t count, int rc)
{
	for (size_t i = 0; !rc && i < count; i++) {
		if (!sheets[i].is_open)
			continue;
		rc = publication_commit(&sheets[i].publication);
		sheets[i].is_placed = !rc;
	}
	for (size_t i = 0; i < count; i++) {
		if (rc && sheets[i].is_placed && !sheets[i].was_there)
			unlink(sheets[i].path);
		if (sheets[i].is_open)
			publication_abandon(&sheets[i].publication);
	}
	return rc;
}
