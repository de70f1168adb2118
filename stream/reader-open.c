/* A reader of an input that this process expands itself; see reader.h. */
#include <errno.h>
#include <stdlib.h>

#include "log.h"
#include "stream/reader-state.h"

int reader_open(struct reader **reader, struct channel *from, unsigned int threads)
{
	struct reader *r = calloc(1, sizeof(*r));
	int rc;

	*reader = NULL;
	if (!r)
		return fail(ENOMEM, "out of memory");
	rc = cursor_open(&r->cursor, from, &r->facts, threads);
	if (!rc)
		rc = read_headers(&r->cursor, &r->facts);
	if (rc)
		reader_close(r);
	else
		*reader = r;
	return rc;
}
