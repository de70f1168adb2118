/* Names that a person gives to hosts, checked before they get into a certificate or a path. */
#ifndef CLI_HOST_NAME_H
#define CLI_HOST_NAME_H

enum { HOST_NAMES_ROOM = 4096 };

/* What keeps a text from being a host's DNS name, as the end of a sentence; NULL if nothing does. */
const char *host_name_defect(const char *name);

/* "DNS:host2,DNS:host2.example,IP:192.0.2.7". also: names or addresses; ends with NULL. */
int host_names_collect(char names[HOST_NAMES_ROOM], const char *host, const char *const *also);

#endif
