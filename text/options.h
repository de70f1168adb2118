/*
 * Every option of pvferry's commands and every argument of pvferryd's control socket, a row each. From
 * these rows come parsing and bounds, --help, the types of the control socket's JSON, the completion of
 * the shells, and the check that the pages describe each option (tests/unit/options.c).
 *
 * A new option is a row here, a case in its command's set(), and a paragraph of a page.
 */
#ifndef TEXT_OPTIONS_H
#define TEXT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* What a command's set() is called with. Several rows may have the same: aliases, other bounds for another command. */
enum option_id {
	OPTION_ABORT_IF_BUSY,
	OPTION_ALLOW,
	OPTION_ALLOW_DEVICE,
	OPTION_ALSO,
	OPTION_BANDWIDTH,
	OPTION_BRIDGE,
	OPTION_BUFFER,
	OPTION_CA,
	OPTION_CHECK,
	OPTION_CHECKPOINT,
	OPTION_CONFIG,
	OPTION_CONNECTION,
	OPTION_CONNECTIONS,
	OPTION_CONTROL,
	OPTION_COUNT,
	OPTION_DAYS,
	OPTION_DETACH,
	OPTION_DEVICES,
	OPTION_DIRECTORY,
	OPTION_DIRTY_TRACKING,
	OPTION_DISK,
	OPTION_DISKS,
	OPTION_DOMAIN,
	OPTION_DRY_RUN,
	OPTION_EVERY,
	OPTION_FAULTS,
	OPTION_FOLLOW,
	OPTION_FORCE,
	OPTION_FOREGROUND,
	OPTION_FULL,
	OPTION_FULL_EVERY,
	OPTION_HANDSHAKE_TIMEOUT,
	OPTION_HELP,
	OPTION_HERE,
	OPTION_HOOK,
	OPTION_HOOK_TIMEOUT,
	OPTION_HOST,
	OPTION_IDLE_TIMEOUT,
	OPTION_INDEX,
	OPTION_JOB,
	OPTION_JSON,
	OPTION_JUNIT,
	OPTION_KEEP_DAILY,
	OPTION_KEEP_HOURLY,
	OPTION_KEEP_LAST,
	OPTION_KEEP_WITHIN,
	OPTION_LEVEL,
	OPTION_LISTEN,
	OPTION_LIVE,
	OPTION_MAP,
	OPTION_MAP_SVG,
	OPTION_MAX_DOWNTIME,
	OPTION_MAX_ROUNDS,
	OPTION_MAX_SUSPENDED,
	OPTION_MIN_REMAINING,
	OPTION_MIX,
	OPTION_MOVED,
	OPTION_NAME,
	OPTION_NO_LIVE,
	OPTION_NO_PROGRESS,
	OPTION_ON_TIMEOUT,
	OPTION_OPENMETRICS,
	OPTION_P2M,
	OPTION_PARENT,
	OPTION_PAUSE,
	OPTION_PAUSED,
	OPTION_PKI,
	OPTION_PLAIN,
	OPTION_PORT,
	OPTION_PROGRESS,
	OPTION_PROVE,
	OPTION_QUIET,
	OPTION_RECOVER,
	OPTION_RENEW,
	OPTION_REPORT,
	OPTION_ROUNDS,
	OPTION_SEED,
	OPTION_SENDERS,
	OPTION_SSH,
	OPTION_SUBSET,
	OPTION_TAG,
	OPTION_THREADS,
	OPTION_TIME,
	OPTION_TIMEOUT,
	OPTION_TLS,
	OPTION_TREE,
	OPTION_VERBOSE,
	OPTION_VIA,
	OPTION_WATCH,
	OPTION_WITHOUT_DEVICES
};

enum option_type {
	TAKES_NOTHING,
	TAKES_NUMBER, /* from least to most, or one of words */
	TAKES_WORD,   /* one of words */
	TAKES_WORDS,  /* some of words, with commas or blanks between them */
	TAKES_TEXT,
	TAKES_FILE,
	TAKES_DIRECTORY
};

struct option_row {
	const char *name; /* --name, or of an argument "name" */
	enum option_id option;
	enum option_type type;
	const char *value; /* what --help calls its value: "MS" */
	long least, most;
	const char *words; /* with blanks between them; NULL: none */
	const char *help;
	const char *commands; /* that have it: "save migrate"; "*": all; "": it is an argument only */
	const char *requests; /* of the control socket that take it: "migrate set"; NULL: none */
	const char *needed;   /* requests that do not go without it */
	const char *unit;     /* of a number, for people */
	char letter;	      /* -x; 0: none */
};

extern const struct option_row option_rows[];
extern const unsigned int option_count;

/* A value that is right for its row. */
struct option_value {
	const struct option_row *row;
	const char *text; /* NULL for TAKES_NOTHING */
	long number;	  /* TAKES_NUMBER */
	int word;	  /* which of the row's words it is; -1: it is a number */
};

/* Is the word one of words, which have blanks between them? Its position, or -1. */
int option_word(const char *words, const char *word);

/* The next row after `after` (NULL: the first) that the command has, or the request takes; NULL: there is no more. */
const struct option_row *option_of_command(const struct option_row *after, const char *command);
const struct option_row *option_of_request(const struct option_row *after, const char *request);

/* False if the text is no value for the row. Paths and texts must not be empty where a row names a file or a directory. */
bool option_parse(const struct option_row *row, const char *text, struct option_value *value);

/* "a whole number from -7 to 19, or auto"; "tls, ssh or tcp". Returns text. */
const char *option_expects(const struct option_row *row, char *text, size_t room);

#endif
