/*
 * What a client of pvferryd's control socket writes, in pieces of any size ->
 * requests. However it is cut, the lines are the same; what is ordered is a
 * command line of known options only.
 */
#include <stdbool.h>

#include "daemon/lines.h"
#include "daemon/request.h"
#include "fuzz.h"

enum { ROOM = 512 }; /* of a line, so that the end of it is met */

/* Each a row of the table, with a value behind a "=", or without. */
static void expect_options(const struct request *request)
{
	expect(request->option_count < REQUEST_WORDS);
	for (unsigned int i = 0; i < request->option_count; i++) {
		const char *option = request->options[i];
		size_t length = strcspn(option, "=");

		expect(!strncmp(option, "--", 2) && length > 4);
		expect(strspn(option + 2, "abcdefghijklmnopqrstuvwxyz2-") >= length - 2);
		expect(strncmp(option, "--control", length) && strncmp(option, "--foreground", length));
	}
}

static void expect_request(const struct request *request)
{
	expect(request->root && request->set);
	expect_options(request);
	expect(request->kind == REQUEST_MIGRATE || !request->option_count);
	if (request->kind == REQUEST_MIGRATE)
		expect(request->domain && *request->domain && request->host && *request->host);
	else
		expect(!request->domain && !request->host && !request->follow);
	if (request->kind == REQUEST_CANCEL || request->kind == REQUEST_SET)
		expect(request->job && *request->job);
}

static void parse(const char *line, size_t length)
{
	/* A line in memory of exactly its size. */
	char *copy = memcpy(malloc(length + 1), line, length + 1);
	struct request request;
	int rc;

	fail_forget();
	rc = request_parse(&request, copy, length);
	expect_reason(rc);
	if (!rc) {
		expect_request(&request);
		request_release(&request);
	}
	free(copy);
}

/* Reads as the daemon does: as much as there is room for, and no line longer than that. Returns what was left. */
static size_t read_all(struct input *in, size_t piece, uint64_t *hash)
{
	struct lines lines;
	size_t count, length;
	char *line;

	expect(!lines_init(&lines, ROOM));
	while (in->left && !lines_is_full(&lines)) {
		char *to = lines_space(&lines, &count);

		expect(count);
		count = count < piece ? count : piece;
		count = count < in->left ? count : in->left;
		take(in, to, count);
		lines_filled(&lines, count);
		while ((line = lines_next(&lines, &length))) {
			expect(length < ROOM && !line[length]);
			for (size_t i = 0; i <= length; i++)
				*hash = (*hash ^ (uint8_t)line[i]) * 0x100000001b3;
			if (piece > ROOM)
				parse(line, length);
		}
	}
	count = in->left;
	lines_release(&lines);
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	struct input whole = { data, count }, pieces = { data, count };
	uint64_t hash_whole = 0, hash_pieces = 0;
	size_t piece = count ? 1 + data[count - 1] : 1;

	read_all(&whole, SIZE_MAX, &hash_whole);
	read_all(&pieces, piece, &hash_pieces);
	expect(hash_whole == hash_pieces);
	return 0;
}
