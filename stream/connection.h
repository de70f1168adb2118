/*
 * Which connection it is, as text that both of its ends make of it alike. So
 * two processes of one host can know that they are its two ends: no other
 * host can have the addresses and ports of a connection within this one.
 */
#ifndef STREAM_CONNECTION_H
#define STREAM_CONNECTION_H

#include <stdbool.h>

enum { CONNECTION_TEXT = 160 };

/* "CLIENT PORT SERVER PORT"; "" if fd is no connected socket of TCP. */
void connection_of_socket(int fd, bool is_client, char text[CONNECTION_TEXT]);
/* "ssh CLIENT PORT SERVER PORT", if ssh started this process, which SSH_CONNECTION tells; else "". */
void connection_of_ssh(char text[CONNECTION_TEXT]);
/* Is it ssh's, with both ends on this host? */
bool connection_is_ssh_within_host(const char *text);

#endif
