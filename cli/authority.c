/* See authority.h. */
#include "cli/authority.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/certificate.h"
#include "cli/host-name.h"
#include "cli/sheet.h"
#include "log.h"

enum { PATH_ROOM = 4096 };

/* --- keys and certificates, in memory ----------------------------------------------- */

static int openssl_failure(const char *doing)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return fail(EIO, "OpenSSL cannot %s: %s", doing, reason ? reason : "unknown error");
}

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX context;
	bool is_added;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	is_added = extension && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return is_added;
}

/* RFC 5280: at most 20 bytes, positive, and different for each of an issuer's certificates: at random. */
static bool set_serial(X509 *certificate)
{
	unsigned char bytes[16];
	BIGNUM *number = RAND_bytes(bytes, sizeof(bytes)) == 1 ? BN_bin2bn(bytes, sizeof(bytes), NULL) : NULL;
	bool is_set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));

	BN_free(number);
	return is_set;
}

static X509 *new_certificate(const char *name, EVP_PKEY *key, time_t from, time_t until)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = certificate ? X509_get_subject_name(certificate) : NULL;
	/* A common name has 64 characters at most; peers look at subjectAltName, never at this. */
	int length = strlen(name) > 64 ? 64 : strlen(name);

	if (subject && X509_set_version(certificate, X509_VERSION_3) && set_serial(certificate) &&
	    ASN1_TIME_set(X509_getm_notBefore(certificate), from) &&
	    ASN1_TIME_set(X509_getm_notAfter(certificate), until) && X509_set_pubkey(certificate, key) &&
	    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, length, -1,
				       0))
		return certificate;
	X509_free(certificate);
	return NULL;
}

static X509 *sign_own(const char *name, EVP_PKEY *key, time_t from, time_t until)
{
	X509 *ca = new_certificate(name, key, from, until);

	/* pathlen 0: it signs hosts, and no further CA. */
	if (ca && X509_set_issuer_name(ca, X509_get_subject_name(ca)) &&
	    add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	    add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	    add_extension(ca, ca, NID_subject_key_identifier, "hash") && X509_sign(ca, key, EVP_sha256()))
		return ca;
	X509_free(ca);
	return NULL;
}

struct authority {
	X509 *certificate;
	EVP_PKEY *key;
};

/* Each host dials and is dialled, so it is client and server. */
static X509 *sign_host(const struct authority *ca, EVP_PKEY *key, const struct issue *issue,
		       const char *names)
{
	X509 *host = new_certificate(issue->host, key, issue->from, issue->until);

	if (host && X509_set_issuer_name(host, X509_get_subject_name(ca->certificate)) &&
	    add_extension(host, ca->certificate, NID_basic_constraints, "critical,CA:FALSE") &&
	    add_extension(host, ca->certificate, NID_key_usage, "critical,digitalSignature") &&
	    add_extension(host, ca->certificate, NID_ext_key_usage, "serverAuth,clientAuth") &&
	    add_extension(host, ca->certificate, NID_subject_alt_name, names) &&
	    add_extension(host, ca->certificate, NID_subject_key_identifier, "hash") &&
	    add_extension(host, ca->certificate, NID_authority_key_identifier, "keyid:always") &&
	    X509_sign(host, ca->key, EVP_sha256()))
		return host;
	X509_free(host);
	return NULL;
}

/* --- files ----------------------------------------------------------------------------- */

static EVP_PKEY *load_key(const char *path)
{
	FILE *file = fopen(path, "re");
	EVP_PKEY *key;

	if (!file) {
		fail_errno("cannot read %s", path);
		return NULL;
	}
	key = PEM_read_PrivateKey(file, NULL, NULL, "");
	fclose(file);
	ERR_clear_error();
	if (!key)
		fail(EBADMSG, "%s is not a key in PEM form without a password", path);
	return key;
}

static int make_folder(const char *folder)
{
	if (mkdir(folder, 0700) && errno != EEXIST)
		return fail_errno("cannot make the directory %s", folder);
	return 0;
}

static bool is_there(const char *folder, const char *name)
{
	char path[PATH_ROOM];
	struct stat status;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return !lstat(path, &status);
}

/* --- the CA ----------------------------------------------------------------------------- */

static int write_authority(const char *folder, X509 *certificate, EVP_PKEY *key)
{
	struct sheet sheets[2] = { 0 };
	int rc = sheet_begin(&sheets[0], folder, "ca.key", false);

	if (!rc)
		rc = sheet_write(&sheets[0], NULL, key);
	if (!rc)
		rc = sheet_begin(&sheets[1], folder, "ca.pem", false);
	if (!rc)
		rc = sheet_write(&sheets[1], certificate, NULL);
	return sheets_place(sheets, 2, rc);
}

int authority_make(const char *folder, const char *name, time_t from, time_t until)
{
	bool was_there = !access(folder, F_OK);
	EVP_PKEY *key;
	X509 *certificate;
	int rc;

	if (is_there(folder, "ca.pem") || is_there(folder, "ca.key"))
		return fail(EEXIST,
			    "%s has a CA already: a new one makes all certificates of the old one useless; "
			    "move %s away first, if that is what you want",
			    folder, folder);
	rc = make_folder(folder);
	if (rc)
		return rc;
	key = EVP_EC_gen("P-256");
	certificate = key ? sign_own(name, key, from, until) : NULL;
	rc = certificate ? write_authority(folder, certificate, key) : openssl_failure("make a CA");
	X509_free(certificate);
	EVP_PKEY_free(key);
	if (rc && !was_there)
		rmdir(folder);
	return rc;
}

static int authority_load(struct authority *ca, const char *folder)
{
	char path[PATH_ROOM];
	FILE *file;

	snprintf(path, sizeof(path), "%s/ca.pem", folder);
	file = fopen(path, "re");
	if (!file && errno == ENOENT)
		return fail(ENOENT,
			    "there is no CA in %s: run this on the host that has it; \"pvferry cert "
			    "init-ca\" makes one",
			    folder);
	if (!file)
		return fail_errno("cannot read %s", path);
	ca->certificate = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	ERR_clear_error();
	if (!ca->certificate)
		return fail(EBADMSG, "%s is not a certificate in PEM form", path);
	snprintf(path, sizeof(path), "%s/ca.key", folder);
	ca->key = load_key(path);
	if (!ca->key)
		return -ENOKEY;
	if (X509_check_private_key(ca->certificate, ca->key) == 1)
		return 0;
	ERR_clear_error();
	return fail(ENOKEY, "%s does not belong to %s/ca.pem", path, folder);
}

/* --- a host --------------------------------------------------------------------------------- */

/* What is there belongs to a host that may be at work with it. A ca.pem of this very CA is in no one's way. */
static int check_target(const struct issue *issue)
{
	static const char *const names[] = { "cert.pem", "key.pem", "ca.pem" };
	char own[PATH_ROOM], there[PATH_ROOM];

	snprintf(own, sizeof(own), "%s/ca.pem", issue->authority);
	snprintf(there, sizeof(there), "%s/ca.pem", issue->folder);
	for (int i = 0; !issue->renews && i < 3; i++) {
		bool is_same = i == 2 && certificate_is_signed_by(there, own);

		if (!is_same && is_there(issue->folder, names[i]))
			return fail(EEXIST, "%s/%s exists; --renew makes a new certificate in its place",
				    issue->folder, names[i]);
	}
	return 0;
}

/* The CA's end is that of all it signs: beyond it no peer believes them. */
static int check_end(const struct issue *issue, struct issue *bounded)
{
	struct certificate ca;
	char path[PATH_ROOM];
	int rc;

	snprintf(path, sizeof(path), "%s/ca.pem", issue->authority);
	rc = certificate_read(path, &ca);
	if (rc)
		return rc;
	*bounded = *issue;
	if (bounded->until > ca.until)
		bounded->until = ca.until;
	if (bounded->from < ca.from)
		bounded->from = ca.from;
	if (certificate_days_left(&ca, time(NULL)) < 0)
		return fail(EKEYEXPIRED,
			    "the CA in %s has expired: make a new one, and new certificates for all hosts",
			    issue->authority);
	return 0;
}

/* A key that is there stays: then cert.pem alone changes, in one step, and no connection meets half of a pair. */
static int write_host(const struct issue *issue, const struct authority *ca, const char *names)
{
	bool has_key = issue->renews && is_there(issue->folder, "key.pem");
	struct sheet sheets[3] = { 0 };
	char path[PATH_ROOM];
	EVP_PKEY *key;
	X509 *certificate;
	int rc = 0;

	snprintf(path, sizeof(path), "%s/key.pem", issue->folder);
	key = has_key ? load_key(path) : EVP_EC_gen("P-256");
	if (!key)
		return has_key ? -EBADMSG : openssl_failure("make a key");
	certificate = sign_host(ca, key, issue, names);
	if (!certificate)
		rc = openssl_failure("make a certificate");
	if (!rc && !has_key)
		rc = sheet_begin(&sheets[0], issue->folder, "key.pem", false);
	if (!rc && !has_key)
		rc = sheet_write(&sheets[0], NULL, key);
	if (!rc)
		rc = sheet_begin(&sheets[1], issue->folder, "ca.pem", true);
	if (!rc)
		rc = sheet_write(&sheets[1], ca->certificate, NULL);
	if (!rc)
		rc = sheet_begin(&sheets[2], issue->folder, "cert.pem", issue->renews);
	if (!rc)
		rc = sheet_write(&sheets[2], certificate, NULL);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return sheets_place(sheets, 3, rc);
}

int authority_issue(const struct issue *issue)
{
	bool was_there = !access(issue->folder, F_OK);
	char names[HOST_NAMES_ROOM];
	struct authority ca = { 0 };
	struct issue bounded;
	int rc = host_names_collect(names, issue->host, issue->also);

	if (!rc)
		rc = authority_load(&ca, issue->authority);
	if (!rc)
		rc = check_end(issue, &bounded);
	if (!rc)
		rc = check_target(issue);
	if (!rc)
		rc = make_folder(issue->folder);
	if (!rc)
		rc = write_host(&bounded, &ca, names);
	if (rc && !was_there)
		rmdir(issue->folder);
	X509_free(ca.certificate);
	EVP_PKEY_free(ca.key);
	return rc;
}
