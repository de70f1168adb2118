/*
 * See libxl.h. A message: u16 how long, u16 its number, then what it says, unaligned, in the machine's order. The
 * protocol is that of Xen's libxl-save-helper (tools/libs/light/libxl_save_msgs_gen.pl), which libxl starts and this
 * stands in for. The trap: libxl answers one question at a time, so nothing may be said between a question and its
 * answer.
 */
#include "helper/libxl.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FROM_LIBXL = 0, TO_LIBXL = 1, MESSAGE_MOST = 2048, TEXT_MOST = 1024 };
/* xentoollog_level of Xen's xentoollog.h; no errno goes with a line. */
enum { LEVEL_DETAIL = 3, LEVEL_INFO = 5, LEVEL_WARN = 7, LEVEL_ERROR = 8, NO_ERRNO = -1 };

struct message {
	size_t count;
	uint8_t bytes[MESSAGE_MOST];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char context[] = "pvferry";

static void message_put(struct message *message, const void *from, size_t count)
{
	memcpy(message->bytes + message->count, from, count);
	message->count += count;
}

static void put_number(struct message *message, uint32_t number)
{
	message_put(message, &number, sizeof(number));
}

static void put_text(struct message *message, const char *text)
{
	size_t count = strnlen(text, TEXT_MOST - 1);

	put_number(message, count + 1);
	message_put(message, text, count);
	message_put(message, "", 1);
}

static void message_begin(struct message *message, enum libxl_message number)
{
	uint16_t head[] = { 0, number };

	message->count = 0;
	message_put(message, head, sizeof(head));
}

static int libxl_write(const uint8_t *at, size_t count)
{
	while (count) {
		ssize_t done = write(TO_LIBXL, at, count);

		if (done < 0 && errno != EINTR)
			return -EPIPE;
		at += done > 0 ? done : 0;
		count -= done > 0 ? done : 0;
	}
	return 0;
}

/* Silent about a failure: that would be one more line for who cannot be reached. */
static int send_message(struct message *message)
{
	uint16_t body = message->count - sizeof(body);
	int rc;

	memcpy(message->bytes, &body, sizeof(body));
	pthread_mutex_lock(&lock);
	rc = libxl_write(message->bytes, message->count);
	pthread_mutex_unlock(&lock);
	return rc;
}

/* A stop that is asked for meanwhile does not end the waiting: the answer comes in any case, and would be taken for another's. */
static int libxl_ask(struct message *message, int32_t *answer)
{
	uint8_t bytes[sizeof(*answer)] = { 0 };
	size_t have = 0;
	int rc = send_message(message);

	if (rc)
		fail(-rc, "libxl is gone");
	while (!rc && have < sizeof(bytes)) {
		ssize_t got = read(FROM_LIBXL, bytes + have, sizeof(bytes) - have);

		if (!got || (got < 0 && errno != EINTR))
			rc = fail(ECONNRESET, "libxl is gone: it does not answer");
		have += got > 0 ? got : 0;
	}
	memcpy(answer, bytes, sizeof(bytes));
	return rc;
}

static void log_line(uint32_t level, const char *text)
{
	struct message message;

	message_begin(&message, LIBXL_LOG);
	put_number(&message, level);
	put_number(&message, NO_ERRNO);
	put_text(&message, context);
	put_text(&message, text);
	send_message(&message); /* if libxl no longer listens, the next question shows it */
}

void libxl_say(enum say_level level, const char *text)
{
	log_line(level == SAY_WARNING ? LEVEL_WARN : level == SAY_NOTE ? LEVEL_INFO : LEVEL_DETAIL, text);
}

void libxl_say_reason(const char *doing)
{
	char text[TEXT_MOST];

	snprintf(text, sizeof(text), "%s: %s", doing, fail_reason());
	log_line(LEVEL_ERROR, text);
}

void libxl_progress(uint64_t done, uint64_t total)
{
	static uint64_t said = UINT64_MAX;
	struct message message;
	uint64_t percent = total ? done * 100 / total : 0;

	if (percent == said)
		return;
	said = percent;
	message_begin(&message, LIBXL_PROGRESS);
	put_text(&message, context);
	put_text(&message, "Frames");
	message_put(&message, &done, sizeof(done));
	message_put(&message, &total, sizeof(total));
	send_message(&message);
}

int libxl_suspend(void)
{
	struct message message;
	int32_t answer;
	int rc;

	message_begin(&message, LIBXL_SUSPEND);
	rc = libxl_ask(&message, &answer);
	return rc || answer == 1 ? rc : fail(ECANCELED, "libxl could not have the domain suspended");
}

int libxl_static_data_done(uint32_t missing)
{
	struct message message;
	int32_t answer;
	int rc;

	message_begin(&message, LIBXL_STATIC_DATA_DONE);
	put_number(&message, missing);
	rc = libxl_ask(&message, &answer);
	return rc || !answer ? rc : fail(ECANCELED, "libxl refuses the domain's static data (%d)", answer);
}

int libxl_restore_results(uint64_t store, uint64_t console)
{
	struct message message;

	message_begin(&message, LIBXL_RESTORE_RESULTS);
	message_put(&message, &store, sizeof(store));
	message_put(&message, &console, sizeof(console));
	return send_message(&message) ? fail(EPIPE, "libxl is gone") : 0;
}

int libxl_complete(int error)
{
	struct message message;
	int32_t answer;
	int rc;

	message_begin(&message, LIBXL_COMPLETE);
	put_number(&message, error ? -1 : 0);
	put_number(&message, error < 0 ? -error : error);
	rc = libxl_ask(&message, &answer);
	return rc || !answer ? rc : fail(EPROTO, "libxl answers %d to the end", answer);
}
