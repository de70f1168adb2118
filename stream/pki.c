/* See pki.h. */
#include "stream/pki.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

const char *pki_reason(void)
{
	unsigned long code = ERR_peek_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return reason ? reason : "unknown error";
}

static int load_file(SSL_CTX *context, const char *folder, const char *name)
{
	char path[4096];
	int fine;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	/* OpenSSL would say "system lib". */
	if (access(path, R_OK))
		return fail(errno,
			    "cannot read %s: %s; \"pvferry cert\" makes certificates, see pvferry-cert(1)",
			    path, strerror(errno));
	if (!strcmp(name, "ca.pem"))
		fine = SSL_CTX_load_verify_file(context, path);
	else if (!strcmp(name, "cert.pem"))
		fine = SSL_CTX_use_certificate_chain_file(context, path);
	else
		fine = SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM);
	if (fine == 1)
		return 0;
	if (ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH)
		return fail(ENOKEY, "cannot use %s: it does not hold a %s in PEM form (%s)", path,
			    strcmp(name, "key.pem") ? "certificate" : "key", pki_reason());
	ERR_clear_error();
	return fail(ENOKEY, "cannot use %s: it does not belong to cert.pem beside it", path);
}

/* The other host would refuse it, and say less of why. */
static int check_expiry(SSL_CTX *context, const char *folder)
{
	const ASN1_TIME *until = X509_get0_notAfter(SSL_CTX_get0_certificate(context));
	char day[32] = "";
	struct tm tm;

	if (X509_cmp_current_time(until) > 0)
		return 0;
	if (ASN1_TIME_to_tm(until, &tm))
		strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	return fail(EKEYEXPIRED,
		    "cannot use %s/cert.pem: it expired on %s; \"pvferry cert issue --renew\" renews it",
		    folder, day);
}

/* The group may read it: some systems have one for that. */
static int check_key_file(const char *folder)
{
	char path[4096];
	struct stat status;

	snprintf(path, sizeof(path), "%s/key.pem", folder);
	if (stat(path, &status))
		return fail_errno("cannot use %s", path);
	if (status.st_uid && status.st_uid != geteuid())
		return fail(EPERM, "cannot use %s: it belongs to user %u, not to root: chown root %s", path,
			    status.st_uid, path);
	if (status.st_mode & (S_IWGRP | S_IRWXO))
		return fail(EPERM, "cannot use %s: its mode is %04o, others can use it too: chmod 600 %s",
			    path, status.st_mode & 07777, path);
	return 0;
}

int pki_load(SSL_CTX *context, const char *folder)
{
	int rc = load_file(context, folder, "ca.pem");

	if (!rc)
		rc = load_file(context, folder, "cert.pem");
	if (!rc)
		rc = check_expiry(context, folder);
	if (!rc)
		rc = check_key_file(folder);
	return rc ? rc : load_file(context, folder, "key.pem");
}

int pki_check(const char *folder)
{
	SSL_CTX *context = SSL_CTX_new(TLS_method());
	int rc = context ? pki_load(context, folder) : fail(ENOMEM, "OpenSSL: %s", pki_reason());

	SSL_CTX_free(context);
	return rc;
}
