/*
 * What is on disk of each migration: how far it came on this host, so that
 * after the death of all its processes it is known who may run which guest.
 * One file for each job and role, JSON, in $PVFERRY_STATE or
 * /var/lib/pvferry/jobs; replaced as a whole.
 *
 * The processes of a job hold a lock, together: once it can be had, none of
 * them is left. Locks are not in the journal's folder: a save to another disk
 * must be possible while /var is full or read-only.
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct json_object;

enum journal_role { JOURNAL_SOURCE, JOURNAL_DESTINATION };

enum journal_stage {
	/* source */
	JOURNAL_STREAMING,  /* the guest runs here */
	JOURNAL_SUSPENDING, /* it was asked to suspend, and may have done so */
	JOURNAL_SUSPENDED,  /* it waits here */
	/* destination */
	JOURNAL_BUILDING,
	JOURNAL_READY, /* complete and paused */
	/* both */
	JOURNAL_GO, /* it may run there; from here on the source alone decides nothing */
	/* the ends: source */
	JOURNAL_DONE,  /* it runs there, this host has no copy */
	JOURNAL_KEPT,  /* it runs here */
	JOURNAL_ENDED, /* it shut down by itself, or was destroyed by others */
	/* the ends: destination */
	JOURNAL_RUNNING,
	JOURNAL_DESTROYED,
	JOURNAL_STAGES
};

enum { JOB_DIGITS = 32, BOOT_DIGITS = 36 };

struct journal {
	char job[JOB_DIGITS + 1];
	enum journal_role role;
	enum journal_stage stage;
	uint32_t domid; /* here; 0: none yet */
	char uuid[37];	/* the guest's */
	char domain[256];
	char peer[256], via[8], ssh[256], pki[256]; /* how to reach the other host, on the source */
	uint32_t port;
	/* What no other host can know of a move within this one. On the source: the connection, "" if it does not know. */
	char connection[160];
	bool is_from_here;	    /* on the destination: this host is the source, too, which was proved */
	char boot[BOOT_DIGITS + 1]; /* of this host, when it was written */
	pid_t pid;
	int64_t time; /* since 1970 */
	char reason[512];
	/* Not in the file: source_conclude() found the guest suspended, and let it run again. */
	bool was_resumed;
};

/* 32 hexadecimal digits, and nothing else: it becomes the name of a file. */
bool job_is_name(const char *text);
/* The first 4 of them, or more: for people. */
bool job_is_beginning(const char *text);
/* A new one, at random. */
int job_name(char name[JOB_DIGITS + 1]);

const char *journal_stage_name(enum journal_stage stage);
/* Is the job over, as far as this host goes? */
bool journal_is_settled(const struct journal *journal);
/* Of a save into a file, which has such an entry while its guest is asked to suspend or stopped; of a migration otherwise. */
static inline bool journal_is_of_save(const struct journal *journal)
{
	return journal->role == JOURNAL_SOURCE && !*journal->peer;
}

/* Was it written since this host was started? If not, there is no such domain any more. */
bool journal_is_of_this_boot(const struct journal *journal);
void boot_id(char id[BOOT_DIGITS + 1]);

/*
 * Fills in boot, pid and time and puts it in place. On return a stage that
 * decides who runs the guest is on the disk; after a power cut any other is
 * there, or the one before it, but whole.
 */
int journal_write(struct journal *journal);
/* -ENOENT, without a reason, if there is none. */
int journal_read(struct journal *journal, const char *job, enum journal_role role);
void journal_remove(const char *job, enum journal_role role);
/* Removes the oldest that are settled, if more than this are kept: other hosts can make them come. */
enum { JOURNALS_KEPT = 1000 };
void journal_prune(void);

/* All there are, the oldest first; the caller frees the array. What cannot be read is left out, and said, by each process once. */
int journal_list(struct journal **list, size_t *count);

/*
 * For the lists of jobs: {"job":..,"role":..,"state":..,"domain":..,"needs-resolve":..}. The state is "left" while the job
 * is not settled, "ended" then, with "end" as pvferryd has it of its own jobs. The caller's to put.
 */
struct json_object *journal_describe(const struct journal *journal);
/* Does it belong into such a list: not settled, or so since a day at most? */
bool journal_is_recent(const struct journal *journal);

/*
 * The one job here whose name begins so: -ENOENT, -ENOTUNIQ. A whole name is
 * taken as it is: its file may be damaged, which journal_read() tells.
 */
int journal_find(const char *beginning, char job[JOB_DIGITS + 1]);

/*
 * Takes the lock, to be held by this process and those it starts until all of
 * them have ended or closed *fd. -EBUSY, with a reason: a process is at work.
 */
int journal_lock(const char *job, enum journal_role role, int *fd);
/* When all is over: removes the file of the lock, too. */
void journal_unlock(const char *job, enum journal_role role, int fd);
/* The same for the name of a domain that comes into being, which other programs cannot see yet; the name is one that a domain may have. */
int journal_lock_name(const char *domain, int *fd);
void journal_unlock_name(const char *domain, int fd);
/* And for its UUID, in the form that uuid_format() gives. */
int journal_lock_uuid(const char *uuid, int *fd);
void journal_unlock_uuid(const char *uuid, int fd);
/* And for a domain that is here: the process that stops it must be the only one. */
int journal_lock_domain(uint32_t id, int *fd);
void journal_unlock_domain(uint32_t id, int fd);
/* Does a process hold the lock of this job, or of this domain? Takes no lock that another process could miss. */
bool journal_is_at_work(const struct journal *journal);
bool journal_is_domain_held(uint32_t id);
/* Of a process that makes checkpoints again and again; see checkpointer.h. */
int journal_lock_checkpointer(const char *name, int *fd);
void journal_unlock_checkpointer(const char *name, int fd);
bool journal_is_checkpointer(const char *name);
/* Of the process that makes domain 0 smaller, for as long as that takes. */
int journal_lock_memory(int *fd);
void journal_unlock_memory(int fd);
/* Removes the files of locks that no process holds: those of jobs that died before they had a journal. */
void journal_sweep(void);

/* $PVFERRY_RUN, or /run/pvferry: what ends with the host's life. Locks are in its folder "locks". */
const char *run_folder(void);

/* --- between journal.c and lock.c --- */

enum { JOURNAL_PATH_ROOM = 4096 };
const char *journal_folder(void);
/* With all that are above it. */
int journal_make_folder(const char *folder);
void journal_path(char path[JOURNAL_PATH_ROOM], const char *job, enum journal_role role);

#endif
