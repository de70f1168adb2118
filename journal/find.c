/* See journal.h: jobs by the beginning of their name. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/journal.h"
#include "log.h"

int journal_find(const char *beginning, char job[JOB_DIGITS + 1])
{
	struct journal *list;
	size_t count;
	int rc;

	snprintf(job, JOB_DIGITS + 1, "%s", job_is_name(beginning) ? beginning : "");
	if (*job)
		return 0;
	rc = journal_list(&list, &count);
	for (size_t i = 0; !rc && i < count; i++) {
		if (strncmp(list[i].job, beginning, strlen(beginning)))
			continue;
		if (*job && strcmp(job, list[i].job))
			rc = fail(ENOTUNIQ, "several jobs begin so");
		snprintf(job, JOB_DIGITS + 1, "%s", list[i].job);
	}
	free(list);
	return rc || *job ? rc : fail(ENOENT, "there is no such job");
}
