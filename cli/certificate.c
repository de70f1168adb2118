/* See certificate.h. What stream/tls.c demands of the three files is looked at here, with a remedy for each lack. */
#include "cli/certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "text/text.h"

/* --- what a certificate says --------------------------------------------------- */

static int load(const char *path, X509 **certificate)
{
	FILE *file = fopen(path, "re");

	*certificate = NULL;
	if (!file)
		return fail_errno("cannot read %s", path);
	*certificate = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	ERR_clear_error();
	return *certificate ? 0 : fail(EBADMSG, "%s is not a certificate in PEM form", path);
}

static time_t time_of(const ASN1_TIME *time)
{
	struct tm utc = { 0 };

	return ASN1_TIME_to_tm(time, &utc) == 1 ? timegm(&utc) : 0;
}

static void append(char *list, size_t room, const char *text)
{
	size_t used = strlen(list);

	snprintf(list + used, room - used, "%s%s", used ? ", " : "", text);
}

/* A name with a zero byte in it ends there; stream/tls.c compares lengths and does not let it in. */
static void add_name(struct certificate *to, const GENERAL_NAME *name)
{
	char text[256] = "", visible[256];

	if (name->type == GEN_DNS)
		snprintf(text, sizeof(text), "%.*s", ASN1_STRING_length(name->d.dNSName),
			 (const char *)ASN1_STRING_get0_data(name->d.dNSName));
	else if (name->type == GEN_IPADD)
		inet_ntop(ASN1_STRING_length(name->d.iPAddress) == 4 ? AF_INET : AF_INET6,
			  ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof(text));
	if (!*text)
		return;
	text_visible(visible, sizeof(visible), text);
	append(to->names, sizeof(to->names), visible);
	if (name->type == GEN_DNS && !*to->name)
		snprintf(to->name, sizeof(to->name), "%s", visible);
}

static void certificate_fill(struct certificate *to, X509 *from)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(from, NID_subject_alt_name, NULL, NULL);
	char subject[256] = "";

	*to = (struct certificate){ .from = time_of(X509_get0_notBefore(from)),
				    .until = time_of(X509_get0_notAfter(from)) };
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		add_name(to, sk_GENERAL_NAME_value(names, i));
	GENERAL_NAMES_free(names);
	X509_NAME_get_text_by_NID(X509_get_subject_name(from), NID_commonName, subject, sizeof(subject));
	text_visible(to->subject, sizeof(to->subject), subject);
	ERR_clear_error();
}

int certificate_read(const char *path, struct certificate *certificate)
{
	X509 *loaded;
	int rc = load(path, &loaded);

	if (rc)
		return rc;
	certificate_fill(certificate, loaded);
	X509_free(loaded);
	return 0;
}

long certificate_days_left(const struct certificate *certificate, time_t now)
{
	long seconds = certificate->until - now;

	return seconds < 0 ? -(-seconds / 86400) - 1 : seconds / 86400;
}

const char *certificate_day(time_t time, char text[16])
{
	struct tm utc;

	strftime(text, 16, "%Y-%m-%d", gmtime_r(&time, &utc));
	return text;
}

bool certificate_is_signed_by(const char *path, const char *ca)
{
	X509 *certificate, *authority = NULL;
	bool is_signed = !load(path, &certificate) && !load(ca, &authority) &&
			 X509_check_issued(authority, certificate) == X509_V_OK &&
			 X509_verify(certificate, X509_get0_pubkey(authority)) == 1;

	X509_free(certificate);
	X509_free(authority);
	ERR_clear_error();
	fail_forget();
	return is_signed;
}

/* --- whether it serves ----------------------------------------------------------- */

void certificate_examine_expiry(struct report *report, const char *check,
				const struct certificate *certificate, const char *renew)
{
	time_t now = time(NULL);
	long days = certificate_days_left(certificate, now);
	const char *whom = *certificate->names ? certificate->names : certificate->subject;
	char day[16];

	if (certificate->from > now)
		report_add(report, VERDICT_PROBLEM, check,
			   "%s: not valid before %s: is this host's clock right?", whom,
			   certificate_day(certificate->from, day));
	else if (days < 0)
		report_add(report, VERDICT_PROBLEM, check, "%s: expired on %s", whom,
			   certificate_day(certificate->until, day));
	else
		report_add(report, days < CERTIFICATE_WARN_DAYS ? VERDICT_WARNING : VERDICT_OK, check,
			   "%s: valid until %s, %ld days", whom, certificate_day(certificate->until, day),
			   days);
	if (certificate->from > now)
		report_remedy(report, "timedatectl");
	else if (days < CERTIFICATE_WARN_DAYS)
		report_remedy(report, "%s", renew);
}

static bool is_own_key(const char *folder)
{
	char path[4096];
	FILE *file;
	EVP_PKEY *key;
	X509 *certificate;
	bool is_own;

	snprintf(path, sizeof(path), "%s/cert.pem", folder);
	load(path, &certificate);
	snprintf(path, sizeof(path), "%s/key.pem", folder);
	file = fopen(path, "re");
	key = file ? PEM_read_PrivateKey(file, NULL, NULL, "") : NULL;
	is_own = certificate && key && X509_check_private_key(certificate, key) == 1;
	if (file)
		fclose(file);
	EVP_PKEY_free(key);
	X509_free(certificate);
	ERR_clear_error();
	fail_forget();
	return is_own;
}

/* Where it can be typed depends on where the CA is. */
static void describe_renewal(char text[1024], const char *folder, const char *host)
{
	if (!access(CA_DEFAULT "/ca.key", F_OK))
		snprintf(text, 1024, "pvferry cert issue --renew --pki %.400s %.300s", folder, host);
	else
		snprintf(text, 1024,
			 "on the host of the CA: pvferry cert issue --renew %.300s; then copy its files to "
			 "%.400s",
			 host, folder);
}

/* The rules are those of check_key_file() in stream/tls.c. */
static void examine_key(struct report *report, const char *folder, const char *host)
{
	char path[4096], renew[1024];
	struct stat status;

	snprintf(path, sizeof(path), "%s/key.pem", folder);
	if (stat(path, &status)) {
		report_add(report, VERDICT_PROBLEM, "key", "cannot read %s: %s", path, strerror(errno));
		describe_renewal(renew, folder, host);
		report_remedy(report, "%s", renew);
	} else if (status.st_uid && status.st_uid != geteuid()) {
		report_add(report, VERDICT_PROBLEM, "key", "%s belongs to user %u, not to root", path,
			   status.st_uid);
		report_remedy(report, "chown root %s", path);
	} else if (status.st_mode & (S_IWGRP | S_IRWXO)) {
		report_add(report, VERDICT_PROBLEM, "key", "%s has mode %04o: other users can use it", path,
			   status.st_mode & 07777);
		report_remedy(report, "chmod 600 %s", path);
	} else if (!is_own_key(folder)) {
		report_add(report, VERDICT_PROBLEM, "key", "%s does not belong to %s/cert.pem", path, folder);
		report_remedy(report, "copy both from the directory that \"pvferry cert issue\" wrote");
	} else {
		report_add(report, VERDICT_OK, "key", "%s belongs to cert.pem, mode %04o", path,
			   status.st_mode & 07777);
	}
}

static void examine_host_certificate(struct report *report, const char *folder, const char *host)
{
	struct certificate certificate;
	char path[4096], ca[4096], renew[1024];

	snprintf(path, sizeof(path), "%s/cert.pem", folder);
	snprintf(ca, sizeof(ca), "%s/ca.pem", folder);
	if (certificate_read(path, &certificate)) {
		report_add(report, VERDICT_PROBLEM, "certificate", "%s", fail_reason());
		describe_renewal(renew, folder, host);
		report_remedy(report, "%s", renew);
		fail_forget();
		return;
	}
	describe_renewal(renew, folder, *certificate.name ? certificate.name : host);
	certificate_examine_expiry(report, "certificate", &certificate, renew);
	if (!*certificate.name) {
		report_add(report, VERDICT_PROBLEM, "certificate",
			   "%s has no DNS name in subjectAltName: no host lets it in", path);
		report_remedy(report, "%s", renew);
	}
	if (!certificate_is_signed_by(path, ca)) {
		report_add(report, VERDICT_PROBLEM, "certificate", "%s did not sign %s", ca, path);
		report_remedy(report, "copy ca.pem and cert.pem from one \"pvferry cert issue\"");
	}
}

void certificate_examine(struct report *report, const char *folder, const char *host)
{
	struct certificate ca;
	char path[4096];

	snprintf(path, sizeof(path), "%s/ca.pem", folder);
	if (access(path, F_OK) && errno == ENOENT) {
		report_add(report, VERDICT_PROBLEM, "certificate", "there is no %s: TLS cannot work", path);
		report_remedy(report, "on one host: pvferry cert init-ca; for each: pvferry cert issue HOST");
		return;
	}
	if (certificate_read(path, &ca)) {
		report_add(report, VERDICT_PROBLEM, "CA", "%s", fail_reason());
		report_remedy(report, "copy ca.pem from the host of the CA");
		fail_forget();
	} else {
		certificate_examine_expiry(report, "CA", &ca,
					   "pvferry cert init-ca, then new certificates for all hosts");
	}
	examine_host_certificate(report, folder, host);
	examine_key(report, folder, host);
}
