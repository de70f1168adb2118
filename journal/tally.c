/* See tally.h. */
#include "journal/tally.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "journal/journal.h"
#include "log.h"
#include "text/text.h"

const uint32_t tally_bounds_ms[TALLY_BOUNDS] = { 10,	30,    100,    300,    1000,	3000,
						 10000, 30000, 100000, 300000, 1000000, 3000000 };

static const char *const kinds[] = { "migrate", "receive", "save", "restore" };
static const char *const results[] = { "completed", "failed", "cancelled", "unsettled" };
static const char *const reasons[] = { "connection",  "refused", "timeout", "storage", "memory",
				       "unsupported", "damaged", "busy",    "other" };
static const char *const times[] = { "duration", "suspend", "downtime" };

const char *tally_kind_name(enum tally_kind kind)
{
	return kinds[kind];
}

const char *tally_result_name(enum tally_result result)
{
	return results[result];
}

const char *tally_reason_name(enum tally_reason reason)
{
	return reasons[reason];
}

enum tally_reason tally_reason_of(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ECONNRESET:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENOTCONN:
	case EPIPE:
	case EPROTO: return TALLY_CONNECTION;
	case EACCES:
	case EPERM:
	case ENOKEY:
	case ECONNABORTED: return TALLY_REFUSED;
	case ETIMEDOUT: return TALLY_TIMEOUT;
	case EIO:
	case ENOSPC:
	case EDQUOT:
	case EROFS: return TALLY_STORAGE;
	case ENOMEM: return TALLY_MEMORY;
	case EOPNOTSUPP: return TALLY_UNSUPPORTED;
	case EBADMSG: return TALLY_DAMAGED;
	case EBUSY:
	case EEXIST: return TALLY_BUSY;
	default: return TALLY_OTHER;
	}
}

/* --- the file: each number has a key ---------------------------------------------------- */

/* All numbers are gone through, to be written to the file, or for the one that a line of it is about. */
struct exchange {
	FILE *to; /* NULL: reading */
	const char *key;
	uint64_t number;
};

static void visit(const char *kind, const char *what, uint64_t *number, const struct exchange *exchange)
{
	char key[64];

	snprintf(key, sizeof(key), "%s.%s", kind, what);
	if (!exchange->to && !strcmp(key, exchange->key))
		*number = exchange->number;
	if (exchange->to && *number)
		fprintf(exchange->to, "%s %lu\n", key, *number);
}

static void visit_histogram(const char *kind, const char *name, struct tally_histogram *histogram,
			    const struct exchange *exchange)
{
	char what[48];

	for (int i = 0; i <= TALLY_BOUNDS; i++) {
		snprintf(what, sizeof(what), "%s.%u", name, i < TALLY_BOUNDS ? tally_bounds_ms[i] : 0);
		visit(kind, what, &histogram->bucket[i], exchange);
	}
	snprintf(what, sizeof(what), "%s.sum-ms", name);
	visit(kind, what, &histogram->sum_ms, exchange);
}

static void visit_all(struct tally *tally, const struct exchange *exchange)
{
	char what[48];

	for (int kind = 0; kind < TALLY_KINDS; kind++) {
		for (int i = 0; i < TALLY_RESULTS; i++)
			visit(kinds[kind], results[i], &tally->of[kind].results[i], exchange);
		for (int i = 0; i < TALLY_REASONS; i++) {
			snprintf(what, sizeof(what), "failed.%s", reasons[i]);
			visit(kinds[kind], what, &tally->of[kind].reasons[i], exchange);
		}
		visit(kinds[kind], "bytes", &tally->of[kind].bytes, exchange);
		for (int i = 0; i < TALLY_TIMES; i++)
			visit_histogram(kinds[kind], times[i], &tally->of[kind].times[i], exchange);
	}
}

/* A line that makes no sense is passed over: another release may have written it. */
static void take_line(struct tally *tally, char *line)
{
	char *blank = strchr(line, ' ');
	struct exchange exchange = { .key = line };

	line[strcspn(line, "\n")] = '\0';
	if (!blank)
		return;
	*blank = '\0';
	if (text_number(blank + 1, UINT64_MAX, &exchange.number))
		visit_all(tally, &exchange);
}

/* --- where it is ------------------------------------------------------------------------- */

enum { PATH_ROOM = JOURNAL_PATH_ROOM + 16 };

/* Beside the journals: $PVFERRY_STATE or /var/lib/pvferry/jobs, without its last part. */
static void tally_path(char path[PATH_ROOM], const char *name)
{
	char folder[JOURNAL_PATH_ROOM], *slash;

	snprintf(folder, sizeof(folder), "%s", journal_folder());
	slash = strrchr(folder, '/');
	if (slash)
		*slash = '\0';
	snprintf(path, PATH_ROOM, "%s/%s", slash ? folder : ".", name);
}

int tally_read(struct tally *tally)
{
	char path[PATH_ROOM], line[128];
	FILE *file;

	*tally = (struct tally){ 0 };
	tally_path(path, "tally");
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? 0 : fail_errno("cannot read %s", path);
	while (fgets(line, sizeof(line), file))
		take_line(tally, line);
	if (ferror(file)) {
		fclose(file);
		return fail(EIO, "cannot read %s", path);
	}
	fclose(file);
	return 0;
}

static int tally_write(struct tally *tally)
{
	char path[PATH_ROOM], temporary[PATH_ROOM];
	FILE *file;
	bool is_written;

	tally_path(path, "tally");
	tally_path(temporary, "tally.new");
	file = fopen(temporary, "we");
	if (!file)
		return fail_errno("cannot write %s", temporary);
	visit_all(tally, &(struct exchange){ .to = file });
	is_written = !ferror(file);
	is_written = !fclose(file) && is_written;
	if (is_written && !rename(temporary, path))
		return 0;
	unlink(temporary);
	return fail(EIO, "cannot write %s", path);
}

/* --- adding --------------------------------------------------------------------------------- */

static void observe(struct tally_histogram *histogram, int64_t ms)
{
	int i = 0;

	if (ms < 0)
		return;
	while (i < TALLY_BOUNDS && (uint64_t)ms > tally_bounds_ms[i])
		i++;
	histogram->bucket[i]++;
	histogram->sum_ms += ms;
}

static int tally_add_job(const struct tally_job *job)
{
	struct tally tally;
	int rc = tally_read(&tally);

	if (rc)
		return rc;
	tally.of[job->kind].results[job->result]++;
	if (job->result == TALLY_FAILED)
		tally.of[job->kind].reasons[tally_reason_of(job->error)]++;
	tally.of[job->kind].bytes += job->bytes;
	for (int i = 0; i < TALLY_TIMES; i++)
		observe(&tally.of[job->kind].times[i], job->ms[i]);
	return tally_write(&tally);
}

/* Jobs end at the same time: the lock is a file of its own, for the tally is replaced. */
void tally_add(const struct tally_job *job)
{
	char path[PATH_ROOM], reason[1024];
	int fd, error = fail_error(), rc;

	snprintf(reason, sizeof(reason), "%s", fail_reason());
	fail_forget();
	tally_path(path, "tally.lock");
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX))
		rc = fail_errno("cannot lock %s", path);
	else
		rc = tally_add_job(job);
	if (fd >= 0)
		close(fd);
	if (rc)
		say(SAY_DETAIL, "the job is not counted: %s", fail_reason());
	fail_forget();
	/* The job's own reason is still to be told. */
	if (*reason)
		fail(error, "%s", reason);
}
