/*
 * TLS 1.3 with certificates on both sides, over a socket that does not block.
 * A folder holds who we are and whom we believe: cert.pem, key.pem, ca.pem.
 * The side that dials checks that the other has a certificate for the name it
 * dialled; the side that is dialled, that the name is on its list.
 *
 * One thread for each struct tls.
 */
#ifndef STREAM_TLS_H
#define STREAM_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tls;

/* host: a name or an address. The socket stays the caller's. */
int tls_client(struct tls **tls, int fd, const char *folder, const char *host);

/* allowed: ends with NULL; who is none of them is refused. */
int tls_server(struct tls **tls, int fd, const char *folder, const char *const *allowed);

/*
 * Both, until both have seen the other's certificate; at most so long. A
 * client may be told of the server's refusal only when it reads.
 */
int tls_shake_hands(struct tls *tls, int most_ms);
/* Can words be exchanged, be it only to say why not? */
bool tls_is_open(const struct tls *tls);

/* The first DNS name of the other's certificate, or its common name. */
const char *tls_peer_name(const struct tls *tls);

/* One attempt: how many bytes, 0 at the end, -EAGAIN, or -errno, the reason given. */
ssize_t tls_read(struct tls *tls, void *to, size_t most);
ssize_t tls_write(struct tls *tls, const void *from, size_t count);
/* Says that no more will be written. */
void tls_bye(struct tls *tls);
/* NULL is fine. */
void tls_free(struct tls *tls);

#endif
