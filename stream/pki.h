/* The three files by which hosts know each other: ca.pem, cert.pem and key.pem of a directory, checked before they are used. */
#ifndef STREAM_PKI_H
#define STREAM_PKI_H

#include <openssl/ssl.h>

/* On failure the reason names the file, and what mends it. */
int pki_load(SSL_CTX *context, const char *folder);

/* The same, of files that are used later: before another host is troubled. */
int pki_check(const char *folder);

/* What OpenSSL says of the last failure; the queue is emptied. */
const char *pki_reason(void);

#endif
