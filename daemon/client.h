/* One client of the control socket, see control.h. */
#ifndef DAEMON_CLIENT_H
#define DAEMON_CLIENT_H

#include "daemon/control.h"

struct client;

/* Takes the next one that waits at the control socket, if it is allowed. */
void client_accept(struct control *control);

/* A job it may wait for, or follow, has said something. */
void client_tell(struct client *client, const struct job *job, struct json_object *event);

/* Closes it if it has kept us waiting. */
void client_look(struct client *client, uint64_t now_ms);

/* It may still read what was sent; not so if it is said once more. */
void client_close(struct client *client);

struct client *client_next(const struct client *client);

#endif
