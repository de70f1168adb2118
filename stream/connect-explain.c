/* Why ssh brought no connection: its exit status, as a person reads it. See connect.h. */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "log.h"
#include "stream/connect.h"

int connect_explain(struct line *line, const struct peer *peer, int rc)
{
	enum { NOT_FOUND = 127, NO_LOGIN = 255 };
	int status;

	/* The number may be that of the process that speaks; its text is handed on as it is. */
	if (peer->via != VIA_SSH || !strstr(fail_reason(), "has closed the connection"))
		return rc;
	line_hang_up(line);
	status = line_end_helper(line, line_now() + LINE_HELPER_MS * 1000000ULL);
	if (!WIFEXITED(status) || !WEXITSTATUS(status))
		return rc;
	fail_forget();
	status = WEXITSTATUS(status);
	if (!*peer->ssh)
		return fail(ECONNRESET, "the command that reaches the other host ended with status %d: %s",
			    status, peer->host);
	return fail(ECONNRESET, "ssh ended with status %d: %s; try \"%s %s pvferry --version\"", status,
		    status == NO_LOGIN	  ? "it could not connect or log in"
		    : status == NOT_FOUND ? "there is no pvferry there, or no ssh here"
					  : "pvferry receive did not start there",
		    peer->ssh, peer->host);
}
