/*
 * What stands in the folder of the journals: any file there is damaged, or a
 * journal that is written and read again the same. It is found by its name,
 * listed, and never makes a command fail for another job.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "fuzz.h"
#include "journal/journal.h"

#define JOB "0123456789abcdef0123456789abcdef"

static char folder[64];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	strcpy(folder, "/tmp/fuzz-journal-XXXXXX");
	expect(mkdtemp(folder));
	setenv("PVFERRY_STATE", folder, 1);
	return 0;
}

static void put_file(const uint8_t *data, size_t count)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/" JOB ".source.json", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	expect(fd >= 0 && write(fd, data, count) == (ssize_t)count && !close(fd));
}

/* Each text ends within its field; what it says is kept. */
static void expect_same_again(struct journal *journal)
{
	struct journal again, was = *journal;

	expect(journal->stage < JOURNAL_STAGES && job_is_name(journal->job));
	expect(strlen(journal->domain) < sizeof(journal->domain));
	expect(strlen(journal->reason) < sizeof(journal->reason) &&
	       strlen(journal->peer) < sizeof(journal->peer));
	expect(*journal_stage_name(journal->stage));
	journal_is_settled(journal);
	expect(!journal_write(journal) && journal_is_of_this_boot(journal));
	expect(!journal_read(&again, journal->job, journal->role));
	expect(again.stage == was.stage && again.domid == was.domid && again.role == was.role);
	expect(!strcmp(again.domain, was.domain) && !strcmp(again.uuid, was.uuid) &&
	       !strcmp(again.via, was.via));
	journal_remove(journal->job, journal->role);
	expect(journal_read(&again, journal->job, journal->role) == -ENOENT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	char job[JOB_DIGITS + 1];
	struct journal journal, *list;
	size_t found;
	int rc;

	put_file(data, count);
	fail_forget();
	rc = journal_read(&journal, JOB, JOURNAL_SOURCE);
	expect_reason(rc);
	expect(!rc || rc == -EBADMSG);
	fail_forget();
	expect(!journal_list(&list, &found) && found == !rc);
	free(list);
	expect(!journal_find(JOB, job) && !strcmp(job, JOB));
	if (!rc)
		expect_same_again(&journal);
	journal_remove(JOB, JOURNAL_SOURCE);
	fail_forget();
	return 0;
}
