/*
 * What the jobs of this host came to, added up since the file was made: journals are pruned, and a save has
 * none. One file, "tally" beside the journals' directory: lines of "KEY NUMBER". Each job adds itself when it
 * ends; a job that was killed with all its processes adds nothing, and stays among the journals. Lost or
 * damaged, the counts begin at 0 again, which is what Prometheus expects of a counter.
 */
#ifndef JOURNAL_TALLY_H
#define JOURNAL_TALLY_H

#include <stdint.h>

enum tally_kind { TALLY_MIGRATE, TALLY_RECEIVE, TALLY_SAVE, TALLY_RESTORE, TALLY_KINDS };
enum tally_result { TALLY_COMPLETED, TALLY_FAILED, TALLY_CANCELLED, TALLY_UNSETTLED, TALLY_RESULTS };
enum tally_reason {
	TALLY_CONNECTION,
	TALLY_REFUSED, /* by certificate, permission or the other host */
	TALLY_TIMEOUT,
	TALLY_STORAGE,
	TALLY_MEMORY,
	TALLY_UNSUPPORTED,
	TALLY_DAMAGED,
	TALLY_BUSY,
	TALLY_OTHER,
	TALLY_REASONS
};
enum tally_time {
	TALLY_DURATION, /* of the whole job */
	TALLY_SUSPEND,	/* from the request until the guest has suspended */
	TALLY_DOWNTIME, /* from there until it runs again, here or there */
	TALLY_TIMES
};

/* A decade in two steps, from 10 ms to 50 min: the last bucket, of all that is longer, is one more. */
enum { TALLY_BOUNDS = 12 };
extern const uint32_t tally_bounds_ms[TALLY_BOUNDS];

struct tally_histogram {
	uint64_t bucket[TALLY_BOUNDS + 1]; /* not cumulative */
	uint64_t sum_ms;
};

struct tally {
	struct {
		uint64_t results[TALLY_RESULTS], reasons[TALLY_REASONS], bytes;
		struct tally_histogram times[TALLY_TIMES];
	} of[TALLY_KINDS];
};

enum { TALLY_UNKNOWN = -1 };

struct tally_job {
	enum tally_kind kind;
	enum tally_result result;
	int error; /* of one that has failed: errno's */
	uint64_t bytes;
	int64_t ms[TALLY_TIMES]; /* TALLY_UNKNOWN: it did not come to that */
};

/* Never fails: what cannot be written is said with -v. */
void tally_add(const struct tally_job *job);
/* A file that is not there is all zero. */
int tally_read(struct tally *tally);

const char *tally_kind_name(enum tally_kind kind);
const char *tally_result_name(enum tally_result result);
const char *tally_reason_name(enum tally_reason reason);
enum tally_reason tally_reason_of(int error);

#endif
