/* See journal.h: the names of jobs, and jobs by the beginning of their name. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "journal/journal.h"
#include "log.h"

bool job_is_name(const char *text)
{
	return strlen(text) == JOB_DIGITS && strspn(text, "0123456789abcdef") == JOB_DIGITS;
}

bool job_is_beginning(const char *text)
{
	size_t length = strlen(text);

	return length >= 4 && length <= JOB_DIGITS && strspn(text, "0123456789abcdef") == length;
}

int job_name(char name[JOB_DIGITS + 1])
{
	uint8_t bytes[JOB_DIGITS / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return fail_errno("getrandom");
	for (size_t i = 0; i < sizeof(bytes); i++)
		sprintf(name + 2 * i, "%02x", bytes[i]);
	return 0;
}

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
			rc = fail(ENOTUNIQ, "more than one job begins with these digits");
		snprintf(job, JOB_DIGITS + 1, "%s", list[i].job);
	}
	free(list);
	return rc || *job ? rc
			  : fail(ENOENT, "no journal here names such a job; \"pvferry jobs\" lists the jobs");
}
