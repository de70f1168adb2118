/* See tls.h. */
#include "stream/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "process/stop.h"
#include "stream/line.h"
#include "stream/pki.h"

struct tls {
	SSL_CTX *context;
	SSL *ssl;
	int fd;
	bool is_server;
	const char *const *allowed; /* the caller's */
	char peer_name[256];
	char dialled[256], names[300]; /* by a client; of a certificate that is refused */
};

/* --- who we are and whom we believe ----------------------------------- */

/* "localhost, hostb, 192.0.2.7": what the peer could have been dialled by. */
static void list_names(X509 *certificate, char *text, size_t room)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	BIO *memory = BIO_new(BIO_s_mem());
	int bytes;

	*text = '\0';
	for (int i = 0; memory && i < sk_GENERAL_NAME_num(names); i++) {
		if (i)
			BIO_puts(memory, ", ");
		GENERAL_NAME_print(memory, sk_GENERAL_NAME_value(names, i));
	}
	bytes = memory ? BIO_read(memory, text, (int)room - 1) : 0;
	text[bytes > 0 ? bytes : 0] = '\0';
	BIO_free(memory);
	GENERAL_NAMES_free(names);
}

/* A certificate that is refused is not kept, so its names are noted while it is looked at. */
static int note_names(int is_fine, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *tls = SSL_get_app_data(ssl);
	X509 *certificate = X509_STORE_CTX_get_current_cert(store);

	if (!is_fine && tls && certificate && !X509_STORE_CTX_get_error_depth(store))
		list_names(certificate, tls->names, sizeof(tls->names));
	return is_fine;
}

static int open_context(struct tls *tls, const char *folder)
{
	SSL_CTX *context = SSL_CTX_new(tls->is_server ? TLS_server_method() : TLS_client_method());

	if (!context)
		return fail(ENOMEM, "OpenSSL: %s", pki_reason());
	tls->context = context;
	SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, note_names);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(context, 0);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return pki_load(context, folder);
}

static int open_tls(struct tls **result, int fd, const char *folder, bool is_server)
{
	struct tls *tls = calloc(1, sizeof(*tls));
	int rc;

	*result = tls;
	if (!tls)
		return fail(ENOMEM, "out of memory");
	tls->fd = fd;
	tls->is_server = is_server;
	rc = open_context(tls, folder);
	if (rc)
		return rc;
	tls->ssl = SSL_new(tls->context);
	if (!tls->ssl || SSL_set_fd(tls->ssl, fd) != 1)
		return fail(ENOMEM, "OpenSSL: %s", pki_reason());
	SSL_set_app_data(tls->ssl, tls);
	return 0;
}

int tls_client(struct tls **result, int fd, const char *folder, const char *host)
{
	unsigned char address[16];
	bool is_address = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
	int rc = open_tls(result, fd, folder, false);
	SSL *ssl = *result ? (*result)->ssl : NULL;
	int fine;

	if (!rc) {
		snprintf((*result)->dialled, sizeof((*result)->dialled), "%s", host);
		fine = is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host)
				  : SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, host);
		SSL_set_hostflags(ssl, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
		rc = fine ? 0 : fail(EINVAL, "\"%s\" is not a valid host name", host);
		SSL_set_connect_state(ssl);
	}
	if (rc) {
		tls_free(*result);
		*result = NULL;
	}
	return rc;
}

int tls_server(struct tls **result, int fd, const char *folder, const char *const *allowed)
{
	int rc = open_tls(result, fd, folder, true);

	if (rc) {
		tls_free(*result);
		*result = NULL;
		return rc;
	}
	(*result)->allowed = allowed;
	SSL_set_accept_state((*result)->ssl);
	return 0;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	SSL_free(tls->ssl);
	SSL_CTX_free(tls->context);
	free(tls);
}

/* --- who the other is --------------------------------------------------- */

static bool is_allowed(const struct tls *tls, const char *name, size_t length)
{
	for (const char *const *each = tls->allowed; *each; each++)
		if (strlen(*each) == length && !memcmp(*each, name, length))
			return true;
	return false;
}

/* As it can be printed. One that is allowed fits, and has nothing that cannot. */
static void keep_name(struct tls *tls, const char *text, size_t length)
{
	size_t most = sizeof(tls->peer_name) - 1;

	length = length < most ? length : most;
	for (size_t i = 0; i < length; i++)
		tls->peer_name[i] = text[i] < '!' || text[i] > '~' ? '?' : text[i];
	tls->peer_name[length] = '\0';
}

/*
 * Goes through the DNS names of subjectAltName. The name that is allowed, or else the first, is what the peer is
 * called. The subject's common name is not looked at: it is any text, with zero bytes if its author likes.
 */
static bool look_at_names(struct tls *tls, X509 *certificate)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	bool allowed = false;

	for (int i = 0; !allowed && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const char *text;
		int length;

		if (name->type != GEN_DNS)
			continue;
		text = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
		length = ASN1_STRING_length(name->d.dNSName);
		allowed = tls->is_server && is_allowed(tls, text, length);
		if (allowed || !*tls->peer_name)
			keep_name(tls, text, length);
	}
	GENERAL_NAMES_free(names);
	return allowed;
}

static int check_peer(struct tls *tls)
{
	X509 *certificate = SSL_get1_peer_certificate(tls->ssl);
	bool allowed;

	if (!certificate)
		return fail(EACCES, "the peer sent no certificate");
	allowed = look_at_names(tls, certificate);
	X509_free(certificate);
	if (tls->is_server && !*tls->peer_name)
		return fail(EACCES, "the peer's certificate has no DNS name in subjectAltName");
	if (tls->is_server && !allowed)
		return fail(EACCES,
			    "the certificate of \"%s\" is not on the list of who may send (\"allow\")",
			    tls->peer_name);
	return 0;
}

const char *tls_peer_name(const struct tls *tls)
{
	return tls->peer_name;
}

/* --- bytes ---------------------------------------------------------------- */

/* What the peer dislikes it says in an alert, with TLS 1.3 after our side of the handshake is over; 0: there was none. */
static int fail_alert(void)
{
	int alert = ERR_GET_REASON(ERR_peek_last_error()) - SSL_AD_REASON_OFFSET;

	if (alert <= 0 || alert > UINT8_MAX)
		return 0;
	ERR_clear_error();
	return fail(EACCES, "the peer rejects our certificate or our TLS: %s",
		    SSL_alert_desc_string_long(alert));
}

static int handshake_failure(struct tls *tls, int error)
{
	long verdict = SSL_get_verify_result(tls->ssl);
	int rc;

	if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
		return fail(EACCES,
			    "the peer's certificate is refused: it is for %s, not for %s, which was dialled",
			    *tls->names ? tls->names : "no host", tls->dialled);
	if (verdict != X509_V_OK)
		return fail(EACCES, "the peer's certificate is refused: %s",
			    X509_verify_cert_error_string(verdict));
	if (error == SSL_ERROR_SYSCALL)
		return fail(ECONNRESET, "the connection was closed during the TLS handshake");
	rc = fail_alert();
	return rc ? rc : fail(EPROTO, "the TLS handshake failed: %s", pki_reason());
}

int tls_shake_hands(struct tls *tls, int most_ms)
{
	uint64_t until = line_now() + most_ms * 1000000ULL;

	for (;;) {
		struct pollfd fds[2] = { { .fd = tls->fd }, { .fd = stop_fd(), .events = POLLIN } };
		int done = SSL_do_handshake(tls->ssl), error, rc = stop_requested();
		uint64_t now = line_now();

		if (rc)
			return rc;
		if (done == 1)
			return check_peer(tls);
		error = SSL_get_error(tls->ssl, done);
		if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
			return handshake_failure(tls, error);
		if (now >= until)
			return fail(ETIMEDOUT, "no TLS handshake within %d s", most_ms / 1000);
		fds[0].events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
		if (poll(fds, 2, (until - now) / 1000000 + 1) < 0 && errno != EINTR)
			return fail_errno("poll");
	}
}

bool tls_is_open(const struct tls *tls)
{
	return SSL_is_init_finished(tls->ssl);
}

static ssize_t failure_of(struct tls *tls, int result)
{
	int rc;

	switch (SSL_get_error(tls->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN: return 0;
	case SSL_ERROR_SYSCALL: ERR_clear_error(); return -ECONNRESET;
	}
	/* A peer that is gone without a word: what it had to say last decides, not how it went. */
	if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		ERR_clear_error();
		return -ECONNRESET;
	}
	rc = fail_alert();
	return rc ? rc : fail(EPROTO, "TLS: %s", pki_reason());
}

ssize_t tls_read(struct tls *tls, void *to, size_t most)
{
	size_t done;

	ERR_clear_error();
	return SSL_read_ex(tls->ssl, to, most, &done) == 1 ? (ssize_t)done : failure_of(tls, 0);
}

ssize_t tls_write(struct tls *tls, const void *from, size_t count)
{
	ssize_t failure;
	size_t done;

	ERR_clear_error();
	if (SSL_write_ex(tls->ssl, from, count, &done) == 1)
		return done;
	failure = failure_of(tls, 0);
	return failure ? failure : -EPIPE; /* the other side has ended it */
}

void tls_bye(struct tls *tls)
{
	SSL_shutdown(tls->ssl);
	ERR_clear_error();
}
