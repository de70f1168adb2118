/* See itself.h. */
#include "restore/itself.h"

#include <string.h>

#include "log.h"
#include "stream/connect.h"
#include "stream/connection.h"

/* The source does not know ssh's connection: there it must do that both ends are here, and that a source here uses ssh. */
static bool is_its_connection(const struct journal *source, const char *connection)
{
	if (*source->connection)
		return !strcmp(source->connection, connection);
	return !strcmp(source->via, via_name(VIA_SSH)) && connection_is_ssh_within_host(connection);
}

uint32_t offer_itself(const struct offer *offer, const char *connection)
{
	struct journal source;

	if (journal_read(&source, offer->job, JOURNAL_SOURCE)) {
		fail_forget();
		return 0;
	}
	if (source.stage != JOURNAL_STREAMING || !journal_is_of_this_boot(&source) ||
	    strcmp(source.uuid, offer->uuid) || !is_its_connection(&source, connection))
		return 0;
	return source.domid;
}
