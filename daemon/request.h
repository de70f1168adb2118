/*
 * What a line on the control socket asks for, checked. Nothing in it reaches a
 * command line that is not a row of text/options.c: {"execute":NAME,"arguments":{...}}.
 *
 *	migrate  domain, host, follow, and options of pvferry migrate
 *	jobs
 *	follow   job; without it all
 *	cancel   job
 *	set      job, max-downtime, bandwidth
 *
 * Answers are {"return":...} or {"error":{"desc":TEXT}}, one a line.
 */
#ifndef DAEMON_REQUEST_H
#define DAEMON_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

struct json_object;

enum {
	REQUEST_BYTES = 64 << 10, /* a line with its newline is no longer */
	REQUEST_DEPTH = 8,
	REQUEST_WORDS = 64, /* of a command line, with the NULL at its end */
};

enum request_kind { REQUEST_MIGRATE, REQUEST_JOBS, REQUEST_FOLLOW, REQUEST_CANCEL, REQUEST_SET };

struct request {
	struct json_object *root; /* owns the texts */
	enum request_kind kind;
	const char *job; /* NULL: all */
	const char *domain, *host;
	bool follow;
	struct json_object *set; /* REQUEST_SET: what the job is to change */
	char *options[REQUEST_WORDS];
	unsigned int option_count; /* each "--name" or "--name=value" */
};

/* One JSON object, as deep and as long as allowed, no more behind it; NULL with a reason. */
struct json_object *request_json(const char *line, size_t length);

/* A text of an object; "" if it has none of that name. */
const char *request_text(const struct json_object *json, const char *name);

/* -EINVAL with a reason if it is none; there is nothing to release then. */
int request_parse(struct request *request, const char *line, size_t length);
void request_release(struct request *request);

#endif
